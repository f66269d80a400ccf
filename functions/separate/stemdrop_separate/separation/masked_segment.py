"""A segment of the mix whose stems are known as spectra, on its way back to samples."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stemdrop_separate.separation.energy_check import SegmentEnergies, spectral_energies
from stemdrop_separate.separation.masks import Masks, apply_masks
from stemdrop_separate.separation.stft import Samples, Spectrum


@dataclass(frozen=True, slots=True)
class MaskedSegment:
    """A segment of the mix, and the spectra of its stems.

    Attributes
    ----------
    mix : Samples, float32, shape (2, samples).
    spectra : Stem to complex64, shape (2, frames, bins).
    energies : Energies of the mix and of all stems, for the energy check.
    """

    mix: Samples
    spectra: dict[str, Spectrum]
    energies: SegmentEnergies


def mask_segment(
    mix: Samples, spectrum: Spectrum, masks: Masks, stems: Iterable[str]
) -> MaskedSegment:
    """Apply the masks of some stems, and measure the energies of all."""
    return MaskedSegment(
        mix=mix,
        spectra=apply_masks(masks, spectrum, stems),
        energies=spectral_energies(np.abs(spectrum), masks),
    )
