"""Ratio masks: what share of the mix each stem gets, frame by frame and bin by bin."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from stemdrop_separate.separation.energy_check import Energies, spectral_energies
from stemdrop_separate.separation.stft import Samples, Spectrum

# Source: ``EstimatorSpecBuilder.EPSILON`` in Spleeter 2.4.2.
EPSILON = np.float32(1e-10)

Masks = dict[str, Samples]


@dataclass(frozen=True, slots=True)
class Masked:
    """A stretch on its own: its samples, shape (2, samples), and the spectra of its stems."""

    mix: Samples
    spectra: dict[str, Spectrum]
    energies: Energies

    @classmethod
    def by(cls, masks: Masks, spectrum: Spectrum, mix: Samples, wanted: Iterable[str]) -> Self:
        """Apply the masks of the wanted stems to a spectrum, shape (2, frames, bins)."""
        return cls(
            mix=mix,
            spectra={stem: masks[stem] * spectrum for stem in wanted},
            energies=spectral_energies(np.abs(spectrum), masks),
        )


def ratio_masks(powers: Masks) -> Masks:
    """Turn what each instrument has in a bin into its share of all; in place.

    Parameters
    ----------
    powers : instrument to float32, shape (2, frames, bins), not negative.

    Returns
    -------
    The same arrays; in every bin they add up to 1.
    """
    total = np.add.reduce(list(powers.values()))
    total += EPSILON
    for power in powers.values():
        power += EPSILON / np.float32(len(powers))
        power /= total
    return powers
