"""Waveform peaks of a stem or song: its extreme samples bin by bin, to draw it without its file."""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ, Samples

BIN_SAMPLES = 512
MAX_PARTS = 1024
FULL_SCALE = 255
# Source: "Data Format" in the documentation of BBC's audiowaveform, version 2 of its .dat files:
# version, flags (1 for 8 bits), sample rate, samples per pixel, length, channels.
_HEADER = struct.Struct("<iIiiIi")
_VERSION = 2
_IS_8_BIT = 1


class WaveformPeaks:
    """Collects the peaks of a stream whose length is unknown until its end.

    Two resolutions: bins of 512 samples, and up to MAX_PARTS equal parts for an outline. When the
    parts are full, two neighbors become one. So from 12 s on there are more than half as many.
    """

    def __init__(self) -> None:
        self._rest = np.zeros((0, 2), np.float32)
        self._bins = bytearray()
        self._parts = np.zeros(MAX_PARTS, np.float32)
        self._part_bins = 1

    def add(self, block: Samples) -> None:
        """Take the next samples: float32, shape (samples, 2)."""
        if len(self._rest):
            block = np.concatenate([self._rest, block])
        whole = len(block) - len(block) % BIN_SAMPLES
        self._rest = block[whole:].copy()
        if whole:
            self._add_bins(block[:whole].reshape(-1, 2 * BIN_SAMPLES))

    def finish(self) -> tuple[str, bytes]:
        """Return the outline and the bins.

        Returns
        -------
        Two hex digits for each part: 00 is silence, ff full scale and beyond. And the smallest and
        the largest sample of each bin, left or right: int8, 127 being full scale.
        """
        if len(self._rest):
            self._add_bins(self._rest.reshape(1, -1))
            self._rest = self._rest[:0]
        used = -(-len(self._bins) // 2 // self._part_bins)
        steps = np.rint(np.minimum(self._parts[:used], 1.0) * FULL_SCALE)
        return bytes(steps.astype(np.uint8)).hex(), bytes(self._bins)

    def _add_bins(self, bins: Samples) -> None:
        """Take whole bins: float32, shape (bins, samples), left and right together."""
        smallest, largest = bins.min(axis=1), bins.max(axis=1)
        first_bin = len(self._bins) // 2
        steps = np.rint(np.clip(np.stack([smallest, largest], axis=1) * 128, -128, 127))
        self._bins += steps.astype(np.int8).tobytes()
        self._add_parts(first_bin, np.maximum(-smallest, largest))

    def _add_parts(self, first_bin: int, magnitudes: Samples) -> None:
        while first_bin + len(magnitudes) > self._part_bins * MAX_PARTS:
            self._parts[: MAX_PARTS // 2] = self._parts.reshape(-1, 2).max(axis=1)
            self._parts[MAX_PARTS // 2 :] = 0.0
            self._part_bins *= 2
        first, filled = divmod(first_bin, self._part_bins)
        starts = np.arange(-filled, len(magnitudes), self._part_bins)
        starts[0] = 0
        largest = np.maximum.reduceat(magnitudes, starts)
        parts = self._parts[first : first + len(largest)]
        np.maximum(parts, largest, out=parts)


def write_peaks_file(path: Path, channels: Sequence[bytes]) -> None:
    """Write the bins of several streams of the same length as the channels of one .dat file.

    audiowaveform and peaks.js read it, too.
    """
    bins: NDArray[np.int8] = np.stack(
        [np.frombuffer(channel, np.int8).reshape(-1, 2) for channel in channels], axis=1
    )
    header = _HEADER.pack(
        _VERSION, _IS_8_BIT, SAMPLE_RATE_HZ, BIN_SAMPLES, len(bins), len(channels)
    )
    path.write_bytes(header + bins.tobytes())
