"""The settings of a song: presets, across reloads, and in links."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from accessibility import require_accessible, require_fitting
from browser import DESKTOP, PageUser, new_context
from media import decode
from page_site import Site, SongFactory
from stemdrop_api.web_page import version
from stemdrop_local.deployment import ROOT

STEMS = ("vocals", "drums", "bass", "other")
GUIDE_VOLUME = "42"  # of the slider: -15 dB
# Name, volume of the vocals, volume of the others.
PRESETS = [
    ("Karaoke", "0", "100"),
    ("A cappella", "100", "0"),
    ("Backing with guide vocal", GUIDE_VOLUME, "100"),
    ("Full mix", "100", "100"),
]
# Makes the stems load forever.
STALL = """() => {
  const { fetch } = globalThis;
  const stalled = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  globalThis.fetch = (url, options) =>
    options?.headers?.Range && options.signal ? stalled(options) : fetch(url, options);
}"""
PARSE = """
async ({ module, values }) => {
  const { parseSettings } = await import(module);
  return values.map((value) => parseSettings(JSON.parse(value), ["vocals"], 60));
}
"""
# The frames of a position and a loop after their settings were stored and restored.
RESTORE = """
async ({ module, start, end }) => {
  const { parseSettings } = await import(module);
  const [start_s, end_s] = [start, end].map((frame) => frame / 44100);
  const given = { position_s: end_s, loop: { start_s, end_s } };
  const { position_s, loop } = parseSettings(given, [], end_s);
  return [position_s, loop.start_s, loop.end_s].map((time_s) => Math.round(44100 * time_s));
}
"""
DEFAULTS: dict[str, Any] = {
    "stems": {"vocals": {"volume": 1, "pan": 0, "muted": False, "soloed": False}},
    "pitch_semitones": 0,
    "tempo_percent": 100,
    "hasCountIn": False,
    "hasMetronome": False,
    "metronomeVolume": 0.5,
    "loop": None,
    "markers": [],
    "position_s": 0,
}
HOSTILE: list[tuple[Any, dict[str, Any]]] = [
    (None, {}),
    (5, {}),
    ("stems", {}),
    ([{}], {}),
    ({"stems": None, "loop": 3, "markers": {"length": 9}, "other": 1}, {}),
    ({"stems": {"drums": {"volume": 0}, "__proto__": {"vocals": {"muted": True}}}}, {}),
    ({"stems": {"vocals": {"volume": "0", "pan": [1], "muted": 1, "soloed": "yes"}}}, {}),
    (
        {"stems": {"vocals": {"volume": 1e300, "pan": -7, "muted": True}}},
        {"stems": {"vocals": {"volume": 1, "pan": -1, "muted": True, "soloed": False}}},
    ),
    (
        {"pitch_semitones": -99, "tempo_percent": 1e9},
        {"pitch_semitones": -12, "tempo_percent": 200},
    ),
    ({"hasCountIn": 1, "hasMetronome": "yes", "metronomeVolume": 9}, {"metronomeVolume": 1}),
    ({"loop": {"start_s": 9, "end_s": 3}, "position_s": -4}, {}),
    (
        {"loop": {"start_s": -9, "end_s": 900}, "position_s": 61},
        {"loop": {"start_s": 0, "end_s": 60}, "position_s": 60},
    ),
    (
        {"markers": [{"position_s": 99, "label": "<b>" * 99}, None]},
        {"markers": [{"position_s": 60, "label": "<b>" * 20}, {"position_s": 0, "label": ""}]},
    ),
    ({"markers": [{"position_s": 1}] * 5000}, {"markers": [{"position_s": 1, "label": ""}] * 100}),
]
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "has_touch": True}
LOOKS: dict[str, dict[str, Any]] = {
    "dark": {**DESKTOP, "color_scheme": "dark"},
    "phone": {**PHONE, "color_scheme": "light"},
}
UNKNOWN_ID = "0" * 32
DAMAGED = "This link is damaged. Copy all of it again, or ask for a new one."


def module(name: str) -> str:
    return f"/page/{version()}/{name}"


@pytest.fixture(scope="module")
def clipboard_context(browser: Browser) -> Iterator[BrowserContext]:
    with closing(new_context(browser, **DESKTOP)) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield context


@pytest.fixture
def musician(clipboard_context: BrowserContext, site: Site) -> Iterator[PageUser]:
    """Return a signed-in user with a clipboard."""
    with PageUser(clipboard_context, site.url, ROOT / "out" / "page") as user:
        user.sign_in()
        yield user


@pytest.fixture
def song(make_song: SongFactory) -> Path:
    """Return a song that is the same in all tests, so that only the first one separates it."""
    return make_song("Coda.wav", 311, 9.0)


def separate(user: PageUser, song: Path) -> None:
    user.choose(song)
    user.page.get_by_role("radio", name="Four stems").check()
    user.page.click("#separate")
    user.card("done")


def volumes(page: Page) -> dict[str, str]:
    return {
        stem: page.get_by_role("slider", name=f"Volume of {stem}").input_value() for stem in STEMS
    }


def save(page: Page, folder: Path, button: str = "Save mix") -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def saved_stems(page: Page, folder: Path) -> dict[str, Any]:
    found = {}
    for stem in STEMS:
        with page.expect_download() as download:
            page.get_by_role("link", name=f"Save {stem}").click()
        path = folder / f"{stem}.wav"
        download.value.save_as(path)
        found[stem] = decode(path)
    return found


def set_faders(page: Page) -> None:
    page.get_by_role("button", name="Backing with guide vocal").click()
    page.get_by_role("button", name="Mute bass").click()
    page.get_by_role("slider", name="Volume of drums").fill("50")
    page.get_by_role("slider", name="Pan of other").fill("-60")


def set_loop_and_tempo(page: Page) -> None:
    page.get_by_text("Practice", exact=True).click()
    page.get_by_role("slider", name="Tempo").fill("75")
    position = page.get_by_role("slider", name="Position")
    position.fill("2")
    page.get_by_role("button", name="Loop from here").click()
    position.fill("3.5")
    page.get_by_role("button", name="Loop to here").click()


def check_settings(page: Page) -> None:
    assert volumes(page) == {"vocals": GUIDE_VOLUME, "drums": "50", "bass": "100", "other": "100"}
    expect(page.get_by_role("button", name="Mute bass")).to_have_attribute("aria-pressed", "true")
    pan = page.get_by_role("slider", name="Pan of other")
    expect(pan).to_have_attribute("aria-valuetext", "60% left")
    expect(page.get_by_role("button", name="Loop off")).to_be_visible()
    expect(page.locator(".practice-summary")).to_have_text("75%")
    expect(page.get_by_role("slider", name="Position")).to_have_value("2")


def test_presets_set_the_faders(musician: PageUser, song: Path) -> None:
    page = musician.page
    separate(musician, song)
    presets = page.get_by_role("group", name="Presets").get_by_role("button")
    expect(presets).to_have_text(["Full mix", "Karaoke", "A cappella", "Backing with guide vocal"])
    pressed = page.locator(".presets [aria-pressed=true]")
    expect(pressed).to_have_text("Full mix")
    for name, vocals, others in PRESETS:
        page.get_by_role("button", name=name).click()
        assert volumes(page) == {"vocals": vocals, **dict.fromkeys(STEMS[1:], others)}
        expect(pressed).to_have_text(name)
    set_faders(page)
    expect(pressed).to_have_count(0)
    pan = page.get_by_role("slider", name="Pan of other")
    expect(pan).to_have_value("-60")
    pan.dblclick()
    expect(pan).to_have_value("0")


def test_saved_mix_is_the_sum_of_the_saved_stems(
    musician: PageUser, song: Path, tmp_path: Path
) -> None:
    page = musician.page
    separate(musician, song)
    set_faders(page)
    path = save(page, tmp_path)
    assert path.name == "Coda (mix).wav"
    expect(page.get_by_text("Saved Coda (mix).wav.")).to_be_visible()
    stems = saved_stems(page, tmp_path)
    other = stems["other"] @ np.array([[1.0, 0.0], [np.cos(0.2 * np.pi), np.sin(0.2 * np.pi)]])
    mix = 10 ** (-15 / 20) * stems["vocals"] + 0.25 * stems["drums"] + other
    assert np.abs(decode(path) - mix).max() < 1e-4
    set_loop_and_tempo(page)
    page.get_by_role("button", name="A cappella").click()
    page.get_by_role("combobox", name="Format of the mix").select_option("mp3")
    path = save(page, tmp_path, "Save loop")
    assert path.name == "Coda (A cappella, loop).mp3"
    assert decode(path).shape == (88_200, 2)
    page.get_by_role("button", name="Mute vocals").click()
    page.get_by_role("button", name="Save loop").click()
    expect(page.get_by_role("alert").get_by_text("All stems are muted.")).to_be_visible()


def test_settings_survive_a_reload_and_go_into_links(musician: PageUser, song: Path) -> None:
    page = musician.page
    separate(musician, song)
    set_faders(page)
    set_loop_and_tempo(page)
    page.get_by_role("button", name="Metronome").click()
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    musician.reload()
    page.get_by_role("button", name="Open Coda").click()
    check_settings(page)
    page.locator(".practice summary").click()
    metronome = page.get_by_role("button", name="Metronome")
    expect(metronome).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Full mix").click()
    page.evaluate("(link) => { location.href = link; }", link)  # in the same tab
    expect(page.get_by_role("button", name="Full mix")).to_have_attribute("aria-pressed", "false")
    check_settings(page)
    page.goto("about:blank")
    page.goto(musician.url)
    page.evaluate("localStorage.clear()")
    page.goto("about:blank")
    page.goto(link)  # in a browser that doesn't have the song
    expect(page.get_by_role("heading", name="Coda")).to_be_focused()
    check_settings(page)
    assert page.url == musician.url
    stored = "Object.keys(localStorage).filter((key) => key.includes('.settings.')).length"
    page.reload()
    assert page.evaluate(stored) == 1
    page.get_by_role("button", name="Open Coda").click()
    page.get_by_role("button", name="Delete Coda").click()
    page.get_by_role("button", name="Delete now").click()
    musician.wait_for(f"() => {stored} === 0")


def test_link_is_shown_where_the_browser_has_no_clipboard(user: PageUser, song: Path) -> None:
    page = user.page
    separate(user, song)
    page.evaluate("delete Navigator.prototype.clipboard")  # as without https
    page.get_by_role("button", name="Copy link").click()
    link = page.get_by_role("textbox", name="Link")
    expect(link).to_be_focused()
    expect(link).to_have_value(re.compile(f"^{user.url}#song=[0-9a-f]{{32}}&settings="))
    assert page.evaluate("getSelection().toString()") == link.input_value()
    assert page.url == user.url  # so that a reload keeps later settings
    user.screenshot("37-link")
    require_accessible(page)


def test_settings_are_checked_value_by_value(module_page: Page) -> None:
    request = {
        "module": module("song-settings.js"),
        "values": [json.dumps(value) for value, _ in HOSTILE],
    }
    found = module_page.evaluate(PARSE, request)
    assert found == [{**DEFAULTS, **changes} for _, changes in HOSTILE]


def test_stored_times_are_exact_to_a_sample(module_page: Page) -> None:
    for start, end in ((12_345, 123_457), (44_101, 529_201)):
        request = {"module": module("song-settings.js"), "start": start, "end": end}
        assert module_page.evaluate(RESTORE, request) == [end, start, end]


def test_broken_links_get_one_sentence(user: PageUser) -> None:
    page = user.page
    notice = page.locator("#notice")
    settings = base64.urlsafe_b64encode(b'{"stems"').decode()
    for fragment in (
        "song=1",
        "song=../jobs",
        f"song={UNKNOWN_ID}&settings={settings}",
        f"song={UNKNOWN_ID}&settings=%",
        f"song={UNKNOWN_ID}&settings={'A' * 30_000}",
        f"song=<img src=x onerror=alert(1)>{UNKNOWN_ID}",
    ):
        page.evaluate("(fragment) => { location.hash = fragment; }", fragment)
        expect(notice).to_have_text(DAMAGED)
        assert page.url == user.url
    user.expected = ["404"]
    page.evaluate("(fragment) => { location.hash = fragment; }", f"song={UNKNOWN_ID}")
    expect(notice).to_contain_text("The song of this link isn’t on the server anymore.")
    expect(page.locator(".card")).to_have_count(0)
    page.evaluate("location.hash = 'songs'")
    assert page.url.endswith("#songs")


@pytest.mark.parametrize("look", list(LOOKS))
def test_mix_is_accessible_and_fits_the_window(
    browser: Browser, site: Site, song: Path, look: str
) -> None:
    with (
        closing(new_context(browser, **LOOKS[look])) as context,
        PageUser(context, site.url, ROOT / "out" / "page") as user,
    ):
        page = user.sign_in()
        separate(user, song)
        page.get_by_role("button", name="Karaoke").click()
        page.get_by_role("slider", name="Pan of drums").fill("40")
        page.evaluate(STALL)
        page.get_by_role("button", name="Save mix").click()
        cancel = page.get_by_role("button", name="Cancel")
        expect(cancel).to_be_focused()
        bar = page.get_by_role("progressbar", name="Progress of the mix").bounding_box()
        box = cancel.bounding_box()
        assert bar is not None
        assert box is not None
        assert box["y"] < bar["y"] < box["y"] + box["height"]  # in the same row
        user.screenshot(f"30-{look}-mix")
        require_accessible(page)
        require_fitting(page)
        cancel.click()
        expect(page.get_by_text("The mix was not saved.")).to_be_visible()
        expect(page.get_by_role("button", name="Save mix")).to_be_focused()
        require_accessible(page)
