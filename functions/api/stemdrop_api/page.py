"""The page at ``/``: one HTML file, one style sheet, modules, and nothing from another host.

All files but the HTML have the digest of all files in their path. So they may be kept for good, and
the modules of a page are always those that belong together.
"""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from urllib.parse import urlsplit

from fastapi import APIRouter, Response

from stemdrop.keys import Origin, UploadKey
from stemdrop.presigned import UrlSigner
from stemdrop_api.dependencies import ServiceOfApp
from stemdrop_api.errors import NotFoundError

HTML = "index.html"
PLACE = "VERSION"
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
KEPT = "public, max-age=31536000, immutable"
ASKED_FOR = "no-cache"
# Songs go straight to S3 and stems come from there, by scripts: no media, no frame, no form.
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' {origins}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter()


@router.get("/", include_in_schema=False)
def show_page(service: ServiceOfApp) -> Response:
    """Show the page."""
    html = page_files()[HTML].replace(PLACE.encode(), version().encode())
    return _serve(HTML, html, ASKED_FOR, service.signer)


@router.get("/page/{wanted}/{name}", include_in_schema=False)
def show_file(wanted: str, name: str, service: ServiceOfApp) -> Response:
    """Return a file that the page is made of.

    A page that is older than this function gets the files of now, but doesn't keep them.
    """
    if name == HTML or name not in page_files():
        raise NotFoundError("The page has no such file.")
    caching = KEPT if wanted == version() else ASKED_FOR
    return _serve(name, page_files()[name], caching, service.signer)


@cache
def page_files() -> dict[str, bytes]:
    """Return all files of the page by their names."""
    folder = files("stemdrop_api.web") / "page"
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir(), key=str)}


@cache
def version() -> str:
    """Return what changes with any file of the page."""
    parts = (name.encode() + b"\0" + content for name, content in page_files().items())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _serve(name: str, content: bytes, caching: str, signer: UrlSigner) -> Response:
    policy = POLICY.format(origins=" ".join(_bucket_origins(signer)))
    headers = {"Cache-Control": caching, "Content-Security-Policy": policy}
    media_type = MEDIA_TYPES.get(PurePath(name).suffix, "text/html")
    return Response(content, headers=headers, media_type=media_type)


@cache
def _bucket_origins(signer: UrlSigner) -> list[str]:
    """Return where the page sends songs to, and where it gets stems from."""
    upload = signer.upload_url(UploadKey(Origin.JOBS, "0" * 32), 1)
    parts = map(urlsplit, (upload.url, signer.download_url("jobs/stem.wav", "stem.wav")))
    return sorted({f"{url.scheme}://{url.netloc}" for url in parts})
