"""Lyrics on the page: lines that follow the song, downloads, karaoke mode, and the option."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Route, ViewportSize, expect

from accessibility import require_accessible, require_fitting
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from browser import STILL, PageUser, new_context
from local_stack import TOKEN
from page_site import Site, SongFactory
from stemdrop.errors import LyricsError, LyricsTooLongError
from stemdrop.keys import Origin, UploadKey
from stemdrop.lyrics import Lyrics, LyricsFormat, LyricsStatus, Transcription, Word
from stemdrop.lyrics_files import write_lyrics
from stemdrop.lyrics_results import LyricsRequest, finish_lyrics
from stemdrop.store import Store
from stemdrop_api.web_page import version
from stemdrop_local.deployment import ROOT

OFFSET_S = 2.0
DURATION_S = 32.0
POLL_S = 0.1
RATE_HZ = 44_100
# Lines, and when they begin on the song's clock. Each word takes 0.4 s.
LINES = {
    6.0: "Down by the harbor the lights burn low.",
    9.7: "We count the boats as they come and go.",
    20.0: "Hold on, hold on, the morning comes.",
    23.0: "And nobody knows where the river runs.",
}
WORD_S = 0.4
WORDS = tuple(
    Word(text, round(start_s + WORD_S * index, 3), round(start_s + WORD_S * (index + 1), 3), 0.9)
    for start_s, line in LINES.items()
    for index, text in enumerate(line.split())
)
SUNG = Transcription(WORDS, "en")
INSTRUMENTAL = Transcription((), None)
FAILURE = LyricsTooLongError("The song is longer than the limit of 4 hours for lyrics.")
ENGINE = "whisper tiny.en"
PENDING = Lyrics(LyricsStatus.PENDING, ENGINE, deadline_at="2100-01-01T00:00:00.000Z")
OFFERED = {"engine": "transcribe", "usd_per_audio_minute": 0.024}
LYRICS_OPTIONS: list[dict[str, Any]] = [
    {
        "name": "lyrics",
        "label": "Write the lyrics, with the time of each word",
        "type": "boolean",
        "values": [],
        "default": False,
    },
    {
        "name": "language",
        "label": "Language of the lyrics",
        "type": "string",
        "values": [{"value": "en", "label": "English"}, {"value": "de", "label": "German"}],
        "default": None,
    },
]
WIDE: ViewportSize = {"width": 1100, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}
LANDSCAPE: ViewportSize = {"width": 740, "height": 360}
LOOKS: dict[str, tuple[ViewportSize, Literal["light", "dark"]]] = {
    "light": (WIDE, "light"),
    "dark": (WIDE, "dark"),
    "phone": (PHONE, "light"),
    "phone-dark": (PHONE, "dark"),
    "phone-landscape": (LANDSCAPE, "dark"),
}
LYRICS_AT = """
async ({ module, file, positions_s }) => {
  const { lyricsAt, toLines } = await import(module);
  const lines = toLines(file, 2);
  return positions_s.map((position_s) => lyricsAt(lines, position_s));
}
"""
LINE_TEXTS = """
async ({ modules, file }) => {
  const { toLines } = await import(modules.lyrics);
  const { LyricsLine } = await import(modules["lyrics-line"]);
  return toLines(file, 0).map((line) => {
    const element = document.createElement("p");
    element.append(...new LyricsLine(line).nodes);
    return element.textContent;
  });
}
"""
# Clicks on each line of lyrics, and returns the frames at which the playback is then.
CLICK_LINES = """
async ({ modules, job }) => {
  const { Playback } = await import(modules.playback);
  const { LyricsView } = await import(modules["lyrics-view"]);
  const urlOf = (find) => async () => find(job).url;
  const song = Object.assign(new EventTarget(), { job, urlOf });
  const playback = new Playback(30, []);
  const view = new LyricsView(song, playback, { onError: () => {} });
  await new Promise((resolve, reject) => {
    setTimeout(reject, 20000);
    new MutationObserver(resolve).observe(view.element, { childList: true, subtree: true });
  });
  return [...view.element.querySelectorAll("li button")].map((button) => {
    button.click();
    return playback.position_s * 44100;
  });
}
"""
# Collects the highlighted words and where the playback is then, until a word has come twice.
COLLECT_WORDS = """(repeated) => {
  const collected = [];
  const list = document.querySelector(".lyrics-lines");
  globalThis.collecting = new Promise((resolve, reject) => {
    setTimeout(reject, 20000);
    new MutationObserver(() => {
      const word = list.querySelector(".current")?.textContent;
      const position_s = Number(document.querySelector(".position").value);
      if (word && word !== collected.at(-1)?.[0]) collected.push([word, position_s]);
      if (collected.filter(([other]) => other === repeated).length > 1) resolve(collected);
    }).observe(list, { attributes: true, subtree: true });
  });
}"""
# Waits for the next line to become current, and returns how far the lines are scrolled then.
SCROLL_TOP_AT_NEXT_LINE = """() => new Promise((resolve, reject) => {
  const list = document.querySelector(".lyrics-lines");
  setTimeout(reject, 20000);
  new MutationObserver(() => {
    if (list.querySelector("[aria-current]")) resolve(list.scrollTop);
  }).observe(list, { attributes: true, attributeFilter: ["aria-current"], subtree: true });
})"""
COUNT_WAKE_LOCKS = """() => {
  globalThis.wakeLocks = 0;
  navigator.wakeLock.request = async () => {
    wakeLocks += 1;
    return { release: () => { wakeLocks -= 1; } };
  };
}"""
SCREENSHOTS = ROOT / "out" / "page"


class SungSong:
    """A song that is separated from an offset on, and whose lyrics are as a test wants them."""

    def __init__(self, site: Site, client: httpx.Client, path: Path) -> None:
        stack = site.services.stack
        self.store = Store(stack.uploads_bucket, stack.stems_bucket, stack.s3)
        self.client = client
        given = {"filename": path.name, "size_bytes": path.stat().st_size, "offset_s": OFFSET_S}
        job = self.client.post("jobs", json=given).raise_for_status().json()
        self.id: str = job["id"]
        upload, content = job["upload"], path.read_bytes()
        httpx.put(upload["url"], content=content, headers=upload["headers"]).raise_for_status()
        while self.job["status"] in {"awaiting_upload", "processing"}:
            time.sleep(POLL_S)
        assert self.job["status"] == "done"

    @property
    def job(self) -> dict[str, Any]:
        """Return the job, as the API shows it."""
        found: dict[str, Any] = self.client.get(f"jobs/{self.id}").raise_for_status().json()
        return found

    def begin(self, codec: str = "wav") -> None:
        """Make the lyrics pending, and the stems those of another format."""
        key = UploadKey(Origin.JOBS, self.id)
        job, etag = self.store.load_job(key)
        assert job is not None
        options = job.options | {"codec": codec}
        self.store.save_job(key, job.updated(lyrics=PENDING, options=options), etag)

    def finish(self, outcome: Transcription | LyricsError) -> None:
        """End the lyrics."""
        key = UploadKey(Origin.JOBS, self.id)
        job, _ = self.store.load_job(key)
        assert job is not None
        request = LyricsRequest(str(key), job.results_ids[0], ENGINE, None, OFFSET_S, DURATION_S)
        assert finish_lyrics(self.store, request, outcome)


@pytest.fixture(scope="module")
def separated_song(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SungSong]:
    """Return a song that is separated once for all tests."""
    path = tmp_path_factory.mktemp("lyrics") / "Harbor.wav"
    write_wav(path, [generate(DURATION_S, seed=900).mix])
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=site.url, headers=headers, timeout=60) as client:
        yield SungSong(site, client, path)


@pytest.fixture
def song(separated_song: SungSong) -> SungSong:
    """Return a song whose lyrics are done."""
    separated_song.begin()
    separated_song.finish(SUNG)
    return separated_song


def open_song(user: PageUser, song: SungSong) -> Page:
    """Open a song."""
    user.page.goto(f"{user.url}#song={song.id}")
    user.card("done")
    return user.page


def position_slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Position", exact=True)


def line(page: Page, text: str) -> Locator:
    return page.get_by_role("list", name="Lines").get_by_role("button", name=text)


def module(name: str) -> str:
    return f"/page/{version()}/{name}"


def test_line_word_and_wait_at_a_position(module_page: Page) -> None:
    rest = {"word": -1, "fraction": 0}
    first, second, third = (start_s - OFFSET_S for start_s in list(LINES)[:3])
    expected = {
        0.0: {"line": -1, "next": 0, "wait_s": first, **rest},
        first + 0.1: {"line": 0, "next": 1, "word": 0, "fraction": 0.25, "wait_s": None},
        first + 1.0: {"line": 0, "next": 1, "word": 2, "fraction": 0.5, "wait_s": None},
        second - 0.1: {"line": 0, "next": 1, "word": 7, "fraction": 1, "wait_s": None},
        second + 4.0: {"line": 1, "next": 2, "word": 8, "fraction": 1, "wait_s": None},
        third - 1.0: {"line": -1, "next": 2, "wait_s": 1.0, **rest},
        29.0: {"line": -1, "next": 4, "wait_s": None, **rest},
    }
    file = json.loads(write_lyrics(SUNG, ENGINE)[LyricsFormat.JSON])
    given = {"module": module("lyrics.js"), "file": file}
    found = module_page.evaluate(LYRICS_AT, given | {"positions_s": list(expected)})
    assert found == [pytest.approx(row) for row in expected.values()]


def test_lines_have_the_spaces_of_the_file(module_page: Page) -> None:
    words = {
        "en": ("I", "love", "you", "very", "very", "much."),
        "ja": ("I", "love", "you", "愛", "してる", "love", "love"),
    }
    lines = {"en": "I love you very very much.", "ja": "I love you愛してるlove love"}
    for language, texts in words.items():
        sung = tuple(Word(text, float(at), at + 0.9, 0.9) for at, text in enumerate(texts))
        written = write_lyrics(Transcription(sung, language), ENGINE)
        modules = {name: module(f"{name}.js") for name in ("lyrics", "lyrics-line")}
        given = {"modules": modules, "file": json.loads(written[LyricsFormat.JSON])}
        assert module_page.evaluate(LINE_TEXTS, given) == [lines[language]]


def test_click_seeks_to_the_sample_where_a_line_begins(user: PageUser, song: SungSong) -> None:
    modules = {name: module(f"{name}.js") for name in ("playback", "lyrics-view")}
    frames = user.page.evaluate(CLICK_LINES, {"modules": modules, "job": song.job})
    assert frames == [round((start_s - OFFSET_S) * RATE_HZ) for start_s in LINES]


def test_lines_follow_the_song_and_lead_through_it(user: PageUser, song: SungSong) -> None:
    page = open_song(user, song)
    expect(page.get_by_text("English, written by Whisper tiny.en.")).to_be_visible()
    line(page, "We count the boats").click()
    expect(position_slider(page)).to_have_value("7.7")
    expect(line(page, "We count the boats")).to_have_attribute("aria-current", "true")
    expect(page.locator(".lyrics-line .current")).to_have_text("We")
    page.keyboard.press("ArrowDown")
    expect(line(page, "Hold on")).to_be_focused()
    page.keyboard.press("Enter")
    expect(position_slider(page)).to_have_value("18")
    expect(page.locator("[aria-current]")).to_have_text("Hold on, hold on, the morning comes.")
    position_slider(page).fill("14")
    expect(page.locator("[aria-current]")).to_have_count(0)

    page.get_by_text("Practice", exact=True).click()
    page.get_by_role("slider", name="Tempo", exact=True).fill("50")
    for button, position_s in {"Loop from here": "8.9", "Loop to here": "9.7"}.items():
        position_slider(page).fill(position_s)
        page.get_by_role("button", name=button).click()
    page.evaluate(COLLECT_WORDS, "as")
    page.get_by_role("button", name="Play", exact=True).click()
    collected = page.evaluate("collecting")
    page.get_by_role("button", name="Pause", exact=True).click()
    starts_s = {word.text: word.start_s - OFFSET_S for word in WORDS[8:16]}
    assert {word for word, _ in collected} >= {"boats", "as"}
    for word, position_s in collected:
        assert starts_s[word] - 0.1 <= position_s <= starts_s[word] + WORD_S + 0.1


def test_view_follows_the_song_until_the_user_scrolls(user: PageUser, song: SungSong) -> None:
    words = (Word(f"Word{at}.", 2.0 + at / 2, 2.4 + at / 2, 0.9) for at in range(50))
    song.begin()
    song.finish(Transcription(tuple(words), "en"))
    page = open_song(user, song)
    lines = page.get_by_role("list", name="Lines")
    expect(line(page, "Word30.")).not_to_be_in_viewport()
    position_slider(page).fill("15.2")
    expect(line(page, "Word30.")).to_be_in_viewport()
    page.get_by_role("button", name="Play", exact=True).click()
    assert page.evaluate(SCROLL_TOP_AT_NEXT_LINE) > 0
    lines.hover()
    page.mouse.wheel(0, -5000)
    expect(line(page, "Word0.")).to_be_in_viewport()
    assert page.evaluate(SCROLL_TOP_AT_NEXT_LINE) == 0
    line(page, "Word1.").click()
    page.get_by_role("button", name="Pause", exact=True).click()
    position_slider(page).fill("20.2")
    expect(line(page, "Word40.")).to_be_in_viewport()


def test_pending_lyrics_appear_without_a_reload(user: PageUser, song: SungSong) -> None:
    song.begin()
    page = open_song(user, song)
    expect(page.get_by_text("Writing the lyrics…")).to_be_visible()
    expect(page.get_by_role("button", name="Karaoke mode")).to_be_hidden()
    song.finish(SUNG)
    expect(line(page, "Down by the harbor")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Karaoke file (LRC)").click()
    assert download.value.suggested_filename == "Harbor - lyrics.lrc"
    assert download.value.path().read_bytes() == write_lyrics(SUNG, ENGINE)[LyricsFormat.LRC]


@pytest.mark.parametrize("codec", ["wav", "aiff"])  # Chromium doesn't play the second one
def test_files_or_why_there_are_none_are_shown(user: PageUser, song: SungSong, codec: str) -> None:
    song.begin(codec)
    song.finish(SUNG)
    page = open_song(user, song)
    names = [
        "Karaoke file (LRC)",
        "Subtitles (SRT)",
        "Subtitles (WebVTT)",
        "Words and times (JSON)",
    ]
    expect(page.locator(".lyrics-downloads a")).to_have_text(names)
    outcomes: dict[str, Transcription | LyricsError] = {
        "No words found. The song may be an instrumental.": INSTRUMENTAL,
        FAILURE.message: FAILURE,
    }
    for text, outcome in outcomes.items():
        song.begin(codec)
        song.finish(outcome)
        user.reload()
        open_song(user, song)
        expect(page.get_by_text(text)).to_be_visible()
        expect(page.get_by_role("button", name="Karaoke mode")).to_be_hidden()
        expect(page.locator(".lyrics-downloads a")).to_have_count(0)


def test_karaoke_mode_by_keyboard(user: PageUser, song: SungSong) -> None:
    page = open_song(user, song)
    press = page.keyboard.press
    line(page, "We count the boats").click()
    page.evaluate(COUNT_WAKE_LOCKS)
    page.emulate_media(reduced_motion="no-preference")
    press("f")
    karaoke = page.get_by_role("dialog", name="Karaoke: Harbor")
    expect(karaoke).to_be_visible()
    expect(karaoke.locator(".karaoke-line")).to_have_text(LINES[9.7])
    expect(karaoke.locator(".karaoke-next").first).to_have_text(LINES[20.0])
    expect(karaoke.get_by_text("The vocals are off.")).to_be_visible()
    vocals = karaoke.get_by_role("slider", name="Vocals")
    expect(vocals).to_have_value("0")
    user.wait_for("() => document.fullscreenElement !== null && wakeLocks === 1")
    press("Space")
    expect(karaoke.locator(".word.sung").first).to_have_text("We")
    expect(page.locator(".karaoke-screen.idle")).to_have_css("cursor", "none")
    press("k")
    expect(karaoke.get_by_role("button", name="Play")).to_be_visible()
    expect(page.locator(".karaoke-screen.idle")).to_have_count(0)
    press("Home")
    expect(karaoke.get_by_role("heading", name="Harbor")).to_be_visible()
    expect(karaoke.locator(".karaoke-wait")).to_have_text("Starts in 4 s")
    press("Escape")
    expect(karaoke).to_have_count(0)
    user.wait_for("() => document.fullscreenElement === null && wakeLocks === 0")
    expect(page.get_by_role("button", name="Karaoke mode")).to_be_focused()
    expect(page.get_by_role("button", name="Full mix")).to_have_attribute("aria-pressed", "true")


def test_karaoke_mode_keeps_the_guide_vocal_and_the_mix_of_the_user(
    user: PageUser, song: SungSong
) -> None:
    """There is no Fullscreen API, as on an iPhone."""
    page = open_song(user, song)
    page.evaluate("delete Element.prototype.requestFullscreen")
    expect(line(page, "Down by the harbor")).to_be_visible()
    page.keyboard.press("f")
    karaoke = page.get_by_role("dialog", name="Karaoke: Harbor")
    window = page.viewport_size
    assert window is not None
    assert karaoke.bounding_box() == {"x": 0, "y": 0} | window
    expect(page.locator(":root")).to_have_css("scrollbar-width", "none")
    karaoke.get_by_role("slider", name="Vocals").fill("30")
    karaoke.get_by_role("button", name="Leave").click()
    volume = page.get_by_role("slider", name="Volume of vocals")
    expect(volume).to_have_value("30")
    page.get_by_role("button", name="Karaoke mode").click()
    expect(karaoke.get_by_role("slider", name="Vocals")).to_have_value("30")
    expect(karaoke.locator(".karaoke-note")).to_be_empty()
    page.keyboard.press("f")
    expect(karaoke).to_have_count(0)
    expect(volume).to_have_value("30")


def test_mix_before_the_karaoke_mode_is_back_after_a_reload(user: PageUser, song: SungSong) -> None:
    page = open_song(user, song)
    expect(line(page, "Down by the harbor")).to_be_visible()
    page.keyboard.press("f")
    expect(page.get_by_text("The vocals are off.")).to_be_visible()
    user.reload()
    page.get_by_role("button", name="Open Harbor").click()
    expect(page.get_by_role("button", name="Full mix")).to_have_attribute("aria-pressed", "true")


def test_tap_shows_the_controls_of_the_karaoke_mode_without_pressing_them(
    browser: Browser, site: Site, song: SungSong
) -> None:
    with (
        closing(new_context(browser, **STILL, has_touch=True)) as context,
        PageUser(context, site.url, SCREENSHOTS) as user,
    ):
        user.sign_in()
        page = open_song(user, song)
        page.get_by_role("button", name="Karaoke mode").tap()
        karaoke = page.get_by_role("dialog", name="Karaoke: Harbor")
        karaoke.get_by_role("button", name="Play").tap()
        idle = page.locator(".karaoke-screen.idle")
        expect(idle).to_have_count(1)
        leave = karaoke.get_by_role("button", name="Leave")
        box = leave.bounding_box()
        assert box is not None
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(idle).to_have_count(0)
        expect(leave).to_have_css("pointer-events", "auto")
        leave.tap()
        expect(karaoke).to_have_count(0)


def offer_lyrics(page: Page, requests: list[Any]) -> None:
    """Let the stack offer lyrics to a page, and collect its requests for jobs, which fail."""

    def show_options(route: Route) -> None:
        response = route.fetch()
        found = response.json() | {"lyrics": OFFERED}
        found["options"] += LYRICS_OPTIONS
        route.fulfill(response=response, json=found)

    def refuse(route: Route) -> None:
        requests.append(route.request.post_data_json)
        route.fulfill(status=422, json={"code": "invalid", "detail": "Only the request counts."})

    page.route("**/options", show_options)
    page.route("**/jobs", refuse)


def test_option_and_language_are_offered_with_their_price(
    signed_out_user: PageUser, make_song: SongFactory
) -> None:
    requests: list[Any] = []
    user = signed_out_user
    user.expected.append("422")
    offer_lyrics(user.page, requests)
    page = user.sign_in()
    user.choose(make_song("Choice.wav", 901, 0.5))
    note = "About 7.2 cents more for a song of 3 minutes. The vocals are sent to Amazon Transcribe."
    expect(page.locator("#lyrics-note")).to_have_text(note)
    language = page.get_by_role("combobox", name="Language of the lyrics")
    expect(language).to_be_hidden()
    page.get_by_label("Write the lyrics").check()
    expect(language.locator(":checked")).to_have_text("Find out")
    language.select_option("German")
    page.click("#separate")
    user.card("failed")
    (request,) = requests
    assert (request["lyrics"], request["language"]) == (True, "de")


def test_option_is_not_offered_without_an_engine(user: PageUser, make_song: SongFactory) -> None:
    user.choose(make_song("Nothing.wav", 902, 0.5))
    expect(user.page.locator("#options-form")).to_be_visible()
    expect(user.page.get_by_label("Write the lyrics")).to_be_hidden()


def test_lyrics_are_accessible_in_every_look(
    signed_out_user: PageUser, song: SungSong, make_song: SongFactory
) -> None:
    user = signed_out_user
    offer_lyrics(user.page, [])
    user.sign_in()
    page = open_song(user, song)
    line(page, "We count the boats").click()
    user.choose(make_song("Look.wav", 903, 0.5))
    page.get_by_label("Write the lyrics").check()
    for name, (window, color_scheme) in LOOKS.items():
        page.set_viewport_size(window)
        page.emulate_media(color_scheme=color_scheme)
        user.screenshot(f"40-lyrics-{name}")
        require_accessible(page)
        require_fitting(page)
        page.get_by_role("button", name="Karaoke mode").click()
        page.locator(".karaoke-line").wait_for()
        page.screenshot(path=SCREENSHOTS / f"41-karaoke-{name}.png")
        require_accessible(page)
        require_fitting(page)
        page.keyboard.press("Escape")
        user.wait_for("() => document.fullscreenElement === null")
