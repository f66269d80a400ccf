"""Run a command, and end it with all that it started as soon as standard input closes.

    python -m stemdrop_local.runtime.leash [--finally CLEANING] COMMAND...

Standard input is a pipe that only the parent holds open, so this ends with the parent however the
parent ends. Whatever a process of the command leaves behind becomes a child of this one (Linux
only, as the runtime interface emulator is), so nothing gets away in a group or session of its own.
The command has a TMPDIR of its own, which goes with it. CLEANING, quoted for a shell, is run when
the command has ended, before what it left is killed: an engine ends its containers in better order.
"""

import argparse
import contextlib
import ctypes
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Thread

# Source: linux/prctl.h.
PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 2.0
CLEANING_S = 12.0


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--finally", dest="cleaning", type=shlex.split)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    parsed = parser.parse_args()
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")
    with tempfile.TemporaryDirectory(prefix="stemdrop-") as scratch:
        environment = {**os.environ, "TMPDIR": scratch}
        command = subprocess.Popen(parsed.command, stdin=subprocess.DEVNULL, env=environment)
        signal.signal(signal.SIGTERM, lambda *_: command.terminate())
        Thread(target=_end_with_parent, args=(command,), daemon=True).start()
        code = command.wait()
        _clean(parsed.cleaning)
        _end_orphans()
        _clean(parsed.cleaning)  # somebody else may have been at it, and was an orphan
    return code


def _end_with_parent(command: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1024):  # not sys.stdin: the interpreter couldn't end while it is read
        pass
    command.terminate()
    try:
        command.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        command.kill()


def _clean(cleaning: list[str] | None) -> None:
    if not cleaning:
        return
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(cleaning, stdin=subprocess.DEVNULL, timeout=CLEANING_S, check=False)


def _end_orphans() -> None:
    while True:
        for children in Path("/proc/self/task").glob("*/children"):
            for pid in children.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    sys.exit(main())
