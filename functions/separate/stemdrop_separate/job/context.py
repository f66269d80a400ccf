"""Inputs and result of a job."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from stemdrop.job_record import Job
from stemdrop.notifications import Notifier
from stemdrop.store import Store
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.lyrics.transcriber import Transcriber
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.settings import Settings


class Outcome(StrEnum):
    """Outcomes of a job; everything else is raised as an error."""

    DONE = "done"
    REJECTED = "rejected"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class JobContext:
    """Resources that an execution environment keeps from job to job."""

    settings: Settings
    store: Store
    models: Models
    ffmpeg: Path
    notifier: Notifier | None = None
    transcriber: Transcriber | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """Lambda's description of an invocation.

    Attributes
    ----------
    memory_mb : Memory of the function.
    deadline : Moment at which Lambda ends the invocation.
    is_last : Whether the song is not tried again if this attempt fails.
    is_surplus : Whether all attempts were made. The song is only tried if none of them was begun.
    etag : ETag of the upload that was announced; None if that is unknown.
    """

    memory_mb: int
    deadline: Deadline
    is_last: bool = False
    is_surplus: bool = False
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """Result of `run_job`.

    Attributes
    ----------
    outcome : Outcome of this invocation.
    job : Record of the job if it has ended, in this invocation or an earlier one. None if another
        invocation works on it, or if it was deleted.
    is_clean : Whether no results are left that the record doesn't name. If S3 failed to delete
        them, the event has to be delivered again: that invocation finds the job ended, and deletes
        them.
    """

    outcome: Outcome
    job: Job | None = None
    is_clean: bool = True

    @property
    def had_ended(self) -> bool:
        """Return whether the job had ended before this invocation."""
        return self.job is not None and self.outcome is Outcome.SKIPPED
