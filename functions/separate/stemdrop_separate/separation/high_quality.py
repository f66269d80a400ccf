"""``quality=high``: the same network, used better, in twice its time.

See docs/guide/quality.md for figures.

- Masks are ratios of magnitudes, not of their squares. The networks were trained to estimate
  magnitudes; the squares give whoever is louder in a bin nearly all of it.
- The network sees the bins up to 16.5 kHz instead of 11 kHz. Above those the mask of the topmost
  ones continues, where Spleeter leaves silence, so the stems always add up to the mix.
- A second estimate, of segments that lie half a segment later, with left and right swapped and up
  to 5.5 kHz, where nearly all the energy is. Both estimates are averaged, so that what depends on a
  segment's place or on the side partly cancels.

A segment knows little of what lies beyond its borders. There the average fades, over some frames,
into the other estimate alone, so that no estimate ends abruptly. The first half segment of a song
has the first estimate only, so no song takes more than two runs for each of Spleeter's own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from stemdrop_separate.models.network import Network
from stemdrop_separate.separation.masked_segment import MaskedSegment, mask_segment
from stemdrop_separate.separation.masks import Masks, ratio_masks
from stemdrop_separate.separation.stft import (
    BINS,
    HOP,
    SEGMENT_FRAMES,
    Samples,
    Spectrum,
    frame_blocks,
    stft,
)

HALF_FRAMES = SEGMENT_FRAMES // 2
HALF_SAMPLES = HALF_FRAMES * HOP
FIRST_ESTIMATE_BINS = 1536
SECOND_ESTIMATE_BINS = 512
# The mask above the network's highest bin is the mean of so many below it.
TOPMOST_BINS = 128
FADE_FRAMES = 16


@dataclass(frozen=True, slots=True)
class SegmentEstimate:
    """The network's estimate of a segment.

    Attributes
    ----------
    mix : Samples behind the segment's first half, float32, shape (2, samples).
    spectrum : Spectrum of the first half, complex64, shape (2, frames, BINS).
    magnitudes : Estimates of the whole segment, instrument to float32, shape (2, frames, bins).
    """

    mix: Samples
    spectrum: Spectrum
    magnitudes: dict[str, Samples]


def estimate_segment(
    network: Network, segment: Samples, *, bins: int, swapped: bool
) -> SegmentEstimate:
    """Run the network on a segment.

    Parameters
    ----------
    segment : Samples as `stft.segments` yields them.
    bins : Number of bins that the network sees, from 0 Hz up.
    swapped : Whether to swap left and right; they are swapped back in the estimate.
    """
    spectrum = stft(segment)
    frames = spectrum.shape[1]
    sides = slice(None, None, -1 if swapped else 1)
    magnitude = np.zeros((1, 2, SEGMENT_FRAMES, bins), np.float32)
    np.abs(spectrum[sides, :, :bins], out=magnitude[0, :, :frames])
    return SegmentEstimate(
        mix=segment[:, :HALF_SAMPLES],
        spectrum=spectrum[:, :HALF_FRAMES],
        magnitudes={
            instrument: estimate[0, sides, :frames]
            for instrument, estimate in network.backend.estimate(magnitude).items()
        },
    )


first_estimate = partial(estimate_segment, bins=FIRST_ESTIMATE_BINS, swapped=False)
second_estimate = partial(estimate_segment, bins=SECOND_ESTIMATE_BINS, swapped=True)


def mask_half_segments(
    estimates: Iterable[SegmentEstimate], wanted: Iterable[str]
) -> Iterator[MaskedSegment]:
    """Apply the masks of the averages of estimates.

    Parameters
    ----------
    estimates : First and second estimates in turn, as for `average_estimates`.
    wanted : Stems to return.

    Yields
    ------
    Half a segment per estimate.
    """
    wanted = tuple(wanted)
    for estimate, magnitudes in average_estimates(estimates):
        spectrum = estimate.spectrum
        masks = (
            extended_masks({name: values[:, block] for name, values in magnitudes.items()})
            for block in frame_blocks(spectrum.shape[1])
        )
        yield mask_segment(estimate.mix, spectrum, np.abs(spectrum), masks, wanted)


def average_estimates(
    estimates: Iterable[SegmentEstimate],
) -> Iterator[tuple[SegmentEstimate, Masks]]:
    """Average estimates that follow each other by half a segment, first and second in turn.

    Yields
    ------
    Each estimate, and the average magnitudes of its first half: instrument to float32, shape
    (2, frames, bins).
    """
    previous = None
    for latest in estimates:
        yield latest, _average(previous, latest) if previous else _first_half(latest)
        previous = latest


def _first_half(only: SegmentEstimate) -> Masks:
    return {
        instrument: np.ascontiguousarray(estimate[:, :HALF_FRAMES])
        for instrument, estimate in only.magnitudes.items()
    }


def _average(earlier: SegmentEstimate, later: SegmentEstimate) -> Masks:
    """Average the second half of one estimate and the first half of the next, bin by bin.

    The bins that only one of them has keep its values.
    """
    frames = later.spectrum.shape[1]
    weight = _weight_of_the_later()[:frames, np.newaxis]
    average = {}
    for instrument in later.magnitudes:
        old = earlier.magnitudes[instrument][:, HALF_FRAMES : HALF_FRAMES + frames]
        new = later.magnitudes[instrument][:, :frames]
        shared = min(old.shape[2], new.shape[2])
        mean = np.array(max(old, new, key=lambda estimate: estimate.shape[2]), order="C")
        mean[:, :, :shared] = old[:, :, :shared] * (1 - weight) + new[:, :, :shared] * weight
        average[instrument] = mean
    return average


def _weight_of_the_later() -> Samples:
    """Return a half segment's weights: from 0 to 1/2 and, at the earlier estimate's end, to 1."""
    rising = np.minimum((np.arange(HALF_FRAMES, dtype=np.float32) + 0.5) / FADE_FRAMES, 1)
    return np.asarray((rising + 1 - rising[::-1]) / 2, np.float32)


def extended_masks(magnitudes: Masks) -> Masks:
    """Return ratio masks that continue to the highest frequency, and still add up to 1."""
    extended = {}
    for instrument, mask in ratio_masks(magnitudes).items():
        top = mask[:, :, -TOPMOST_BINS:].mean(axis=2, keepdims=True)
        above = np.broadcast_to(top, (*mask.shape[:2], BINS - mask.shape[2]))
        extended[instrument] = np.concatenate([mask, above], axis=2)
    return extended
