"""State of one pass through the phases of a job."""

from dataclasses import dataclass

from stemdrop.job_record import Job
from stemdrop.keys import UploadKey
from stemdrop.store import Store, Upload
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.job.context import JobContext
from stemdrop_separate.job.record_writer import RecordWriter
from stemdrop_separate.job.usage import UsageMeter


@dataclass(slots=True)
class JobState:
    """State of one pass through the phases.

    Attributes
    ----------
    upload : Song in the upload bucket; None if it was deleted.
    first_record : Record to write at the start.
    deadline : Moment by which the separation has to end.
    is_last : Whether the song is not tried again if this attempt fails.
    """

    context: JobContext
    upload: Upload | None
    first_record: Job
    record: RecordWriter
    deadline: Deadline
    meter: UsageMeter
    is_last: bool

    @property
    def key(self) -> UploadKey:
        """Return the key of the upload."""
        return self.record.key

    @property
    def store(self) -> Store:
        """Return both buckets."""
        return self.context.store

    @property
    def job(self) -> Job:
        """Return the record as it was written last."""
        return self.record.job
