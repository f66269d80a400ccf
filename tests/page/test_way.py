"""The whole way on the page: a song is chosen, separated, and saved; again, and several."""

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

from browser import Visitor
from media import decode
from page_site import Compose, Site
from stemdrop_cli.main import main

DROP = """
async ({ name, bytes }) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(bytes)], name, { type: "audio/wav" }));
  const send = (type) => document.querySelector("main").dispatchEvent(
    new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  send("dragenter");
  send("drop");
}
"""
PASTE = """
({ name, bytes }) => {
  const clipboardData = new DataTransfer();
  clipboardData.items.add(new File([Uint8Array.from(bytes)], name, { type: "audio/wav" }));
  document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}
"""
KEPT = "JSON.parse(localStorage['stemdrop.songs'])"


def hand_over(page: Page, script: str, song: Path) -> None:
    page.evaluate(script, {"name": song.name, "bytes": list(song.read_bytes())})


def save(page: Page, name: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("link", name=name, exact=True).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_from_dropping_a_song_to_its_stems_on_the_disk(
    visitor: Visitor, site: Site, compose: Compose, tmp_path: Path
) -> None:
    song = compose("Mañana – live.wav", 41, 8.0)
    page = visitor.page
    visitor.shoot("01-arrived")
    hand_over(page, DROP, song)
    expect(page.get_by_role("button", name="Separate", exact=True)).to_be_focused()
    visitor.shoot("02-chosen")
    page.get_by_role("button", name="Separate", exact=True).click()
    card = visitor.card("done", "Mañana – live")
    expect(card.locator(".status")).to_contain_text("2 stems, wav – here until")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    visitor.shoot("05-done")

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
    (kept,) = page.evaluate(KEPT)
    assert sorted(kept) == ["id", "name"]
    assert page.evaluate("Object.keys(localStorage)") == ["stemdrop.songs"]


@pytest.mark.parametrize("codec", ["flac", "mp3", "m4a", "ogg", "opus"])
def test_four_stems_in_any_format_can_be_heard(
    visitor: Visitor, compose: Compose, codec: str
) -> None:
    page = visitor.page
    visitor.choose(compose(f"{codec}.wav", 50 + len(codec)))
    page.get_by_role("radio", name="Four stems").check()
    page.get_by_role("combobox", name="Format").select_option(codec)
    page.click("#separate")
    visitor.card("done")
    for stem in ("vocals", "drums", "bass", "other"):
        expect(page.get_by_role("link", name=f"Save {stem}")).to_be_visible()
    page.get_by_role("button", name="Play").click()
    position = page.get_by_role("slider", name="Position")
    expect(position).to_have_attribute("aria-valuetext", re.compile("^0:01 of 0:03$"))
    if codec == "flac":
        visitor.shoot("06-four-stems")


def test_wma_can_be_saved_and_the_page_says_that_it_cannot_be_heard(
    visitor: Visitor, compose: Compose, tmp_path: Path
) -> None:
    page = visitor.page
    visitor.choose(compose("old.wav", 58))
    page.get_by_role("combobox", name="Format").select_option("wma")
    page.click("#separate")
    card = visitor.card("done")
    page.get_by_role("button", name="Play").click()
    expect(card.get_by_role("alert")).to_have_text(
        "This browser can’t play this format. Save the stems to hear them."
    )
    assert save(page, "Save vocals", tmp_path).name == "old - vocals.wma"


def test_all_options_arrive(visitor: Visitor, compose: Compose) -> None:
    page = visitor.page
    visitor.choose(compose("part.wav", 42, 6.0))
    page.get_by_text("More options").click()
    page.get_by_role("radio", name="Four stems").check()
    page.get_by_role("combobox", name="Resolution").select_option("24")
    for stem in ("bass", "other"):
        page.get_by_label(stem, exact=True).uncheck()
    page.get_by_label("Begin at").fill("1.5")
    page.get_by_label("Length").fill("2")
    for name in ("Better sound", "highs", "left over", "would clip"):
        page.get_by_label(name).check()
    page.get_by_label("zip").uncheck()
    visitor.shoot("03-more-options")
    with page.expect_request("**/jobs") as sent:
        page.click("#separate")
    given: dict[str, Any] = json.loads(sent.value.post_data or "")
    assert len(given.pop("sha256")) == 64
    assert given == {
        "filename": "part.wav",
        "size_bytes": 6 * 44100 * 4 + 44,
        "model": "4stems-16kHz",
        "stems": ["vocals", "drums"],
        "codec": "wav",
        "bit_depth": "24",
        "offset_s": 1.5,
        "duration_s": 2,
        "residual": True,
        "quality": "high",
        "clip": "scale",
        "zip": False,
    }
    visitor.card("done")
    expect(page.get_by_role("link", name="Save residual")).to_be_visible()
    expect(page.get_by_role("link", name="Save all")).to_have_count(0)
    expect(page.get_by_role("slider", name="Position")).to_have_attribute("max", "2")


def test_upload_sends_what_is_signed_and_no_more(visitor: Visitor, compose: Compose) -> None:
    song = compose("signed.wav", 62)
    with visitor.page.expect_request(re.compile("-uploads-")) as sent:
        visitor.separate(song)
    checksum = base64.b64encode(hashlib.sha256(song.read_bytes()).digest()).decode()
    headers = sent.value.all_headers()
    assert sent.value.method == "PUT"
    assert headers["content-length"] == str(song.stat().st_size)
    assert headers["x-amz-checksum-sha256"] == checksum
    assert "content-type" not in headers
    visitor.card("done")


def test_a_known_song_is_ready_at_once(visitor: Visitor, site: Site, compose: Compose) -> None:
    song = compose("again.wav", 43)
    visitor.separate(song)
    visitor.card("done")
    visitor.page.evaluate("localStorage.clear()")
    visitor.reload()
    site.hold("before")  # nothing can be separated now
    uploads = []
    visitor.page.on("request", lambda request: uploads.append("-uploads-" in request.url))
    visitor.separate(song)
    visitor.card("done")
    assert not any(uploads)


def test_several_songs_become_a_list(visitor: Visitor, compose: Compose) -> None:
    page = visitor.page
    hand_over(page, PASTE, compose("One.wav", 44))
    visitor.choose(compose("Two.wav", 45), compose("Three.wav", 46))
    page.get_by_role("button", name="Leave out One.wav").click()
    page.get_by_role("button", name="Separate 2 songs").click()
    for title in ("Two", "Three"):
        visitor.card("done", title)
    expect(page.get_by_role("heading", level=3)).to_have_text(["Two", "Three"])
    expect(page.locator(".deck")).to_have_count(1)
    visitor.shoot("07-several")
    page.get_by_role("button", name="Open").click()
    expect(page.locator(".deck")).to_have_count(1)
