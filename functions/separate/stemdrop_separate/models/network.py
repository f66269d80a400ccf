"""The interface between the separation and a network's engine."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Magnitude = NDArray[np.float32]


class Backend(Protocol):
    """Runs the weights of one model; it only estimates magnitudes, all else is shared.

    Attributes
    ----------
    parallel : Number of segments that it works on at the same time, each in a thread of its caller.
    """

    parallel: int

    def estimate(self, magnitude: Magnitude) -> dict[str, Magnitude]:
        """Estimate the magnitudes of each instrument from those of the mix.

        Parameters
        ----------
        magnitude : float32, shape (segments, 2, 512, bins), not negative.

        Returns
        -------
        Instrument to float32 of the same shape.
        """
        ...


@dataclass(frozen=True, slots=True)
class Network:
    """A model that is ready to work.

    Attributes
    ----------
    instruments : Names of the stems, in Spleeter's order.
    bins : Number F of frequency bins that the network sees, from 0 Hz up.
    backend : Engine that runs it.
    """

    instruments: tuple[str, ...]
    bins: int
    backend: Backend
