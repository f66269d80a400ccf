"""The waveforms: the visible part of the song, the peaks that are drawn, and the playhead."""

import re
import struct
from base64 import b64encode
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from accessibility import require_accessible
from browser import PageUser
from media import decode
from page_site import SongFactory
from stemdrop.models import Model
from stemdrop_api.web_page import version
from stemdrop_separate.audio.waveform_peaks import WaveformPeaks, write_peaks_file

RATE_HZ = 44_100
SONG = ("zoom.wav", 90, 30.0)  # the same in both tests, so that only the first one separates it
STEMS = {stem for model in Model for stem in model.instruments} | {"residual", "original"}
RANGE = """
async ({ module, duration_s, calls }) => {
  const { VisibleRange } = await import(module);
  const range = new VisibleRange(duration_s);
  let changes = 0;
  range.addEventListener("change", () => changes += 1);
  return calls.map(([name, ...values]) => {
    range[name](...values);
    return [range.start_s, range.end_s, range.isFollowing, changes];
  });
}
"""
CALLS: list[tuple[list[Any], list[Any]]] = [
    (["showAll"], [0, 100, True, 0]),
    (["zoom", 2], [25, 75, False, 1]),
    (["follow", 30], [25, 75, True, 1]),
    (["zoom", 5, 35], [33, 43, False, 2]),
    (["show", 28, 38], [28, 38, True, 3]),
    (["follow", 39], [38, 48, True, 4]),
    (["pan", 10], [90, 100, False, 5]),
    (["follow", 48.5], [90, 100, False, 5]),
    (["show", -20, 10], [0, 30, False, 6]),
    (["zoom", 1e9, 0], [0, 0.001, False, 7]),
    (["zoom", 1e-9, 50], [0, 100, True, 8]),
]
READ_PEAKS = """
async ({ module, file, reads }) => {
  const { parsePeaksFile } = await import(module);
  const channels = parsePeaksFile(Uint8Array.from(atob(file), (byte) => byte.charCodeAt(0)).buffer);
  return channels.map((peaks) => reads.map((read) => [...peaks.read(...read)]));
}
"""
READ_OUTLINE = """
async ({ module, outlines, duration_s, count }) => {
  const { mergeOutlines, parseOutline } = await import(module);
  return [...parseOutline(mergeOutlines(outlines), duration_s).read(0, duration_s, count)];
}
"""
# The source's left channel counts the frames, and the right one is its negative.
READ_SAMPLES = """
async ({ module, loads, reads, duration_s }) => {
  const { SampleWindow } = await import(module);
  const requests = [];
  const window = new SampleWindow({ load: async (first, frames) => {
    requests.push([first, frames]);
    const buffer = new AudioBuffer({ length: frames, numberOfChannels: 2, sampleRate: 44100 });
    for (const channel of [0, 1]) {
      const sign = channel ? -1 : 1;
      const samples = Float32Array.from({ length: frames }, (_, at) => sign * (first + at));
      buffer.copyToChannel(samples, channel);
    }
    return () => buffer;
  } });
  for (const load of loads) await window.load(...load, duration_s);
  return {
    requests,
    has: reads.map(([start_s, end_s]) => window.has(start_s, end_s)),
    extremes: reads.map((read) => [...window.extremes(...read)]),
    samples: reads.map(([start_s, end_s]) => window.samples(start_s, end_s)),
  };
}
"""
# The range moves while it is loaded, once out of what is loaded, and is cleared at last.
MOVE_RANGE = """
async ({ module }) => {
  const { SampleWindow } = await import(module);
  const requests = [];
  const source = (first, length, signal) => new Promise((resolve, reject) => {
    const buffer = new AudioBuffer({ length, numberOfChannels: 2, sampleRate: 44100 });
    const fail = () => reject(new Error("lost"));
    requests.push({ signal, answer: () => resolve(() => buffer), fail });
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  const window = new SampleWindow({ load: source });
  const load = (start_s) => window.load(start_s, start_s + 0.001, 60).catch(({ name }) => name);
  const loads = [load(10), load(10.3)];
  const isAborted = requests.map(({ signal }) => signal.aborted);
  loads.push(load(20));
  requests.at(-1).answer();
  const results = await Promise.all(loads);
  const has = [10, 20, 20.3].map((start_s) => window.has(start_s, start_s + 0.001));
  const lost = load(30);
  requests.at(-1).fail();
  results.push(await lost);
  const again = load(30);
  window.clear();
  results.push(await again);
  return { isAborted, results, has, requests: requests.length, hasCleared: window.has(20, 20.001) };
}
"""
# Two sources, of which the second is three times the first, and their sum, as several ask for them.
SHARE_LOADS = """
async ({ module }) => {
  const { shareLoads, sumOf } = await import(module);
  const requests = [];
  const source = (name, factor) => shareLoads({ load: async (first, frames, signal) => {
    requests.push([name, first, frames]);
    await new Promise((resolve) => setTimeout(resolve));
    signal.throwIfAborted();
    return () => {
      const buffer = new AudioBuffer({ length: frames, numberOfChannels: 2, sampleRate: 44100 });
      for (const channel of [0, 1]) {
        const samples = buffer.getChannelData(channel);
        samples.forEach((_, frame) => (samples[frame] = factor * (channel + first + frame)));
      }
      return buffer;
    };
  } });
  const [one, other] = [source("one", 1), source("other", 3)];
  const sum = sumOf([one, other]);
  const read = async (loading) => {
    const decode = await loading.catch(() => null);
    const buffer = decode?.();
    return buffer && [0, 1].map((channel) => [...buffer.getChannelData(channel)]);
  };
  const load = (from, first, frames, controller = new AbortController()) =>
    read(from.load(first, frames, controller.signal));
  const together = await Promise.all([load(one, 5, 2), load(other, 5, 2), load(sum, 5, 2)]);
  const later = await load(one, 5, 2);
  const controller = new AbortController();
  const aborted = load(one, 0, 1, controller);
  controller.abort();
  const results = { together, later, again: await load(one, 0, 1), aborted: await aborted };
  return { ...results, requests };
}
"""
SPECTROGRAM = """
async ({ module, frequency_hz, frames, columns, rows }) => {
  const { spectrogram } = await import(module);
  const samples = Float32Array.from({ length: 3 * frames }, (_, at) =>
    Math.sin(2 * Math.PI * frequency_hz * at / 44100));
  const pixels = spectrogram(samples, frames, frames, columns, rows);
  return Array.from({ length: columns }, (_, column) =>
    Array.from({ length: rows }, (_, row) => pixels[4 * (row * columns + column) + 3]));
}
"""
# The contrast of WCAG 2.2 between each stem's color and the surface behind it.
CONTRASTS = """
(names) => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const element = document.body.appendChild(document.createElement("span"));
  const luminance = (color) => {
    element.style.color = color;
    context.fillStyle = getComputedStyle(element).color;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const surface = luminance("var(--surface)");
  return names.map((name) => {
    const [darker, lighter] = [luminance(`var(--stem-${name})`), surface].sort((a, b) => a - b);
    return (lighter + 0.05) / (darker + 0.05);
  });
}
"""
# The first and the last colored row of each column of a track's canvas, and the canvas' height.
DRAWN_ROWS = """
(canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const rows = Array.from({ length: width }, () => [height, -1]);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      if (data[4 * (row * width + column) + 3] < 128) continue;
      rows[column][0] = Math.min(rows[column][0], row);
      rows[column][1] = row;
    }
  }
  return { rows, height };
}
"""
# Whether the columns of the original differ, as those of its samples do. Bins of peaks are wider.
IS_DETAILED = f"""
() => {{
  const {{ rows }} = ({DRAWN_ROWS.strip()})(document.querySelector("[data-stem=original] canvas"));
  const different = rows.filter(([first], column) => first !== rows[column + 1]?.[0]);
  return different.length > rows.length / 2;
}}
"""

# Delays the last step of each spectrogram until `release()`, which returns how many there were.
HOLD_SPECTROGRAMS = """
() => {
  const { createImageBitmap } = globalThis;
  let held = [];
  globalThis.createImageBitmap = (...image) =>
    new Promise((resolve) => held.push(() => resolve(createImageBitmap(...image))));
  globalThis.heldCount = () => held.length;
  globalThis.release = async () => {
    held.forEach((create) => create());
    held = [];
    await createImageBitmap(new ImageData(1, 1)); // those before are finished then
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  };
}
"""


def module(name: str) -> str:
    return f"/page/{version()}/{name}"


def test_visible_range_stays_in_the_song_and_follows_a_visible_playhead(module_page: Page) -> None:
    calls = [call for call, _ in CALLS]
    given = {"module": module("visible-range.js"), "duration_s": 100, "calls": calls}
    for found, (call, expected) in zip(module_page.evaluate(RANGE, given), CALLS, strict=True):
        assert [round(value, 6) for value in found] == expected, call


def extremes_of(samples: NDArray[Any], start_s: float, end_s: float, count: int) -> list[float]:
    """Return the extremes of equal parts of a range."""
    edges = np.linspace(start_s * RATE_HZ, end_s * RATE_HZ, count + 1).round().astype(int)
    parts = [samples[begin:end] for begin, end in pairwise(edges)]
    return [value for part in parts for value in (part.min(), part.max())]


def test_peaks_of_any_range_are_those_of_the_samples(module_page: Page, tmp_path: Path) -> None:
    """At every resolution, within the bins that a part has in common with its neighbors."""
    chance = np.random.default_rng(3)
    loudness = np.abs(np.sin(np.linspace(0, 40, 30 * RATE_HZ)))[:, np.newaxis]
    sounds = [chance.uniform(-1, 1, (len(loudness), 2)) * loudness * gain for gain in (0.9, 0.3)]
    channels = []
    for sound in sounds:
        peaks = WaveformPeaks()
        peaks.add(sound.astype(np.float32))
        channels.append(peaks.finish()[1])
    path = tmp_path / "peaks.dat"
    write_peaks_file(path, channels)
    reads = [(0, 30, 300), (3, 4.5, 100), (10, 20, 100), (0, 30, 7)]
    file = b64encode(path.read_bytes()).decode()
    given = {"module": module("peaks.js"), "file": file, "reads": reads}
    for sound, found in zip(sounds, module_page.evaluate(READ_PEAKS, given), strict=True):
        for read, extremes in zip(reads, found, strict=True):
            np.testing.assert_allclose(extremes, extremes_of(sound, *read), atol=0.08)


def test_file_that_is_not_whole_has_no_peaks(module_page: Page) -> None:
    header = struct.pack("<iIiiIi", 2, 1, RATE_HZ, 512, 3, 1)
    for content in (b"", header, header + bytes(5), b"\1" + header[1:] + bytes(6)):
        file = b64encode(content).decode()
        given = {"module": module("peaks.js"), "file": file, "reads": []}
        with pytest.raises(Exception, match="unreadable"):
            module_page.evaluate(READ_PEAKS, given)


def test_outlines_are_drawn_without_a_file_of_peaks(module_page: Page) -> None:
    given = {"outlines": ["00ff8000", "80000000"], "duration_s": 4, "count": 4}
    found = module_page.evaluate(READ_OUTLINE, given | {"module": module("peaks.js")})
    np.testing.assert_allclose(found, [-0.5, 0.5, -1, 1, -0.5, 0.5, 0, 0], atol=0.01)


def test_sample_window_has_the_samples_around_the_range(module_page: Page) -> None:
    reads = [(10, 10 + 8 / RATE_HZ, 4), (9.75, 11, 2), (7, 8, 1)]
    given = {"loads": [(2, 3), (10, 10.5)], "reads": reads, "duration_s": 11}
    found = module_page.evaluate(READ_SAMPLES, given | {"module": module("sample-window.js")})
    first, frames = found["requests"][1]
    assert first == 9.75 * RATE_HZ
    assert first + frames == 11 * RATE_HZ
    assert found["has"] == [True, True, False]
    at = 10 * RATE_HZ
    pairs = [(-(at + 2 * part + 1), at + 2 * part + 1) for part in range(4)]
    assert found["extremes"][0] == [value for pair in pairs for value in pair]
    left, right = found["samples"][0]
    np.testing.assert_allclose(left[:2], np.array([[0, at], [0.125, at + 1]]), atol=1e-6)
    assert right[-1][0] >= 1


def test_samples_are_not_requested_again_while_they_are_loaded(module_page: Page) -> None:
    found = module_page.evaluate(MOVE_RANGE, {"module": module("sample-window.js")})
    assert found["isAborted"] == [False]
    assert found["results"] == ["AbortError", False, True, "Error", "AbortError"]
    assert found["has"] == [False, True, True]
    assert found["requests"] == 4
    assert not found["hasCleared"]


def test_sum_of_sources_takes_no_requests_of_its_own(module_page: Page) -> None:
    found = module_page.evaluate(SHARE_LOADS, {"module": module("audio-source.js")})
    one = [[5, 6], [6, 7]]
    other = [[15, 18], [18, 21]]
    assert found["together"] == [one, other, [[20, 24], [24, 28]]]
    assert found["later"] == one
    assert (found["aborted"], found["again"]) == (None, [[0], [1]])
    together = [["one", 5, 2], ["other", 5, 2]]
    assert found["requests"] == [*together, ["one", 5, 2], ["one", 0, 1], ["one", 0, 1]]


def test_spectrogram_of_a_tone_has_a_line_at_its_frequency(module_page: Page) -> None:
    rows = 100
    given = {"frequency_hz": 1000, "frames": 8192, "columns": 5, "rows": rows}
    for column in module_page.evaluate(SPECTROGRAM, given | {"module": module("fft.js")}):
        loudest = int(np.argmax(column))
        highest_hz, lowest_hz = (
            16_000 * (40 / 16_000) ** (row / rows) for row in (loudest, loudest + 1)
        )
        assert lowest_hz - 22 <= 1000 <= highest_hz + 22
        assert column[loudest] == 255
        assert max(column[: loudest - 10]) < 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colors_of_stems_stand_out_from_the_surface(user: PageUser, scheme: Any) -> None:
    user.page.emulate_media(color_scheme=scheme)
    contrasts = user.page.evaluate(CONTRASTS, [*STEMS])
    assert min(contrasts) >= 4.5, contrasts


def drawn(page: Page, track: str) -> NDArray[np.float64]:
    """Return the extremes that a canvas shows, from -1 to 1 at its edges, shape (columns, 2)."""
    canvas = page.get_by_role("group", name=track, exact=True).locator("canvas")
    found = canvas.evaluate(DRAWN_ROWS)
    middle = found["height"] / 2
    rows = np.array(found["rows"], np.float64)
    extremes = np.stack([middle - rows[:, 1] - 1, middle - rows[:, 0]], axis=1)
    return np.asarray(extremes / middle, np.float64)


def original_error(page: Page, samples: NDArray[Any], start_s: float, end_s: float) -> float:
    """Return the mean difference of the original's canvas from what a range of samples shows."""
    found = drawn(page, "Original")
    extremes = np.array(extremes_of(samples, start_s, end_s, len(found))).reshape(-1, 2)
    extremes /= np.abs(samples).max()
    expected = 0.94 * np.sign(extremes) * np.abs(extremes) ** 0.65
    return float(np.abs(found - expected).mean())


def pinch(
    page: Page, element: Locator, before: tuple[float, float], after: tuple[float, float]
) -> None:
    """Move two fingers on an element between fractions of its width."""
    box = element.bounding_box()
    assert box is not None
    protocol = page.context.new_cdp_session(page)
    for kind, fractions in (("touchStart", before), ("touchMove", after), ("touchEnd", ())):
        y = box["y"] + box["height"] / 2
        points = [{"x": box["x"] + part * box["width"], "y": y} for part in fractions]
        protocol.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    protocol.detach()


def separate_four_stems(user: PageUser, song: Path) -> None:
    user.expected.append("willReadFrequently")  # the tests read what is drawn
    user.choose(song)
    user.page.get_by_role("radio", name="Four stems").check()
    with user.page.expect_response(re.compile(r"peaks\.dat")):
        user.page.click("#separate")


def test_waveforms_show_the_song_down_to_its_samples_and_follow_the_playback(
    user: PageUser, make_song: SongFactory
) -> None:
    page = user.page
    song = make_song(*SONG)
    separate_four_stems(user, song)
    samples = decode(song)

    # The whole song, from the peaks of the mix, whatever the stems are.
    assert original_error(page, samples, 0, 30) < 0.04
    user.screenshot("30-waveforms")
    require_accessible(page)

    # Zoom by the wheel around the pointer, pan by the horizontal wheel.
    waveform = page.get_by_role("group", name="Drums", exact=True).locator(".waveform")
    visible = page.locator(".zoom-controls .hint")
    box = waveform.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 20)
    page.mouse.wheel(0, 0)
    expect(visible).to_be_empty()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -500)
    page.keyboard.up("Control")
    expect(visible).to_have_text(re.compile(r"^0:07\.[6-9] to 0:14\.[2-7]$"))
    page.mouse.wheel(200, 0)
    expect(visible).not_to_have_text(re.compile(r"^0:07"))
    assert waveform.bounding_box() == box
    user.screenshot("31-waveforms-zoomed")

    # Zoom by two fingers, which are no selection.
    page.keyboard.press("0")
    expect(visible).to_be_empty()
    pinch(page, waveform, (0.4, 0.6), (0.2, 0.8))
    expect(visible).to_have_text(re.compile(r"^0:10(\.0)? to 0:20(\.0)?$"))
    pinch(page, waveform, (0.2, 0.8), (0.1, 0.7))
    expect(visible).to_have_text(re.compile(r"^0:11(\.0)? to 0:21(\.0)?$"))
    expect(page.get_by_role("button", name="Loop off")).to_be_hidden()

    # Follow the playback.
    page.keyboard.press("0")
    expect(visible).to_be_empty()
    page.get_by_role("slider", name="Position").fill("12")
    for _ in range(4):
        page.keyboard.press("+")
    # The original is the sum of its stems' samples, as long as its file isn't decoded.
    user.wait_for(IS_DETAILED)
    assert original_error(page, samples, 11.25, 13.125) < 0.02
    start = visible.text_content()
    page.get_by_role("button", name="Play").click()
    expect(visible).not_to_have_text(str(start))
    expect(waveform.locator(".playhead")).to_be_visible()
    page.get_by_role("button", name="Pause").click()

    # Down to the samples of the wav file.
    for _ in range(12):
        page.get_by_role("button", name="Zoom in").click()
    expect(visible).to_have_text(re.compile(r"^0:\d\d\.\d{4} to 0:\d\d\.\d{4}$"))
    user.wait_for(
        """() => {
          const canvas = document.querySelector(".waveform canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return data.some((value, index) => index % 4 === 3 && value > 0 && value < 255);
        }"""
    )
    user.screenshot("32-waveforms-samples")
    page.get_by_role("button", name="Show the whole song").click()
    expect(visible).to_be_empty()


def test_spectrogram_and_selection_are_shown(user: PageUser, make_song: SongFactory) -> None:
    page = user.page
    separate_four_stems(user, make_song(*SONG))
    button = page.get_by_role("button", name="Spectrogram")
    before = drawn(page, "Bass")
    button.click()
    visible = page.locator(".zoom-controls .hint")
    expect(visible).to_have_text("0:00 to 0:20")
    user.wait_for(
        """() => [...document.querySelectorAll("[data-stem] canvas")].every(
        (canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const isPale = (value, index) => index % 4 === 3 && value > 0 && value < 255;
          return data.filter(isPale).length > 5000;
        })"""
    )
    user.screenshot("33-spectrogram")
    require_accessible(page)
    page.get_by_role("button", name="Show the whole song").click()
    expect(visible).to_have_text("Zoom in to 20 seconds to see the spectrogram.")
    np.testing.assert_array_equal(drawn(page, "Bass"), before)
    button.click()
    expect(visible).to_be_empty()

    waveform = page.locator(".waveform").first
    box = waveform.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 30, steps=4)
    loop = waveform.locator(".waveform-loop")
    expect(loop).to_be_visible()
    expect(page.get_by_role("button", name="Loop off")).to_be_hidden()
    page.mouse.up()
    expect(page.get_by_role("button", name="Loop off")).to_be_visible()
    loop_box = loop.bounding_box()
    assert loop_box is not None
    assert abs(loop_box["width"] / box["width"] - 0.2) < 0.02
    user.screenshot("34-selection")


def test_spectrogram_that_is_late_does_not_replace_the_waveform(
    user: PageUser, make_song: SongFactory
) -> None:
    page = user.page
    separate_four_stems(user, make_song(*SONG))
    page.evaluate(HOLD_SPECTROGRAMS)
    button = page.get_by_role("button", name="Spectrogram")
    visible = page.locator(".zoom-controls .hint")
    whole = drawn(page, "Bass")
    button.click()
    user.wait_for("() => heldCount() === 5")
    page.get_by_role("button", name="Show the whole song").click()
    expect(visible).to_have_text("Zoom in to 20 seconds to see the spectrogram.")
    page.evaluate("release()")
    np.testing.assert_array_equal(drawn(page, "Bass"), whole)
    button.click()
    button.click()
    user.wait_for("() => heldCount() === 5")
    button.click()
    expect(visible).to_have_text("0:00 to 0:20")
    part = drawn(page, "Bass")
    page.evaluate("release()")
    np.testing.assert_array_equal(drawn(page, "Bass"), part)
