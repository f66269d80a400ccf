"""Usage of a job: wall time per stage, memory and cost."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

from stemdrop.job_record import Usage


class UsageMeter:
    """Adds up wall time per stage.

    Parameters
    ----------
    memory_mb : Memory of the function.
    usd_per_gb_second : Price of the function.
    """

    def __init__(self, memory_mb: int, usd_per_gb_second: float) -> None:
        self._memory_gb = memory_mb / 1024
        self._usd_per_gb_second = usd_per_gb_second
        self._started = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self._stages[name] = self._stages.get(name, 0.0) + spent

    def read(self) -> Usage:
        """Return the usage so far."""
        total_s = time.perf_counter() - self._started
        stages = self._stages | {"total": total_s}
        gb_seconds = self._memory_gb * total_s
        return Usage(
            timings_s={name: round(seconds, 3) for name, seconds in stages.items()},
            peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            gb_seconds=round(gb_seconds, 3),
            cost_usd=round(gb_seconds * self._usd_per_gb_second, 8),
        )
