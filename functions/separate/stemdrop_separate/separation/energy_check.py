"""The last check of a separation: the energies of stems and mix are within the masks' bounds.

Masks lie between 0 and 1 and add up to 1 in every bin that the network sees. Whatever the song,
that bounds the energies, so silent, doubled, mixed-up or broken stems fail the check:

- all stems together have at most the energy of the mix below the network's highest bin, and at
  least that energy divided by the number of stems;
- a stem's samples have at most the energy of its spectrum: the inverse transform is a projection;
- the samples of all stems added up are the mix without its highest frequencies.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from stemdrop.errors import SeparationError
from stemdrop_separate.separation.stft import BINS, FRAME, Samples

# Squares of a periodic Hann window shifted by a quarter of its length add up to 3/2.
WINDOW_ENERGY = 1.5 * FRAME
# Rounding in float32, far above what a second of full scale gathers.
TOLERANCE = 1e-3
# A pure tone on the network's highest bin loses half, a click cropped to one sample half of that.
LEAST_SHARE_OF_SUM = 0.1
INAUDIBLE_PER_SAMPLE = 1e-15


@dataclass(slots=True)
class SegmentEnergies:
    """The energies of a segment's spectra, in squares of samples."""

    mix: float = 0.0
    stems: dict[str, float] = field(default_factory=dict)

    def add(self, magnitude: Samples, masks: Mapping[str, Samples]) -> None:
        """Add a block of frames.

        Parameters
        ----------
        magnitude : Magnitude of the mix, float32, shape (2, frames, bins).
        masks : Stem to its mask, float32 of the same shape.
        """
        self.mix += _spectral_energy(magnitude)
        for stem, mask in masks.items():
            self.stems[stem] = self.stems.get(stem, 0.0) + _spectral_energy(magnitude * mask)


class EnergyCheck:
    """Adds up the energies of a separation, in float64.

    Parameters
    ----------
    instruments : All stems of the network.
    complete : Whether all of them are returned, so that their sum can be checked too.
    """

    def __init__(self, instruments: Iterable[str], *, complete: bool) -> None:
        self._spectral = dict.fromkeys(instruments, 0.0)
        self._sampled: dict[str, float] = {}
        self._complete = complete
        self._mix = 0.0
        self._sum = 0.0
        self._samples = 0

    def add(self, energies: SegmentEnergies, stems: Mapping[str, Samples]) -> None:
        """Add a segment.

        Parameters
        ----------
        energies : Energies of its spectra.
        stems : Stem to samples, float32, shape (samples, 2).
        """
        self._mix += energies.mix
        for instrument, energy in energies.stems.items():
            self._spectral[instrument] += energy
        for stem, samples in stems.items():
            self._sampled[stem] = self._sampled.get(stem, 0.0) + _energy(samples)
            self._samples += len(samples)
        if self._complete:
            self._sum += _energy(np.add.reduce(list(stems.values())))

    def verify(self) -> None:
        """Compare the sums.

        Raises
        ------
        SeparationError : The stems can't result from these masks and this mix.
        """
        slack = TOLERANCE * self._mix + INAUDIBLE_PER_SAMPLE * self._samples
        together = sum(self._spectral.values())
        _require_between(
            together, self._mix / len(self._spectral) - slack, self._mix + slack, "all stems"
        )
        for stem, energy in self._sampled.items():
            _require_between(energy, 0.0, self._spectral[stem] + slack, stem)
        if self._complete:
            _require_between(
                self._sum,
                self._mix * LEAST_SHARE_OF_SUM - slack,
                self._mix + slack,
                "the sum of the stems",
            )


def _energy(samples: Samples) -> float:
    flat = samples.ravel()
    return float(np.dot(flat, flat))


def _spectral_energy(magnitude: Samples) -> float:
    """Return the energy of the samples behind one half of a spectrum, in units of their squares.

    Every bin has a mirror image in the other half, except the lowest and the very highest.
    """
    return (2 * _energy(magnitude) - _energy(magnitude[..., :: BINS - 1])) / WINDOW_ENERGY


def _require_between(energy: float, at_least: float, at_most: float, what: str) -> None:
    if not at_least <= energy <= at_most:  # false for NaN too
        raise SeparationError(
            f"The energy of {what} is {energy:.6g}, outside of {at_least:.6g} to {at_most:.6g}, "
            "so the stems are wrong and weren't published."
        )
