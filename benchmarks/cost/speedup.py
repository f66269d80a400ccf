"""How long a separation takes with more processors than this machine has: Amdahl's law.

A part of the work takes the same time however many processors there are, the rest is shared among
them: ``seconds = fixed + shared / processors``. Both are fitted to what was measured, by least
squares. That is a model, and no measurement.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# Source: "Configure Lambda function memory" in the AWS Lambda developer guide, of both.
MB_PER_PROCESSOR = 1769
MAX_PROCESSORS = 6


def processors(memory_mb: int) -> float:
    """Return the share of processors that comes with a function's memory."""
    return min(memory_mb / MB_PER_PROCESSOR, MAX_PROCESSORS)


@dataclass(frozen=True, slots=True)
class Speedup:
    """The two parts of a separation's time.

    Attributes
    ----------
    fixed_s : whatever the number of processors.
    shared_s : processor seconds that are shared among them.
    """

    fixed_s: float
    shared_s: float

    def seconds(self, processors: float) -> float:
        """Return how long it takes with a share of processors."""
        return self.fixed_s + self.shared_s / processors


def fit(measured: Mapping[float, float]) -> Speedup:
    """Return the model of what was measured.

    Parameters
    ----------
    measured : share of processors to seconds; with one alone, all of the work is taken as shared.
    """
    shares = [1 / share for share in measured]
    seconds = list(measured.values())
    mean_share, mean_s = sum(shares) / len(shares), sum(seconds) / len(seconds)
    spread = sum((share - mean_share) ** 2 for share in shares)
    if not spread:
        return Speedup(0.0, mean_s / mean_share)
    pairs = zip(shares, seconds, strict=True)
    slope = sum((share - mean_share) * (took - mean_s) for share, took in pairs) / spread
    # Neither part of the work can take less than no time, however noisy the figures are.
    shared_s = min(max(slope, 0.0), mean_s / mean_share)
    return Speedup(mean_s - shared_s * mean_share, shared_s)
