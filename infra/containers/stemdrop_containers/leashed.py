"""Long work of other programs that ends with us, however we end, and leaves no process behind."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any

LEASH = [sys.executable, "-m", "stemdrop_local.runtime.leash"]


def run_leashed(
    command: Sequence[str],
    output: IO[Any],
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run a command to its end and return its exit status.

    It has a session of its own, so Ctrl-C reaches us alone: the command is then asked to end (see
    leash.py), and what it has started ends with it, before the interruption goes on.

    Parameters
    ----------
    output : a file that takes all it says.
    environment : all of its environment; ours by default.
    """
    process = subprocess.Popen(
        [*LEASH, *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
    try:
        return process.wait()
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait()
