"""A song survives a reload in any state, a lost connection, and a restart of the server."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from browser import Visitor
from local_stack import TOKEN, running
from page_site import Compose, Site
from stemdrop_local.deployment import ROOT
from stemdrop_local.expiry import expire
from stemdrop_local.settings import LocalSettings

UPLOADS = re.compile("-uploads-")
REFUSED = "Failed to load resource: the server responded with a status of"
LOST = "net::ERR_"


def test_reload_before_anything_is_sent(visitor: Visitor, compose: Compose) -> None:
    visitor.choose(compose("early.wav", 70))
    expect(visitor.page.locator("#staged")).to_be_visible()
    visitor.reload()
    expect(visitor.page.locator("#staged")).to_be_hidden()
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)  # the token is kept


def test_reload_in_the_middle_of_an_upload(visitor: Visitor, compose: Compose) -> None:
    visitor.context.route(UPLOADS, lambda _: None)  # it goes on only if somebody says so
    song = compose("middle.wav", 71)
    visitor.separate(song)
    visitor.card("uploading")
    visitor.shoot("04-uploading")
    visitor.reload()
    visitor.context.unroute(UPLOADS)
    card = visitor.card("interrupted", "middle")
    expect(card.locator(".failure")).to_have_text(
        "The upload was interrupted. Choose the same file again to go on."
    )
    visitor.shoot("10-interrupted")
    with visitor.page.expect_file_chooser() as asked:
        card.get_by_role("button", name="Choose middle again").click()
    asked.value.set_files(song)
    visitor.page.click("#separate")
    visitor.card("done", "middle")
    expect(visitor.page.locator(".card")).to_have_count(1)


def test_reload_while_it_waits_is_separated_and_is_done(
    visitor: Visitor, site: Site, compose: Compose
) -> None:
    page = visitor.page
    site.hold("before")
    site.hold("between")
    visitor.separate(compose("patience.wav", 72, 30.0))
    visitor.card("waiting")
    visitor.shoot("04-waiting")
    visitor.reload()
    visitor.card("waiting", "patience")
    site.release("before")
    card = visitor.card("processing", "patience")
    expect(card.locator(".status")).to_have_text(re.compile(r"^Separating, [1-9]\d? %, .* left$"))
    visitor.shoot("04-separating")
    visitor.reload()
    card = visitor.card("processing", "patience")
    expect(card.get_by_role("progressbar")).to_have_attribute("value", re.compile(r"^0\.\d+"))
    site.release("between")
    visitor.card("done", "patience")
    visitor.reload()
    visitor.card("done", "patience")
    page.get_by_role("button", name="Open patience").click()
    page.get_by_role("button", name="Play").click()
    position = page.get_by_role("slider", name="Position")
    expect(position).to_have_attribute("aria-valuetext", re.compile("^0:0[1-9] of 0:30$"))


def test_the_original_is_asked_for_after_a_reload(visitor: Visitor, compose: Compose) -> None:
    song, other = compose("mine.wav", 73), compose("other.wav", 74, 2.0)
    visitor.separate(song)
    visitor.card("done")
    page = visitor.reload()
    page.get_by_role("button", name="Open mine").click()
    picker = page.get_by_label("Choose its file")
    picker.set_input_files(other)
    expect(page.get_by_role("alert").filter(has_text="another file")).to_be_visible()
    picker.set_input_files(song)
    page.get_by_role("button", name="Listen to the original").click()
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_a_lost_connection_while_it_is_separated(
    visitor: Visitor, site: Site, compose: Compose
) -> None:
    visitor.expected = [LOST]
    site.hold("between")
    visitor.separate(compose("tunnel.wav", 75))
    visitor.card("processing")
    visitor.context.set_offline(True)
    trouble = visitor.page.locator(".card > .failure")
    expect(trouble).to_have_text(re.compile("^The connection is gone. Nothing is lost"))
    visitor.shoot("11-offline")
    site.release("between")
    visitor.context.set_offline(False)
    visitor.card("done", "tunnel")
    expect(trouble).to_be_hidden()


def test_a_lost_connection_while_it_is_uploaded(visitor: Visitor, compose: Compose) -> None:
    visitor.expected = [LOST]
    cut: list[str] = []

    def cut_once(route: Route) -> None:
        if cut:
            route.continue_()
        else:
            cut.append(route.request.url)
            route.abort("connectionreset")

    visitor.context.route(UPLOADS, cut_once)
    visitor.separate(compose("cable.wav", 76))
    visitor.card("done", "cable")
    assert cut


def test_urls_that_have_expired_are_signed_anew(visitor: Visitor, compose: Compose) -> None:
    """As S3 answers them: 403."""
    visitor.expected = [REFUSED]
    page = visitor.page
    visitor.separate(compose("fresh.wav", 77))
    visitor.card("done")
    to_refuse = ["the header of the file"]

    def refuse(route: Route) -> None:
        if to_refuse:
            to_refuse.pop()
            headers = {"Access-Control-Allow-Origin": "*"}
            route.fulfill(status=403, body="<Error>Request has expired</Error>", headers=headers)
        else:
            route.continue_()

    visitor.context.route(re.compile("vocals.wav"), refuse)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_role("button", name="Play").click()
    position = page.get_by_role("slider", name="Position")
    expect(position).to_have_attribute("aria-valuetext", re.compile("^0:0[1-9] of 0:03$"))
    to_refuse.append("the look before the download")
    with page.expect_download():
        page.get_by_role("link", name="Save vocals").click()
    assert not to_refuse
    # The job is asked for, to have its URLs signed anew.
    assert sum(bool(re.search(r"/jobs/[0-9a-f]{32}$", url)) for url in asked) == 2


def test_songs_that_have_expired(visitor: Visitor, site: Site, compose: Compose) -> None:
    visitor.expected = [REFUSED]
    visitor.separate(compose("old.wav", 78))
    visitor.card("done")
    expire(site.services.stack, datetime.now(UTC) + timedelta(days=30))
    page = visitor.reload()
    card = visitor.card("gone", "old")
    expect(card.locator(".failure")).to_have_text(
        re.compile("^This song is no longer on the server: songs are deleted after 7 days")
    )
    visitor.shoot("12-expired")
    visitor.reload()
    expect(page.locator("#songs")).to_be_hidden()


def test_expiry_while_it_is_shown(visitor: Visitor, site: Site, compose: Compose) -> None:
    visitor.expected = [REFUSED]
    visitor.separate(compose("shown.wav", 79))
    visitor.card("done")
    expire(site.services.stack, datetime.now(UTC) + timedelta(days=30))
    visitor.page.get_by_role("link", name="Save vocals").click()
    visitor.card("gone", "shown")
    assert visitor.page.url == site.url


@pytest.fixture
def own(settings: LocalSettings, tmp_path: Path) -> LocalSettings:
    """Return settings of a stack of its own."""
    for name in ("data", "drop", "stems"):
        (tmp_path / name).mkdir()
    return replace(
        settings, data=tmp_path / "data", drop=tmp_path / "drop", stems=tmp_path / "stems"
    )


def test_a_restart_of_the_server(browser: Browser, own: LocalSettings, compose: Compose) -> None:
    hold = Path(own.environment["HOLDS"], "before")
    hold.touch()
    with running(own) as (services, _):
        port = services.port
        visitor = Visitor(browser, f"http://localhost:{port}/", ROOT / "out" / "page")
        visitor.expected = [LOST, REFUSED]
        visitor.arrive()
        visitor.separate(compose("restart.wav", 80))
        visitor.card("waiting")
    expect(visitor.page.locator(".card > .failure")).to_have_text(
        re.compile("^The connection is gone")
    )
    hold.unlink()
    with visitor, running(replace(own, port=port, token=TOKEN)):
        visitor.card("done", "restart")
