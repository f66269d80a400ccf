"""Estimate of the time that a separation still takes."""

# Number of segments, after the first ones, from which a time is estimated. The very first of them
# was too fast by up to 40 %, since the encoders weren't at work yet.
LATER_SEGMENTS = 3


class TimeLeft:
    """Estimates the time left from the progress after each segment.

    The first segments of all also wait for the start, so only the time from one of them to the next
    on the same processor counts.

    Parameters
    ----------
    parallel : Number of segments that are worked on at the same time.
    """

    def __init__(self, parallel: int) -> None:
        self._parallel = parallel
        self._shares: list[float] = []
        self._ended_at_s: list[float] = []

    def update(self, share: float, elapsed_s: float) -> float | None:
        """Return the seconds left, or None if they can't be estimated yet.

        Parameters
        ----------
        share : Share that is done, above 0 and at most 1.
        elapsed_s : Seconds since the start.
        """
        self._shares.append(share)
        self._ended_at_s.append(elapsed_s)
        if len(self._shares) < self._parallel + LATER_SEGMENTS or share == self._shares[0]:
            return None
        whole_s = self._increase(self._ended_at_s) / self._increase(self._shares)
        rest_s = whole_s * (1 - self._shares[self._parallel - 1])
        return max(self._ended_at_s[0] + rest_s - elapsed_s, 0.0)

    def _increase(self, values: list[float]) -> float:
        """Return by how much values are larger than those of the segment before, in total."""
        return sum(values[self._parallel :]) - sum(values[: -self._parallel])
