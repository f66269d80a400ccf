"""Waveform peaks of a stem: its largest sample bin by bin, to draw it without its file."""

import numpy as np
from numpy.typing import NDArray

MAX_BINS = 1024
FIRST_BIN_SAMPLES = 512
FULL_SCALE = 255


class WaveformPeaks:
    """Collects the peaks of a stream whose length is unknown until its end.

    There are never more than MAX_BINS bins: when they are full, two neighbors become one. So from
    12 s on there are more than half as many.
    """

    def __init__(self) -> None:
        self._bin_samples = FIRST_BIN_SAMPLES
        self._bins = np.zeros(MAX_BINS, np.float32)
        self._samples = 0

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next samples: float32, shape (samples, 2)."""
        if not len(block):
            return
        while self._samples + len(block) > self._bin_samples * MAX_BINS:
            self._bins[: MAX_BINS // 2] = self._bins.reshape(-1, 2).max(axis=1)
            self._bins[MAX_BINS // 2 :] = 0.0
            self._bin_samples *= 2
        first, filled = divmod(self._samples, self._bin_samples)
        starts = np.arange(-filled, len(block), self._bin_samples)
        starts[0] = 0
        magnitude = np.abs(block)
        largest = np.maximum.reduceat(np.maximum(magnitude[:, 0], magnitude[:, 1]), starts)
        bins = self._bins[first : first + len(largest)]
        np.maximum(bins, largest, out=bins)
        self._samples += len(block)

    def finish(self) -> str:
        """Return two hex digits for each bin: 00 is silence, ff full scale and beyond."""
        used = -(-self._samples // self._bin_samples)
        steps = np.rint(np.minimum(self._bins[:used], 1.0) * FULL_SCALE)
        return bytes(steps.astype(np.uint8)).hex()
