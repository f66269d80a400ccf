"""Progress as bars on a terminal."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

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

from stemdrop_cli.display import Display, Phase, Row, print_line
from stemdrop_cli.names import displayable

NAME_COLUMNS = 40
# Minimum widths, so that bars keep their length from phase to phase.
PHASE_COLUMNS = len("waiting its turn")
TIME_LEFT_COLUMNS = len("59:59 left")


@contextmanager
def open_bars(console: Console) -> Iterator[Display]:
    """Yield a display with a bar for each song."""
    name_column = Column(max_width=NAME_COLUMNS, no_wrap=True, overflow="ellipsis")
    with Progress(
        TextColumn("{task.description}", markup=False, table_column=name_column),
        TextColumn(
            "{task.fields[status_text]}", markup=False, table_column=Column(min_width=PHASE_COLUMNS)
        ),
        BarColumn(),
        TaskProgressColumn(),
        TimeLeftColumn(table_column=Column(min_width=TIME_LEFT_COLUMNS)),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as progress:
        yield BarDisplay(progress)


class BarDisplay:
    """A display on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def row(self, name: str) -> Iterator[Row]:
        """Show a song's progress while the context is open."""
        task_id = self._progress.add_task(name, total=None, status_text="", ends_at=None)
        try:
            yield BarRow(self._progress, task_id)
        finally:
            self._progress.remove_task(task_id)

    def print_result(self, line: str) -> None:
        """Print a result on standard output, above the bars if that is the terminal, too."""
        if sys.stdout.isatty():
            self._print_above(line)
        else:
            print_line(line, sys.stdout)

    def print_error(self, line: str) -> None:
        """Print an error above the bars."""
        self._print_above(f"stemdrop: {displayable(line)}")

    def _print_above(self, line: str) -> None:
        self._progress.console.print(
            line, markup=False, emoji=False, highlight=False, soft_wrap=True
        )


class BarRow:
    """A song's progress as a bar."""

    def __init__(self, progress: Progress, task_id: TaskID) -> None:
        self._progress = progress
        self._task_id = task_id
        self._phase: Phase | None = None

    def start(self, phase: Phase, total: float | None = None) -> None:
        """Start a phase."""
        if phase == self._phase:
            self._progress.update(self._task_id, status_text=phase.value)
        else:
            self._phase = phase
            self._progress.reset(self._task_id, total=total, status_text=phase.value, ends_at=None)

    def update(self, completed: float, seconds_left: float | None = None) -> None:
        """Show the progress of the phase."""
        ends_at = None if seconds_left is None else time.monotonic() + seconds_left
        if ends_at is None and self._phase is Phase.SEPARATING:
            ends_at = math.inf  # unknown
        status_text = self._phase.value if self._phase else ""
        self._progress.update(
            self._task_id, completed=completed, status_text=status_text, ends_at=ends_at
        )

    def note(self, text: str) -> None:
        """Show a note until the next update."""
        self._progress.update(self._task_id, status_text=displayable(text))


class TimeLeftColumn(ProgressColumn):
    """Time left: the given one for a separation, or else one that follows from the speed so far."""

    def render(self, task: Task) -> Text:
        """Show minutes and seconds."""
        ends_at = task.fields["ends_at"]
        left_s = task.time_remaining if ends_at is None else max(ends_at - time.monotonic(), 0)
        if left_s is None or left_s == math.inf:
            return Text("")
        minutes, seconds = divmod(round(left_s), 60)
        return Text(f"{minutes}:{seconds:02d} left")
