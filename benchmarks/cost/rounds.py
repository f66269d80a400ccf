"""Runs of one system at all memory sizes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.cost.durations import InvocationDurations, OutOfMemoryError
from benchmarks.cost.figures import MeasuredSystem


@dataclass(slots=True)
class Rounds:
    """Runs of one system. A memory size isn't tried again after a failure."""

    run: Callable[[int], InvocationDurations]
    times: dict[int, list[InvocationDurations]] = field(default_factory=dict)
    too_small: set[int] = field(default_factory=set)

    def measure(self, memory_mb: int) -> None:
        """Add a run at a memory size."""
        rounds = self.times.setdefault(memory_mb, [])
        if memory_mb in self.too_small:
            return
        try:
            rounds.append(self.run(memory_mb))
        except OutOfMemoryError:
            self.too_small.add(memory_mb)

    @property
    def has_succeeded(self) -> bool:
        """Return whether all runs of a memory size succeeded."""
        return bool(self.times.keys() - self.too_small)

    def result(
        self, cores: int, shares: Mapping[float, Sequence[InvocationDurations]]
    ) -> MeasuredSystem:
        """Return all runs."""
        return MeasuredSystem(self.times, cores, frozenset(self.too_small), shares)
