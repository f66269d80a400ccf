"""Debian's Chromium, driven by Playwright, as the tests of the page use it."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Browser, Dialog, Locator, Page, expect, sync_playwright

from local_stack import TOKEN

PROGRAM = "chromium"
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
]
TIMEOUT_MS = 20_000
expect.set_options(timeout=TIMEOUT_MS)
WATCH = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`policy: ${violatedDirective} ${blockedURI}`));
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium without a window."""
    path = shutil.which(PROGRAM)
    assert path, "There is no chromium: run `make chromium`."
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *sandbox])
        yield running
        running.close()


class Visitor:
    """A context manager: somebody with a browser of their own, who reads the console.

    At its end, the console must have said nothing that wasn't expected, and no other host may have
    been asked for anything.

    Attributes
    ----------
    page : the tab.
    expected : patterns of what the console may complain of.
    """

    def __init__(self, browser: Browser, url: str, pictures: Path, **options: Any) -> None:
        self.url = url
        self.expected: list[str] = []
        self.complaints: list[str] = []
        self._pictures = pictures
        self.context = browser.new_context(accept_downloads=True, **options)
        self.context.set_default_timeout(TIMEOUT_MS)
        self.context.add_init_script(WATCH)
        self.page = self.open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self.shoot("failed")
        self.context.close()
        if error is None:
            assert not self.unexpected, self.unexpected

    @property
    def unexpected(self) -> list[str]:
        """Return what the console should not have said."""
        return [
            text
            for text in self.complaints
            if not any(re.search(pattern, text) for pattern in self.expected)
        ]

    def open(self) -> Page:
        """Open a tab."""
        page = self.context.new_page()
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self._hear("error", str(error)))
        page.on("request", lambda request: self._see(request.url))
        page.on("dialog", Dialog.accept)
        # From now on no window for files opens: with the first who waits for one, it might.
        page.on("filechooser", lambda _: None)
        return page

    def arrive(self) -> Page:
        """Come to the page, and be let in."""
        self.page.goto(self.url)
        self.page.get_by_role("textbox", name="Access token").fill(TOKEN)
        self.page.get_by_role("button", name="Go on").click()
        return self.ready()

    def reload(self) -> Page:
        """Load the page again, whatever it asks."""
        self.page.reload()
        return self.ready()

    def ready(self) -> Page:
        """Wait until the page can be used."""
        self.page.wait_for_selector("html[data-ready]")
        return self.page

    def choose(self, *songs: Path) -> None:
        """Choose files."""
        self.page.set_input_files("#picker", songs)

    def separate(self, *songs: Path) -> None:
        """Choose files and have them separated as they are."""
        self.choose(*songs)
        self.page.click("#separate")

    def card(self, state: str, title: str = "", timeout_ms: int = TIMEOUT_MS) -> Locator:
        """Wait for a song to come to a state, and return what shows it."""
        cards = self.page.locator(f".card[data-state={state}]")
        card = cards.filter(has=self.page.get_by_role("heading", name=title)) if title else cards
        card.first.wait_for(timeout=timeout_ms)
        return card.first

    def shoot(self, name: str) -> None:
        """Keep a picture of the whole page."""
        self._pictures.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self._pictures / f"{name}.png", full_page=True)

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def _see(self, url: str) -> None:
        hosts = (self.url, self.url.replace("localhost", "127.0.0.1"), "blob:", "data:")
        if not url.startswith(hosts):
            self.complaints.append(f"asks another host: {url}")
