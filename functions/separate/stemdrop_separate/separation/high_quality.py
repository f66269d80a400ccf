"""``quality=high``: the same network, used better, for twice its time.

See docs/guide/quality.md for figures.

- Masks are ratios of magnitudes, not of their squares. The networks were trained to estimate
  magnitudes; the squares give whoever is louder in a bin nearly all of it.
- The network sees the bins up to 16.5 kHz instead of 11 kHz. Above those the mask of the topmost
  ones goes on, where Spleeter leaves silence, so the stems always add up to the mix.
- A second look, at segments that lie half a segment later, with left and right swapped and up to
  5.5 kHz, where nearly all the energy is. The estimates of both looks are averaged, so that what
  depends on a segment's place or on the side partly cancels.

A segment knows little of what lies beyond its borders, and there the two looks take over from each
other: over some frames the average turns into the other look alone, so that nothing ends at once.
The first half segment of a song has the first look only, and so no song takes more runs than two
for each of Spleeter's own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from stemdrop_separate.models.network import Network
from stemdrop_separate.separation.masks import Masked, Masks, ratio_masks
from stemdrop_separate.separation.stft import (
    BINS,
    HOP,
    SEGMENT_FRAMES,
    Samples,
    Spectrum,
    transform,
)

HALF_FRAMES = SEGMENT_FRAMES // 2
HALF_SAMPLES = HALF_FRAMES * HOP
FIRST_LOOK_BINS = 1536
SECOND_LOOK_BINS = 512
# The mask above the network's highest bin is the mean of so many below it.
TOPMOST_BINS = 128
FADE_FRAMES = 16


@dataclass(frozen=True, slots=True)
class Look:
    """What the network makes of a segment.

    Attributes
    ----------
    mix : the stretch behind the segment's first half, shape (2, samples).
    spectrum : of the first half, complex64, shape (2, frames, BINS).
    estimates : of the whole segment, instrument to float32, shape (2, frames, bins).
    """

    mix: Samples
    spectrum: Spectrum
    estimates: dict[str, Samples]


def look(network: Network, stretch: Samples, *, bins: int, swapped: bool) -> Look:
    """Run the network on the segment behind a stretch, as `stft.cut` yields it."""
    spectrum = transform(stretch)
    frames = spectrum.shape[1]
    sides = slice(None, None, -1 if swapped else 1)
    magnitude = np.zeros((1, SEGMENT_FRAMES, bins, 2), np.float32)
    magnitude[0, :frames] = np.abs(spectrum[sides, :, :bins]).transpose(1, 2, 0)
    return Look(
        mix=stretch[:, :HALF_SAMPLES],
        spectrum=spectrum[:, :HALF_FRAMES],
        estimates={
            instrument: estimate[0, :frames].transpose(2, 0, 1)[sides]
            for instrument, estimate in network.backend.estimate(magnitude).items()
        },
    )


first_look = partial(look, bins=FIRST_LOOK_BINS, swapped=False)
second_look = partial(look, bins=SECOND_LOOK_BINS, swapped=True)


def blend(looks: Iterable[Look], wanted: Iterable[str]) -> Iterator[Masked]:
    """Make stems of looks that follow each other by half a segment, first and second in turn.

    Yields
    ------
    One stretch of half a segment per look.
    """
    wanted = tuple(wanted)
    previous = None
    for latest in looks:
        estimates = _average(previous, latest) if previous else _first_half(latest)
        masks = _continued(ratio_masks(estimates))
        yield Masked.by(masks, latest.spectrum, latest.mix, wanted)
        previous = latest


def _first_half(only: Look) -> Masks:
    return {
        instrument: np.ascontiguousarray(estimate[:, :HALF_FRAMES])
        for instrument, estimate in only.estimates.items()
    }


def _average(earlier: Look, later: Look) -> Masks:
    """Average the second half of one look and the first half of the next, as far as both go up."""
    frames = later.spectrum.shape[1]
    weight = _weight_of_the_later()[:frames, np.newaxis]
    average = {}
    for instrument in later.estimates:
        old = earlier.estimates[instrument][:, HALF_FRAMES : HALF_FRAMES + frames]
        new = later.estimates[instrument][:, :frames]
        shared = min(old.shape[2], new.shape[2])
        mean = np.array(max(old, new, key=lambda estimate: estimate.shape[2]), order="C")
        mean[:, :, :shared] = old[:, :, :shared] * (1 - weight) + new[:, :, :shared] * weight
        average[instrument] = mean
    return average


def _weight_of_the_later() -> Samples:
    """Return a half segment's weights: from 0 to a half and, at the earlier look's end, to 1."""
    rising = np.minimum((np.arange(HALF_FRAMES, dtype=np.float32) + 0.5) / FADE_FRAMES, 1)
    return np.asarray((rising + 1 - rising[::-1]) / 2, np.float32)


def _continued(masks: Masks) -> Masks:
    """Continue masks to the highest frequency; where they added up to 1, they still do."""
    continued = {}
    for instrument, mask in masks.items():
        top = mask[:, :, -TOPMOST_BINS:].mean(axis=2, keepdims=True)
        above = np.broadcast_to(top, (*mask.shape[:2], BINS - mask.shape[2]))
        continued[instrument] = np.concatenate([mask, above], axis=2)
    return continued
