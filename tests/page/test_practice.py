"""Pitch, tempo, loops and the metronome, on the samples that the page plays."""

import base64
import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from accessibility import require_accessible, require_fitting
from browser import PageUser
from page_site import SongFactory
from stemdrop_api.web_page import version

RATE_HZ = 44_100
QUANTUM_FRAMES = 128
TONE_HZ = 440.0
GAINS = (1.0, 0.5)
# Plays synthetic tracks in an OfflineAudioContext, at most twice as fast as a clock. Returns the
# samples of the sum and of each track. SONG, BEFORE and STEPS are replaced by JavaScript.
RECORD = """
async ({ module, beats_s, duration_s, recorded_s, gains }) => {
  const RATE_HZ = 44100;
  const { Playback } = await import(module);
  const Plain = GainNode;
  let context;
  let tapped = 0;
  globalThis.AudioContext = class extends OfflineAudioContext {
    constructor() {
      const length = Math.round(recorded_s * RATE_HZ);
      super({ numberOfChannels: 2 + gains.length, length, sampleRate: RATE_HZ });
      this.destination.channelInterpretation = "discrete";
      this.merger = new ChannelMergerNode(this, { numberOfInputs: 2 + gains.length });
      this.merger.connect(this.destination);
      context = this;
    }
    get state() { return "running"; }
    async suspend() {}
    async resume() {}
    async close() {}
    stopAt(time_s, listener) {
      super.suspend(time_s).then(listener).then(() => super.resume());
    }
  };
  // Each run creates a node for the clicks, one for the sum, and one for each track.
  globalThis.GainNode = class extends Plain {
    constructor(...options) {
      super(...options);
      const track = (tapped % (2 + gains.length)) - 2;
      tapped += 1;
      if (track >= 0) {
        const splitter = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
        this.connect(splitter).connect(context.merger, 0, 2 + track);
      }
    }
  };
  const sampleAt = (frame, time_s = frame / RATE_HZ) => SONG;
  const playback = new Playback(duration_s, beats_s);
  let endedAt_s = null;
  playback.addEventListener("ended", () => { endedAt_s = context.currentTime; });
  gains.forEach((gain, track) => playback.addTrack(String(track), {
    async load(first, count) {
      const length = Math.max(1, Math.min(count, Math.round(duration_s * RATE_HZ) - first));
      const samples = Float32Array.from({ length }, (_, index) => gain * sampleAt(first + index));
      return (offset, frames) => {
        const part = samples.subarray(offset, offset + frames);
        const options = { length: Math.max(1, part.length), numberOfChannels: 2 };
        const buffer = new AudioBuffer({ ...options, sampleRate: RATE_HZ });
        for (const channel of [0, 1]) buffer.copyToChannel(part, channel);
        return buffer;
      };
    },
  }, 1));
  // The stretcher of the next run takes a while to load, in which the recording waits.
  const nextRun = async () => {
    const before = tapped;
    for (let checks = 0; tapped === before && checks < 2000; checks += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const positions_s = [];
  { BEFORE }
  playback.play();
  STEPS
  const STEP_S = 0.05;
  const pace = (time_s) => {
    if (time_s < recorded_s - STEP_S) context.stopAt(time_s, async () => {
      positions_s.push([context.currentTime, playback.position_s]);
      pace(time_s + STEP_S);
      await new Promise((resolve) => setTimeout(resolve, 500 * STEP_S));
    });
  };
  pace(STEP_S / 3);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const buffer = await context.startRendering();
  playback.close();
  globalThis.GainNode = Plain;
  const channels = [...gains.keys()].map((track) => buffer.getChannelData(2 + track));
  const encode = (samples) => {
    const bytes = new Uint8Array(samples.buffer);
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) {
      text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    }
    return btoa(text);
  };
  const sum = encode(buffer.getChannelData(0));
  return { sum, tracks: channels.map(encode), positions_s, endedAt_s };
}
"""
TONE = f"0.5 * Math.sin(2 * Math.PI * {TONE_HZ} * time_s)"
# A different pseudo-random number for each frame.
HASH = "Math.imul(Math.imul(frame + 1, 0x9E3779B1) ^ (frame >>> 3), 0x85EBCA6B)"
NOISE = f"({HASH} >>> 8) / 2 ** 24 - 0.5"

# Counts the arrays of the second of samples that the stretcher gets at once.
COUNT_ARRAYS = """
  const PlainArray = Float32Array;
  globalThis.arraysMade = 0;
  globalThis.Float32Array = class extends PlainArray {
    constructor(...options) {
      super(...options);
      if (options[0] === RATE_HZ) arraysMade += 1;
    }
  };
"""

Samples = NDArray[np.float64]


class Recording:
    """What was played: the sum, the tracks before they are added, and where the playback was."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.sum, *self.tracks = (
            np.frombuffer(base64.b64decode(text), np.float32).astype(np.float64)
            for text in (found["sum"], *found["tracks"])
        )
        self.positions_s = np.array(found["positions_s"])
        self.ended_at_s = found["endedAt_s"]


def record(
    user: PageUser,
    song: str,
    recorded_s: float,
    *,
    before: str = "",
    steps: dict[float, str] | None = None,
    **options: Any,
) -> Recording:
    """Record tracks that play a function of JavaScript, while statements change the playback."""
    user.page.goto(f"{user.url}healthz")  # loads nothing but the module
    stops = [
        f"context.stopAt({time_s}, async () => {{ {text} }});"
        for time_s, text in (steps or {}).items()
    ]
    script = RECORD.replace("SONG", song).replace("BEFORE", before).replace("STEPS", "".join(stops))
    module = f"/page/{version()}/playback.js"
    defaults = {"module": module, "duration_s": 60.0, "beats_s": [], "gains": GAINS}
    return Recording(user.page.evaluate(script, {**defaults, "recorded_s": recorded_s, **options}))


def part(samples: Samples, start_s: float, end_s: float) -> Samples:
    return samples[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]


def frequency_hz(samples: Samples, around_hz: float) -> float:
    """Return the frequency of a tone, from how its phase moves against another."""
    times_s = np.arange(len(samples)) / RATE_HZ
    moved = samples * np.exp(-2j * np.pi * around_hz * times_s)
    window = np.hanning(4410)
    phase = np.unwrap(np.angle(np.convolve(moved, window / window.sum(), "valid")))
    slope, _ = np.polyfit(times_s[: len(phase)], phase, 1)
    return around_hz + float(slope) / (2 * np.pi)


def cents(found_hz: float, wanted_hz: float) -> float:
    return float(1200 * np.log2(found_hz / wanted_hz))


@pytest.fixture
def user(signed_out_user: PageUser) -> PageUser:
    """Return a user whose tab each recording loads again."""
    return signed_out_user


def test_changes_of_pitch_and_tempo_are_exact_and_keep_stems_together(user: PageUser) -> None:
    steps = {
        1.2: "playback.pitch_semitones = 2; await nextRun();",
        3.2: "playback.tempo_percent = 75",
    }
    found = record(user, TONE, 6.5, steps=steps)
    tone, quieter = found.tracks
    assert np.abs(quieter - 0.5 * tone).max() < 1e-3  # a sample later, it would be 0.015
    raised_hz = TONE_HZ * 2 ** (2 / 12)
    assert raised_hz == pytest.approx(493.88, abs=0.01)
    assert abs(cents(frequency_hz(part(tone, 0.2, 1.2), TONE_HZ), TONE_HZ)) < 0.01
    assert abs(cents(frequency_hz(part(tone, 2.0, 3.2), raised_hz), raised_hz)) < 0.1
    assert abs(cents(frequency_hz(part(tone, 4.2, 6.4), raised_hz), raised_hz)) < 0.1
    # No step is larger than those of the tones. The sound may dip while one fades into the other.
    assert (
        np.abs(np.diff(part(found.sum, 0.2, 6.4))).max()
        < 1.3 * 0.75 * 2 * np.pi * raised_hz / RATE_HZ
    )
    assert np.abs(part(found.sum, 0.2, 6.4)).reshape(-1, 882).max(axis=1).min() > 0.15
    times_s, positions_s = found.positions_s.T
    pace, _ = np.polyfit(times_s[times_s > 4.2], positions_s[times_s > 4.2], 1)
    assert pace == pytest.approx(0.75, abs=1e-4)


def test_original_tempo_and_pitch_play_the_samples_as_they_are(user: PageUser) -> None:
    found = record(user, NOISE, 5.5)
    first, second = found.tracks
    start = np.flatnonzero(first)[0]
    frames = np.arange(len(first) - start)
    hashed = (((frames + 1) * 0x9E3779B1) & 0xFFFFFFFF) ^ (frames >> 3)
    noise = (((hashed * 0x85EBCA6B) & 0xFFFFFFFF) >> 8) / 2**24 - 0.5
    assert np.array_equal(first[start:], noise.astype(np.float32))
    assert np.abs(found.sum - (first + second)).max() < 2e-7


def test_duration_at_another_tempo_is_exact(user: PageUser) -> None:
    """Three bursts are two seconds of the song apart, in the middle of which their energy is."""
    burst = (
        "Math.max(0, 1 - Math.abs((time_s % 2) - 1) / 0.05) * Math.sin(2 * Math.PI * 700 * time_s)"
    )
    before = f"{COUNT_ARRAYS} playback.tempo_percent = 75;"
    found = record(user, burst, 9.0, duration_s=6.0, before=before)
    energy = found.tracks[0] ** 2
    start_s = found.ended_at_s - 8.0
    centers_s = []
    for number in range(3):
        expected_s = start_s + (1 + 2 * number) / 0.75
        window = part(energy, expected_s - 0.5, expected_s + 0.5)
        middle = np.average(np.arange(len(window)), weights=window) / RATE_HZ
        centers_s.append(round((expected_s - 0.5) * RATE_HZ) / RATE_HZ + float(middle))
    quantum_s = QUANTUM_FRAMES / RATE_HZ
    assert np.diff(centers_s) == pytest.approx([2 / 0.75, 2 / 0.75], abs=quantum_s)
    assert np.abs(part(found.sum, found.ended_at_s + 0.2, 9.0)).max() == 0
    # The seven parts of both stereo tracks would be 28, if those that were played didn't come back.
    assert user.page.evaluate("arraysMade") <= 20


def test_loop_is_exact_to_the_sample(user: PageUser) -> None:
    found = record(user, NOISE, 4.0, before="playback.setLoop(3.9, 4.1); playback.seek(3.9)")
    heard = part(found.tracks[0], 1.0, 3.9)
    period = round(0.2 * RATE_HZ)
    assert np.array_equal(heard[period:], heard[:-period])


def test_loop_is_exact_at_another_tempo_and_pitch(user: PageUser) -> None:
    """The loop contains one burst, whose repetitions are compared."""
    burst = "Math.max(0, 1 - Math.abs(time_s - 4) / 0.05) * Math.sin(2 * Math.PI * 700 * time_s)"
    before = """
      playback.setLoop(3.9, 4.1); playback.seek(3.9);
      playback.tempo_percent = 80; playback.pitch_semitones = -3;
    """
    found = record(user, burst, 5.5, before=before)
    period = round(0.25 * RATE_HZ)
    energy = part(found.tracks[0], 0.5, 5.4) ** 2
    loudest = int(np.argmax(np.convolve(energy[:period], np.hanning(2205), "same")))
    starts = range(loudest + period // 2, len(energy) - period, period)
    windows = [energy[start : start + period] for start in starts]
    centers = [np.average(np.arange(period), weights=window) for window in windows]
    drift, _ = np.polyfit(np.arange(len(centers)), centers, 1)
    assert len(centers) > 12
    assert abs(drift) < 1


def test_song_ends_though_the_tempo_changes_shortly_before(user: PageUser) -> None:
    steps = {2.95: "playback.tempo_percent = 75; await nextRun();"}
    found = record(user, TONE, 5.0, duration_s=3.0, steps=steps)
    # The change may still take effect, and then the rest takes longer.
    assert found.ended_at_s is not None


def clicks_s(samples: Samples) -> Samples:
    """Return when clicks start."""
    loud = np.flatnonzero(np.abs(samples) > 0.05)
    starts = loud[np.diff(loud, prepend=-RATE_HZ) > RATE_HZ // 20]
    return starts / RATE_HZ


def test_clicks_are_on_the_beats_after_a_bar_of_count_in(user: PageUser) -> None:
    beats_s = [0.3 + 0.5 * beat for beat in range(40)]
    before = "playback.hasCountIn = playback.hasMetronome = true; playback.seek(1.1)"
    steps = {4.5: "playback.tempo_percent = 50; await nextRun();"}
    found = record(user, "0", 9.0, beats_s=beats_s, before=before, steps=steps)
    clicks = clicks_s(found.sum)
    assert np.diff(clicks[:8]) == pytest.approx([0.5] * 7, abs=1e-4)
    times_s, positions_s = found.positions_s.T
    playing = positions_s > 1.1
    # The first four clicks precede the position, and the fifth is on its next beat, at 1.3 s.
    start_s = float((times_s[playing] - positions_s[playing])[0])
    assert clicks[4] - start_s == pytest.approx(1.3, abs=1e-3)
    assert np.diff(clicks[-3:]) == pytest.approx([1.0, 1.0], abs=1e-4)


def test_metronome_follows_a_loop(user: PageUser) -> None:
    before = "playback.hasMetronome = true; playback.setLoop(1, 1.8); playback.seek(1)"
    found = record(user, "0", 5.0, beats_s=[0.2, 1.2, 2.2, 3.2], before=before)
    assert np.diff(clicks_s(found.sum)) == pytest.approx([0.8] * 5, abs=1e-4)


def drag_start(page: Page) -> None:
    """Drag the start of the loop to a quarter of the song, and then beyond the loop's end."""
    start = page.get_by_role("slider", name="Start of the loop")
    box = start.bounding_box()
    strip = page.locator(".timeline").bounding_box()
    assert box is not None
    assert strip is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(strip["x"] + strip["width"] / 4, box["y"] + 5, steps=4)
    expect(start).to_have_attribute("aria-valuetext", re.compile("^0:0(2.9|3.0)"))
    expect(start.locator(".handle-time")).to_be_visible()
    page.mouse.move(strip["x"] + strip["width"], box["y"] + 5, steps=4)
    page.mouse.up()


def check_looks(user: PageUser) -> None:
    """Check the page as it is now in a wide and a narrow window, light and dark."""
    page = user.page
    for number, look in enumerate([(1100, "light"), (1100, "dark"), (400, "light"), (400, "dark")]):
        width, color_scheme = look
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=color_scheme)  # type: ignore[arg-type]
        user.screenshot(f"30-practice-{number}")
        require_accessible(page)
        require_fitting(page)


def test_practice_controls_by_keyboard_and_mouse(
    signed_out_user: PageUser, make_song: SongFactory
) -> None:
    user = signed_out_user
    page = user.sign_in()
    user.separate(make_song("Etude.wav", 170, 12.0))
    user.card("done")

    def slider(name: str) -> Locator:
        return page.get_by_role("slider", name=name, exact=True)

    def button(name: str) -> Locator:
        return page.get_by_role("button", name=name, exact=True)

    page.get_by_text("Practice", exact=True).click()
    slider("Pitch").focus()
    page.keyboard.press("ArrowRight")
    slider("Fine pitch").focus()
    page.keyboard.press("End")
    expect(slider("Pitch")).to_have_value("1")
    expect(page.locator(".practice-summary")).to_have_text("+1.49")
    slider("Fine pitch").fill("-20")
    slider("Tempo").fill("75")
    expect(page.locator(".practice-summary")).to_have_text("75%, +0.8")
    button("Play").click()
    expect(slider("Position")).to_have_attribute("aria-valuetext", re.compile("^0:0[2-5] of"))
    button("Metronome").click()
    slider("Tempo").dblclick()
    expect(page.locator(".practice-summary")).to_have_text("+0.8")
    button("Reset").click()
    expect(button("Reset")).to_be_disabled()
    expect(slider("Tempo")).to_be_focused()
    button("Pause").click()

    slider("Position").fill("5")
    button("Add marker").click()
    page.keyboard.type("Chorus")
    slider("Position").fill("9")
    button("Go to Chorus, 0:05.0").click()
    expect(slider("Position")).to_have_value("5")

    button("Loop from here").click()
    slider("Position").fill("8")
    button("Loop to here").click()
    start, end = slider("Start of the loop"), slider("End of the loop")
    end.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(end).to_have_attribute("aria-valuetext", "0:08.11")
    drag_start(page)
    expect(start).to_have_attribute("aria-valuetext", "0:07.91")  # 0.2 seconds before the end

    button("Add marker").focus()
    check_looks(user)
    button("Delete Chorus").click()
    expect(button("Add marker")).to_be_focused()
