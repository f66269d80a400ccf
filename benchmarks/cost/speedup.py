"""Estimate the duration of a separation with more processors, by Amdahl's law.

One part of the work takes a fixed time, and the processors share the rest:
``seconds = fixed + shared / processors``. Both are fitted to measured values by least squares.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# Source: "Configure Lambda function memory" in the AWS Lambda developer guide, of both.
MB_PER_PROCESSOR = 1769
MAX_PROCESSORS = 6


def processors(memory_mb: int) -> float:
    """Return the number of processors for a memory size."""
    return min(memory_mb / MB_PER_PROCESSOR, MAX_PROCESSORS)


@dataclass(frozen=True, slots=True)
class Speedup:
    """The two parts of a separation's duration.

    Attributes
    ----------
    fixed_s : Seconds that don't depend on the number of processors.
    shared_s : Processor seconds that the processors share.
    """

    fixed_s: float
    shared_s: float

    def seconds(self, processors: float) -> float:
        """Return the duration with a number of processors."""
        return self.fixed_s + self.shared_s / processors


def fit(measured: Mapping[float, float]) -> Speedup:
    """Fit the model to measured values.

    Parameters
    ----------
    measured : Number of processors to seconds. With a single value, all work counts as shared.
    """
    shares = [1 / share for share in measured]
    seconds = list(measured.values())
    mean_share, mean_s = sum(shares) / len(shares), sum(seconds) / len(seconds)
    spread = sum((share - mean_share) ** 2 for share in shares)
    if not spread:
        return Speedup(0.0, mean_s / mean_share)
    pairs = zip(shares, seconds, strict=True)
    slope = sum((share - mean_share) * (took - mean_s) for share, took in pairs) / spread
    # Noise must not make a part negative.
    shared_s = min(max(slope, 0.0), mean_s / mean_share)
    return Speedup(max(mean_s - shared_s * mean_share, 0.0), shared_s)
