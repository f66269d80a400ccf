"""The path of songs on the page: choose, separate, play, save."""

import base64
import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from browser import PageUser
from media import decode
from page_site import Site, SongFactory
from stemdrop_cli.main import main

DROP = """
({ name, base64 }) => {
  const data = new DataTransfer();
  const bytes = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
  data.items.add(new File([bytes], name, { type: "audio/wav" }));
  const send = (type) => document.querySelector("main").dispatchEvent(
    new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  send("dragenter");
  send("drop");
}
"""
PASTE = """
({ name, base64 }) => {
  const clipboardData = new DataTransfer();
  const bytes = Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
  clipboardData.items.add(new File([bytes], name, { type: "audio/wav" }));
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}
"""
STORED = "JSON.parse(localStorage['stemdrop.songs'])"


def dispatch(page: Page, script: str, song: Path) -> None:
    page.evaluate(
        script, {"name": song.name, "base64": base64.b64encode(song.read_bytes()).decode()}
    )


def save(page: Page, name: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("link", name=name, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_dropped_song_gives_the_stems_of_the_command_line(
    signed_out_user: PageUser, site: Site, make_song: SongFactory, tmp_path: Path
) -> None:
    user = signed_out_user
    song = make_song("Mañana – live.wav", 41)
    page = user.enter_token()
    user.screenshot("01-arrived")
    dispatch(page, DROP, song)
    expect(page.get_by_role("button", name="Separate", exact=True)).to_be_focused()
    user.screenshot("02-chosen")
    page.get_by_role("button", name="Separate", exact=True).click()
    card = user.card("done", "Mañana – live")
    expect(card.locator(".status")).to_contain_text("2 stems, wav – available until")
    expect(card.locator(".music")).to_have_text(re.compile(r"(^|· )\u2212\d+\.\d LUFS$"))
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    user.screenshot("05-done")

    assert main(["separate", str(song), "-o", str(tmp_path / "expected")]) == 0
    for stem in ("vocals", "accompaniment"):
        saved = save(page, f"Save {stem}", tmp_path)
        assert saved.name == f"Mañana – live - {stem}.wav"
        (expected,) = (tmp_path / "expected").rglob(f"{stem}.wav")
        difference = np.abs(decode(saved) - decode(expected)).max()
        assert difference <= 2 / 2**15
        assert decode(saved).any()
    archive = zipfile.ZipFile(save(page, "Save all", tmp_path))
    assert sorted(archive.namelist()) == ["accompaniment.wav", "vocals.wav"]
    assert page.url == site.url
    (stored,) = page.evaluate(STORED)
    assert sorted(stored) == ["added_ms", "id", "name"]
    kept = {"stemdrop.songs", f"stemdrop.settings.{stored['id']}"}
    assert set(page.evaluate("Object.keys(localStorage)")) == kept


@pytest.mark.parametrize("codec", ["flac", "mp3", "m4a", "ogg", "opus"])
def test_stems_in_a_playable_format_are_played(
    user: PageUser, make_song: SongFactory, codec: str
) -> None:
    page = user.page
    user.choose(make_song(f"{codec}.wav", 50 + len(codec)))
    page.get_by_role("radio", name="Four stems").check()
    page.get_by_role("combobox", name="Format").select_option(codec)
    page.click("#separate")
    user.card("done")
    for stem in ("vocals", "drums", "bass", "other"):
        expect(page.get_by_role("link", name=f"Save {stem}")).to_be_visible()
    page.get_by_role("button", name="Play").click()
    position = page.get_by_role("slider", name="Position")
    expect(position).to_have_attribute("aria-valuetext", re.compile("^0:0[1-3] of 0:03$"))
    if codec == "flac":
        user.screenshot("06-four-stems")


def test_stems_in_an_unplayable_format_are_saved(
    user: PageUser, make_song: SongFactory, tmp_path: Path
) -> None:
    page = user.page
    user.choose(make_song("old.wav", 58))
    formats = page.get_by_role("combobox", name="Format")
    to_save = formats.locator("optgroup", has_text="WMA")
    expect(to_save).to_have_attribute("label", "To save only: this browser can’t play it")
    expect(to_save.locator("option")).to_have_count(3)
    formats.select_option("wma")
    page.click("#separate")
    card = user.card("done")
    note = "This browser can’t play WMA. Save the stems to listen to them in another program."
    expect(card.locator(".stem-downloads .hint:visible")).to_have_text(note)
    expect(page.get_by_role("button", name="Play")).to_have_count(0)
    user.screenshot("08-unplayable")
    assert save(page, "Save vocals", tmp_path).name == "old - vocals.wma"


def test_all_options_are_sent(user: PageUser, make_song: SongFactory) -> None:
    page = user.page
    user.choose(make_song("part.wav", 42, 6.0))
    page.get_by_text("More options").click()
    page.get_by_role("radio", name="Four stems").check()
    for stem in ("bass", "other"):
        page.get_by_label(stem, exact=True).uncheck()
    page.get_by_label("Start, in seconds").fill("1.5")
    page.get_by_label("Duration, in seconds").fill("2")
    page.get_by_label("Audio track").fill("1")
    page.get_by_label("Titles of the stems").fill("{stem}")
    for name in ("high frequencies", "residual stem", "would clip", "own sample"):
        page.get_by_label(name).check()
    page.get_by_role("radio", name="Better").check()
    expect(page.get_by_label("high frequencies")).to_be_disabled()  # it always keeps them
    page.get_by_role("combobox", name="Format").select_option("mp3")
    expect(page.get_by_label("own sample rate")).to_be_disabled()
    page.get_by_role("combobox", name="Format").select_option("wav")
    page.get_by_role("combobox", name="Bit depth").select_option("24")
    page.get_by_label("ZIP").uncheck()
    user.screenshot("03-more-options")
    with page.expect_request("**/jobs") as sent:
        page.click("#separate")
    given: dict[str, Any] = json.loads(sent.value.post_data or "")
    assert len(given.pop("sha256")) == 64
    assert given == {
        "filename": "part.wav",
        "size_bytes": 6 * 44100 * 4 + 44,
        "model": "4stems",
        "stems": ["vocals", "drums"],
        "codec": "wav",
        "bit_depth": "24",
        "offset_s": 1.5,
        "duration_s": 2,
        "residual": True,
        "quality": "high",
        "clip": "scale",
        "zip": False,
        "sample_rate": "source",
        "channels": "stereo",
        "stem_file": False,
        "track": "1",
        "title_format": "{stem}",
    }
    user.card("done")
    expect(page.get_by_role("link", name="Save residual")).to_be_visible()
    expect(page.get_by_role("link", name="Save all")).to_have_count(0)
    expect(page.get_by_role("slider", name="Position")).to_have_attribute("max", "2")


def test_stem_file_is_chosen_with_four_stems_as_m4a(
    user: PageUser, make_song: SongFactory, tmp_path: Path
) -> None:
    page = user.page
    user.choose(make_song("deck.wav", 63))
    page.get_by_text("More options").click()
    stem_file = page.get_by_label("Create a stem file")
    expect(stem_file).to_be_disabled()
    page.get_by_role("radio", name="Four stems").check()
    page.get_by_role("combobox", name="Format").select_option("m4a")
    stem_file.check()
    bass = page.get_by_label("bass", exact=True)
    bass.uncheck()
    expect(stem_file).to_be_disabled()
    bass.check()
    page.click("#separate")
    user.card("done")
    saved = save(page, "Save stem file", tmp_path)
    assert saved.name == "deck - stems.stem.mp4"
    assert b'"name": "Drums"' in saved.read_bytes()


def test_upload_sends_only_signed_headers(user: PageUser, make_song: SongFactory) -> None:
    song = make_song("signed.wav", 62)
    with user.page.expect_request(re.compile("-uploads-")) as sent:
        user.separate(song)
    checksum = base64.b64encode(hashlib.sha256(song.read_bytes()).digest()).decode()
    headers = sent.value.all_headers()
    assert sent.value.method == "PUT"
    assert headers["content-length"] == str(song.stat().st_size)
    assert headers["x-amz-checksum-sha256"] == checksum
    assert "content-type" not in headers
    user.card("done")


def test_known_song_is_done_without_an_upload(
    user: PageUser, site: Site, make_song: SongFactory
) -> None:
    song = make_song("again.wav", 43)
    user.separate(song)
    user.card("done")
    user.page.evaluate("localStorage.clear()")
    user.reload()
    site.pause("before")  # no separation can start
    uploads = []
    user.page.on("request", lambda request: uploads.append("-uploads-" in request.url))
    user.separate(song)
    user.card("done")
    assert not any(uploads)


def test_several_songs_are_listed(user: PageUser, make_song: SongFactory) -> None:
    page = user.page
    dispatch(page, PASTE, make_song("One.wav", 44))
    user.choose(make_song("Two.wav", 45), make_song("Three.wav", 46))
    page.get_by_role("button", name="Remove One.wav").click()
    page.get_by_role("button", name="Separate 2 songs").click()
    for title in ("Two", "Three"):
        user.card("done", title)
    expect(page.get_by_role("heading", level=3)).to_have_text(["Two", "Three"])
    expect(page.locator(".player")).to_have_count(1)
    user.screenshot("07-several")
    page.get_by_role("button", name="Open").click()
    expect(page.locator(".player")).to_have_count(1)


def test_form_without_a_stem_says_so_until_one_is_chosen(
    user: PageUser, make_song: SongFactory
) -> None:
    page = user.page
    user.choose(make_song("chosen.wav", 47))
    more = page.get_by_text("More options")
    more.click()
    checkboxes = page.get_by_role("group", name="Stems to return").get_by_role("checkbox")
    for checkbox in checkboxes.all():
        checkbox.uncheck()
    more.click()
    page.click("#separate")
    expect(checkboxes.first).to_be_focused()  # the message is next to it, so it is visible
    message = checkboxes.first.evaluate("(checkbox) => checkbox.validationMessage")
    assert message == "Choose at least one stem."
    checkboxes.last.check()
    page.click("#separate")
    user.card("done")
