"""Measure time and memory of processes with the accounting of the operating system."""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


class CommandError(Exception):
    """A measured command failed."""


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """Time and memory of one run of a command.

    Attributes
    ----------
    wall_s : Wall time.
    cpu_s : Processor time of the command and its descendants.
    peak_bytes : Peak memory of the largest process.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int


def measure_process(command: Sequence[str], environment: Mapping[str, str]) -> ProcessUsage:
    """Run a command to its end.

    Raises
    ------
    CommandError : The exit status isn't 0. The message contains the end of the output.
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
    """Runs of two commands in turn, so that both have the same conditions."""

    ours: tuple[ProcessUsage, ...]
    stock: tuple[ProcessUsage, ...]

    def median(self, of: Callable[[ProcessUsage], float]) -> tuple[float, float, float]:
        """Return the medians of a value for both commands, and of the ratios per pair."""
        ours, stock = [of(cost) for cost in self.ours], [of(cost) for cost in self.stock]
        ratios = [one / other for one, other in zip(ours, stock, strict=True)]
        return statistics.median(ours), statistics.median(stock), statistics.median(ratios)


def measure_pairs(
    ours: Callable[[], ProcessUsage], stock: Callable[[], ProcessUsage], pairs: int
) -> PairedUsage:
    """Run two measurements in turn for a number of pairs."""
    results = [(ours(), stock()) for _ in range(pairs)]
    return PairedUsage(tuple(one for one, _ in results), tuple(other for _, other in results))
