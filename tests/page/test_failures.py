"""Error messages: what is wrong, then what to do."""

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import Locator, Route, expect

import media
from browser import PageUser
from page_site import Site, SongFactory

HTTP_ERROR = "Failed to load resource: the server responded with a status of"
MALFORMED_MESSAGE = (
    "A token can’t be empty or contain spaces or accented letters. "
    "Paste it exactly as you received it."
)
SILENCE = np.zeros((4410, 2), np.float32)


def silent_video(path: Path) -> Path:
    media.run("-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=5", f"file:{path}")
    return path


def text_file(path: Path) -> Path:
    path.write_bytes(b"This is no song. " * 100)
    return path


def too_long(path: Path) -> Path:
    return media.wav(path, SILENCE, announced_bytes=62 * 60 * 44100 * 8)


def empty_audio(path: Path) -> Path:
    return media.wav(path, SILENCE[:0])


FAILED = {
    "not-audio.mp3": (
        text_file,
        "This file can’t be read as audio. Check that it plays, or export it",
    ),
    "film.mp4": (silent_video, "This video has no audio. Choose a file"),
    "hours.wav": (
        too_long,
        "This song is longer than the limit of 60 minutes. Choose the file",
    ),
    "nothing.wav": (empty_audio, "The file has no sound in it"),
}


def test_unusable_songs_fail_with_a_message_that_survives_a_reload(
    user: PageUser, tmp_path: Path
) -> None:
    def require_messages() -> None:
        for name, (_, message) in FAILED.items():
            card = user.card("failed", Path(name).stem)
            expect(card.locator(".error")).to_have_text(re.compile(f"^{re.escape(message)}"))

    user.separate(*(make(tmp_path / name) for name, (make, _) in FAILED.items()))
    require_messages()
    announced = "|".join(re.escape(message) for _, message in FAILED.values())
    expect(user.page.locator("#live-region")).to_have_text(re.compile(announced))
    user.screenshot("13-failed")
    user.reload()
    require_messages()
    for name in FAILED:
        user.page.get_by_role("button", name=f"Remove {Path(name).stem}").click()
    expect(user.page.locator("#songs")).to_be_hidden()


def test_failed_song_can_be_separated_with_other_options(
    user: PageUser, make_song: SongFactory
) -> None:
    page = user.page
    user.choose(make_song("short.wav", 90))
    page.get_by_text("More options").click()
    page.get_by_label("Start, in seconds").fill("100")
    page.click("#separate")
    card = user.card("failed")
    message = "No sound is left: the song ends before 100 s."
    expect(card.locator(".error")).to_have_text(message)
    card.get_by_role("button", name="Choose short again").click()
    expect(page.get_by_label("Start, in seconds")).to_have_value("100")
    page.get_by_label("Start, in seconds").fill("")
    page.click("#separate")
    user.card("done", "short")


def test_invalid_files_are_rejected_before_the_upload(user: PageUser, tmp_path: Path) -> None:
    page = user.page
    letter, empty, large = (tmp_path / name for name in ("letter.pdf", "empty.mp3", "large.wav"))
    letter.write_bytes(b"%PDF")
    empty.touch()
    with large.open("wb") as file:
        file.truncate(300_000_001)
    user.choose(letter, empty, large)
    alert = page.locator("#file-errors")
    expect(alert).to_contain_text("“letter.pdf” isn’t an audio or video file. Choose a song")
    expect(alert).to_contain_text("“empty.mp3” is empty. Choose another file.")
    expect(alert).to_contain_text("“large.wav” is larger than the limit of 300 MB. Save it as")
    expect(page.locator("#options-form")).to_be_hidden()
    user.screenshot("14-refused")


def test_wrong_token_is_rejected_and_a_valid_one_stays_in_its_tab(
    signed_out_user: PageUser,
) -> None:
    user = signed_out_user
    user.expected = [HTTP_ERROR]
    page = user.page
    page.goto(user.url)
    dialog = page.get_by_role("dialog", name="Enter your access token")
    expect(dialog).to_be_visible()
    user.screenshot("00-token")
    token = page.get_by_role("textbox", name="Access token")
    for wrong, message in {
        "": MALFORMED_MESSAGE,
        "ein töken": MALFORMED_MESSAGE,
        "not-the-token": "This token isn’t valid. Paste the token that you were given.",
    }.items():
        token.fill(wrong)
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("alert")).to_have_text(message)
    user.screenshot("15-wrong-token")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    user.enter_token()
    assert page.evaluate("Object.keys(sessionStorage)") == ["stemdrop.token"]
    assert page.url == user.url
    page.close()
    other = user.open()
    other.goto(user.url)
    expect(other.get_by_role("dialog", name="Enter your access token")).to_be_visible()


def test_busy_server_is_retried(user: PageUser, make_song: SongFactory) -> None:
    user.expected = [HTTP_ERROR]
    statuses = [429, 503]
    keys: list[str] = []

    def respond_busy(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if statuses:
            route.fulfill(status=statuses.pop(), json={"message": "Too Many Requests"})
        else:
            route.continue_()

    user.context.route(re.compile("/jobs$"), respond_busy)
    user.separate(make_song("busy.wav", 95))
    failure = user.page.locator(".card > .error")
    expect(failure).to_have_text("The server is busy. The page retries automatically.")
    user.card("done")
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_internal_error_fails_the_song(user: PageUser, make_song: SongFactory) -> None:
    user.expected = [HTTP_ERROR]
    problem = {"code": "internal_error", "status": 500}
    user.context.route(re.compile("/jobs$"), lambda route: route.fulfill(status=500, json=problem))
    user.separate(make_song("mistake.wav", 91))
    failure = user.card("failed").locator(".error")
    expect(failure).to_have_text(re.compile("^Something went wrong on the server. Try again"))


def test_file_deleted_after_choosing_fails_the_song(user: PageUser, make_song: SongFactory) -> None:
    user.expected = ["net::ERR_UPLOAD_FILE_CHANGED"]
    song = make_song("moving.wav", 92)
    user.choose(song)
    user.page.get_by_text("More options").click()
    song.unlink()
    user.page.click("#separate")
    expect(user.card("failed").locator(".error")).to_have_text(
        re.compile("^The file can’t be read anymore")
    )


def test_delete_leaves_no_object(user: PageUser, site: Site, make_song: SongFactory) -> None:
    page, stack = user.page, site.services.stack
    user.separate(make_song("secret.wav", 93))
    user.card("done")
    job = page.evaluate("JSON.parse(localStorage['stemdrop.songs'])[0].id")

    def remaining_keys() -> list[str]:
        return [
            entry["Key"]
            for bucket in (stack.uploads_bucket, stack.stems_bucket)
            for entry in stack.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
            if job in entry["Key"]
        ]

    assert len(remaining_keys()) == 7
    page.get_by_role("button", name="Delete secret").click()
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator("#file-input")).to_be_focused()
    assert len(remaining_keys()) == 7
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        page.get_by_role("button", name="Delete now").click()
    assert remaining_keys() == []
    user.reload()
    expect(page.locator("#songs")).to_be_hidden()


def test_cancel_during_the_upload_deletes_the_job(user: PageUser, make_song: SongFactory) -> None:
    user.context.route(re.compile("-uploads-"), lambda _: None)
    methods: list[str] = []
    user.page.on("request", lambda request: methods.append(request.method))
    user.separate(make_song("stop.wav", 94))
    user.card("uploading").get_by_role("button", name="Cancel stop").click()
    expect(user.page.locator(".card")).to_have_count(0)
    user.page.evaluate("fetch('/healthz').then((response) => response.status)")
    assert methods.count("DELETE") == 1
    assert user.page.evaluate("localStorage['stemdrop.songs']") == "[]"


def test_canceled_upload_moves_the_focus_only_if_it_is_lost(
    user: PageUser, make_song: SongFactory
) -> None:
    page = user.page
    user.context.route(re.compile("-uploads-"), lambda _: None)
    deletions: list[Route] = []

    def hold(route: Route) -> None:
        deletions.append(route)

    page.route(re.compile("/jobs/[0-9a-f]{32}$"), hold)

    def cancel_with_focus_on(element: Locator | None) -> None:
        user.separate(make_song("stop.wav", 98))
        cancel = user.card("uploading").get_by_role("button", name="Cancel stop")
        with page.expect_request(lambda sent: sent.method == "DELETE"):
            cancel.click()
        expect(cancel).to_be_disabled()
        if element:
            element.focus()
        deletions.pop().continue_()
        expect(page.locator(".card")).to_have_count(0)
        expect(element or page.locator("#file-input")).to_be_focused()

    cancel_with_focus_on(page.locator("#other-songs"))
    cancel_with_focus_on(None)


def test_canceled_or_invalid_choice_of_a_file_keeps_the_song_and_its_options(
    user: PageUser, make_song: SongFactory, tmp_path: Path
) -> None:
    page = user.page
    user.choose(make_song("late.wav", 96))
    page.get_by_text("More options").click()
    page.get_by_label("Start, in seconds").fill("100")
    page.click("#separate")
    user.card("failed")
    user.reload()  # the page has no file anymore
    again = user.card("failed").get_by_role("button", name="Choose late again")
    again.click()
    page.dispatch_event("#file-input", "cancel")
    expect(page.locator(".card")).to_have_count(1)
    again.click()
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF")
    user.choose(letter)
    expect(page.locator("#file-errors")).to_contain_text("“letter.pdf” isn’t an audio")
    expect(page.locator(".card")).to_have_count(1)
    user.choose(make_song("other.wav", 97))
    expect(page.get_by_label("Start, in seconds")).to_have_value("")
    expect(page.locator(".card")).to_have_count(1)
