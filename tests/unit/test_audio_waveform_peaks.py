"""Waveform peaks are the extreme samples of each bin, independent of block sizes."""

import struct
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stemdrop_separate.audio.waveform_peaks import (
    BIN_SAMPLES,
    MAX_PARTS,
    WaveformPeaks,
    write_peaks_file,
)


def noise(samples: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1.2, 1.2, (samples, 2)).astype(np.float32)


def measure(*blocks: NDArray[np.float32]) -> tuple[list[int], list[int]]:
    """Return the parts of the outline, and the bins."""
    peaks = WaveformPeaks()
    for block in blocks:
        peaks.add(block)
    waveform, bins = peaks.finish()
    return list(bytes.fromhex(waveform)), np.frombuffer(bins, np.int8).tolist()


def peaks_of(*blocks: NDArray[np.float32]) -> list[int]:
    return measure(*blocks)[0]


def expected_bins(sound: NDArray[np.float32]) -> list[int]:
    parts = [sound[at : at + BIN_SAMPLES] for at in range(0, len(sound), BIN_SAMPLES)]
    extremes = np.array([(part.min(), part.max()) for part in parts]).ravel()
    rounded: list[int] = np.clip(np.rint(extremes * 128), -128, 127).astype(int).tolist()
    return rounded


def expected(sound: NDArray[np.float32]) -> list[int]:
    size = BIN_SAMPLES
    while len(sound) > size * MAX_PARTS:
        size *= 2
    largest = [np.abs(sound[at : at + size]).max() for at in range(0, len(sound), size)]
    return [int(np.rint(255 * min(value, np.float32(1)))) for value in largest]


@given(
    samples=st.integers(1, 3 * BIN_SAMPLES * MAX_PARTS),
    cuts=st.lists(st.floats(0, 1), max_size=5),
)
def test_peaks_are_independent_of_block_sizes(samples: int, cuts: list[float]) -> None:
    sound = noise(samples)
    places = sorted(round(cut * samples) for cut in cuts)
    assert measure(*np.split(sound, places)) == (expected(sound), expected_bins(sound))


def test_bins_never_exceed_the_maximum() -> None:
    blocks = [noise(BIN_SAMPLES * MAX_PARTS, seed) for seed in range(5)]
    found = peaks_of(*blocks)
    assert MAX_PARTS // 2 < len(found) <= MAX_PARTS
    assert found == expected(np.concatenate(blocks))


def test_silence_is_00_and_no_samples_are_an_empty_text() -> None:
    assert peaks_of(np.zeros((BIN_SAMPLES + 1, 2), np.float32)) == [0, 0]
    assert peaks_of() == []
    assert peaks_of(noise(0)) == []


def test_file_has_the_header_of_audiowaveform_and_the_bins_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "peaks.dat"
    write_peaks_file(path, [bytes([0x80, 0x7F, 1, 2]), bytes([0, 3, 4, 5])])
    header = (2, 1, 44_100, BIN_SAMPLES, 2, 2)
    assert path.read_bytes() == struct.pack("<iIiiIi8b", *header, -128, 127, 0, 3, 1, 2, 4, 5)
