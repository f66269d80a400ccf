"""Accessibility: keyboard, screen reader, phone, dark mode and reduced motion."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from accessibility import require_accessible, require_fitting
from browser import DESKTOP, STILL, PageUser, new_context
from local_stack import TOKEN
from page_site import Site, SongFactory
from stemdrop_local.deployment import ROOT

SCREENSHOTS = ROOT / "out" / "page"
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "has_touch": True}
DEVICES: dict[str, dict[str, Any]] = {"laptop": DESKTOP, "phone": PHONE}
SONG = ("Keys.wav", 150, 6.0)  # the same in two tests, so that only the first one separates it
# A color scheme changes nothing else, and a phone has the colors of the laptop.
RULES: dict[str, dict[Literal["dark", "light"], tuple[str, ...]]] = {
    "laptop": {"dark": ("color-contrast",), "light": ()},
    "phone": {"light": ()},
}
STORE = "(songs) => { localStorage['stemdrop.songs'] = songs; }"


@pytest.fixture
def device_users(browser: Browser, site: Site) -> Iterator[dict[str, PageUser]]:
    """Return a signed-out user of each device."""
    with ExitStack() as running:
        users = {}
        for device, options in DEVICES.items():
            context = running.enter_context(closing(new_context(browser, **options)))
            users[device] = running.enter_context(PageUser(context, site.url, SCREENSHOTS))
        yield users


def check(device: str, user: PageUser, state: str) -> None:
    """Check the page as it is now in light and dark colors."""
    for color_scheme, rules in RULES[device].items():
        # Colors that fade into each other would be measured on their way.
        user.page.emulate_media(color_scheme=color_scheme, reduced_motion="reduce")
        user.screenshot(f"20-{device}-{color_scheme}-{state}")
        require_accessible(user.page, *rules)
    require_fitting(user.page)
    user.page.emulate_media(reduced_motion="no-preference")


def test_page_in_every_state_is_accessible_and_fits_the_window(
    device_users: dict[str, PageUser], site: Site, make_song: SongFactory
) -> None:
    """The laptop separates the songs. The phone has the same ones in its list."""
    names = ["A song with quite a long name, which somebody has remastered.wav", "Harbor.wav"]
    songs = [make_song(name, 100 + at, 14.0) for at, name in enumerate(names)]
    site.pause("between")
    for device, user in device_users.items():
        page = user.page
        page.goto(user.url)
        expect(page.get_by_role("dialog")).to_be_visible()
        check(device, user, "1-token")
        user.enter_token()
        check(device, user, "2-arrived")
        page.keyboard.press("?")
        check(device, user, "2-keys")
        page.keyboard.press("Escape")
        user.choose(*songs)
        page.get_by_text("More options").click()
        check(device, user, "3-chosen")
    laptop, phone = device_users.values()
    laptop.page.click("#separate")
    laptop.card("processing")
    laptop.card("waiting")
    phone.page.evaluate(STORE, laptop.page.evaluate("localStorage['stemdrop.songs']"))
    phone.reload()
    for device, user in device_users.items():
        user.card("processing")
        check(device, user, "4-processing")
    site.resume("between")
    for device, user in device_users.items():
        page = user.page
        for title in (names[0][:-4], "Harbor"):
            user.card("done", title)
        if user is phone:
            page.get_by_role("button", name="Open Harbor").click()
        page.get_by_role("button", name="Play").click()
        page.get_by_role("button", name="Solo vocals").click()
        position = page.get_by_role("slider", name="Position")
        expect(position).to_have_attribute("aria-valuetext", re.compile("^0:0[1-9] of 0:14"))
        page.get_by_role("button", name="Pause").click()
        check(device, user, "5-done")
        page.get_by_label("Select Harbor").check()
        check(device, user, "6-selected")
        page.locator("#delete-selected").click()
        check(device, user, "7-deleted")
        page.get_by_role("button", name="Undo").click()


def go_to(page: Page, role: Any, name: str) -> None:
    """Press Tab until an element has a visible focus."""
    wanted = page.get_by_role(role, name=name, exact=True)
    for _ in range(40):
        if wanted.evaluate("(element) => element === document.activeElement"):
            style = wanted.evaluate("(element) => getComputedStyle(element).outlineStyle")
            assert style != "none", f"{name} has no visible focus"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} can't be reached by Tab")


def test_keyboard_alone_chooses_and_separates_a_song(
    signed_out_user: PageUser, make_song: SongFactory
) -> None:
    user = signed_out_user
    page = user.page
    press = page.keyboard.press
    page.goto(user.url)
    expect(page.get_by_role("textbox", name="Access token")).to_be_focused()
    page.keyboard.type(TOKEN)
    press("Enter")
    user.wait_until_ready()
    go_to(page, "button", "Keys ?")
    press("Enter")
    expect(page.get_by_role("heading", name="Keys")).to_be_focused()
    press("Escape")
    go_to(page, "button", "Sign out")
    press("Tab")
    expect(page.locator("#file-input")).to_be_focused()
    with page.expect_file_chooser() as chooser:
        press("Space")
    chooser.value.set_files(make_song(*SONG))
    separate = page.get_by_role("button", name="Separate", exact=True)
    expect(separate).to_be_focused()
    for _ in range(3):
        press("Shift+Tab")
    go_to(page, "button", "Separate")
    press("Enter")
    heading = page.get_by_role("heading", name="Keys")
    expect(heading).to_be_focused()
    user.card("done")
    expect(heading).to_be_focused()  # nothing moved the focus
    expect(page.locator("#live-region")).to_have_text("Keys: ready, 2 stems.")
    press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    position = page.get_by_role("slider", name="Position")
    expect(position).to_have_attribute("aria-valuetext", re.compile("^0:0[1-6]"))
    press("Space")
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_keyboard_alone_plays_saves_and_deletes_a_song(
    user: PageUser, make_song: SongFactory
) -> None:
    page = user.page
    press = page.keyboard.press
    user.separate(make_song(*SONG))
    user.card("done")
    position = page.get_by_role("slider", name="Position")
    go_to(page, "slider", "Position")
    for key, value in {"End": "6", "Home": "0", "ArrowRight": "0.1"}.items():
        press(key)
        expect(position).to_have_value(value)
    go_to(page, "button", "Loop from here")
    press("Space")
    expect(page.get_by_role("button", name="Play")).to_be_visible()  # Space pressed the button
    press("Shift+Tab")
    for _ in range(10):
        press("ArrowRight")
    go_to(page, "button", "Loop to here")
    press("Enter")
    expect(page.get_by_role("button", name="Loop off")).to_be_visible()
    expect(page.get_by_role("button", name="Loop from here")).to_be_focused()
    for name in ("Mute vocals", "Solo accompaniment"):
        go_to(page, "button", name)
        press("Enter")
        expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    go_to(page, "link", "Save accompaniment")
    with page.expect_download() as download:
        press("Enter")
    assert download.value.suggested_filename == "Keys - accompaniment.wav"
    delete = page.get_by_role("button", name="Delete Keys")
    delete.focus()
    press("Enter")
    expect(page.locator(".card")).to_have_count(0)
    go_to(page, "button", "Undo")
    press("Enter")
    expect(page.get_by_role("heading", name="Keys")).to_be_focused()
    delete.focus()
    press("Enter")
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("#file-input")).to_be_focused()


def test_live_region_announces_each_state_once(
    user: PageUser, site: Site, make_song: SongFactory
) -> None:
    page = user.page
    page.evaluate(
        """() => {
          globalThis.announced = [];
          const live = document.getElementById("live-region");
          new MutationObserver(() => announced.push(live.textContent)).observe(live, {
            childList: true, characterData: true, subtree: true });
        }"""
    )
    site.pause("before")
    user.separate(make_song("Told.wav", 151, 26.0))
    user.card("waiting")
    site.resume("before")
    user.card("done")
    announced = page.evaluate("announced")
    assert announced[0] == "1 song chosen. Separate now, or change the options first."
    assert "Told: waiting in the queue." in announced
    assert announced[-1] == "Told: ready, 2 stems."
    assert len(announced) == len(set(announced)) <= 9


def test_reduced_motion_stops_animations(
    browser: Browser, site: Site, make_song: SongFactory
) -> None:
    with (
        closing(new_context(browser, **STILL)) as context,
        PageUser(context, site.url, SCREENSHOTS) as user,
    ):
        page = user.sign_in()
        site.pause("before")
        user.separate(make_song("Still.wav", 152))
        user.card("waiting")
        assert page.evaluate("document.getAnimations().length") == 0
        moving = page.evaluate(
            """() => [...document.querySelectorAll("*")].filter((element) => {
              const { transitionDuration, animationName } = getComputedStyle(element);
              return parseFloat(transitionDuration) > 0 || animationName !== "none";
            }).length"""
        )
        assert moving == 0
