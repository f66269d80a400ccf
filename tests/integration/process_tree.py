"""The descendants of a process, and waiting for a process to end (Linux)."""

import os
import select
from contextlib import suppress
from pathlib import Path

WAIT_S = 20.0


def descendants(pid: int) -> dict[int, str]:
    """Return the ids and command lines of all processes below a process."""
    found: dict[int, str] = {}
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, _text_of(children).split()):
            command = _text_of(Path(f"/proc/{child}/cmdline")).replace("\0", " ").strip()
            found |= {child: command, **descendants(child)}
    return found


def _text_of(path: Path) -> str:
    """Return a file of a process in /proc, or an empty text if it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return path.read_text()
    return ""


def wait_until_ended(pid: int) -> bool:
    """Wait until a process has ended, and return whether it has."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(WAIT_S * 1000))
    finally:
        os.close(descriptor)
