"""Durations of the first and second invocations of an execution environment."""

from dataclasses import dataclass


class OutOfMemoryError(Exception):
    """A function was killed because it exceeded its memory."""


@dataclass(frozen=True, slots=True)
class InvocationDurations:
    """Durations of two invocations of one execution environment.

    Attributes
    ----------
    cold_s : Duration of the first one, including initialization.
    warm_s : Duration of the second one.
    """

    cold_s: float
    warm_s: float
