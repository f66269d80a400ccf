"""A segment of the mix whose stems are known as masks, on its way back to samples."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stemdrop_separate.analysis.segment_features import SegmentFeatures, measure_features
from stemdrop_separate.separation.energy_check import SegmentEnergies
from stemdrop_separate.separation.masks import Masks
from stemdrop_separate.separation.stft import (
    HOP,
    OVERLAP_HOPS,
    Samples,
    Spectrum,
    frame_blocks,
    istft,
)


@dataclass(frozen=True, slots=True)
class MaskedSegment:
    """A segment of the mix, and what it adds to the stems.

    Attributes
    ----------
    mix : Samples, float32, shape (2, samples).
    stems : Stem to what `istft` adds up, float32, shape (2, frames + OVERLAP_HOPS, HOP).
    energies : Energies of the mix and of all stems, for the energy check.
    features : Features of the mix, for the analysis of the song.
    """

    mix: Samples
    stems: dict[str, Samples]
    energies: SegmentEnergies
    features: SegmentFeatures


def mask_segment(
    mix: Samples,
    spectrum: Spectrum,
    magnitude: Samples,
    masks: Iterable[Masks],
    stems: Iterable[str],
) -> MaskedSegment:
    """Apply the masks of some stems, and measure the energies of all and the mix's features.

    Parameters
    ----------
    mix : Samples, float32, shape (2, samples).
    spectrum : Spectrum of the mix, complex64, shape (2, frames, bins).
    magnitude : Its magnitude, float32, of the same shape.
    masks : Masks of each of its `frame_blocks`.
    stems : Stems to return.
    """
    frames = spectrum.shape[1]
    sums = {stem: np.zeros((2, frames + OVERLAP_HOPS, HOP), np.float32) for stem in stems}
    energies = SegmentEnergies()
    for block, block_masks in zip(frame_blocks(frames), masks, strict=True):
        energies.add(magnitude[:, block], block_masks)
        span = slice(block.start, block.stop + OVERLAP_HOPS)
        for stem, samples in sums.items():
            istft(spectrum[:, block] * block_masks[stem], samples[:, span])
    return MaskedSegment(mix, sums, energies, measure_features(magnitude))
