"""Spleeter's short-time Fourier transform and its inverse, a segment of a stream at a time.

Spleeter transforms the whole song at once: one frame of zeros in front, frames of 4096 samples
every 1024, a periodic Hann window, zeros up to the end of the last frame. Then it cuts the frames
into segments of 512, which the network sees one by one. Here the samples are cut at the same
borders, and the 3072 samples that the last frames of one segment share with the first of the next
are carried across, so the transform of a stream equals the one of the whole song.

Source: ``EstimatorSpecBuilder`` in spleeter/model/__init__.py, release 2.4.2.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

SAMPLE_RATE_HZ = 44_100
FRAME = 4096
HOP = 1024
BINS = FRAME // 2 + 1
SEGMENT_FRAMES = 512
SEGMENT_SAMPLES = SEGMENT_FRAMES * HOP
OVERLAP = FRAME - HOP
WINDOW_COMPENSATION = np.float32(2 / 3)

WINDOW: Samples = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)
SYNTHESIS_WINDOW: Samples = WINDOW * WINDOW_COMPENSATION


def cut(blocks: Iterable[Samples], step_frames: int = SEGMENT_FRAMES) -> Iterator[Samples]:
    """Cut a stream into the stretches that the frames of one segment cover.

    Parameters
    ----------
    blocks : float32, shape (samples, 2), of any lengths.
    step_frames : from segment to segment; half of a segment makes them overlap by the other half.

    Yields
    ------
    float32, shape (2, samples): SEGMENT_SAMPLES + OVERLAP samples each, the first starting with one
    frame of zeros, the last ones as long as what is left. The array is used again: whoever keeps it
    copies it.
    """
    step = step_frames * HOP
    stretch = np.zeros((2, SEGMENT_SAMPLES + OVERLAP), np.float32)
    filled = FRAME
    for block in blocks:
        taken = 0
        while taken < len(block):
            count = min(len(block) - taken, stretch.shape[1] - filled)
            stretch[:, filled : filled + count] = block[taken : taken + count].T
            taken += count
            filled += count
            if filled == stretch.shape[1]:
                yield stretch
                filled -= step
                stretch[:, :filled] = stretch[:, step:]
    while filled > 0:
        yield stretch[:, :filled]
        filled -= step
        stretch[:, :-step] = stretch[:, step:]


def transform(stretch: Samples) -> Spectrum:
    """Compute the frames that start in a stretch's first SEGMENT_SAMPLES samples.

    Parameters
    ----------
    stretch : float32, shape (2, samples), as `cut` yields it.

    Returns
    -------
    complex64, shape (2, frames, BINS), with frames = ceil(samples / HOP), SEGMENT_FRAMES at most.
    """
    frames = min(-(-stretch.shape[1] // HOP), SEGMENT_FRAMES)
    missing = (frames - 1) * HOP + FRAME - stretch.shape[1]
    if missing > 0:
        stretch = np.pad(stretch, ((0, 0), (0, missing)))
    views = np.lib.stride_tricks.sliding_window_view(stretch, FRAME, axis=1)
    spectrum: Spectrum = scipy.fft.rfft(views[:, : frames * HOP : HOP] * WINDOW, overwrite_x=True)
    return spectrum


def inverse(spectrum: Spectrum) -> Samples:
    """Compute the samples of each frame, windowed, for `OverlapAdd`.

    Parameters
    ----------
    spectrum : complex64, shape (2, frames, bins); bins left out at the top count as zero.

    Returns
    -------
    float32, shape (2, frames, FRAME).
    """
    frames: Samples = scipy.fft.irfft(spectrum, FRAME, overwrite_x=True)
    frames *= SYNTHESIS_WINDOW
    return frames


class OverlapAdd:
    """Adds up the frames of one stem, and carries what overlaps from segment to segment."""

    def __init__(self) -> None:
        self._carried = np.zeros((2, OVERLAP // HOP, HOP), np.float32)

    def add(self, frames: Samples) -> Samples:
        """Return the samples that no later segment adds to.

        Parameters
        ----------
        frames : float32, shape (2, frames, FRAME).

        Returns
        -------
        float32, shape (2, frames * HOP).
        """
        count = frames.shape[1]
        hops = frames.reshape(2, count, FRAME // HOP, HOP)
        total = np.zeros((2, count + OVERLAP // HOP, HOP), np.float32)
        total[:, : OVERLAP // HOP] = self._carried
        for index in range(FRAME // HOP):
            total[:, index : index + count] += hops[:, :, index]
        self._carried = total[:, count:].copy()
        return total[:, :count].reshape(2, count * HOP)
