"""What makes the page feel like a program: keys, media keys, staying signed in, touch targets."""

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from browser import DESKTOP, PageUser, new_context
from local_stack import TOKEN
from page_site import Site, SongFactory
from stemdrop_local.deployment import ROOT

SCREENSHOTS = ROOT / "out" / "page"
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "is_mobile": True,
}
FIRST = ("First.wav", 712, 12.0)  # the same in both tests, so that only one separates it
# Records the handlers and the position that the page gives the browser.
RECORD_SESSION = """
globalThis.given = { handlers: {}, position: null };
MediaSession.prototype.setActionHandler = (action, handler) => (given.handlers[action] = handler);
MediaSession.prototype.setPositionState = (state) => (given.position = state);
"""
SMALL_TARGETS = """
() => [...document.querySelectorAll("button, a, select, summary, input, label:is(.button,.toggle)")]
  .map((element) => element.matches("[type=checkbox], [type=radio], [type=file]")
    ? element.closest("label") : element)
  .filter((element) => element?.checkVisibility())
  .filter((element) => {
    const { width, height } = element.getBoundingClientRect();
    return height < 44 || width < 44;
  })
  .map((element) => element.outerHTML.slice(0, 120))
"""


@pytest.fixture(scope="module")
def recorded_context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a browser profile that records what the page gives the media session."""
    with closing(new_context(browser, **DESKTOP)) as context:
        context.add_init_script(RECORD_SESSION)
        yield context


@pytest.fixture
def listener(recorded_context: BrowserContext, site: Site) -> Iterator[PageUser]:
    """Return a signed-in user."""
    with PageUser(recorded_context, site.url, SCREENSHOTS) as user:
        user.sign_in()
        yield user


def position_of(page: Page) -> Locator:
    return page.get_by_role("slider", name="Position")


def test_keys_play_seek_loop_and_mix(listener: PageUser, make_song: SongFactory) -> None:
    page = listener.page
    press = page.keyboard.press
    listener.separate(make_song(*FIRST))
    listener.card("done")
    position = position_of(page)
    for key, value in {"l": "5", "ArrowRight": "10", "Shift+ArrowLeft": "9", "j": "4"}.items():
        press(key)
        expect(position).to_have_value(value)
    press("[")
    press("L")
    press("]")
    press("Home")
    expect(position).to_have_value("0")
    expect(page.get_by_role("button", name="Loop off")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("button", name="Loop off")).to_be_hidden()
    press("2")
    solo = page.get_by_role("button", name="Solo accompaniment")
    expect(solo).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#live-region")).to_have_text("Solo accompaniment: on.")
    press("9")
    press("m")
    expect(page.get_by_role("button", name="Mute vocals")).to_have_attribute("aria-pressed", "true")
    solo.focus()
    press("m")
    mute = page.get_by_role("button", name="Mute accompaniment")
    expect(mute).to_have_attribute("aria-pressed", "true")
    press("k")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    press("k")
    for combination in ("Control+k", "Alt+k", "Meta+k"):
        press(combination)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_help_sheet_lists_the_keys_and_turns_them_off(
    listener: PageUser, make_song: SongFactory
) -> None:
    page = listener.page
    press = page.keyboard.press
    press("k")  # without an open song, keys do nothing
    press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet.get_by_role("row", name="Space K Play or pause")).to_be_visible()
    assert sheet.get_by_role("row").count() == 20
    sheet.get_by_role("checkbox").uncheck()
    press("Escape")
    expect(sheet).to_be_hidden()
    press("?")
    expect(sheet).to_be_hidden()
    listener.reload()
    page.get_by_role("button", name="Keys").click()
    expect(sheet.get_by_role("checkbox")).not_to_be_checked()
    sheet.get_by_role("checkbox").check()
    sheet.get_by_role("button", name="Close").click()
    listener.choose(make_song("Typed.wav", 711))
    page.get_by_text("More options").click()
    page.locator("#track").press_sequentially("k?1 m")
    expect(page.locator("#track")).to_have_value("k?1 m")
    expect(sheet).to_be_hidden()


def media(page: Page, action: str, details: dict[str, Any] | None = None) -> None:
    page.evaluate("([action, details]) => given.handlers[action](details)", [action, details or {}])


def test_media_keys_control_the_song_and_reach_the_next(
    listener: PageUser, make_song: SongFactory
) -> None:
    page = listener.page
    listener.separate(make_song(*FIRST), make_song("Second.wav", 713))
    for title in ("First", "Second"):
        listener.card("done", title)
    first, second = (page.locator(".card").filter(has_text=name) for name in ("First", "Second"))
    if not first.locator(".player").count():
        first.get_by_role("button", name="Open First").click()
    state = "[navigator.mediaSession.playbackState, navigator.mediaSession.metadata?.title]"
    assert page.evaluate(state) == ["none", None]
    first.get_by_role("button", name="Play", exact=True).click()
    listener.wait_for("() => given.position !== null")
    assert page.evaluate(state) == ["playing", "First"]
    media(page, "pause")
    assert page.evaluate(state) == ["paused", "First"]
    media(page, "seekto", {"seekTime": 6})
    assert page.evaluate("given.position") == {"duration": 12, "position": 6, "playbackRate": 1}
    media(page, "seekbackward", {"seekOffset": 2})
    media(page, "seekforward")
    expect(position_of(page)).to_have_value("9")
    media(page, "nexttrack")
    expect(second.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    expect(first.locator(".player")).to_have_count(0)
    assert page.evaluate(state) == ["playing", "Second"]
    media(page, "previoustrack")
    expect(first.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    first.get_by_role("button", name="Close First").click()
    assert page.evaluate(state) == ["none", None]
    assert page.evaluate("Object.values(given.handlers).every((handler) => handler === null)")


def test_song_that_cannot_be_played_is_skipped(listener: PageUser, make_song: SongFactory) -> None:
    page = listener.page
    for number, (title, codec) in enumerate({"One": "wav", "Two": "wma", "Three": "wav"}.items()):
        listener.choose(make_song(f"{title}.wav", 715 + number))
        page.locator("#codec").select_option(codec)
        page.click("#separate")
        listener.card("done", title)
    page.keyboard.press("p")  # the newest song is at the top
    three = page.locator(".card").filter(has_text="Three")
    expect(three.get_by_role("button", name="Pause", exact=True)).to_be_visible()


def test_keys_take_the_focus_along_to_the_next_song(
    listener: PageUser, make_song: SongFactory
) -> None:
    page = listener.page
    songs = ("First", "Second")
    listener.separate(make_song(*FIRST), make_song("Second.wav", 713))
    first, second = (page.locator(".card").filter(has_text=title) for title in songs)
    for title in songs:
        listener.card("done", title)
    if not first.locator(".player").count():
        first.get_by_role("button", name="Open First").click()
    first.get_by_role("button", name="Mute vocals").focus()
    page.keyboard.press("n")
    expect(second.get_by_role("heading", name="Second")).to_be_focused()
    page.keyboard.press("p")
    expect(first.get_by_role("heading", name="First")).to_be_focused()
    page.locator("#help-button").focus()
    page.keyboard.press("n")
    expect(second.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    expect(page.locator("#help-button")).to_be_focused()


@pytest.mark.parametrize("stays", [False, True])
def test_token_is_stored_on_the_device_only_if_the_user_says_so(
    browser: Browser, site: Site, stays: bool
) -> None:
    with (
        closing(new_context(browser, **DESKTOP)) as context,
        PageUser(context, site.url, SCREENSHOTS) as user,
    ):
        user.page.goto(user.url)
        user.page.get_by_role("textbox", name="Access token").fill(TOKEN)
        user.page.get_by_role("checkbox", name="Stay signed in").set_checked(stays)
        user.page.get_by_role("button", name="Continue").click()
        user.wait_until_ready()
        assert (TOKEN in user.page.evaluate("JSON.stringify(localStorage)")) is stays
        other = user.open()
        other.goto(user.url)
        dialog = other.get_by_role("dialog", name="Enter your access token")
        if not stays:
            expect(dialog).to_be_visible()
            return
        other.wait_for_selector("html[data-ready]")
        other.get_by_role("button", name="Sign out").click()
        expect(dialog).to_be_visible()
        stored = other.evaluate("JSON.stringify([localStorage, sessionStorage])")
        assert TOKEN not in stored


def test_targets_are_large_and_the_transport_stays_in_view_on_a_phone(
    browser: Browser, site: Site, make_song: SongFactory
) -> None:
    with (
        closing(new_context(browser, **PHONE)) as context,
        PageUser(context, site.url, SCREENSHOTS) as user,
    ):
        page = user.sign_in()
        user.choose(make_song("Thumb.wav", 714))
        page.get_by_text("More options").click()
        assert not page.evaluate(SMALL_TARGETS)
        page.click("#separate")
        user.card("done")
        assert not page.evaluate(SMALL_TARGETS)
        for top in (0, 10_000):
            page.evaluate("top => scrollTo(0, top)", top)
            expect(page.locator(".transport-title")).to_have_text(re.compile("^Thumb$"))
            expect(page.get_by_role("button", name="Play", exact=True)).to_be_in_viewport(ratio=1)
            expect(position_of(page)).to_be_in_viewport(ratio=1)
