"""One line for each thing that happens: the time, what it is, and what it is about."""

import sys
from contextlib import suppress
from datetime import datetime
from threading import Lock
from typing import Protocol

WIDTH = 10


class TextOutput(Protocol):
    """What lines are written to; a text file, for one."""

    @property
    def encoding(self) -> str | None:
        """Return the name of its encoding."""

    def write(self, text: str, /) -> object:
        """Take some text."""

    def flush(self) -> None:
        """Pass on what was taken."""


class Console:
    """Where lines go, from any thread.

    Parameters
    ----------
    out : takes the lines; standard output by default.
    """

    def __init__(self, out: TextOutput | None = None) -> None:
        self._out = out or sys.stdout
        self._lock = Lock()

    def say(self, what: str, about: str) -> None:
        """Write a line, with the time of day here."""
        self.show(f"{datetime.now():%H:%M:%S}  {what:<{WIDTH}}  {escape(about)}")

    def show(self, text: str) -> None:
        """Write some lines as they are.

        Whoever read them may have gone: what happens goes on without being told.
        """
        with self._lock, suppress(OSError, ValueError):
            encoding = self._out.encoding or "utf-8"
            text = f"{text}\n".encode(encoding, "backslashreplace").decode(encoding)
            self._out.write(text)
            self._out.flush()


def escape(text: str) -> str:
    """Return a text with escapes for what would move a terminal's cursor, or worse."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def size(size_bytes: int) -> str:
    """Write a size: ``4.3 MB``, in millions of bytes from 0.1 MB on."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes} bytes"


def duration(duration_s: float) -> str:
    """Write a duration: ``34 ms``, ``7.9 s``, ``2 min 5 s``."""
    if duration_s < 0.9995:
        return f"{duration_s * 1000:.0f} ms"
    if duration_s < 99.95:
        return f"{duration_s:.1f} s"
    return f"{round(duration_s) // 60} min {round(duration_s) % 60} s"
