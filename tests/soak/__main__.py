"""Separate many songs through the deployed application while things go wrong.

    make soak SONGS=1000 SEED=7

The program prints a table, and fails if a song was lost, or anything else is wrong.
"""

import argparse
import signal
import sys

from soak.run import run


def main() -> int:
    """Run, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description="Separate songs while things go wrong.")
    parser.add_argument("--songs", type=int, default=60, help="number of songs")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything that is random")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: nothing is left
    findings = run(options.songs, options.seed, print)
    print(findings.table())
    return 1 if findings.faults else 0


if __name__ == "__main__":
    sys.exit(main())
