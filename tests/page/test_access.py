"""The page by keyboard alone, with a screen reader, on a telephone, in the dark, without motion."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from browser import Visitor
from local_stack import TOKEN
from page_site import Compose, Site
from stemdrop_local.deployment import ROOT

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
PICTURES = ROOT / "out" / "page"
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "has_touch": True}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1100, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1100, "height": 800}, "color_scheme": "dark"},
    "phone": PHONE,
    "phone-dark": {**PHONE, "color_scheme": "dark", "reduced_motion": "reduce"},
}


def require_accessible(page: Page) -> None:
    """Have axe-core look at the page as it is now."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    wrong = [
        {"rule": rule["id"], "where": [node["html"] for node in rule["nodes"]]}
        for rule in found["violations"]
    ]
    assert not wrong, json.dumps(wrong, indent=1)


def require_fitting(page: Page) -> None:
    """Nothing may be wider than the window, and no text wider than its place."""
    width, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= window
    beyond = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((element) => {
          const { left, right, width } = element.getBoundingClientRect();
          return width > 1 && (left < -0.5 || right > innerWidth + 0.5);
        }).map((element) => element.outerHTML.slice(0, 100))"""
    )
    assert beyond == []
    spilling = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter(
          ({ clientWidth, scrollWidth }) => clientWidth > 1 && scrollWidth > clientWidth + 1
        ).map((element) => element.outerHTML.slice(0, 100))"""
    )
    assert spilling == []


@pytest.fixture(params=list(LOOKS))
def look(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def reader(browser: Browser, site: Site, look: str) -> Iterator[Visitor]:
    """Return somebody who sees the page in a certain way, and hasn't been let in yet."""
    with Visitor(browser, site.url, PICTURES, **LOOKS[look]) as visitor:
        yield visitor


def test_axe_finds_nothing_in_any_state(
    reader: Visitor, site: Site, compose: Compose, look: str
) -> None:
    page = reader.page
    seed = 100 + 10 * list(LOOKS).index(look)

    def check(state: str) -> None:
        reader.shoot(f"20-{look}-{state}")
        require_accessible(page)
        require_fitting(page)

    page.goto(reader.url)
    expect(page.get_by_role("dialog")).to_be_visible()
    check("1-token")
    reader.arrive()
    check("2-arrived")
    names = ["A song with quite a long name, which somebody has remastered.wav", "Harbour.wav"]
    reader.choose(*(compose(name, seed + at, 14.0) for at, name in enumerate(names)))
    page.get_by_text("More options").click()
    check("3-chosen")
    site.hold("between")
    page.click("#separate")
    reader.card("processing")
    check("4-processing")
    site.release("between")
    for title in (names[0][:-4], "Harbour"):
        reader.card("done", title)
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Solo vocals").click()
    position = page.get_by_role("slider", name="Position")
    expect(position).to_have_attribute("aria-valuetext", re.compile("^0:0[5-9] of 0:14"))
    page.get_by_role("button", name="Pause").click()
    check("5-done")
    page.get_by_role("button", name="Delete Harbour").click()
    check("6-delete")


def go_to(page: Page, role: Any, name: str) -> None:
    """Press Tab until something has the focus, which must be seen."""
    wanted = page.get_by_role(role, name=name, exact=True)
    for _ in range(40):
        if wanted.evaluate("(element) => element === document.activeElement"):
            style = wanted.evaluate("(element) => getComputedStyle(element).outlineStyle")
            assert style != "none", f"{name} has the focus, and it can't be seen"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} can't be reached")


def test_a_song_is_chosen_and_separated_by_keyboard(
    browser: Browser, site: Site, compose: Compose
) -> None:
    with Visitor(browser, site.url, PICTURES, viewport={"width": 1100, "height": 800}) as visitor:
        page = visitor.page
        press = page.keyboard.press
        page.goto(site.url)
        expect(page.get_by_role("textbox", name="Access token")).to_be_focused()
        page.keyboard.type(TOKEN)
        press("Enter")
        visitor.ready()
        press("Tab")
        expect(page.locator("#picker")).to_be_focused()
        with page.expect_file_chooser() as asked:
            press("Space")
        asked.value.set_files(compose("Keys.wav", 150, 12.0))
        separate = page.get_by_role("button", name="Separate", exact=True)
        expect(separate).to_be_focused()
        for _ in range(3):
            press("Shift+Tab")
        go_to(page, "button", "Separate")
        press("Enter")
        heading = page.get_by_role("heading", name="Keys")
        expect(heading).to_be_focused()
        visitor.card("done")
        expect(heading).to_be_focused()  # nothing took it away
        expect(page.locator("#live")).to_have_text("Keys: is ready: 2 stems.")
        press("Space")
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
        position = page.get_by_role("slider", name="Position")
        expect(position).to_have_attribute("aria-valuetext", re.compile("^0:01"))
        press("Space")
        expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_stems_are_played_and_deleted_by_keyboard(visitor: Visitor, compose: Compose) -> None:
    page = visitor.page
    press = page.keyboard.press
    visitor.separate(compose("Fingers.wav", 153, 12.0))
    visitor.card("done")
    position = page.get_by_role("slider", name="Position")
    go_to(page, "slider", "Position")
    for key, value in {"End": "12", "Home": "0", "ArrowRight": "0.1"}.items():
        press(key)
        expect(position).to_have_value(value)
    go_to(page, "button", "Loop from here")
    press("Space")
    expect(page.get_by_role("button", name="Play")).to_be_visible()  # it pressed the button
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
    with page.expect_download() as waiting:
        press("Enter")
    assert waiting.value.suggested_filename == "Fingers - accompaniment.wav"
    delete = page.get_by_role("button", name="Delete Fingers")
    delete.focus()
    press("Enter")
    expect(page.get_by_role("button", name="Keep")).to_be_focused()
    press("Escape")
    expect(delete).to_be_focused()
    press("Enter")
    press("Shift+Tab")
    press("Enter")
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("#picker")).to_be_focused()


def test_a_screen_reader_is_told_what_matters_and_no_more(
    visitor: Visitor, site: Site, compose: Compose
) -> None:
    page = visitor.page
    page.evaluate(
        """() => {
          globalThis.said = [];
          const live = document.getElementById("live");
          new MutationObserver(() => said.push(live.textContent)).observe(live, {
            childList: true, characterData: true, subtree: true });
        }"""
    )
    site.hold("before")
    visitor.separate(compose("Told.wav", 151, 40.0))
    visitor.card("waiting")
    site.release("before")
    visitor.card("done")
    said = page.evaluate("said")
    assert said[0] == "1 song chosen. Separate, or change the choices first."
    assert "Told: is waiting for its turn." in said
    assert said[-1] == "Told: is ready: 2 stems."
    assert len(said) == len(set(said)) <= 9


def test_nothing_moves_for_those_who_do_not_want_it(
    browser: Browser, site: Site, compose: Compose
) -> None:
    options = {"reduced_motion": "reduce", "viewport": {"width": 1100, "height": 800}}
    with Visitor(browser, site.url, PICTURES, **options) as visitor:
        page = visitor.arrive()
        site.hold("before")
        visitor.separate(compose("Still.wav", 152))
        visitor.card("waiting")
        assert page.evaluate("document.getAnimations().length") == 0
        moving = page.evaluate(
            """() => [...document.querySelectorAll("*")].filter((element) => {
              const { transitionDuration, animationName } = getComputedStyle(element);
              return parseFloat(transitionDuration) > 0 || animationName !== "none";
            }).length"""
        )
        assert moving == 0
