"""Separation of a stream into stems, segment by segment, in constant memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle, repeat

import numpy as np

from stemdrop.options import Quality
from stemdrop_separate.analysis.segment_features import SegmentFeatures
from stemdrop_separate.models.network import Network
from stemdrop_separate.separation.energy_check import EnergyCheck
from stemdrop_separate.separation.high_quality import (
    HALF_FRAMES,
    first_estimate,
    mask_half_segments,
    second_estimate,
)
from stemdrop_separate.separation.masked_segment import MaskedSegment, mask_segment
from stemdrop_separate.separation.masks import ratio_masks
from stemdrop_separate.separation.ordered_map import ordered_map
from stemdrop_separate.separation.stft import (
    FRAME,
    SEGMENT_FRAMES,
    SEGMENT_SAMPLES,
    OverlapAdd,
    Samples,
    frame_blocks,
    segments,
    stft,
)


@dataclass(frozen=True, slots=True)
class SeparatedSegment:
    """A segment of the mix with its stems, each float32 of shape (samples, 2), and its features."""

    mix: Samples
    stems: dict[str, Samples]
    features: SegmentFeatures


def separate(
    mix: Iterable[Samples],
    network: Network,
    stems: Iterable[str] | None = None,
    quality: Quality = Quality.SPLEETER,
) -> Iterator[SeparatedSegment]:
    """Split a stereo mix into stems; the samples are those of a run on the whole song.

    Segments don't depend on each other, so several are worked on at the same time: as many as the
    network's backend takes, and one more that waits.

    Parameters
    ----------
    mix : Blocks of float32, shape (samples, 2), nominally in [-1, 1], at 44,100 Hz.
    network : Network that estimates the magnitudes.
    stems : Instruments to return; all of the network's by default.
    quality : Way of using the network; Spleeter's own by default.

    Yields
    ------
    One piece per segment. All pieces together have the mix's length.

    Raises
    ------
    SeparationError : The energies of stems and mix are outside of the masks' bounds.
    """
    wanted = tuple(stems or network.instruments)
    overlaps = {stem: OverlapAdd() for stem in wanted}
    check = EnergyCheck(network.instruments, complete=set(wanted) == set(network.instruments))
    leading = FRAME
    for masked in _masked_segments(mix, network, wanted, quality):
        span = slice(leading, masked.mix.shape[1])
        separated = SeparatedSegment(
            mix=_interleaved(masked.mix, span),
            stems={
                stem: _interleaved(overlaps[stem].add(samples), span)
                for stem, samples in masked.stems.items()
            },
            features=masked.features,
        )
        leading = 0
        check.add(masked.energies, separated.stems)
        if len(separated.mix):
            yield separated
    check.verify()


def _masked_segments(
    mix: Iterable[Samples], network: Network, wanted: tuple[str, ...], quality: Quality
) -> Iterator[MaskedSegment]:
    parallel = network.backend.parallel
    if quality is Quality.HIGH:
        both = cycle([partial(first_estimate, network), partial(second_estimate, network)])
        return mask_half_segments(ordered_map(both, segments(mix, HALF_FRAMES), parallel), wanted)
    return ordered_map(repeat(partial(_mask, network, wanted)), segments(mix), parallel)


def _mask(network: Network, wanted: tuple[str, ...], segment: Samples) -> MaskedSegment:
    """Run the network on a segment, and square what it estimates, as Spleeter does.

    Source: "separation_exponent": 2 in ``EstimatorSpecBuilder`` of Spleeter 2.4.2.
    """
    spectrum = stft(segment, network.bins)
    frames = spectrum.shape[1]
    magnitude = np.zeros((1, 2, SEGMENT_FRAMES, network.bins), np.float32)
    np.abs(spectrum, out=magnitude[0, :, :frames])
    estimates = network.backend.estimate(magnitude)
    masks = (
        ratio_masks(
            {name: np.square(estimate[0, :, block]) for name, estimate in estimates.items()}
        )
        for block in frame_blocks(frames)
    )
    mix = segment[:, :SEGMENT_SAMPLES]
    return mask_segment(mix, spectrum, magnitude[0, :, :frames], masks, wanted)


def _interleaved(channels: Samples, span: slice) -> Samples:
    # Ten times as fast as copying the transposed array.
    return np.stack([channel[span] for channel in channels], axis=1)
