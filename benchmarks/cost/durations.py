"""Durations of the first and the second invocation of an execution environment."""

from dataclasses import dataclass


class OutOfMemoryError(Exception):
    """A function was killed for taking more memory than it has."""


@dataclass(frozen=True, slots=True)
class InvocationDurations:
    """What two calls of one execution environment took.

    Attributes
    ----------
    cold_s : of the first one, with the time to load the code.
    warm_s : of the second one.
    """

    cold_s: float
    warm_s: float
