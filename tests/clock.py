"""A clock for code that measures durations."""


class Clock:
    """A clock that stands until a test sets it, in place of the module `time`."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s

    def perf_counter(self) -> float:
        return self.now_s
