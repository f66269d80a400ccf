"""Saved mixes: gains, pan, range, pitch, tempo and formats, decoded by ffmpeg."""

import base64
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page

from media import decode
from stemdrop_api.web_page import version

RATE_HZ = 44_100
TONE_HZ = 440.0
TOLERANCE = 1e-4
SETTINGS: dict[str, Any] = {"tempo_percent": 100, "pitch_semitones": 0, "format": "wav"}
# Stems are sent and files returned as base64, because Playwright is slow with long arrays.
RENDER = """
async ({ module, tracks, settings }) => {
  const { renderMix } = await import(module);
  const parse = (text) =>
    new Float32Array(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
  const playable = tracks.map(({ left, right, gain, pan }) => {
    const channels = [parse(left), parse(right)];
    const load = async (first, count) => {
      const length = Math.max(1, Math.min(count, channels[0].length - first));
      const buffer = new AudioBuffer({ length, numberOfChannels: 2, sampleRate: 44100 });
      channels.forEach((samples, at) =>
        buffer.copyToChannel(samples.subarray(first, first + length), at));
      return () => buffer;
    };
    return { source: { load }, gain, pan };
  });
  const fractions = [];
  const { blob, gain_db } = await renderMix(playable, settings, {
    signal: new AbortController().signal,
    onProgress: (fraction) => fractions.push(fraction),
    onTransientError: () => {},
  });
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return { file: btoa(text), gain_db, fractions };
}
"""
PANNED = """
async ({ module, pans }) => {
  const { panMatrix } = await import(module);
  const differences = [];
  for (const pan of pans) {
    const context = new OfflineAudioContext(2, 256, 44100);
    const buffer = new AudioBuffer({ length: 256, numberOfChannels: 2, sampleRate: 44100 });
    buffer.getChannelData(0).fill(0.5);
    buffer.getChannelData(1).fill(-0.25);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(new StereoPannerNode(context, { pan })).connect(context.destination);
    source.start();
    const panned = await context.startRendering();
    panMatrix(pan).forEach(([left, right], output) =>
      differences.push(Math.abs(0.5 * left - 0.25 * right - panned.getChannelData(output)[200])));
  }
  return Math.max(...differences);
}
"""

Samples = NDArray[np.float32]


def module(name: str) -> str:
    return f"/page/{version()}/{name}"


def noise(seed: int, seconds: float, level: float = 0.2) -> Samples:
    shape = (round(seconds * RATE_HZ), 2)
    samples = level * np.random.default_rng(seed).uniform(-1, 1, shape)
    return np.asarray(samples, np.float32)


def tone(seconds: float) -> Samples:
    angles = 2 * math.pi * TONE_HZ * np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.asarray(np.stack([0.5 * np.sin(angles)] * 2, axis=1), np.float32)


def panned(stem: Samples, pan: float) -> Samples:
    """Return a stem as a StereoPannerNode pans it."""
    angle = (1 - abs(pan)) * math.pi / 2
    moved, kept = math.cos(angle), math.sin(angle)
    left, right = stem.T
    if pan <= 0:
        return np.stack([left + moved * right, kept * right], axis=1)
    return np.stack([kept * left, right + moved * left], axis=1)


def frequency_hz(samples: Samples) -> float:
    """Return the frequency of a tone: the mean of its spectrum's strongest part, by power."""
    middle = samples[len(samples) // 4 : -len(samples) // 4, 0].astype(np.float64)
    power = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    bins_hz = np.fft.rfftfreq(len(middle), 1 / RATE_HZ)
    is_tone = np.abs(bins_hz - bins_hz[np.argmax(power)]) < 20
    return float(np.average(bins_hz[is_tone], weights=power[is_tone]))


@dataclass
class MixSaver:
    """Saves mixes of stems, and decodes the files.

    Attributes
    ----------
    gain_db : By how much the last mix was turned down.
    """

    page: Page
    folder: Path
    gain_db: float = 0.0

    def __call__(
        self, stems: list[Samples], faders: list[tuple[float, float]], **settings: Any
    ) -> Samples:
        """Return the samples of a mix of stems, each with a gain and a pan."""
        settings = {**SETTINGS, "start_s": 0, "end_s": len(stems[0]) / RATE_HZ, **settings}
        tracks = [
            {
                "left": base64.b64encode(np.ascontiguousarray(stem[:, 0]).tobytes()).decode(),
                "right": base64.b64encode(np.ascontiguousarray(stem[:, 1]).tobytes()).decode(),
                "gain": gain,
                "pan": pan,
            }
            for stem, (gain, pan) in zip(stems, faders, strict=True)
        ]
        request = {"module": module("mix-renderer.js"), "tracks": tracks, "settings": settings}
        found = self.page.evaluate(RENDER, request)
        assert found["fractions"][-1] == 1
        self.gain_db = found["gain_db"]
        path = self.folder / f"mix.{settings['format']}"
        path.write_bytes(base64.b64decode(found["file"]))
        return decode(path)


@pytest.fixture
def save(module_page: Page, tmp_path: Path) -> MixSaver:
    return MixSaver(module_page, tmp_path)


def test_pan_equals_the_browsers(module_page: Page) -> None:
    request = {"module": module("mix-renderer.js"), "pans": [-1, -0.6, -0.1, 0, 0.25, 0.8, 1]}
    assert module_page.evaluate(PANNED, request) < 1e-6


def test_mix_is_the_sum_of_the_stems_with_their_faders(save: MixSaver) -> None:
    stems = [noise(seed, 4.7) for seed in range(4)]
    faders = [(1.0, 0.0), (0.49, -0.6), (0.0225, 1.0), (0.81, 0.3)]
    mix = save(stems, faders)
    expected = sum(
        gain * panned(stem, pan) for stem, (gain, pan) in zip(stems, faders, strict=True)
    )
    assert mix.shape == stems[0].shape
    assert np.abs(mix - expected).max() < TOLERANCE


def test_loop_is_exact_to_a_sample(save: MixSaver) -> None:
    stem = noise(5, 8.0)
    start, end = 123_457, 345_679
    mix = save([stem], [(1.0, 0.0)], start_s=start / RATE_HZ, end_s=end / RATE_HZ)
    assert mix.shape == (end - start, 2)
    assert np.abs(mix - stem[start:end]).max() < TOLERANCE


def test_mix_beyond_full_scale_is_turned_down_as_a_whole(save: MixSaver) -> None:
    stems = [noise(6, 5.0, level=0.9), noise(7, 5.0, level=0.9)]
    mix = save(stems, [(1.0, 0.0), (1.0, 0.0)])
    total = sum(stems)
    assert np.abs(mix - total / np.abs(total).max()).max() < TOLERANCE
    assert save.gain_db == pytest.approx(-20 * math.log10(np.abs(total).max()), abs=0.01)


@pytest.mark.parametrize("pitch_semitones", [-5, 7.5])
def test_pitch_changes_without_the_length(save: MixSaver, pitch_semitones: float) -> None:
    mix = save([tone(8.0)], [(1.0, 0.0)], pitch_semitones=pitch_semitones)
    assert len(mix) == 8 * RATE_HZ
    assert abs(1200 * math.log2(frequency_hz(mix) / (TONE_HZ * 2 ** (pitch_semitones / 12)))) < 1


@pytest.mark.parametrize("tempo_percent", [25, 200])
def test_tempo_changes_the_length_without_the_pitch(save: MixSaver, tempo_percent: int) -> None:
    """Below half the tempo, the library blurs phases at random, on purpose."""
    mix = save([tone(8.0)], [(1.0, 0.0)], tempo_percent=tempo_percent)
    assert len(mix) == round(8 * RATE_HZ * 100 / tempo_percent)
    assert abs(1200 * math.log2(frequency_hz(mix) / TONE_HZ)) < 1
    level = np.abs(mix).max(axis=1)
    assert level[: RATE_HZ // 5].max() > 0.4
    assert level[-RATE_HZ // 5 :].max() > 0.4


def test_stretched_mix_starts_with_the_range(save: MixSaver) -> None:
    """A burst in the song stays where the tempo puts it."""
    song = np.zeros((10 * RATE_HZ, 2), np.float32)
    song[4 * RATE_HZ : 4 * RATE_HZ + 4410] = tone(0.1)
    mix = save([song], [(1.0, 0.0)], start_s=2, end_s=8, tempo_percent=80)
    energy = (mix.astype(np.float64) ** 2).sum(axis=1)
    center_s = (energy * np.arange(len(mix))).sum() / energy.sum() / RATE_HZ
    assert center_s == pytest.approx((4.05 - 2) / 0.8, abs=0.01)


def test_mp3_has_the_length_of_the_mix(save: MixSaver) -> None:
    stem = tone(7.0)
    mix = save([stem], [(0.5, 0.0)], start_s=1, end_s=6.123, format="mp3")
    assert mix.shape == (round(5.123 * RATE_HZ), 2)
    expected = 0.5 * stem[RATE_HZ : RATE_HZ + len(mix)]
    inner = slice(2000, -2000)
    assert np.abs(mix[inner] - expected[inner]).max() < 0.01
