"""The deadline of a piece of work: one object, from the invocation down to the decoder."""

import math
import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment by which work has to end; by default there is none.

    Attributes
    ----------
    at_s : Moment on the clock of `time.monotonic`.
    """

    at_s: float = math.inf

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline that is some seconds from now."""
        return cls(time.monotonic() + seconds)

    def earlier(self, seconds: float) -> "Deadline":
        """Return a deadline that leaves some seconds until this one."""
        return Deadline(self.at_s - seconds)

    @property
    def remaining_s(self) -> float:
        """Return the seconds that are left; negative once the deadline has passed."""
        return self.at_s - time.monotonic()

    @property
    def has_passed(self) -> bool:
        """Return whether no time is left."""
        return self.remaining_s < 0
