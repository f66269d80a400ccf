"""The web page at ``/``: an HTML file, style sheets, modules, and nothing from another host.

The path of every file except the HTML contains the digest of all files. So browsers may cache them
forever, and the modules of a page always belong to the same version.
"""

import hashlib
import re
from functools import cache
from importlib.resources import files
from itertools import chain
from pathlib import PurePath
from urllib.parse import urlsplit

from fastapi import APIRouter, Response

from stemdrop.keys import Origin, UploadKey
from stemdrop.presigned import UrlSigner
from stemdrop_api.dependencies import AppDependencies
from stemdrop_api.errors import NotFoundError

HTML = "index.html"
STYLES = "styles.css"  # all style sheets, so that browsers wait for one file
STYLE_SHEETS = ("page", "upload", "library", "player", "practice", "mix", "lyrics", "karaoke")
ENTRY_POINT = "main.js"
SERVICE_WORKER = "service-worker.js"
VERSION_PLACEHOLDER = "VERSION"
# Two lines of the HTML are repeated: for each module that the entry point waits for, and for each
# that it imports later.
MODULE_LINE = re.compile(r"^.*?((?:LATER_)?MODULE).*\n", re.MULTILINE)
IMPORT = re.compile(r'^(?:import|export|\}) .*?from "\./([\w-]+\.js)";$', re.MULTILINE)
LATER_IMPORT = re.compile(r'import\("\./([\w-]+\.js)"\)')
MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
CACHE_FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
# Scripts exchange songs and stems with S3 directly: no frame, no form, and no media except silence,
# which a script generates for media keys. Changing pitch and tempo and encoding MP3 take
# WebAssembly.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "style-src 'self'; img-src 'self'; media-src blob:; manifest-src 'self'; "
    "connect-src 'self' {origins}; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter()


@router.get("/", include_in_schema=False)
def show_page(dependencies: AppDependencies) -> Response:
    """Show the page."""
    return _serve(HTML, _html(), REVALIDATE, dependencies.signer)


@router.get("/page/{wanted}/{name}", include_in_schema=False)
def show_file(wanted: str, name: str, dependencies: AppDependencies) -> Response:
    """Return a file of the page.

    An older version of the page gets the current files, but does not cache them.
    """
    content = style_sheet() if name == STYLES else page_files().get(name)
    if name == HTML or content is None:
        raise NotFoundError("The page has no such file.")
    cache_control = CACHE_FOREVER if wanted == version() else REVALIDATE
    response = _serve(name, content, cache_control, dependencies.signer)
    if name == SERVICE_WORKER:
        response.headers["Service-Worker-Allowed"] = "../../"  # relative to its own path
    return response


@cache
def page_files() -> dict[str, bytes]:
    """Return all files of the page by their names, its libraries among them."""
    folders = [files("stemdrop_api.web") / name for name in ("page", "libraries")]
    found = [file for folder in folders if folder.is_dir() for file in folder.iterdir()]
    return {file.name: file.read_bytes() for file in sorted(found, key=str)}


@cache
def version() -> str:
    """Return the version of the page, a digest of all of its files."""
    parts = (name.encode() + b"\0" + content for name, content in page_files().items())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


@cache
def style_sheet() -> bytes:
    """Return all style sheets as one."""
    return b"".join(page_files()[f"{name}.css"] for name in STYLE_SHEETS)


@cache
def first_modules() -> tuple[str, ...]:
    """Return the modules that the entry point waits for."""
    return tuple(_imported(IMPORT.findall(page_files()[ENTRY_POINT].decode())))


@cache
def later_modules() -> tuple[str, ...]:
    """Return the other modules that the entry point loads, once it has asked for the token."""
    names = _imported(LATER_IMPORT.findall(page_files()[ENTRY_POINT].decode()))
    return tuple(name for name in names if name not in first_modules())


def _imported(names: list[str]) -> dict[str, None]:
    """Return modules and all that they import, level by level, as the keys."""
    found: dict[str, None] = {}
    while names:
        found |= dict.fromkeys(names)
        imports = (IMPORT.findall(page_files()[name].decode()) for name in names)
        names = [name for name in dict.fromkeys(chain(*imports)) if name not in found]
    return found


@cache
def _html() -> bytes:
    """Return the HTML with the version and the modules to load."""
    html = page_files()[HTML].decode().replace(VERSION_PLACEHOLDER, version())
    modules = {"MODULE": first_modules(), "LATER_MODULE": later_modules()}

    def repeat(line: re.Match[str]) -> str:
        return "".join(line[0].replace(line[1], name) for name in modules[line[1]])

    return MODULE_LINE.sub(repeat, html).encode()


def _serve(name: str, content: bytes, cache_control: str, signer: UrlSigner) -> Response:
    policy = POLICY.format(origins=" ".join(_bucket_origins(signer)))
    headers = {"Cache-Control": cache_control, "Content-Security-Policy": policy}
    media_type = MEDIA_TYPES.get(PurePath(name).suffix, "text/html")
    return Response(content, headers=headers, media_type=media_type)


@cache
def _bucket_origins(signer: UrlSigner) -> list[str]:
    """Return the origins of the uploads and of the stems."""
    upload = signer.upload_url(UploadKey(Origin.JOBS, "0" * 32), 1)
    parts = map(urlsplit, (upload.url, signer.download_url("jobs/stem.wav", "stem.wav")))
    return sorted({f"{url.scheme}://{url.netloc}" for url in parts})
