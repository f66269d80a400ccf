"""Ratio masks: the share of the mix that each stem gets, frame by frame and bin by bin."""

import numpy as np

from stemdrop_separate.separation.stft import Samples

# Source: ``EstimatorSpecBuilder.EPSILON`` in Spleeter 2.4.2.
EPSILON = np.float32(1e-10)

Masks = dict[str, Samples]


def ratio_masks(powers: Masks) -> Masks:
    """Divide what each instrument has in a bin by the sum of all, in place.

    Parameters
    ----------
    powers : Instrument to float32, shape (2, frames, bins), not negative.

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
