"""The service worker: the page opens without a connection, and only its own files are cached."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser import DESKTOP, PageUser, new_context
from local_stack import TOKEN
from page_site import Site, SongFactory
from stemdrop_api.web_page import page_files, version
from stemdrop_local.deployment import ROOT

# Waits until the service worker controls the page.
CONTROLLED = """
() => new Promise((resolve) => {
  if (navigator.serviceWorker.controller) resolve();
  else navigator.serviceWorker.addEventListener("controllerchange", resolve);
})
"""
CACHED = """
async () => {
  const found = {};
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    found[name] = [];
    for (const request of await cache.keys()) {
      const response = await cache.match(request);
      const headers = [...request.headers, ...response.headers].flat().join(" ");
      found[name].push([new URL(request.url).pathname, headers + await response.text()]);
    }
  }
  return found;
}
"""
REGISTER = """
async (version) => {
  const script = `page/${version}/service-worker.js`;
  const { installing } = await navigator.serviceWorker.register(script, { scope: "./" });
  await new Promise((resolve) => {
    installing.addEventListener("statechange", () => installing.state === "activated" && resolve());
  });
}
"""


def cached_files(page: Page) -> dict[str, dict[str, str]]:
    """Return the content of all caches, by the names of the caches and the paths."""
    found: dict[str, list[list[str]]] = page.evaluate(CACHED)
    return {name: dict(files) for name, files in found.items()}


@pytest.fixture
def offline_user(browser: Browser, site: Site) -> Iterator[PageUser]:
    """Return a signed-in user whose browser has service workers."""
    with (
        closing(new_context(browser, has_service_worker=True, **DESKTOP)) as context,
        PageUser(context, site.url, ROOT / "out" / "page") as user,
    ):
        user.sign_in()
        yield user


def test_page_opens_offline_and_the_cache_has_no_audio_and_no_token(
    offline_user: PageUser, make_song: SongFactory
) -> None:
    page = offline_user.page
    page.evaluate(CONTROLLED)
    offline_user.separate(make_song("Offline.wav", 700))
    offline_user.card("done")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    offline_user.reload()
    ((name, files),) = cached_files(page).items()
    assert name.endswith(version())
    own = {f"/page/{version()}/{file}" for file in (*page_files(), "styles.css")}
    assert {"/", f"/page/{version()}/main.js"} < files.keys() <= {"/", *own}
    assert TOKEN not in json.dumps(files)
    page.context.set_offline(True)
    offline_user.expected.append("ERR_INTERNET_DISCONNECTED")
    page.reload()
    expect(page.locator("#notice")).to_contain_text("The connection is lost")
    page.context.set_offline(False)
    offline_user.wait_until_ready()
    expect(page.locator("#notice")).to_be_empty()


@contextmanager
def serve_versions(prefix: str) -> Iterator[tuple[str, list[str]]]:
    """Serve a page, and yield its URL and its versions, of which the last is served."""
    versions = ["1"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            html = f'<link rel="icon" href="page/{versions[-1]}/icon.svg">'.encode()
            content = page_files().get(name, b"") if name else html
            kinds = {"js": "text/javascript", "svg": "image/svg+xml"}
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", kinds.get(name.rpartition(".")[2], "text/html"))
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Service-Worker-Allowed", "../../")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True  # Chromium keeps connections that it may need
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{prefix}", versions
        server.shutdown()
        thread.join()


def test_new_version_replaces_the_old_one_under_a_prefix(browser: Browser) -> None:
    with (
        serve_versions("/stage/") as (url, versions),
        closing(new_context(browser, has_service_worker=True)) as context,
    ):
        page = context.new_page()
        for number in ("1", "2"):
            versions.append(number)
            page.goto(url)
            page.evaluate("caches.open('of another site')")
            page.evaluate(REGISTER, number)
        paths = {name: files.keys() for name, files in cached_files(page).items()}
        assert paths.pop("of another site") == set()
        assert paths == {"stemdrop /stage/ 2": {"/stage/", "/stage/page/2/icon.svg"}}
