"""Progress and results: bars on a terminal (see bars.py), plain lines anywhere else."""

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from stemdrop_cli.names import displayable

if TYPE_CHECKING:
    from rich.console import Console


class Phase(StrEnum):
    """Phases of a song, in order."""

    READING = "reading"
    UPLOADING = "uploading"
    QUEUED = "waiting its turn"
    SEPARATING = "separating"
    DOWNLOADING = "downloading"
    TRANSCRIBING = "transcribing"


class Row(Protocol):
    """Progress of one song."""

    def start(self, phase: Phase, total: float | None = None) -> None:
        """Start a phase; starting it again only clears a note."""

    def update(self, completed: float, seconds_left: float | None = None) -> None:
        """Show the progress of a phase.

        Without a time left, that of a separation is unknown, and that of other phases is estimated.
        """

    def note(self, text: str) -> None:
        """Show a note until the next update."""


class Display(Protocol):
    """Progress of all songs, and their results. Threads may share it."""

    def row(self, name: str) -> AbstractContextManager[Row]:
        """Show a song's progress while the context is open."""

    def print_result(self, line: str) -> None:
        """Print a result on standard output."""

    def print_error(self, line: str) -> None:
        """Print an error on standard error."""


@contextmanager
def open_display(console: "Console | None" = None, *, quiet: bool = False) -> Iterator[Display]:
    """Yield a display that suits standard error.

    Parameters
    ----------
    console : Console to use; standard error by default.
    quiet : Whether to show no progress.
    """
    if quiet or not (console.is_terminal if console else sys.stderr.isatty()):
        yield LineDisplay(quiet)
        return
    # Slow to import.
    from rich.console import Console

    from stemdrop_cli.bars import open_bars

    with open_bars(console or Console(stderr=True)) as bars:
        yield bars


class LineDisplay:
    """A display without bars: each phase is a line on standard error, unless it is quiet."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    @contextmanager
    def row(self, name: str) -> Iterator[Row]:
        """Show a song's progress while the context is open."""
        yield LineRow(name, self._quiet)

    def print_result(self, line: str) -> None:
        """Print a result on standard output."""
        print_line(line, sys.stdout)

    def print_error(self, line: str) -> None:
        """Print an error on standard error."""
        print_error(line)


class LineRow:
    """A song's progress in lines; the same line is never printed twice in a row."""

    def __init__(self, name: str, quiet: bool = False) -> None:
        self._name = name
        self._quiet = quiet
        self._last = ""

    def start(self, phase: Phase, total: float | None = None) -> None:  # noqa: ARG002
        """Start a phase."""
        self.note(phase)

    def update(self, completed: float, seconds_left: float | None = None) -> None:
        """Show nothing: a line can't be updated."""

    def note(self, text: str) -> None:
        """Show a note."""
        if text != self._last and not self._quiet:
            print_line(f"{self._name}: {displayable(text)}", sys.stderr)
        self._last = text


def print_error(line: str) -> None:
    """Print an error on standard error."""
    print_line(f"stemdrop: {displayable(line)}", sys.stderr)


def print_line(line: str, file: TextIO) -> None:
    """Print a line with one call, so that lines of several threads don't interleave."""
    with discarding_once_closed(file):
        print(f"{line}\n", end="", file=file)


@contextmanager
def discarding_once_closed(file: TextIO) -> Iterator[None]:
    """Flush a stream at the end, and discard what is written to it once its reader has gone.

    Source: "Note on SIGPIPE" in Python's documentation of `signal`.
    """
    try:
        try:
            yield
        finally:
            file.flush()
    except BrokenPipeError:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), file.fileno())
