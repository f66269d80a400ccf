"""What an execution environment of a function is to who delivers events to it."""

from pathlib import Path
from typing import Protocol

from stemdrop_local.runtime.outcome import Outcome
from stemdrop_local.template import Function


class ExecutionEnvironment(Protocol):
    """Where a handler runs, one invocation at a time: Emulator is one, SAM's container another.

    Attributes
    ----------
    function : its name, limits and environment.
    log : the file for what the handler writes.
    """

    @property
    def function(self) -> Function:
        """Return what runs here."""

    @property
    def log(self) -> Path:
        """Return the file for what the handler writes."""

    def start(self) -> None:
        """Make ready for events."""

    def stop(self) -> None:
        """End, also in the middle of an invocation."""

    def invoke(self, event: object) -> Outcome:
        """Have the handler work on an event, and return how that ended."""
