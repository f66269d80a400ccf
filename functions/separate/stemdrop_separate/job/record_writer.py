"""Concurrent updates of job.json; another invocation's result is never overwritten."""

from typing import Any

from stemdrop.errors import ChangedError, StorageError, SupersededError
from stemdrop.job_record import Job
from stemdrop.keys import UploadKey
from stemdrop.store import Store
from stemdrop_separate.job.job_start import is_same_upload, source_of

ATTEMPTS = 5


class RecordWriter:
    """Reads a record once, and replaces exactly what was read or written last.

    S3 delivers events at least once and in any order, so several invocations may work on one
    upload. The first to end wins; the others notice at their next write.

    Attributes
    ----------
    found : Record as it was read; None if there was none.
    job : Record as it was written last.
    """

    def __init__(self, store: Store, key: UploadKey) -> None:
        self._store = store
        self._key = key
        self.found, self._etag = store.load_job(key)
        self.job: Job

    def update(self, **changes: Any) -> None:
        """Write the record with some fields changed; see `save`."""
        self.save(self.job.updated(**changes))

    def save(self, job: Job) -> None:
        """Write the record.

        Raises
        ------
        SupersededError : Another invocation finished the same work, a newer upload started, or the
            job was deleted.
        StorageError : S3 failed, or others keep writing the record.
        """
        for _ in range(ATTEMPTS):
            try:
                self._etag = self._store.save_job(self._key, job, self._etag)
            except ChangedError:
                self._take_over(job)
            else:
                self.job = job
                return
        raise StorageError(f"The record of {self._key} is written by too many at once.")

    def _take_over(self, job: Job) -> None:
        """Read what another invocation wrote, and continue from there if the work is needed."""
        other, etag = self._store.load_job(self._key)
        if other is None and self._etag is not None:
            raise SupersededError(f"The job of {self._key} was deleted.")
        if other is not None and other != job and self._makes_needless(other, job):
            raise SupersededError(f"{self._key} was finished by somebody else.")
        self._etag = etag

    def _makes_needless(self, other: Job, job: Job) -> bool:
        if other.source is None or job.source is None:
            return other.source is not None
        if is_same_upload(other.source, job.source):
            return other.options == job.options and other.is_finished
        if other.source.uploaded_at != job.source.uploaded_at:
            return other.source.uploaded_at > job.source.uploaded_at
        # Two uploads within one of S3's seconds: only S3 knows which of them was the last.
        upload = self._store.find_upload(self._key)
        return upload is not None and not is_same_upload(source_of(upload), job.source)
