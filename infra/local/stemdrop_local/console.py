"""Console output: a line for each event, with its time, name and details."""

import sys
from contextlib import suppress
from datetime import datetime
from threading import Lock
from typing import Protocol

WIDTH = 10


class TextOutput(Protocol):
    """Target of lines, such as a text file."""

    @property
    def encoding(self) -> str | None:
        """Return its encoding."""

    def write(self, text: str, /) -> object:
        """Write some text."""

    def flush(self) -> None:
        """Flush the text."""


class Console:
    """Writes lines. Threads may share it.

    Parameters
    ----------
    out : Target of the lines; standard output by default.
    """

    def __init__(self, out: TextOutput | None = None) -> None:
        self._out = out or sys.stdout
        self._lock = Lock()

    def say(self, what: str, about: str) -> None:
        """Write a line with the local time."""
        self.show(f"{datetime.now():%H:%M:%S}  {what:<{WIDTH}}  {escape(about)}")

    def show(self, text: str) -> None:
        """Write text as it is; a closed output is ignored, so that the work continues."""
        with self._lock, suppress(OSError, ValueError):
            encoding = self._out.encoding or "utf-8"
            text = f"{text}\n".encode(encoding, "backslashreplace").decode(encoding)
            self._out.write(text)
            self._out.flush()


def escape(text: str) -> str:
    """Return a text whose control characters are escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def size(size_bytes: int) -> str:
    """Format a size: ``4.3 MB``, in millions of bytes from 0.1 MB on."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes} bytes"


def duration(duration_s: float) -> str:
    """Format a duration: ``34 ms``, ``7.9 s``, ``2 min 5 s``."""
    if duration_s < 0.9995:
        return f"{duration_s * 1000:.0f} ms"
    if duration_s < 99.95:
        return f"{duration_s:.1f} s"
    return f"{round(duration_s) // 60} min {round(duration_s) % 60} s"
