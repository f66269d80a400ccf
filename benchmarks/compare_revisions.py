"""Measure this checkout against an earlier revision of it, in one run.

    python -m benchmarks.compare_revisions REVISION [--pairs 5]

The revision gets a clone and an environment of its own. Both run in turn, as whole processes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.bench import SHORT_S, SONG_S, Bench
from benchmarks.benchmark_page import FIGURES
from benchmarks.process_usage import (
    CommandError,
    ProcessUsage,
    measure_in_turn,
    median,
    median_ratio,
)
from stemdrop_local.deployment import ROOT

Measure = Callable[[Bench], ProcessUsage]
WHOLE_PROCESSES: dict[str, Measure] = {
    f"{SHORT_S} s of mp3 to wav": lambda bench: bench.ours(SHORT_S),
    f"{SONG_S} s of mp3 to wav": lambda bench: bench.ours(SONG_S),
    "cold start of the separator": lambda bench: bench.cold_start(),
    "cold start of the API": lambda bench: bench.api_cold_start(),
}


@dataclass(frozen=True, slots=True)
class RevisionComparison:
    """The checkout of today and an earlier one, each with its environment."""

    now: Bench
    earlier: Bench

    def rows(self, name: str, measure: Measure, pairs: int) -> list[str]:
        """Measure both in turn, and return a line of a table for each figure."""
        measure(self.now), measure(self.earlier)  # warm up the disk cache
        both = [partial(measure, self.now), partial(measure, self.earlier)]
        now, earlier = measure_in_turn(both, pairs)
        lines = []
        for figure, (of, unit, form) in FIGURES.items():
            before, after = median(earlier, of), median(now, of)
            ratio = median_ratio(now, earlier, of)
            values = f"{before:{form}} {unit} | {after:{form}} {unit} | {ratio:.2f}"
            lines.append(f"| {name} | {figure} | {values} |")
        return lines


def check_out(revision: str, folder: Path) -> Path:
    """Clone a revision, and set up its environment and its 2stems model.

    Raises
    ------
    CommandError : There is no such revision, or its setup fails.
    """
    for command in (
        ["git", "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(folder)],
        ["git", "-C", str(folder), "checkout", "--quiet", "--detach", revision],
        ["make", "-C", str(folder), "setup"],
    ):
        # A variable of this run of make would be one of the other's, too.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        # Where no bytecode is written, importing would be what is measured.
        environment = kept | {"UV_COMPILE_BYTECODE": "1"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CommandError(f"{' '.join(command)} failed: {done.stderr[-1000:]}")
    return folder


def main() -> int:
    """Measure and print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("revision")
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemdrop-bench-") as folder:
        now = Bench(Path(folder))
        try:
            print(f"Setting up {arguments.revision} ...", file=sys.stderr, flush=True)
            root = check_out(arguments.revision, Path(folder) / "earlier")
            comparison = RevisionComparison(now, replace(now, root=root))
            print(f"| What | Figure | {arguments.revision} | Now | Ratio |\n|---|---|---|---|---|")
            for name, measure in WHOLE_PROCESSES.items():
                print(*comparison.rows(name, measure, arguments.pairs), sep="\n", flush=True)
        except CommandError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
