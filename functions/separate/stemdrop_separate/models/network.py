"""What the separation needs of a network, whichever engine runs it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Magnitude = NDArray[np.float32]


class Backend(Protocol):
    """Runs the weights of one model; it only estimates magnitudes, all else is shared.

    Attributes
    ----------
    parallel : how many segments it works on at the same time, each in a thread of its caller's.
    """

    parallel: int

    def estimate(self, magnitude: Magnitude) -> dict[str, Magnitude]:
        """Estimate the magnitudes of each instrument from those of the mix.

        Parameters
        ----------
        magnitude : float32, shape (segments, 512, bins, 2), not negative.

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
    instruments : the names of the stems, in Spleeter's order.
    bins : the number F of frequency bins that the network sees, from 0 Hz up.
    backend : runs it.
    """

    instruments: tuple[str, ...]
    bins: int
    backend: Backend
