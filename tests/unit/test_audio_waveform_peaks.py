"""Waveform peaks are the largest samples of each bin, independent of block sizes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stemdrop_separate.audio.waveform_peaks import FIRST_BIN_SAMPLES, MAX_BINS, WaveformPeaks


def noise(samples: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1.2, 1.2, (samples, 2)).astype(np.float32)


def peaks_of(*blocks: NDArray[np.float32]) -> list[int]:
    peaks = WaveformPeaks()
    for block in blocks:
        peaks.add(block)
    return list(bytes.fromhex(peaks.finish()))


def expected(sound: NDArray[np.float32]) -> list[int]:
    size = FIRST_BIN_SAMPLES
    while len(sound) > size * MAX_BINS:
        size *= 2
    largest = [np.abs(sound[at : at + size]).max() for at in range(0, len(sound), size)]
    return [int(np.rint(255 * min(value, np.float32(1)))) for value in largest]


@given(
    samples=st.integers(1, 3 * FIRST_BIN_SAMPLES * MAX_BINS),
    cuts=st.lists(st.floats(0, 1), max_size=5),
)
def test_peaks_are_independent_of_block_sizes(samples: int, cuts: list[float]) -> None:
    sound = noise(samples)
    places = sorted(round(cut * samples) for cut in cuts)
    assert peaks_of(*np.split(sound, places)) == expected(sound)


def test_bins_never_exceed_the_maximum() -> None:
    blocks = [noise(FIRST_BIN_SAMPLES * MAX_BINS, seed) for seed in range(5)]
    found = peaks_of(*blocks)
    assert MAX_BINS // 2 < len(found) <= MAX_BINS
    assert found == expected(np.concatenate(blocks))


def test_silence_is_00_and_no_samples_are_an_empty_text() -> None:
    assert peaks_of(np.zeros((FIRST_BIN_SAMPLES + 1, 2), np.float32)) == [0, 0]
    assert peaks_of() == []
    assert peaks_of(noise(0)) == []
