"""What a job works with, what Lambda says of it, and how it ends."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from stemdrop.notifications import Topic
from stemdrop.store import Store
from stemdrop_separate.job.usage import Trace
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.settings import Settings


class Outcome(StrEnum):
    """How an attempt ended; anything else is raised."""

    DONE = "done"
    REJECTED = "rejected"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class JobContext:
    """What stays from job to job in an execution environment."""

    settings: Settings
    store: Store
    models: Models
    ffmpeg: Path
    topic: Topic | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """What Lambda says of an invocation.

    Attributes
    ----------
    memory_mb : of the function.
    remaining_s : tells how many seconds are left.
    trace : opens a span.
    """

    memory_mb: int
    remaining_s: Callable[[], float]
    trace: Trace = nullcontext
