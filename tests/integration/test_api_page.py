"""The files of the page, and their content security policy."""

import gzip
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import PurePath
from urllib.parse import urlsplit

import pytest

from api_events import Api, Handler
from fault_proxy import FaultProxy
from stemdrop_api.app import MIN_COMPRESSED_BYTES
from stemdrop_api.web_page import page_files, version

NAMES = sorted(page_files())
# Statements for debugging and marks of unfinished work, which the page must not ship.
LEFTOVERS = r"console\.|debugger|TODO"
LIBRARIES = ["mp3.wasm", "signalsmith-stretch.mjs", "wasm-media-encoders.mjs"]
MODULES = [name for name in NAMES if name.endswith(".js")]
MAX_LINES = 260
MAX_BYTES = 330_000  # without the libraries, which are loaded only when they are needed
MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
MAX_FIRST_LOAD_BYTES = 150_000


class PageParser(HTMLParser):
    """Collects references, and content that a strict policy forbids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.forbidden: list[str] = []
        self.ids: list[str] = []
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.forbidden += [name for name, _ in attrs if name == "style" or name.startswith("on")]
        self.addresses += [value for name, value in attrs if name in {"src", "href"} and value]
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_data(self, data: str) -> None:
        if self._tag in {"script", "style"} and data.strip():
            self.forbidden.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._tag:
            self._tag = ""


def policy_of(headers: Mapping[str, str]) -> dict[str, list[str]]:
    parts = (part.split() for part in headers["content-security-policy"].split(";"))
    return {name: sources for name, *sources in parts}


@pytest.fixture
def anonymous_api(api_handler: Handler) -> Api:
    return Api(api_handler, token=None)


def test_html_refers_to_its_own_files_only(anonymous_api: Api, faults: FaultProxy) -> None:
    answer = anonymous_api.get("/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache"
    parser = PageParser(answer.body.decode())
    assert parser.forbidden == []
    assert len(parser.ids) == len(set(parser.ids))
    files = [address for address in parser.addresses if address.startswith("page/")]
    assert sorted(set(parser.addresses) - set(files)) == ["docs"]
    for address in files:
        assert anonymous_api.get(f"/{address}").status == 200
    assert not faults.requests


@pytest.mark.parametrize("name", [name for name in NAMES if name != "index.html"])
def test_file_under_its_version_is_cached_forever(anonymous_api: Api, name: str) -> None:
    answer = anonymous_api.get(f"/page/{version()}/{name}")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith(MEDIA_TYPES[PurePath(name).suffix])
    assert (
        anonymous_api.get(f"/page/0123456789abcdef/{name}").headers["cache-control"] == "no-cache"
    )


@pytest.mark.parametrize("name", ["index.html", "nothing.js", "..", "__init__.py", "%2e%2e", "a/b"])
def test_unknown_file_is_not_found(anonymous_api: Api, name: str) -> None:
    assert anonymous_api.get(f"/page/{version()}/{name}").status == 404


@pytest.mark.parametrize(
    "path", ["/", f"/page/{version()}/main.js", f"/page/{version()}/file-hash-worker.js"]
)
def test_policy_allows_this_host_and_the_buckets_only(
    anonymous_api: Api, api: Api, path: str
) -> None:
    headers = anonymous_api.get(path).headers
    policy = policy_of(headers)
    upload = api.post("/jobs", {"filename": "a.mp3", "size_bytes": 1}).json["upload"]["url"]
    bucket = "{0.scheme}://{0.netloc}".format(urlsplit(upload))
    assert bucket in policy.pop("connect-src")
    assert policy == {
        "default-src": ["'none'"],
        "script-src": ["'self'", "'wasm-unsafe-eval'"],
        "worker-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "media-src": ["blob:"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("name", MODULES)
def test_module_uses_no_forbidden_function(name: str) -> None:
    text = page_files()[name].decode()
    imported = re.findall(r"""(?:from|import|URL\() ?"([^"]+)""", text)
    assert all(path.removeprefix("./") in [*MODULES, *LIBRARIES] for path in imported)
    for risky in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "document.write", "://"):
        assert risky not in text
    assert not re.search(LEFTOVERS, text)
    assert len(text.splitlines()) <= MAX_LINES


def test_every_module_is_used_and_the_page_is_small() -> None:
    files = {name: content for name, content in page_files().items() if name not in LIBRARIES}
    texts = b"".join(files.values()).decode()
    for name in MODULES:
        assert f'./{name}"' in texts or name == "main.js"
    assert sum(map(len, files.values())) < MAX_BYTES


def test_first_load_is_compressed_and_small(anonymous_api: Api) -> None:
    accepting = {"accept_encoding": "gzip, br"}
    page = anonymous_api.get("/", **accepting)
    addresses = set(PageParser(gzip.decompress(page.body).decode()).addresses) - {"docs"}
    answers = [page] + [anonymous_api.get(f"/{path}", **accepting) for path in addresses]
    for answer in answers:
        assert int(answer.headers["content-length"]) == len(answer.body)
        sent = (answer.headers.get("content-encoding"), answer.headers.get("vary"))
        assert sent == ("gzip", "Accept-Encoding") or len(answer.body) < MIN_COMPRESSED_BYTES
    assert sum(len(answer.body) for answer in answers) < MAX_FIRST_LOAD_BYTES
    plain = anonymous_api.get("/")
    assert (plain.body, plain.headers["vary"]) == (gzip.decompress(page.body), "Accept-Encoding")
    head = anonymous_api.call("HEAD", "/", headers={"accept-encoding": "gzip"})
    assert (head.body, head.headers["content-length"]) == (b"", str(len(page.body)))


def test_imported_modules_are_loaded_at_once(anonymous_api: Api) -> None:
    html = anonymous_api.get("/").body.decode()
    preload = r'"modulepreload" href="page/\w+/([\w-]+\.js)"'
    at_first, template, later = re.split('(<template id="later-modules">[^<]*)', html)
    first, others = re.findall(preload, at_first), re.findall(preload, later)
    assert first
    assert others
    assert template
    assert not set(first) & set(others)
    for entry_point, loaded in (("main.js", first), ("song-library.js", [*first, *others])):
        static = r'(?:^|\s)from "\./([\w-]+\.js)"'
        texts = [page_files()[name].decode() for name in (*loaded, entry_point)]
        imported = {name for text in texts for name in re.findall(static, text)}
        assert imported | {entry_point} == {*loaded, entry_point}
    assert "song-library.js" in others


def test_style_sheets_are_one_file(anonymous_api: Api) -> None:
    html = anonymous_api.get("/").body.decode()
    assert re.findall(r"[\w-]+\.css", html) == ["styles.css"]
    styles = anonymous_api.get(f"/page/{version()}/styles.css")
    assert styles.headers["content-type"].startswith("text/css")
    assert styles.headers["cache-control"].endswith("immutable")
    sheets = [content for name, content in page_files().items() if name.endswith(".css")]
    assert sum(map(len, sheets)) == len(styles.body)
    assert all(content in styles.body for content in sheets)


def test_service_worker_controls_the_folder_of_the_page(anonymous_api: Api) -> None:
    for name in MODULES:
        headers = anonymous_api.get(f"/page/{version()}/{name}").headers
        expected = "../../" if name == "service-worker.js" else None
        assert headers.get("service-worker-allowed") == expected


def test_every_element_used_by_a_module_exists() -> None:
    parser = PageParser(page_files()["index.html"].decode())
    texts = "".join(page_files()[name].decode() for name in MODULES)
    assert set(re.findall(r'\bbyId\("([a-z-]+)"\)', texts)) <= set(parser.ids)
