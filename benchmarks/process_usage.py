"""Measure whole processes, as the operating system accounts for them."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


class CommandError(Exception):
    """A command that should be measured has failed."""


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """What one run of a command took.

    Attributes
    ----------
    wall_s : from start to end.
    cpu_s : of the command and all processes that it waited for.
    peak_bytes : memory of the largest single process among them.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int


def measure_process(command: Sequence[str], environment: Mapping[str, str]) -> ProcessUsage:
    """Run a command to its end.

    Raises
    ------
    CommandError : it exits with another status than 0; its last lines are in the message.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise CommandError(f"{' '.join(command)} failed: {output[-1000:]}")
    wall_s = time.perf_counter() - started
    return ProcessUsage(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


@dataclass(frozen=True, slots=True)
class PairedUsage:
    """Two commands that were run in turn, so that both see the same moods of the machine."""

    ours: tuple[ProcessUsage, ...]
    stock: tuple[ProcessUsage, ...]

    def median(self, of: Callable[[ProcessUsage], float]) -> tuple[float, float, float]:
        """Return the medians of a figure, ours and stock's, and that of the pairs' ratios."""
        ours, stock = [of(cost) for cost in self.ours], [of(cost) for cost in self.stock]
        ratios = [one / other for one, other in zip(ours, stock, strict=True)]
        return statistics.median(ours), statistics.median(stock), statistics.median(ratios)


def measure_pairs(
    ours: Callable[[], ProcessUsage], stock: Callable[[], ProcessUsage], pairs: int
) -> PairedUsage:
    """Run two measurements in turn, ours first, as often as pairs are wanted."""
    results = [(ours(), stock()) for _ in range(pairs)]
    return PairedUsage(tuple(one for one, _ in results), tuple(other for _, other in results))
