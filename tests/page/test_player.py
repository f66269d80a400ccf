"""Playback: synchronization, seeking, the mixer and loops."""

import base64
import json
import math
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from browser import STILL, PageUser, new_context
from media import decode
from page_site import Site, SongFactory
from stemdrop_local.deployment import ROOT

RATE_HZ = 44_100
TOLERANCE_S = 0.010
SONG = ("sync.wav", 60, 12.0)  # the same in most tests, so that only the first one separates it
# Records the output of every gain node. Each run creates one for the sum, then one for each track.
TAPS = """
{
  const Plain = GainNode;
  globalThis.taps = [];
  globalThis.GainNode = class extends Plain {
    constructor(context, options) {
      super(context, options);
      const analyser = new AnalyserNode(context, { fftSize: 32768 });
      this.connect(analyser);
      taps.push({ analyser, gain: this, context });
    }
  };
}
"""
# Suspends the audio clock, so that all samples are from the same time, and waits until the slider
# is drawn at that time. They are base64, because Playwright is slow with long arrays.
LISTEN = """
async (tracks) => {
  const run = taps.slice(-tracks - 1);
  const { context } = run[0];
  await context.suspend();
  const heard = run.map(({ analyser }) => {
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    const bytes = new Uint8Array(samples.buffer);
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) {
      text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    }
    return btoa(text);
  });
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const position_s = document.querySelector(".position").valueAsNumber;
  await context.resume();
  return { heard, position_s };
}
"""
# Whether the tracks of the last run have these gains.
GAINS_REACHED = """(expected) => taps.slice(-expected.length).every(
  ({ gain }, index) => Math.abs(gain.gain.value - expected[index]) < 0.01)"""
REFUSE_DECODING = """() => {
  OfflineAudioContext.prototype.decodeAudioData = () => Promise.reject(new Error());
}"""
# Lets the original wait until `decode` is called.
PAUSE_DECODING = """() => {
  const { decodeAudioData } = BaseAudioContext.prototype;
  const paused = new Promise((resolve) => { globalThis.decode = async () => resolve(); });
  OfflineAudioContext.prototype.decodeAudioData = async function (bytes) {
    await paused;
    return decodeAudioData.call(this, bytes);
  };
}"""
FOUR = ("vocals", "drums", "bass", "other")


@pytest.fixture(scope="module")
def tapped_context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a browser profile that records the audio of pages."""
    with closing(new_context(browser, **STILL)) as context:
        context.add_init_script(TAPS)
        yield context


@pytest.fixture
def listener(tapped_context: BrowserContext, site: Site) -> Iterator[PageUser]:
    """Return a signed-in user whose audio is recorded."""
    with PageUser(tapped_context, site.url, ROOT / "out" / "page") as user:
        user.sign_in()
        yield user


def separate_four_stems(user: PageUser, song: Path, codec: str = "wav") -> None:
    user.choose(song)
    user.page.get_by_role("radio", name="Four stems").check()
    user.page.get_by_role("combobox", name="Format").select_option(codec)
    user.page.click("#separate")
    user.card("done")


def listen(page: Page, tracks: int) -> tuple[NDArray[np.float64], float]:
    found = page.evaluate(LISTEN, tracks)
    samples = [np.frombuffer(base64.b64decode(text), np.float32) for text in found["heard"]]
    return np.array(samples, np.float64), found["position_s"]


def lag_s(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the delay of `other` after `one`, from the peak of their correlation."""
    size = 2 ** math.ceil(math.log2(len(one) + len(other)))
    product = np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size))
    place = int(np.argmax(np.fft.irfft(product, size)))
    return (place if place < size // 2 else place - size) / RATE_HZ


def play_until(page: Page, seconds: int) -> None:
    times = "|".join(f"0:{second:02}" for second in range(seconds, seconds + 3))
    position = page.get_by_role("slider", name="Position")
    expect(position).to_have_attribute("aria-valuetext", re.compile(f"^({times}) of"))


@pytest.mark.parametrize(("codec", "seeks"), [("wav", 6), ("mp3", 3)])
def test_stems_after_seeks_are_synchronized(
    listener: PageUser, make_song: SongFactory, codec: str, seeks: int
) -> None:
    """The tiny model's stems are the song at four volumes, so that any two can be compared."""
    page = listener.page
    song = make_song(*SONG)
    separate_four_stems(listener, song, codec)
    mono = decode(song).mean(axis=1)
    page.get_by_role("button", name="Play").click()
    drum_waveform = page.locator(".waveform").nth(1)
    box = drum_waveform.bounding_box()
    assert box is not None
    lags_s, offsets_s = [], []
    for number in range(seeks):
        at_s = 1 + (7 * number) % 10
        drum_waveform.click(position={"x": box["width"] * at_s / SONG[2], "y": 20})
        play_until(page, at_s + 1)
        heard, position_s = listen(page, len(FOUR))
        tracks = heard[1:]
        assert np.abs(tracks).max(axis=1).min() > 1e-4
        lags_s += [abs(lag_s(tracks[0], track)) for track in tracks[1:]]
        end = round(position_s * RATE_HZ)
        around = mono[max(0, end - 3 * RATE_HZ) : end + RATE_HZ]
        began_s = max(0, end - 3 * RATE_HZ) / RATE_HZ + lag_s(tracks[3], around) * 1.0
        offsets_s.append(began_s + len(tracks[3]) / RATE_HZ - position_s)
    print(
        json.dumps(
            {"lag_ms": 1000 * max(lags_s), "offsets_ms": [round(1000 * s) for s in offsets_s]}
        )
    )
    assert max(lags_s) <= TOLERANCE_S
    # The slider matches the audio, except for the codec's delay and the slider's steps.
    assert max(abs(offset) for offset in offsets_s) < 0.2


def test_mute_solo_volume_and_original_set_the_gains(
    listener: PageUser, make_song: SongFactory
) -> None:
    page = listener.page
    song = make_song(*SONG)
    separate_four_stems(listener, song)
    page.get_by_role("button", name="Play").click()

    def wait_for_gains(*expected: float) -> None:
        listener.wait_for(GAINS_REACHED, expected)

    wait_for_gains(1, 1, 1, 1)
    page.get_by_role("button", name="Mute vocals").click()
    wait_for_gains(0, 1, 1, 1)
    page.get_by_role("button", name="Solo bass").click()
    wait_for_gains(0, 0, 1, 0)
    page.get_by_role("button", name="Solo vocals").click()
    wait_for_gains(1, 0, 1, 0)
    page.get_by_role("button", name="Solo vocals").click()
    page.get_by_role("button", name="Solo bass").click()
    page.get_by_role("slider", name="Volume of drums").fill("50")
    wait_for_gains(0, 0.25, 1, 1)
    page.get_by_role("button", name="Listen to the original").click()
    wait_for_gains(0, 0, 0, 0, 1)
    page.get_by_role("slider", name="Position").fill("5")
    play_until(page, 6)
    heard, position_s = listen(page, len(FOUR) + 1)
    mono = decode(song).mean(axis=1)
    original = heard[-1]
    began = round(position_s * RATE_HZ) - 3 * RATE_HZ
    around = mono[began : began + 5 * RATE_HZ]
    shift = round(lag_s(original, around) * RATE_HZ)
    exact = around[shift : shift + len(original)]
    assert np.abs(exact - original).max() < 2 / 2**15
    listener.screenshot("08-original")
    page.get_by_role("button", name="Listen to the original").click()
    wait_for_gains(0, 0.25, 1, 1, 0)


def test_original_that_can_not_be_played_leaves_the_stems_playing(
    listener: PageUser, make_song: SongFactory
) -> None:
    page = listener.page
    song = make_song(*SONG)
    separate_four_stems(listener, song)
    original = page.get_by_role("button", name="Listen to the original")
    alert = page.get_by_role("alert")
    moved = song.rename(song.with_name("moved.wav"))
    original.click()
    expect(alert.filter(has_text="The file can’t be read anymore")).to_be_visible()
    file_input = page.get_by_label("Choose the file")
    expect(file_input).to_be_focused()
    page.get_by_role("button", name="Play").click()
    play_until(page, 1)
    file_input.set_input_files(moved)
    page.evaluate(REFUSE_DECODING)
    original.click()
    expect(alert.filter(has_text="This browser can’t play the original")).to_be_visible()
    expect(original).to_have_attribute("aria-pressed", "false")
    play_until(page, 3)
    listener.wait_for(GAINS_REACHED, [1, 1, 1, 1])


def test_stems_play_until_the_original_is_decoded(
    listener: PageUser, make_song: SongFactory
) -> None:
    page = listener.page
    separate_four_stems(listener, make_song(*SONG))
    page.evaluate(PAUSE_DECODING)
    page.get_by_role("button", name="Play").click()
    page.keyboard.press("o")
    expect(page.locator("#live-region")).to_have_text("Listen to the original: on.")
    expect(page.get_by_role("group", name="Original")).to_contain_text("Loading…")
    play_until(page, 1)
    listener.wait_for(GAINS_REACHED, [1, 1, 1, 1])
    original = page.get_by_role("button", name="Listen to the original")
    original.click()
    expect(original).to_have_attribute("aria-pressed", "false")
    original.click()
    page.evaluate("decode()")
    listener.wait_for(GAINS_REACHED, [0, 0, 0, 0, 1])
    expect(original).to_have_attribute("aria-pressed", "true")


def test_loop_by_buttons_or_dragging_repeats(listener: PageUser, make_song: SongFactory) -> None:
    page = listener.page
    separate_four_stems(listener, make_song(*SONG))
    position = page.get_by_role("slider", name="Position")
    position.fill("4")
    page.get_by_role("button", name="Loop from here").click()
    position.fill("5.5")
    page.get_by_role("button", name="Loop to here").click()
    page.get_by_role("button", name="Play").click()
    positions_s = page.evaluate(
        """async () => {
          const positions_s = [];
          for (let repeats = 0; repeats < 2; ) {
            await new Promise(requestAnimationFrame);
            positions_s.push(document.querySelector(".position").valueAsNumber);
            repeats += positions_s.at(-1) < positions_s.at(-2) - 1;
          }
          return positions_s;
        }"""
    )
    assert min(positions_s) >= 3.9
    assert max(positions_s) <= 5.6
    listener.screenshot("09-loop")
    page.get_by_role("button", name="Loop off").click()
    play_until(page, 6)

    waveform = page.locator(".waveform").first
    box = waveform.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 30, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Loop off")).to_be_visible()
    play_until(page, 6)


def test_playback_after_the_end_restarts(listener: PageUser, make_song: SongFactory) -> None:
    page = listener.page
    separate_four_stems(listener, make_song("end.wav", 63, 3.0))
    page.get_by_role("slider", name="Position").fill("2")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    expect(page.get_by_role("slider", name="Position")).to_have_value("3")
    page.keyboard.press("Space")
    play_until(page, 1)


def test_playback_continues_when_the_connection_is_back(
    listener: PageUser, make_song: SongFactory
) -> None:
    listener.expected = ["net::ERR_"]
    page = listener.page
    separate_four_stems(listener, make_song(*SONG))
    error = page.get_by_role("alert").filter(has_text="The connection is lost.")
    listener.context.set_offline(True)
    page.get_by_role("button", name="Play").click()
    expect(error).to_be_visible()
    page.get_by_role("slider", name="Position").fill("5")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    listener.context.set_offline(False)
    play_until(page, 6)
    expect(error).to_have_count(0)


def test_error_of_the_playback_goes_when_the_song_plays(
    listener: PageUser, make_song: SongFactory
) -> None:
    listener.expected = ["Failed to load resource"]
    page = listener.page
    separate_four_stems(listener, make_song(*SONG))

    def reject(route: Route) -> None:
        route.fulfill(status=403, headers={"Access-Control-Allow-Origin": "*"})

    vocals = re.compile("vocals.wav")
    listener.context.route(vocals, reject)
    play = page.get_by_role("button", name="Play")
    error = page.get_by_role("alert").filter(has_text="This song is no longer on the server.")
    play.click()
    expect(error).to_be_visible()
    expect(play).to_be_visible()
    listener.context.unroute(vocals)
    play.click()
    play_until(page, 1)
    expect(error).to_have_count(0)


def test_loop_that_is_dragged_at_the_end_has_the_minimal_length(
    listener: PageUser, make_song: SongFactory
) -> None:
    page = listener.page
    separate_four_stems(listener, make_song("end.wav", 63, 3.0))
    box = page.locator(".waveform").first.bounding_box()
    assert box is not None
    right = box["x"] + box["width"]
    page.mouse.move(right - 12, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(right - 1, box["y"] + 20, steps=4)
    page.mouse.up()
    start = page.get_by_role("slider", name="Start of the loop")
    expect(start).to_have_attribute("aria-valuetext", "0:02.80")
    expect(page.get_by_role("slider", name="End of the loop")).to_have_attribute(
        "aria-valuetext", "0:03.00"
    )
