"""Measure time and memory of processes with the accounting of the operating system."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Without the site's packages, it takes 10 MB.
MEASURED = [sys.executable, "-I", "-S", str(Path(__file__).with_name("measured_command.py"))]


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
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as usage:
        try:
            process = subprocess.run(
                [*MEASURED, str(write_end), *command],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                pass_fds=[write_end],
            )
        finally:
            os.close(write_end)
        if process.returncode != 0:
            raise CommandError(f"{' '.join(command)} failed: {process.stdout[-1000:]}")
        return ProcessUsage(**json.load(usage))


def median(usage: Sequence[ProcessUsage], of: Callable[[ProcessUsage], float]) -> float:
    """Return the median of a figure."""
    return statistics.median(map(of, usage))


def median_ratio(
    usage: Sequence[ProcessUsage],
    other: Sequence[ProcessUsage],
    of: Callable[[ProcessUsage], float],
) -> float:
    """Return the median of the ratios of a figure, run by run."""
    return statistics.median(of(one) / of(two) for one, two in zip(usage, other, strict=True))


def measure_in_turn(
    measurements: Sequence[Callable[[], ProcessUsage]], rounds: int
) -> list[tuple[ProcessUsage, ...]]:
    """Run measurements in turn, so that all have the same conditions.

    Returns
    -------
    The runs of each measurement, in order.
    """
    runs = [[measure() for measure in measurements] for _ in range(rounds)]
    return list(zip(*runs, strict=True))
