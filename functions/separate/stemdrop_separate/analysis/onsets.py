"""Onset envelope of a song: how much louder the bands get from frame to frame."""

import numpy as np
from numpy.typing import NDArray

from stemdrop_separate.analysis.segment_features import BAND_STARTS
from stemdrop_separate.separation.stft import HOP, SAMPLE_RATE_HZ, Samples

FRAMES_PER_S = SAMPLE_RATE_HZ / HOP
# Quiet parts count as much as loud ones, except silence.
LEVELING_S = 4.0
LEAST_SHARE_OF_LEVEL = 0.1


class OnsetEnvelope:
    """Collects the spectral flux of a stream of segments: one float32 per frame."""

    def __init__(self) -> None:
        self._last = np.zeros((1, len(BAND_STARTS)), np.float32)
        self._flux: list[Samples] = []

    def add(self, bands: Samples) -> None:
        """Take the next frames, float32, shape (frames, bands)."""
        rises = np.diff(bands, axis=0, prepend=self._last)
        self._flux.append(np.maximum(rises, 0, out=rises).sum(axis=1))
        self._last = bands[-1:].copy()

    def finish(self) -> NDArray[np.float64]:
        """Return the strength of the onset in each frame, around 0, with a local deviation of 1."""
        flux = np.concatenate([np.zeros(1, np.float32), *self._flux]).astype(np.float64)[1:]
        return leveled(flux)


def leveled(flux: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract the local mean, and divide by the local standard deviation."""
    if not flux.any():
        return flux
    count = smoothed(np.ones(len(flux)))
    centered = flux - smoothed(flux) / count
    deviation = np.sqrt(np.maximum(smoothed(np.square(centered)) / count, 0))
    least = LEAST_SHARE_OF_LEVEL * centered.std()
    return np.asarray(centered / np.maximum(deviation, max(least, 1e-9)))


def smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a moving sum, under a window of LEVELING_S, of the same length."""
    window = np.hanning(round(LEVELING_S * FRAMES_PER_S) | 1)
    size = 1 << (len(values) + len(window)).bit_length()
    spectrum = np.fft.rfft(values, size) * np.fft.rfft(window, size)
    half = len(window) // 2
    return np.asarray(np.fft.irfft(spectrum, size)[half : half + len(values)])
