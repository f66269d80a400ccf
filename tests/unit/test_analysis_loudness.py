"""Loudness of signals with a known one; the integration tests compare with ffmpeg's meter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform
from known_music import noise
from stemdrop_separate.analysis.loudness import LoudnessMeter


def measure(*blocks: Waveform) -> LoudnessMeter:
    meter = LoudnessMeter()
    for block in blocks:
        meter.add(block)
    return meter


def sine(duration_s: float, level_dbfs: float, frequency_hz: float = 1000) -> Waveform:
    phase = (
        2 * np.pi * frequency_hz * np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    )
    tone: Waveform = (10 ** (level_dbfs / 20) * np.sin(phase)).astype(np.float32)
    return np.stack([tone, tone], axis=1)


# Cases 1 to 5 of EBU Tech 3341, "Loudness metering: EBU mode".
@pytest.mark.parametrize(
    ("parts", "loudness_lufs"),
    [
        ([(20, -23)], -23),
        ([(20, -33)], -33),
        ([(10, -36), (60, -23), (10, -36)], -23),
        ([(10, -72), (10, -36), (60, -23), (10, -36), (10, -72)], -23),
        ([(20, -26), (20.1, -20), (20, -26)], -23),
    ],
)
def test_meter_has_ebu_mode(parts: list[tuple[float, float]], loudness_lufs: float) -> None:
    meter = measure(*(sine(*part) for part in parts))
    assert meter.integrated_lufs() == pytest.approx(loudness_lufs, abs=0.1)


@pytest.mark.parametrize("frequency_hz", [5, 10, 20])
def test_bass_is_weighted_by_the_high_pass(frequency_hz: float) -> None:
    # Source: the second filter stage of ITU-R BS.1770, two poles at 38.135 Hz.
    attenuation_db = 20 * np.log10(1 + (38.135 / frequency_hz) ** 2)
    meter = measure(sine(20, 0, frequency_hz))
    assert meter.integrated_lufs() == pytest.approx(-0.691 - attenuation_db, abs=0.1)


@pytest.mark.parametrize("offset", [0.5, 1.0])
def test_offset_is_silent_in_any_blocks(offset: float) -> None:
    begin = 1 - np.cos(np.linspace(0, np.pi, 4 * SAMPLE_RATE_HZ))
    level = np.append(begin / 2, np.ones(4 * SAMPLE_RATE_HZ)) * offset
    samples = np.stack([level, level], axis=1).astype(np.float32)
    assert measure(samples).integrated_lufs() is None
    assert measure(*np.split(samples, range(1000, len(samples), 7777))).integrated_lufs() is None


@given(st.lists(st.integers(0, 40_000), max_size=8))
@settings(max_examples=30)
def test_division_into_blocks_does_not_matter(lengths: list[int]) -> None:
    samples = noise(1.5)
    whole, parts = measure(samples), measure(*np.split(samples, np.cumsum(lengths)))
    assert parts.integrated_lufs() == pytest.approx(whole.integrated_lufs(), abs=1e-3)
    assert parts.peak_dbfs == whole.peak_dbfs


def test_peak_is_the_largest_sample() -> None:
    samples = noise(0.5)
    samples[1234, 1] = -0.9
    assert measure(samples).peak_dbfs == pytest.approx(20 * np.log10(0.9), abs=1e-6)


@pytest.mark.parametrize(
    "samples", [noise(0.3), np.float32(1e-5) * noise(2.0)], ids=["0.3 s", "-120 dB"]
)
def test_nothing_above_the_gate_has_no_loudness(samples: Waveform) -> None:
    assert measure(samples).integrated_lufs() is None
