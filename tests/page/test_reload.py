"""Songs after a reload, a lost connection, an expiry and a restart of the server."""

import re
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request, Route, expect

from browser import PageUser, new_context
from local_stack import TOKEN, run_stack
from page_site import Site, SongFactory
from stemdrop_local.deployment import ROOT
from stemdrop_local.expiry import expire
from stemdrop_local.settings import LocalSettings

UPLOADS = re.compile("-uploads-")
STEM = re.compile(r"/(vocals|accompaniment)\.wav\?")
HTTP_ERROR = "Failed to load resource: the server responded with a status of"
NETWORK_ERROR = "net::ERR_"


def test_reload_before_the_upload_discards_the_choice(
    user: PageUser, make_song: SongFactory
) -> None:
    user.choose(make_song("early.wav", 70))
    expect(user.page.locator("#options-form")).to_be_visible()
    user.reload()
    expect(user.page.locator("#options-form")).to_be_hidden()
    expect(user.page.get_by_role("dialog")).to_have_count(0)  # the token is still stored


def test_reload_during_the_upload_interrupts_it(user: PageUser, make_song: SongFactory) -> None:
    user.context.route(UPLOADS, lambda _: None)  # the upload hangs
    song = make_song("middle.wav", 71)
    user.separate(song)
    user.card("uploading")
    user.screenshot("04-uploading")
    user.reload()
    user.context.unroute(UPLOADS)
    card = user.card("interrupted", "middle")
    expect(card.locator(".error")).to_have_text(
        "The upload was interrupted. Choose the same file again to continue."
    )
    user.screenshot("10-interrupted")
    with user.page.expect_file_chooser() as chooser:
        card.get_by_role("button", name="Choose middle again").click()
    chooser.value.set_files(song)
    user.page.click("#separate")
    user.card("done", "middle")
    expect(user.page.locator(".card")).to_have_count(1)


def test_reload_after_the_upload_keeps_the_song(
    user: PageUser, site: Site, make_song: SongFactory
) -> None:
    page = user.page
    site.pause("before")
    site.pause("between")
    user.separate(make_song("patience.wav", 72, 14.0))
    user.card("waiting")
    user.screenshot("04-waiting")
    user.reload()
    user.card("waiting", "patience")
    site.resume("before")
    card = user.card("processing", "patience")
    expect(card.locator(".status")).to_have_text(re.compile(r"^Separating, [1-9]\d?%"))
    user.screenshot("04-separating")
    user.reload()
    card = user.card("processing", "patience")
    expect(card.get_by_role("progressbar")).to_have_attribute("value", re.compile(r"^0\.\d+"))
    site.resume("between")
    user.card("done", "patience")
    user.reload()
    user.card("done", "patience")
    page.get_by_role("button", name="Open patience").click()
    page.get_by_role("button", name="Play").click()
    position = page.get_by_role("slider", name="Position")
    expect(position).to_have_attribute("aria-valuetext", re.compile("^0:0[1-9] of 0:14$"))


def test_original_after_a_reload_is_chosen_again(user: PageUser, make_song: SongFactory) -> None:
    song, other = make_song("mine.wav", 73), make_song("other.wav", 74, 2.0)
    user.separate(song)
    user.card("done")
    page = user.reload()
    page.get_by_role("button", name="Open mine").click()
    picker = page.get_by_label("Choose the file")
    picker.set_input_files(other)
    expect(page.get_by_role("alert").filter(has_text="different file")).to_be_visible()
    picker.set_input_files(song)
    page.get_by_role("button", name="Listen to the original").click()
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_connection_lost_during_the_separation_is_retried(
    user: PageUser, site: Site, make_song: SongFactory
) -> None:
    user.expected = [NETWORK_ERROR]
    site.pause("between")
    user.separate(make_song("tunnel.wav", 75))
    user.card("processing")
    user.context.set_offline(True)
    error = user.page.locator(".card > .error")
    expect(error).to_have_text(re.compile("^The connection is lost. Nothing else is"))
    user.screenshot("11-offline")
    site.resume("between")
    user.context.set_offline(False)
    user.card("done", "tunnel")
    expect(error).to_be_hidden()


def test_connection_lost_during_the_upload_is_retried(
    user: PageUser, make_song: SongFactory
) -> None:
    user.expected = [NETWORK_ERROR]
    failed: list[str] = []

    def fail_once(route: Route) -> None:
        if failed:
            route.continue_()
        else:
            failed.append(route.request.url)
            route.abort("connectionreset")

    user.context.route(UPLOADS, fail_once)
    user.separate(make_song("cable.wav", 76))
    user.card("done", "cable")
    assert failed


def test_expired_urls_are_replaced(user: PageUser, make_song: SongFactory) -> None:
    """S3 responds with 403 to an expired presigned URL."""
    user.expected = [HTTP_ERROR]
    page = user.page
    user.separate(make_song("fresh.wav", 77))
    user.card("done")
    to_reject = ["the header of the file"]

    def reject(route: Route) -> None:
        if to_reject:
            to_reject.pop()
            headers = {"Access-Control-Allow-Origin": "*"}
            route.fulfill(status=403, body="<Error>Request has expired</Error>", headers=headers)
        else:
            route.continue_()

    user.context.route(re.compile("vocals.wav"), reject)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.get_by_role("button", name="Play").click()
    position = page.get_by_role("slider", name="Position")
    expect(position).to_have_attribute("aria-valuetext", re.compile("^0:0[1-9] of 0:03$"))
    to_reject.append("the check before the download")
    with page.expect_download():
        page.get_by_role("link", name="Save vocals").click()
    assert not to_reject
    # Each time, the job is fetched with new URLs.
    assert sum(bool(re.search(r"/jobs/[0-9a-f]{32}$", url)) for url in requests) == 2


def load(user: PageUser, song: Path) -> None:
    """Separate a song, and wait until its card loads nothing else before a click.

    The last are the header and the samples of both stems. Without them, the song would be gone
    before the test looks.
    """
    finished = count(1)

    def is_last(request: Request) -> bool:
        return bool(STEM.search(request.url)) and next(finished) == 4

    with user.page.expect_event("requestfinished", is_last):
        user.separate(song)
        user.card("done")


def test_expired_song_is_shown_as_gone_once(
    user: PageUser, site: Site, make_song: SongFactory
) -> None:
    user.expected = [HTTP_ERROR]
    load(user, make_song("old.wav", 78))
    expire(site.services.stack, datetime.now(UTC) + timedelta(days=30))
    page = user.reload()
    card = user.card("gone", "old")
    expect(card.locator(".error")).to_have_text(
        re.compile("^This song is no longer on the server. Songs are deleted after 7 days")
    )
    user.screenshot("12-expired")
    user.reload()
    expect(page.locator("#songs")).to_be_hidden()


def test_song_that_expires_while_open_is_shown_as_gone(
    user: PageUser, site: Site, make_song: SongFactory
) -> None:
    user.expected = [HTTP_ERROR]
    load(user, make_song("shown.wav", 79))
    expire(site.services.stack, datetime.now(UTC) + timedelta(days=30))
    user.page.get_by_role("link", name="Save vocals").click()
    user.card("gone", "shown")
    assert user.page.url == site.url


@pytest.fixture
def own_settings(settings: LocalSettings, tmp_path: Path) -> LocalSettings:
    """Return the settings of a separate stack."""
    for name in ("data", "drop", "stems"):
        (tmp_path / name).mkdir()
    return replace(
        settings, data=tmp_path / "data", drop=tmp_path / "drop", stems=tmp_path / "stems"
    )


def test_separation_continues_after_a_restart_of_the_server(
    browser: Browser, own_settings: LocalSettings, make_song: SongFactory
) -> None:
    pause = Path(own_settings.environment["PAUSES"], "before")
    pause.touch()
    context = new_context(browser)
    with run_stack(own_settings) as (services, _):
        port = services.port
        user = PageUser(context, f"http://localhost:{port}/", ROOT / "out" / "page")
        user.expected = [NETWORK_ERROR, HTTP_ERROR]
        user.sign_in()
        user.separate(make_song("restart.wav", 80))
        user.card("waiting")
    expect(user.page.locator(".card > .error")).to_have_text(re.compile("^The connection is lost"))
    pause.unlink()
    with closing(context), user, run_stack(replace(own_settings, port=port, token=TOKEN)):
        user.card("done", "restart")
