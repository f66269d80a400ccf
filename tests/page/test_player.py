"""Stems are in step, start where they should, loop, and take little memory."""

import json
import math
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from browser import TIMEOUT_MS, Visitor
from media import decode
from page_site import Compose, Site
from stemdrop_local.deployment import ROOT

RATE_HZ = 44_100
SEEKS = 10
WITHIN_S = 0.010
# Hears every node that sets a level, the way it would be heard: the first of a run is its sum, and
# one for each track follows.
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
# Stops the clock of the sound, so that all are heard at the same moment.
LISTEN = """
async (tracks) => {
  const run = taps.slice(-tracks - 1);
  const { context } = run[0];
  await context.suspend();
  const heard = run.map(({ analyser }) => {
    const samples = new Float32Array(analyser.fftSize);
    analyser.getFloatTimeDomainData(samples);
    return Array.from(samples);
  });
  const position_s = document.querySelector(".position").valueAsNumber;
  await context.resume();
  return { heard, position_s };
}
"""
FOUR = ("vocals", "drums", "bass", "other")


@pytest.fixture
def listener(browser: Browser, site: Site) -> Iterator[Visitor]:
    """Return a visitor whose ears are open."""
    folder = ROOT / "out" / "page"
    with Visitor(browser, site.url, folder, viewport={"width": 1100, "height": 800}) as visitor:
        visitor.context.add_init_script(TAPS)
        visitor.arrive()
        yield visitor


def split_in_four(
    visitor: Visitor, song: Path, codec: str = "wav", timeout_ms: int = TIMEOUT_MS
) -> None:
    visitor.choose(song)
    visitor.page.get_by_role("radio", name="Four stems").check()
    visitor.page.get_by_role("combobox", name="Format").select_option(codec)
    visitor.page.click("#separate")
    visitor.card("done", timeout_ms=timeout_ms)


def listen(page: Page, tracks: int) -> tuple[NDArray[np.float64], float]:
    found = page.evaluate(LISTEN, tracks)
    return np.array(found["heard"]), found["position_s"]


def lag_s(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return by how many seconds `other` comes after `one`, where they are most alike."""
    size = 2 ** math.ceil(math.log2(len(one) + len(other)))
    product = np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size))
    place = int(np.argmax(np.fft.irfft(product, size)))
    return (place if place < size // 2 else place - size) / RATE_HZ


def play_until(page: Page, seconds: int) -> None:
    times = "|".join(f"0:{second:02}" for second in range(seconds, seconds + 3))
    position = page.get_by_role("slider", name="Position")
    expect(position).to_have_attribute("aria-valuetext", re.compile(f"^({times}) of"))


@pytest.mark.parametrize("codec", ["wav", "mp3"])
def test_four_stems_are_in_step_after_ten_seeks(
    listener: Visitor, compose: Compose, codec: str
) -> None:
    """The made-up stems are one song at four volumes, so that any two can be compared."""
    page = listener.page
    song = compose(f"step-{codec}.wav", 60, 30.0)
    split_in_four(listener, song, codec)
    mono = decode(song).mean(axis=1)
    page.get_by_role("button", name="Play").click()
    drum_wave = page.locator(".waveform").nth(1)
    box = drum_wave.bounding_box()
    assert box is not None
    apart_s, late_s = [], []
    for number in range(SEEKS):
        at_s = 1 + (7 * number) % 26
        drum_wave.click(position={"x": box["width"] * at_s / 30, "y": 20})
        play_until(page, at_s + 1)
        heard, position_s = listen(page, len(FOUR))
        tracks = heard[1:]
        assert np.abs(tracks).max(axis=1).min() > 1e-4
        apart_s += [abs(lag_s(tracks[0], track)) for track in tracks[1:]]
        end = round(position_s * RATE_HZ)
        around = mono[max(0, end - 3 * RATE_HZ) : end + RATE_HZ]
        began_s = max(0, end - 3 * RATE_HZ) / RATE_HZ + lag_s(tracks[3], around) * 1.0
        late_s.append(began_s + len(tracks[3]) / RATE_HZ - position_s)
    print(
        json.dumps({"apart_ms": 1000 * max(apart_s), "off_ms": [round(1000 * s) for s in late_s]})
    )
    assert max(apart_s) <= WITHIN_S
    # What the slider says is what is heard, but for the codec's delay and the slider's steps.
    assert max(abs(late) for late in late_s) < 0.2


def test_mute_solo_volume_and_the_original(listener: Visitor, compose: Compose) -> None:
    page = listener.page
    song = compose("mix.wav", 61, 12.0)
    split_in_four(listener, song)
    page.get_by_role("button", name="Play").click()

    def levels(tracks: int = len(FOUR)) -> list[float]:
        script = (
            "(n) => taps.slice(-n).map(({ gain }) => Math.round(1000 * gain.gain.value) / 1000)"
        )
        return list(page.evaluate(script, tracks))

    def comes_to(wanted: list[float]) -> None:
        settled = """([wanted, n]) => new Promise((resolve, reject) => {
          const began = performance.now();
          const look = () => {
            const found = taps.slice(-n).map(({ gain }) => gain.gain.value);
            if (found.every((value, at) => Math.abs(value - wanted[at]) < 0.01)) resolve();
            else if (performance.now() - began > 5000) reject(new Error(found.join()));
            else requestAnimationFrame(look);
          };
          look();
        })"""
        page.evaluate(settled, [wanted, len(wanted)])

    comes_to([1, 1, 1, 1])
    page.get_by_role("button", name="Mute vocals").click()
    comes_to([0, 1, 1, 1])
    page.get_by_role("button", name="Solo bass").click()
    comes_to([0, 0, 1, 0])
    page.get_by_role("button", name="Solo vocals").click()
    comes_to([1, 0, 1, 0])
    page.get_by_role("button", name="Solo vocals").click()
    page.get_by_role("button", name="Solo bass").click()
    page.get_by_role("slider", name="Volume of drums").fill("50")
    comes_to([0, 0.25, 1, 1])
    page.get_by_role("button", name="Listen to the original").click()
    comes_to([0, 0, 0, 0, 1])
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
    listener.shoot("08-original")
    page.get_by_role("button", name="Listen to the original").click()
    comes_to([0, 0.25, 1, 1, 0])
    assert len(levels()) == len(FOUR)


def test_a_part_is_repeated_by_buttons_and_by_dragging(listener: Visitor, compose: Compose) -> None:
    page = listener.page
    split_in_four(listener, compose("loop.wav", 62, 20.0))
    position = page.get_by_role("slider", name="Position")
    position.fill("4")
    page.get_by_role("button", name="Loop from here").click()
    position.fill("5.5")
    page.get_by_role("button", name="Loop to here").click()
    page.get_by_role("button", name="Play").click()
    places = page.evaluate(
        """async () => {
          const places = [];
          const end = performance.now() + 4000;
          while (performance.now() < end) {
            await new Promise(requestAnimationFrame);
            places.push(document.querySelector(".position").valueAsNumber);
          }
          return places;
        }"""
    )
    assert min(places) >= 3.9
    assert max(places) <= 5.6
    assert sum(later < earlier - 1 for earlier, later in pairwise(places)) >= 2
    listener.shoot("09-loop")
    page.get_by_role("button", name="Loop off").click()
    play_until(page, 7)

    wave = page.locator(".waveform").first
    box = wave.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 30, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="Loop off")).to_be_visible()
    play_until(page, 10)


def test_it_ends_at_the_end_and_begins_anew(listener: Visitor, compose: Compose) -> None:
    page = listener.page
    split_in_four(listener, compose("end.wav", 63, 3.0))
    page.get_by_role("slider", name="Position").fill("2")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    expect(page.get_by_role("slider", name="Position")).to_have_value("3")
    page.keyboard.press("Space")
    play_until(page, 1)


def kept_bytes(page: Page) -> int:
    """Return how much memory the page's samples take, without those that it has let go.

    The process's own size says nothing: for Playwright, it keeps 200 MB of what was fetched.
    """
    protocol = page.context.new_cdp_session(page)
    protocol.send("HeapProfiler.enable")
    protocol.send("HeapProfiler.collectGarbage")
    kept: int = protocol.send("Runtime.getHeapUsage")["backingStorageSize"]
    protocol.detach()
    return kept


def test_four_stems_of_ten_minutes_take_little_memory(listener: Visitor, tmp_path: Path) -> None:
    """Decoded as a whole they would take 847 MB."""
    page = listener.page
    minute = generate(60.0, seed=64).mix
    song = tmp_path / "long.wav"
    write_wav(song, [minute] * 10)
    split_in_four(listener, song, timeout_ms=120_000)
    before = kept_bytes(page)
    page.get_by_role("button", name="Play").click()
    position = page.get_by_role("slider", name="Position")
    largest = 0
    for number in range(12):
        at_s = (97 * number) % 590
        position.fill(str(at_s))
        times = "|".join(f"{later // 60}:{later % 60:02}" for later in range(at_s + 1, at_s + 4))
        expect(position).to_have_attribute("aria-valuetext", re.compile(f"^({times}) of 10:00"))
        largest = max(largest, kept_bytes(page))
    heard, _ = listen(page, len(FOUR))
    assert max(abs(lag_s(heard[1], track)) for track in heard[2:]) <= WITHIN_S
    print(json.dumps({"more_mb": (largest - before) / 1e6}))
    assert 5e6 < largest - before < 60e6
