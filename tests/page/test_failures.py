"""Every failure is a sentence that says what happened and what to do."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Route, expect

import media
from browser import Visitor
from page_site import Compose, Site
from stemdrop_local.deployment import ROOT

REFUSED = "Failed to load resource: the server responded with a status of"
SILENCE = np.zeros((4410, 2), np.float32)


def silent_video(path: Path) -> Path:
    media.run("-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=5", f"file:{path}")
    return path


def text(path: Path) -> Path:
    path.write_bytes(b"This is no song. " * 100)
    return path


def hours(path: Path) -> Path:
    return media.wav(path, SILENCE, announced_bytes=62 * 60 * 44100 * 8)


def nothing(path: Path) -> Path:
    return media.wav(path, SILENCE[:0])


FAILED = {
    "not-audio.mp3": (text, "This file can’t be read as sound. Check that it plays, or export it"),
    "film.mp4": (silent_video, "There is no sound in this video, only pictures. Choose a file"),
    "hours.wav": (
        hours,
        "This song is longer than 60 minutes, which is the limit. Choose the file",
    ),
    "nothing.wav": (nothing, "The file has no sound in it"),
}


@pytest.mark.parametrize("name", FAILED)
def test_a_song_that_cannot_be_separated(visitor: Visitor, tmp_path: Path, name: str) -> None:
    make, sentence = FAILED[name]
    visitor.separate(make(tmp_path / name))
    card = visitor.card("failed")
    expect(card.locator(".failure")).to_have_text(re.compile(f"^{re.escape(sentence)}"))
    expect(visitor.page.locator("#live")).to_have_text(re.compile(re.escape(sentence)))
    visitor.shoot(f"13-{Path(name).stem}")
    visitor.reload()
    card = visitor.card("failed")
    expect(card.locator(".failure")).to_have_text(re.compile(f"^{re.escape(sentence)}"))
    card.get_by_role("button", name=re.compile("^Remove")).click()
    expect(visitor.page.locator("#songs")).to_be_hidden()


def test_a_failed_song_can_be_tried_again_with_other_choices(
    visitor: Visitor, compose: Compose
) -> None:
    page = visitor.page
    visitor.choose(compose("short.wav", 90))
    page.get_by_text("More options").click()
    page.get_by_label("Begin at").fill("100")
    page.click("#separate")
    card = visitor.card("failed")
    sentence = "No sound is left: the song ends before 100 s."
    expect(card.locator(".failure")).to_have_text(sentence)
    card.get_by_role("button", name="Choose short again").click()
    expect(page.get_by_label("Begin at")).to_have_value("100")
    page.get_by_label("Begin at").fill("")
    page.click("#separate")
    visitor.card("done", "short")


def test_files_that_cannot_be_taken_are_not_sent(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    letter, empty, large = (tmp_path / name for name in ("letter.pdf", "empty.mp3", "large.wav"))
    letter.write_bytes(b"%PDF")
    empty.touch()
    with large.open("wb") as file:
        file.truncate(1_000_000_001)
    visitor.choose(letter, empty, large)
    alert = page.locator("#refusals")
    expect(alert).to_contain_text("“letter.pdf” is neither sound nor video. Choose a song")
    expect(alert).to_contain_text("“empty.mp3” is empty. Choose another file.")
    expect(alert).to_contain_text(
        "“large.wav” has 1000 MB, and at most 1000 MB are taken. Save it as"
    )
    expect(page.locator("#staged")).to_be_hidden()
    visitor.shoot("14-refused")


@pytest.fixture
def stranger(browser: Browser, site: Site) -> Iterator[Visitor]:
    """Return somebody who hasn't been let in yet."""
    pictures = ROOT / "out" / "page"
    with Visitor(browser, site.url, pictures, viewport={"width": 1100, "height": 800}) as visitor:
        visitor.expected = [REFUSED]
        visitor.page.goto(site.url)
        yield visitor


def test_a_wrong_token(stranger: Visitor) -> None:
    page = stranger.page
    dialog = page.get_by_role("dialog", name="Your access token")
    expect(dialog).to_be_visible()
    stranger.shoot("00-token")
    token = page.get_by_role("textbox", name="Access token")
    for wrong, sentence in {
        "": "A token has letters and digits and no spaces. Paste it as you were given it.",
        "ein töken": "A token has letters and digits and no spaces. Paste it as you were given it.",
        "not-the-token": "That token doesn’t let you in. Paste the one that you were given.",
    }.items():
        token.fill(wrong)
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("alert")).to_have_text(sentence)
    stranger.shoot("15-wrong-token")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    stranger.arrive()
    assert page.evaluate("Object.keys(sessionStorage)") == ["stemdrop.token"]
    assert page.url == stranger.url
    page.close()
    other = stranger.open()
    other.goto(stranger.url)
    expect(other.get_by_role("dialog", name="Your access token")).to_be_visible()


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server(visitor: Visitor, compose: Compose, status: int) -> None:
    visitor.expected = [REFUSED]
    answers: list[int] = []

    def be_busy(route: Route) -> None:
        answers.append(status)
        if len(answers) > 2:
            route.continue_()
        else:
            route.fulfill(status=status, json={"message": "Too Many Requests"})

    visitor.context.route(re.compile("/jobs$"), be_busy)
    visitor.separate(compose(f"busy-{status}.wav", status))
    failure = visitor.page.locator(".card > .failure")
    expect(failure).to_have_text("The server is busy. This goes on by itself in a moment.")
    visitor.card("done")


def test_a_mistake_of_the_server(visitor: Visitor, compose: Compose) -> None:
    visitor.expected = [REFUSED]
    problem = {"code": "internal_error", "status": 500}
    visitor.context.route(
        re.compile("/jobs$"), lambda route: route.fulfill(status=500, json=problem)
    )
    visitor.separate(compose("mistake.wav", 91))
    failure = visitor.card("failed").locator(".failure")
    expect(failure).to_have_text(re.compile("^The server made a mistake. Try again"))


def test_a_file_that_was_changed_after_it_was_chosen(visitor: Visitor, compose: Compose) -> None:
    visitor.expected = ["net::ERR_UPLOAD_FILE_CHANGED"]
    song = compose("moving.wav", 92)
    visitor.choose(song)
    visitor.page.get_by_text("More options").click()
    song.unlink()
    visitor.page.click("#separate")
    expect(visitor.card("failed").locator(".failure")).to_have_text(
        re.compile("^The file can’t be read any more")
    )


def test_delete_asks_first_and_leaves_nothing(
    visitor: Visitor, site: Site, compose: Compose
) -> None:
    page, stack = visitor.page, site.services.stack
    visitor.separate(compose("secret.wav", 93))
    visitor.card("done")
    job = page.evaluate("JSON.parse(localStorage['stemdrop.songs'])[0].id")

    def left() -> list[str]:
        return [
            entry["Key"]
            for bucket in (stack.uploads_bucket, stack.stems_bucket)
            for entry in stack.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
            if job in entry["Key"]
        ]

    assert len(left()) == 5
    page.get_by_role("button", name="Delete secret").click()
    visitor.shoot("16-delete")
    page.get_by_role("button", name="Keep").click()
    assert len(left()) == 5
    page.get_by_role("button", name="Delete secret").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("#picker")).to_be_focused()
    assert left() == []
    visitor.reload()
    expect(page.locator("#songs")).to_be_hidden()


def test_cancel_while_it_is_uploaded(visitor: Visitor, compose: Compose) -> None:
    visitor.context.route(re.compile("-uploads-"), lambda _: None)
    methods: list[str] = []
    visitor.page.on("request", lambda request: methods.append(request.method))
    visitor.separate(compose("stop.wav", 94))
    visitor.card("uploading").get_by_role("button", name="Cancel stop").click()
    expect(visitor.page.locator(".card")).to_have_count(0)
    visitor.page.evaluate("fetch('/healthz').then((response) => response.status)")
    assert methods.count("DELETE") == 1
    assert visitor.page.evaluate("localStorage['stemdrop.songs']") == "[]"
