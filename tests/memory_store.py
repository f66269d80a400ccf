"""A store in memory with S3's semantics of conditional writes."""

import hashlib
from collections.abc import Callable

from stemdrop.errors import ChangedError
from stemdrop.job_record import Job
from stemdrop.keys import UploadKey
from stemdrop.store import Store, Upload


class MemoryStore(Store):
    """One upload's record.

    Parameters
    ----------
    key : Key of the upload, the only one that is accepted.
    before_call : Called at the start of each call.

    Attributes
    ----------
    song : Object in the upload bucket, if any.
    text : Text of the record, if any.
    writes : Record before and after each write.
    lost : Numbers of the writes, from 0, whose response is lost. boto3 retries such a write and
        gets the error that the record has changed.
    """

    def __init__(self, key: UploadKey, before_call: Callable[[], None] = lambda: None) -> None:
        self._key = key
        self._before_call = before_call
        self.song: Upload | None = None
        self.text: str | None = None
        self.writes: list[tuple[Job | None, Job]] = []
        self.lost: set[int] = set()

    @property
    def job(self) -> Job | None:
        return Job.from_json(self.text) if self.text is not None else None

    def find_upload(self, key: UploadKey) -> Upload | None:
        self._begin(key)
        return self.song

    def load_job(self, key: UploadKey) -> tuple[Job | None, str | None]:
        self._begin(key)
        return self.job, self._etag()

    def save_job(self, key: UploadKey, job: Job, replaced_etag: str | None) -> str:
        self._begin(key)
        if replaced_etag != self._etag():
            raise ChangedError("The record has changed.")
        self.writes.append((self.job, job))
        self.text = job.to_json()
        if len(self.writes) - 1 in self.lost:
            raise ChangedError("The record has changed.")
        etag = self._etag()
        assert etag is not None
        return etag

    def _begin(self, key: UploadKey) -> None:
        assert key == self._key
        self._before_call()

    def _etag(self) -> str | None:
        # As in S3, equal contents have equal ETags.
        text = self.text
        return f'"{hashlib.md5(text.encode()).hexdigest()}"' if text is not None else None  # noqa: S324
