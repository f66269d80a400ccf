"""The library: many songs, their order, selection and deletion, and whole folders."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, ViewportSize, expect

import media
from accessibility import require_accessible, require_fitting
from browser import PageUser
from local_stack import TOKEN
from page_site import Site, SongFactory
from stemdrop_api.web_page import version

LAPTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
STORE = "(songs) => { localStorage['stemdrop.songs'] = JSON.stringify(songs); }"
# Whether the browser has no deletion left to complete; it waits for that.
IS_GONE = """
async ([path, token]) => {
  const headers = { Authorization: `Bearer ${token}` };
  for (let round = 0; round < 200; round += 1) {
    if ((await fetch(path, { headers })).status === 404) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
"""
COMPLETED = """
async () => {
  const isLeft = () => localStorage["stemdrop.songs"].includes("deleted");
  for (let round = 0; isLeft() && round < 200; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return !isLeft();
}
"""
MUSIC = {
    "Río.wav": {"tempo_bpm": 127.6, "key": "A minor", "camelot": "8A", "loudness_lufs": -9.0},
    "Bay 10.wav": {"tempo_bpm": 92.4, "key": "Bb major", "camelot": "6B", "loudness_lufs": -9.0},
    "Bay 9.wav": {"tempo_bpm": None, "key": None, "camelot": None, "loudness_lufs": None},
}
ORDER = """
async ({ module, music, queries }) => {
  const { matches, ORDERS } = await import(module);
  const songs = Object.entries(music).map(([name, music], index) => ({
    name, folder: index ? "Coast" : "", added_ms: index,
    job: { music, stems: [{ duration_s: 30 - index }] } }));
  const names = (list) => list.map(({ name }) => name);
  return {
    orders: Object.fromEntries(
      Object.entries(ORDERS).map(([order, compare]) => [order, names([...songs].sort(compare))])),
    found: queries.map((query) => names(songs.filter((song) => matches(song, query)))),
  };
}
"""
QUEUE = """
async (module) => {
  const { TaskQueue } = await import(module);
  const queue = new TaskQueue(2);
  const { signal } = new AbortController();
  const log = [];
  let running = 0;
  const task = (name) => async () => {
    log.push(`${name} with ${++running}`);
    await new Promise((resolve) => setTimeout(resolve));
    running -= 1;
    if (name === "b") throw new Error("failed");
  };
  await Promise.allSettled([..."abcd"].map((name) => queue.run(task(name), signal)));
  return log;
}
"""


@pytest.fixture
def fill(user: PageUser, site: Site, make_song: SongFactory) -> Callable[..., list[str]]:
    """Return a function that adds copies of one separated song to the user's library."""

    def fill(names: list[str]) -> list[str]:
        # Songs with a title share their stems, whatever their file names are.
        song = make_song("wav.wav", 300).with_name("first.mp3")
        media.run("-i", f"file:{song.with_name('wav.wav')}", "-metadata", "title=A", f"file:{song}")
        user.separate(song)
        user.card("done", "first")
        content = song.read_bytes()
        given = {
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "zip": True,
        }
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=site.url, headers=headers, timeout=60) as client:
            answers = [client.post("jobs", json=given | {"filename": name}) for name in names]
        jobs = [answer.json() for answer in answers]
        assert {job["status"] for job in jobs} == {"done"}
        stored = [{"id": job["id"], "name": job["filename"]} for job in jobs]
        songs = [song | {"added_ms": 1000 - at} for at, song in enumerate(stored)]
        user.page.evaluate(STORE, songs)
        user.reload()
        expect(user.page.locator(".card[data-state=done]")).to_have_count(len(names))
        return [job["id"] for job in jobs]

    return fill


def titles(page: Page) -> list[str]:
    return page.locator(".card:visible h3").all_inner_texts()


def remaining(site: Site, ids: list[str]) -> set[str]:
    """Return the jobs of which a bucket still has an object."""
    stack = site.services.stack
    keys = [
        entry["Key"]
        for bucket in (stack.uploads_bucket, stack.stems_bucket)
        for page in stack.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for entry in page.get("Contents", [])
    ]
    return {job for job in ids if any(job in key for key in keys)}


def test_twenty_five_songs_fit_on_a_laptop(user: PageUser, fill: Callable[..., list[str]]) -> None:
    page = user.page
    page.set_viewport_size(LAPTOP)
    fill([f"Song number {at} with a name of a usual length.wav" for at in range(1, 26)])
    user.screenshot("30-library")
    bottom = page.locator(".card").last.evaluate("(card) => card.getBoundingClientRect().bottom")
    assert bottom <= LAPTOP["height"]
    require_accessible(page)
    require_fitting(page)
    page.set_viewport_size(PHONE)
    user.screenshot("31-library-phone")
    heights = page.locator(".card").evaluate_all("(all) => all.map((card) => card.offsetHeight)")
    assert min(heights) >= 44
    require_accessible(page)
    require_fitting(page)


def test_songs_are_searched_sorted_and_selected(
    user: PageUser, fill: Callable[..., list[str]]
) -> None:
    page = user.page
    fill(["Río.wav", "Bay 10.wav", "Bay 9.wav", "Cape.wav"])
    assert titles(page) == ["Río", "Bay 10", "Bay 9", "Cape"]
    page.get_by_label("Sort by").select_option("name")
    assert titles(page) == ["Bay 9", "Bay 10", "Cape", "Río"]
    page.get_by_label("Select Bay 9").check()
    page.get_by_label("Select Cape").click(modifiers=["Shift"])
    expect(page.locator("#selected-count")).to_have_text("3 songs selected")
    user.screenshot("32-selected")
    require_accessible(page)
    search = page.get_by_label("Search songs")
    search.fill("bay")
    assert titles(page) == ["Bay 9", "Bay 10"]
    expect(page.locator("#song-count")).to_have_text("2 of 4")
    expect(page.get_by_label("Select all songs")).to_be_checked()
    search.fill("nothing like it")
    expect(page.locator("#no-matches")).to_be_visible()
    user.screenshot("33-no-matches")
    search.press("Escape")
    expect(page.locator("#song-count")).to_have_text("4")
    page.get_by_label("Select all songs").check()
    page.get_by_label("Select Río").uncheck()
    page.get_by_label("Select Bay 9").uncheck()
    names: list[str] = []
    page.on("download", lambda download: names.append(download.suggested_filename))
    page.locator("#save-selected").click()
    expect(page.locator("#library-note")).to_have_text("2 files saved, or still on the way.")
    assert sorted(names) == ["Bay 10 - stems.zip", "Cape - stems.zip"]


def test_songs_are_saved_once_at_a_time(user: PageUser, fill: Callable[..., list[str]]) -> None:
    page = user.page
    fill(["One.wav", "Two.wav"])
    names: list[str] = []
    page.on("download", lambda download: names.append(download.suggested_filename))
    checks: list[Route] = []

    def hold(route: Route) -> None:
        checks.append(route)

    page.route(re.compile("stems.zip"), hold)
    page.get_by_label("Select One").check()
    save = page.locator("#save-selected")
    with page.expect_request(re.compile("stems.zip")):
        save.press("Enter")
    page.get_by_label("Select Two").check()  # which shows the selection again
    save.press("Enter")
    expect(save).to_have_attribute("aria-disabled", "true")
    expect(save).to_be_focused()
    require_accessible(page)
    for check in checks:
        check.continue_()
    page.unroute_all()
    expect(page.locator("#library-note")).to_have_text("1 file saved, or still on the way.")
    expect(save).to_have_attribute("aria-disabled", "false")
    save.press("Enter")
    expect(page.locator("#library-note")).to_have_text("2 files saved, or still on the way.")
    assert sorted(names) == ["One - stems.zip", "One - stems.zip", "Two - stems.zip"]


def test_second_click_on_a_link_downloads_nothing_while_its_file_is_checked(
    user: PageUser, fill: Callable[..., list[str]]
) -> None:
    page = user.page
    fill(["One.wav"])
    page.get_by_role("button", name="Open One").click()
    checks: list[Route] = []

    def hold_check(route: Route) -> None:
        if "range" in route.request.headers:
            checks.append(route)
        else:
            route.continue_()

    page.route(re.compile("stems.zip"), hold_check)
    link = page.get_by_role("link", name="Save all")
    with page.expect_request(re.compile("stems.zip")):
        link.click()
    link.click()
    page.evaluate("fetch('/healthz').then((response) => response.status)")
    assert len(checks) == 1
    with page.expect_download():
        checks.pop().continue_()
    page.unroute_all()
    with page.expect_download() as download:
        link.click()
    assert download.value.suggested_filename == "One - stems.zip"


def test_deletion_is_undone_or_completed(
    user: PageUser, site: Site, fill: Callable[..., list[str]]
) -> None:
    user.expected = ["status of 404"]  # of a deletion that the page before had completed
    page = user.page
    page.clock.install()
    ids = fill(["One.wav", "Two.wav", "Three.wav"])
    methods: list[str] = []
    page.on("request", lambda sent: methods.append(sent.method))
    page.get_by_label("Select One").check()
    page.get_by_label("Select Two").click(modifiers=["Shift"])
    page.locator("#delete-selected").click()
    notice = page.locator("#deletion-notice")
    expect(notice).to_contain_text("2 songs deleted.")
    expect(page.locator("#live-region")).to_have_text(re.compile("^2 songs deleted. To undo"))
    expect(page.get_by_role("heading", name="Three")).to_be_focused()
    user.screenshot("34-deleted")
    require_accessible(page)
    notice.get_by_role("button", name="Undo").click()
    assert titles(page) == ["One", "Two", "Three"]
    page.get_by_role("button", name="Delete Two").click()
    page.keyboard.press("Control+z")
    assert titles(page) == ["One", "Two", "Three"]
    assert "DELETE" not in methods
    assert remaining(site, ids) == set(ids)

    with page.expect_response(lambda response: response.request.method == "DELETE"):
        page.get_by_role("button", name="Delete One").click()
        notice.get_by_role("button", name="Delete now").click()
    expect(notice).to_be_hidden()
    assert remaining(site, ids) == set(ids[1:])
    page.get_by_role("button", name="Delete Two").click()
    user.reload()
    assert titles(page) == ["Three"]
    with page.expect_request(lambda sent: sent.method == "DELETE"):
        page.clock.fast_forward(61_000)
    assert page.evaluate(COMPLETED)
    assert remaining(site, ids) == {ids[2]}


def open_second_tab(user: PageUser) -> Page:
    user.page.evaluate("(token) => { localStorage['stemdrop.token'] = token; }", TOKEN)
    tab = user.open()
    tab.goto(user.url)
    tab.wait_for_selector("html[data-ready]")
    return tab


def test_second_tab_leaves_a_deletion_to_the_tab_that_can_undo_it(
    user: PageUser, site: Site, fill: Callable[..., list[str]]
) -> None:
    page = user.page
    page.clock.install()
    ids = fill(["Kept.wav", "Other.wav"])
    methods: list[str] = []
    user.context.on("request", lambda sent: methods.append(sent.method))
    page.get_by_role("button", name="Delete Kept").click()
    page.locator("#undo").focus()  # which keeps the notice
    tab = open_second_tab(user)
    assert titles(tab) == ["Other"]
    page.clock.fast_forward(30_000)
    page.locator("#undo").press("Enter")
    expect(page.locator("#live-region")).to_have_text("1 song restored.")
    page.clock.fast_forward(61_000)
    tab.reload()
    tab.wait_for_selector("html[data-ready]")
    assert titles(tab) == titles(page) == ["Kept", "Other"]
    assert "DELETE" not in methods
    assert remaining(site, ids) == set(ids)


def test_undo_after_a_deletion_in_another_tab_says_that_the_song_is_gone(
    user: PageUser, site: Site, fill: Callable[..., list[str]]
) -> None:
    page = user.page
    page.clock.install()
    ids = fill(["Late.wav", "Other.wav"])
    page.get_by_role("button", name="Delete Late").click()
    page.locator("#undo").focus()  # which keeps the notice
    tab = open_second_tab(user)
    page.clock.fast_forward(61_000)
    assert tab.evaluate(COMPLETED)
    assert remaining(site, ids) == {ids[1]}
    page.locator("#undo").press("Enter")
    expect(page.locator("#live-region")).to_have_text("1 song could not be restored.")
    error = user.card("gone", "Late").locator(".error")
    expect(error).to_have_text(re.compile("^This song is no longer on the server."))


def test_signing_out_completes_a_deletion(
    user: PageUser, site: Site, fill: Callable[..., list[str]]
) -> None:
    user.expected = ["status of 404"]  # of the job that is gone
    page = user.page
    ids = fill(["Left.wav", "Kept.wav"])
    page.get_by_role("button", name="Delete Left").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("textbox", name="Access token")).to_be_visible()
    # Playwright doesn't show requests of a page that is left.
    assert page.evaluate(IS_GONE, [f"jobs/{ids[0]}", TOKEN])
    assert remaining(site, ids) == {ids[1]}


def test_notice_of_a_deletion_goes_after_ten_seconds(
    user: PageUser, fill: Callable[..., list[str]]
) -> None:
    page = user.page
    page.clock.install()
    fill(["Clock.wav", "Other.wav", "Third.wav"])
    page.get_by_role("button", name="Delete Clock").click()
    page.locator("#undo").focus()
    page.clock.fast_forward(60_000)
    expect(page.locator("#deletion-notice")).to_be_visible()  # there is time to reach the button
    page.locator("#search").focus()
    with page.expect_request(lambda sent: sent.method == "DELETE"):
        page.clock.fast_forward(11_000)
    expect(page.locator("#deletion-notice")).to_be_hidden()


def test_failed_deletion_shows_the_song_again(
    user: PageUser, site: Site, fill: Callable[..., list[str]]
) -> None:
    user.expected = ["Failed to load resource"]
    page = user.page
    ids = fill(["Stays.wav", "Other.wav"])
    error = page.locator(".card", has_text="Stays").locator(".error")

    def fail_deletion(respond: Callable[[Route], None], message: str) -> None:
        page.route(
            re.compile("/jobs/[0-9a-f]{32}$"),
            lambda route: respond(route) if route.request.method == "DELETE" else route.continue_(),
        )
        page.get_by_role("button", name="Delete Stays").click()
        page.get_by_role("button", name="Delete now").click()
        expect(error).to_have_text(f"The song was not deleted. {message}")
        assert remaining(site, ids) == set(ids)
        page.unroute_all()

    fail_deletion(
        lambda route: route.fulfill(status=500, json={"code": "internal_error", "status": 500}),
        "Something went wrong on the server. Try again. If it keeps happening, contact whoever "
        "runs this site.",
    )
    fail_deletion(
        lambda route: route.fulfill(status=503, json={}),
        "The server is busy. Try again in a moment.",
    )
    fail_deletion(Route.abort, "The connection is lost. Try again when you are online.")
    user.reload()
    expect(page.get_by_role("heading", name="Stays")).to_be_visible()


def test_songs_of_other_devices_are_added_on_request(
    user: PageUser, fill: Callable[..., list[str]]
) -> None:
    page = user.page
    fill(["Elsewhere.wav", "Here.wav"])
    page.evaluate("localStorage.clear()")
    user.reload()
    expect(page.locator("#songs")).to_be_hidden()
    page.get_by_role("button", name="Show songs from other devices").click()
    expect(page.get_by_role("heading", name="Elsewhere")).to_be_visible()
    expect(page.locator("#other-songs-status")).to_have_text(re.compile("more songs found"))
    page.get_by_role("button", name="Show songs from other devices").click()
    expect(page.locator("#other-songs-status")).to_have_text("There are no other songs.")


@pytest.fixture
def album(tmp_path: Path, make_song: SongFactory) -> Path:
    """Return a folder with songs of equal names, and files that are none."""
    song = make_song("song.wav", 301).read_bytes()
    folder = tmp_path / "Album"
    for name in ("CD 2/01.wav", "CD 1/02.wav", "CD 1/01.wav", "cover.jpg", ".DS_Store", "._01.wav"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(song if name.startswith("CD") else b"none")
    return folder


def choose_folder(page: Page, folder: Path) -> None:
    page.set_input_files("#folder-input", folder)


def drop_folder(page: Page, folder: Path) -> None:
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})


@pytest.mark.parametrize("give", [choose_folder, drop_folder])
def test_folder_gives_its_songs_in_order(
    user: PageUser, album: Path, give: Callable[[Page, Path], None]
) -> None:
    page = user.page
    give(page, album)
    rows = page.locator("#pending-uploads .name")
    expect(rows).to_have_text(["01.wavAlbum/CD 1", "02.wavAlbum/CD 1", "01.wavAlbum/CD 2"])
    expect(page.locator("#skipped-files")).to_have_text("1 other file skipped: not audio or video.")
    user.screenshot("35-folder")
    with page.expect_request(lambda sent: sent.url.endswith("/jobs")) as sent:
        page.click("#separate")
    assert json.loads(sent.value.post_data or "")["filename"] == "01.wav"
    expect(page.locator(".card[data-state=done]")).to_have_count(3)
    expect(page.locator(".card .folder")).to_have_text(["Album/CD 1", "Album/CD 1", "Album/CD 2"])
    user.reload()
    expect(page.locator(".card .folder")).to_have_text(["Album/CD 1", "Album/CD 1", "Album/CD 2"])


def test_quality_shows_the_time_and_the_price_of_the_server(
    user: PageUser, site: Site, make_song: SongFactory
) -> None:
    page = user.page
    headers = {"Authorization": f"Bearer {TOKEN}"}
    offered = httpx.get(f"{site.url}options", headers=headers, timeout=60).json()
    rows = {(row["model"], row["quality"]): row for row in offered["estimates"]}

    def require_estimates(model: str) -> None:
        for quality, card in {"spleeter": "Spleeter", "high": "Better"}.items():
            row = rows[model, quality]
            cents = float(f"{300 * row['usd_per_audio_minute']:.2g}")
            seconds = round(3 * row["seconds_per_audio_minute"])
            text = page.locator("#qualities label", has_text=card).first.inner_text()
            assert f"About {seconds} seconds and {cents:g} cents for a song of 3 minutes" in text

    user.choose(make_song("quality.wav", 302))
    require_estimates("2stems")
    page.get_by_role("radio", name="Four stems").check()
    require_estimates("4stems")
    user.screenshot("36-quality")
    page.get_by_text("More options").click()
    page.get_by_label("high frequencies").check()
    with page.expect_request(lambda sent: sent.url.endswith("/jobs")) as sent:
        page.click("#separate")
    request: dict[str, Any] = json.loads(sent.value.post_data or "")
    assert (request["model"], request["quality"]) == ("4stems-16kHz", "spleeter")


def test_background_page_counts_finished_songs_and_notifies(
    user: PageUser, site: Site, make_song: SongFactory
) -> None:
    page = user.page
    user.context.grant_permissions(["notifications"], origin=site.url.rstrip("/"))
    page.evaluate(
        """() => {
          globalThis.notices = [];
          globalThis.Notification = class extends EventTarget {
            static permission = "default";
            static requestPermission = async () => (Notification.permission = "granted");
            constructor(title) { super(); notices.push(title); }
            close() {}
          };
          Object.defineProperty(document, "hidden", { get: () => globalThis.away ?? false });
          document.hasFocus = () => !globalThis.away;
        }"""
    )
    set_away = """(away) => {
      globalThis.away = away;
      document.dispatchEvent(new Event("visibilitychange"));
    }"""
    site.pause("before")
    user.separate(make_song("Later.wav", 303))
    user.card("waiting")
    checkbox = page.get_by_label("Notify me when songs are ready")
    expect(checkbox).to_be_hidden()
    page.evaluate(set_away, True)
    page.evaluate(set_away, False)
    checkbox.check()
    page.evaluate(set_away, True)
    site.resume("before")
    expect(page).to_have_title("(1) stemdrop")
    assert page.evaluate("notices") == ["“Later” is ready"]
    page.evaluate(set_away, False)
    expect(page).to_have_title("stemdrop")


def test_songs_are_ordered_and_found_by_name_tempo_and_key(module_page: Page) -> None:
    queries = {
        "rio": ["Río.wav"],
        "coast 10": ["Bay 10.wav"],
        "128": ["Río.wav"],
        "92 bpm": ["Bay 10.wav"],
        "9": ["Bay 9.wav"],
        "A minor": ["Río.wav"],
        "b♭ major": ["Bay 10.wav"],
        "8a": ["Río.wav"],
        "": list(MUSIC),
    }
    given = {"module": module("song-order.js"), "music": MUSIC, "queries": list(queries)}
    found = module_page.evaluate(ORDER, given)
    assert found["found"] == list(queries.values())
    rio, bay_10, bay_9 = MUSIC
    assert found["orders"] == {
        "newest": [bay_9, bay_10, rio],
        "name": [bay_9, bay_10, rio],
        "tempo": [bay_10, rio, bay_9],
        "key": [bay_10, rio, bay_9],
        "duration": [bay_9, bay_10, rio],
    }


def test_queue_runs_a_few_tasks_at_a_time_in_order(module_page: Page) -> None:
    log = module_page.evaluate(QUEUE, module("task-queue.js"))
    assert log == ["a with 1", "b with 2", "c with 2", "d with 2"]


def module(name: str) -> str:
    return f"/page/{version()}/{name}"
