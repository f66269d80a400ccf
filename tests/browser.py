"""Debian's Chromium without its windows, driven by Playwright, for the tests of the page."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Dialog,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from local_stack import TOKEN

PROGRAM = "chromium-headless-shell"
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
]
TIMEOUT_MS = 20_000
expect.set_options(timeout=TIMEOUT_MS)
DESKTOP: dict[str, Any] = {"viewport": {"width": 1100, "height": 800}}
STILL: dict[str, Any] = {**DESKTOP, "reduced_motion": "reduce"}
# A service worker would answer requests before the routes of a test.
HIDE_SERVICE_WORKER = "delete Navigator.prototype.serviceWorker;"
WAIT = """
async (argument) => {
  const isMet = CONDITION;
  for (let checks = 0; !isMet(argument); checks += 1) {
    if (checks === 400) throw new Error(`never met: ${isMet}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
"""
LOG_POLICY_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  console.error(`policy: ${violatedDirective} ${blockedURI}`));
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run headless Chromium."""
    path = shutil.which(PROGRAM)
    assert path, f"There is no {PROGRAM}: run `make chromium`."
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *sandbox])
        yield browser
        browser.close()


def new_context(
    browser: Browser, *, has_service_worker: bool = False, **options: Any
) -> BrowserContext:
    """Return a new browser profile that reports policy violations on the console."""
    context = browser.new_context(accept_downloads=True, **options)
    context.set_default_timeout(TIMEOUT_MS)
    context.add_init_script(LOG_POLICY_VIOLATIONS)
    if not has_service_worker:
        context.add_init_script(HIDE_SERVICE_WORKER)
    return context


class PageUser:
    """A context manager for a user of the page with a browser profile.

    At the end, the console must have no unexpected message, and no other host a request.

    Parameters
    ----------
    context : Browser profile. What an earlier user left there is cleared, but for its cache.

    Attributes
    ----------
    page : The tab.
    expected : Patterns of the expected warnings and errors on the console.
    """

    def __init__(self, context: BrowserContext, url: str, screenshots: Path) -> None:
        self.url = url
        self.expected: list[str] = []
        self.messages: list[str] = []
        self.context = context
        self._screenshots = screenshots
        self.page = self.open()
        self._forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self.screenshot("failed")
        self.context.unroute_all()
        self.context.set_offline(False)
        for tab in self.context.pages:
            tab.close()
        if error is None:
            assert not self.unexpected, self.unexpected

    @property
    def unexpected(self) -> list[str]:
        """Return the unexpected messages."""
        return [
            text
            for text in self.messages
            if not any(re.search(pattern, text) for pattern in self.expected)
        ]

    def open(self) -> Page:
        """Open a tab."""
        page = self.context.new_page()
        page.on("console", lambda message: self._on_console(message.type, message.text))
        page.on("pageerror", lambda error: self._on_console("error", str(error)))
        page.on("request", lambda request: self._on_request(request.url))
        page.on("dialog", Dialog.accept)
        # Without a listener, a file chooser opens a window before the first `expect_file_chooser`.
        page.on("filechooser", lambda _: None)
        return page

    def sign_in(self) -> Page:
        """Open the page in a tab that has the token, as if it had been entered before."""
        self.page.goto(f"{self.url}healthz")
        self.page.evaluate("(token) => sessionStorage.setItem('stemdrop.token', token)", TOKEN)
        self.page.goto(self.url)
        return self.wait_until_ready()

    def enter_token(self) -> Page:
        """Open the page and enter the token."""
        self.page.goto(self.url)
        self.page.get_by_role("textbox", name="Access token").fill(TOKEN)
        self.page.get_by_role("button", name="Continue").click()
        return self.wait_until_ready()

    def reload(self) -> Page:
        """Reload the page."""
        self.page.reload()
        return self.wait_until_ready()

    def wait_until_ready(self) -> Page:
        """Wait until the page can be used."""
        self.page.wait_for_selector("html[data-ready]")
        return self.page

    def wait_for(self, condition: str, argument: object = None) -> None:
        """Wait until a function of JavaScript returns true.

        The page's policy forbids what Playwright's `wait_for_function` does after its first check.
        """
        self.page.evaluate(WAIT.replace("CONDITION", condition), argument)

    def choose(self, *songs: Path) -> None:
        """Choose files."""
        self.page.set_input_files("#file-input", songs)

    def separate(self, *songs: Path) -> None:
        """Choose files and separate them with the default options."""
        self.choose(*songs)
        self.page.click("#separate")

    def card(self, state: str, title: str = "", timeout_ms: int = TIMEOUT_MS) -> Locator:
        """Wait until a song has a state, and return its card."""
        cards = self.page.locator(f".card[data-state={state}]")
        card = cards.filter(has=self.page.get_by_role("heading", name=title)) if title else cards
        card.first.wait_for(timeout=timeout_ms)
        return card.first

    def screenshot(self, name: str) -> None:
        """Write a screenshot of the whole page."""
        self._screenshots.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self._screenshots / f"{name}.png", full_page=True)

    def _forget(self) -> None:
        """Clear what an earlier user left in the browser profile, but for its cache."""
        origin = {"origin": self.url.rstrip("/"), "storageTypes": "local_storage"}
        protocol = self.context.new_cdp_session(self.page)
        protocol.send("Storage.clearDataForOrigin", origin)
        protocol.detach()

    def _on_console(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.messages.append(text)

    def _on_request(self, url: str) -> None:
        hosts = (self.url, self.url.replace("localhost", "127.0.0.1"), "blob:", "data:")
        if not url.startswith(hosts):
            self.messages.append(f"request to another host: {url}")
