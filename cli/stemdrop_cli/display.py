"""What a person sees: bars on a terminal, plain lines anywhere else."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
)
from rich.table import Column
from rich.text import Text

NAME_COLUMNS = 40
# So that bars keep their length from phase to phase.
DOING_COLUMNS = len("waiting its turn")
LEFT_COLUMNS = len("59:59 left")


class Phase(StrEnum):
    """What happens to a song, in its order."""

    READING = "reading"
    UPLOADING = "uploading"
    QUEUED = "waiting its turn"
    SEPARATING = "separating"
    DOWNLOADING = "downloading"


class Row(Protocol):
    """Where one song's way is shown."""

    def enter(self, phase: Phase, total: float | None = None) -> None:
        """Begin a phase; to enter it once more only ends a note."""

    def reach(self, completed: float, seconds_left: float | None = None) -> None:
        """Show how far the phase is; without the time left it is a matter of speed."""

    def note(self, text: str) -> None:
        """Say what is the matter, until there is news."""


class Display(Protocol):
    """All rows, and lines that stay. Threads may share it."""

    def row(self, name: str) -> AbstractContextManager[Row]:
        """Show a song, as long as it is under way."""

    def say(self, line: str) -> None:
        """Print a result, on standard output."""

    def complain(self, line: str) -> None:
        """Print what is wrong, on standard error."""


@contextmanager
def open_display(console: Console | None = None) -> Iterator[Display]:
    """Return a display for where standard error goes.

    Parameters
    ----------
    console : on standard error by default.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield Lines()
        return
    name_column = Column(max_width=NAME_COLUMNS, no_wrap=True, overflow="ellipsis")
    with Progress(
        TextColumn("{task.description}", markup=False, table_column=name_column),
        TextColumn(
            "{task.fields[doing]}", markup=False, table_column=Column(min_width=DOING_COLUMNS)
        ),
        BarColumn(),
        TaskProgressColumn(),
        TimeLeftColumn(table_column=Column(min_width=LEFT_COLUMNS)),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as progress:
        yield Bars(progress)


class Lines:
    """A display without bars: each phase is a line on standard error."""

    @contextmanager
    def row(self, name: str) -> Iterator[Row]:
        """Show a song, as long as it is under way."""
        yield LineRow(name)

    def say(self, line: str) -> None:
        """Print a result, on standard output."""
        _print(line, sys.stdout)

    def complain(self, line: str) -> None:
        """Print what is wrong, on standard error."""
        _print(f"stemdrop: {line}", sys.stderr)


class LineRow:
    """A song in lines; none is printed twice in a row."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last = ""

    def enter(self, phase: Phase, total: float | None = None) -> None:  # noqa: ARG002
        """Begin a phase."""
        self.note(phase)

    def reach(self, completed: float, seconds_left: float | None = None) -> None:
        """Show nothing: lines can't be taken back."""

    def note(self, text: str) -> None:
        """Say what is the matter."""
        if text != self._last:
            _print(f"{self._name}: {text}", sys.stderr)
        self._last = text


class Bars:
    """A display on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def row(self, name: str) -> Iterator[Row]:
        """Show a song, as long as it is under way."""
        task_id = self._progress.add_task(name, total=None, doing="", ends_at=None)
        try:
            yield BarRow(self._progress, task_id)
        finally:
            self._progress.remove_task(task_id)

    def say(self, line: str) -> None:
        """Print a result, on standard output: above the bars if that is the terminal as well."""
        if sys.stdout.isatty():
            self._print_above(line)
        else:
            _print(line, sys.stdout)

    def complain(self, line: str) -> None:
        """Print what is wrong, above the bars."""
        self._print_above(f"stemdrop: {line}")

    def _print_above(self, line: str) -> None:
        self._progress.console.print(line, markup=False, highlight=False, soft_wrap=True)


class BarRow:
    """A song with a bar."""

    def __init__(self, progress: Progress, task_id: TaskID) -> None:
        self._progress = progress
        self._task_id = task_id
        self._phase: Phase | None = None

    def enter(self, phase: Phase, total: float | None = None) -> None:
        """Begin a phase."""
        if phase == self._phase:
            self._progress.update(self._task_id, doing=phase.value)
        else:
            self._phase = phase
            self._progress.reset(self._task_id, total=total, doing=phase.value, ends_at=None)

    def reach(self, completed: float, seconds_left: float | None = None) -> None:
        """Show how far the phase is."""
        ends_at = None if seconds_left is None else time.monotonic() + seconds_left
        doing = self._phase.value if self._phase else ""
        self._progress.update(self._task_id, completed=completed, doing=doing, ends_at=ends_at)

    def note(self, text: str) -> None:
        """Say what is the matter, until there is news."""
        self._progress.update(self._task_id, doing=text)


class TimeLeftColumn(ProgressColumn):
    """The time left: as the server tells it, else by the speed so far."""

    def render(self, task: Task) -> Text:
        """Show minutes and seconds."""
        ends_at = task.fields["ends_at"]
        left_s = task.time_remaining if ends_at is None else max(ends_at - time.monotonic(), 0)
        if left_s is None:
            return Text("")
        minutes, seconds = divmod(round(left_s), 60)
        return Text(f"{minutes}:{seconds:02d} left")


def _print(line: str, file: TextIO) -> None:
    """Print a line in one piece, whatever other threads print."""
    print(f"{line}\n", end="", file=file, flush=True)
