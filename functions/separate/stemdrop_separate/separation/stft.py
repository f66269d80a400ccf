"""Spleeter's short-time Fourier transform and its inverse, a segment of a stream at a time.

Spleeter transforms the whole song at once: one frame of zeros in front, frames of 4096 samples
every 1024, a periodic Hann window, zeros up to the end of the last frame. Then it divides the
frames into segments of 512, which the network sees one by one. Here the samples are divided at the
same borders. The 3072 samples that the last frames of one segment share with the first of the next
are in both, so the transform of a stream equals the one of the whole song.

Source: ``EstimatorSpecBuilder`` in spleeter/model/__init__.py, release 2.4.2.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from stemdrop_separate.separation.fft import irfft, rfft

Samples = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

SAMPLE_RATE_HZ = 44_100
FRAME = 4096
HOP = 1024
BINS = FRAME // 2 + 1
SEGMENT_FRAMES = 512
SEGMENT_SAMPLES = SEGMENT_FRAMES * HOP
OVERLAP = FRAME - HOP
OVERLAP_HOPS = OVERLAP // HOP
BLOCK_FRAMES = 16
WINDOW_COMPENSATION = np.float32(2 / 3)

WINDOW: Samples = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)
SYNTHESIS_WINDOW: Samples = WINDOW * WINDOW_COMPENSATION


def segments(blocks: Iterable[Samples], step_frames: int = SEGMENT_FRAMES) -> Iterator[Samples]:
    """Divide a stream into segments: the samples that 512 frames cover.

    Parameters
    ----------
    blocks : float32, shape (samples, 2), of any lengths.
    step_frames : Frames from segment to segment. Half a segment makes neighbors overlap by half.

    Yields
    ------
    float32, shape (2, samples), an array of its own each: SEGMENT_SAMPLES + OVERLAP samples. The
    first one starts with one frame of zeros, and the last ones have what is left.
    """
    step = step_frames * HOP
    segment = np.zeros((2, SEGMENT_SAMPLES + OVERLAP), np.float32)
    filled = FRAME
    for block in blocks:
        taken = 0
        while taken < len(block):
            count = min(len(block) - taken, segment.shape[1] - filled)
            segment[:, filled : filled + count] = block[taken : taken + count].T
            taken += count
            filled += count
            if filled == segment.shape[1]:
                yield segment
                segment = _shifted(segment, step)
                filled -= step
    while filled > 0:
        yield segment[:, :filled]
        segment = _shifted(segment, step)
        filled -= step


def _shifted(segment: Samples, step: int) -> Samples:
    """Return a new segment that starts with the samples behind the first `step` ones."""
    shifted = np.empty_like(segment)
    shifted[:, :-step] = segment[:, step:]
    return shifted


def frame_blocks(frames: int) -> Iterator[slice]:
    """Divide frames into blocks whose arrays stay in the processor's cache."""
    for start in range(0, frames, BLOCK_FRAMES):
        yield slice(start, min(start + BLOCK_FRAMES, frames))


def stft(segment: Samples, bins: int = BINS) -> Spectrum:
    """Compute the frames that start in a segment's first SEGMENT_SAMPLES samples.

    Parameters
    ----------
    segment : float32, shape (2, samples), as `segments` yields it.
    bins : Number of bins to return, from 0 Hz up.

    Returns
    -------
    complex64, shape (2, frames, bins), with frames = ceil(samples / HOP), SEGMENT_FRAMES at most.
    """
    frames = min(-(-segment.shape[1] // HOP), SEGMENT_FRAMES)
    missing = (frames - 1) * HOP + FRAME - segment.shape[1]
    if missing > 0:
        segment = np.pad(segment, ((0, 0), (0, missing)))
    views = np.lib.stride_tricks.sliding_window_view(segment, FRAME, axis=1)[:, ::HOP]
    spectrum = np.empty((2, frames, bins), np.complex64)
    for block in frame_blocks(frames):
        whole = rfft(views[:, block] * WINDOW)
        spectrum[:, block] = whole[:, :, :bins]
    return spectrum


def istft(spectrum: Spectrum, into: Samples) -> None:
    """Add the windowed samples of frames that overlap.

    Parameters
    ----------
    spectrum : complex64, shape (2, frames, bins). Bins that are left out at the top count as zero.
    into : Samples to add to, float32, shape (2, frames + OVERLAP_HOPS, HOP).
    """
    samples = irfft(spectrum, FRAME)
    samples *= SYNTHESIS_WINDOW
    frames = spectrum.shape[1]
    hops = samples.reshape(2, frames, FRAME // HOP, HOP)
    for index in range(FRAME // HOP):
        into[:, index : index + frames] += hops[:, :, index]


class OverlapAdd:
    """Joins the segments of one stem: each overlaps with the next."""

    def __init__(self) -> None:
        self._overlap = np.zeros((2, OVERLAP_HOPS, HOP), np.float32)

    def add(self, segment: Samples) -> Samples:
        """Return the samples that no later segment adds to.

        Parameters
        ----------
        segment : The sums of `istft`, float32, shape (2, frames + OVERLAP_HOPS, HOP). They are
            changed.

        Returns
        -------
        float32, shape (2, frames * HOP).
        """
        segment[:, :OVERLAP_HOPS] += self._overlap
        self._overlap = segment[:, -OVERLAP_HOPS:].copy()
        return segment[:, :-OVERLAP_HOPS].reshape(2, -1)
