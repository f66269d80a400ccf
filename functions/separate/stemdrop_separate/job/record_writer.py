"""Concurrent updates of job.json; another invocation's result is never overwritten."""

from dataclasses import replace
from typing import Any, cast

from stemdrop.errors import ChangedError, StorageError, SupersededError
from stemdrop.job_record import Failure, Job, Status, now
from stemdrop.keys import Origin, UploadKey, new_results_id
from stemdrop.store import Store

MAX_WRITES = 5


class RecordWriter:
    """Reads a record once, and replaces exactly what was read or written last.

    S3 delivers events at least once and in any order, so several invocations may work on one
    upload. The first to end wins; the others notice at their next write.

    Attributes
    ----------
    key : Key of the upload.
    found : Record as it was read; None if there was none.
    begun_ids : Folders that `begin_results` has named.
    """

    def __init__(self, store: Store, key: UploadKey) -> None:
        self._store = store
        self.key = key
        self.found, self._etag = store.load_job(key)
        self._written: Job | None = None
        self.begun_ids: tuple[str, ...] = ()

    def update(self, **changes: Any) -> None:
        """Write the record with some fields changed; see `save`."""
        self.save(self.job.updated(**changes))

    def begin_results(self, **changes: Any) -> str:
        """Name a new folder in the record, and return its ID; see `save`.

        The results in it are safe for as long as the record names it.
        """
        results_id = new_results_id()
        job = self.job.updated(results_ids=(*self.job.results_ids, results_id), **changes)
        self.save(job, begun=(results_id,))
        self.begun_ids += (results_id,)
        return results_id

    def fail(self, failure: Failure) -> None:
        """Write that the job failed, unless it has ended or was deleted; see `save`.

        Raises
        ------
        SupersededError : There is nothing that could fail.
        """
        job = self._written or self.found
        if job is None and self.key.origin is Origin.DROP:
            job = Job(str(self.key), Status.PROCESSING, now(), now())
        if job is None or job.is_finished:
            raise SupersededError(f"{self.key} has no job that could fail.")
        self.save(
            job.updated(
                status=Status.FAILED,
                stage=None,
                seconds_left=None,
                results_ids=(),  # an attempt that is still at work publishes again
                error=failure,
                finished_at=now(),
            )
        )

    @property
    def job(self) -> Job:
        """Return the record as it was written last."""
        return cast(Job, self._written)

    def save(self, job: Job, begun: tuple[str, ...] = ()) -> None:
        """Write the record, with the folders of results that others have begun for the same work.

        Parameters
        ----------
        begun : New folders, in which nothing is yet. Only these are added to what another
            invocation wrote: the results in others that it doesn't name may be gone.

        Raises
        ------
        ChangedError : The job is done, but another invocation removed the name of its results.
        SupersededError : Another invocation finished the same work, a newer upload started, or the
            job was deleted.
        StorageError : S3 failed, or others keep writing the record.
        """
        for _ in range(MAX_WRITES):
            try:
                self._etag = self._store.save_job(self.key, job, self._etag)
            except ChangedError:
                job = self._take_over(job, begun)
            else:
                self._written = job
                return
        raise StorageError(f"The record of {self.key} is written by too many at once.")

    def _take_over(self, job: Job, begun: tuple[str, ...]) -> Job:
        """Read what another invocation wrote, and return what to write if the work is needed."""
        other, etag = self._store.load_job(self.key)
        if other is None and self._etag is not None:
            raise SupersededError(f"The job of {self.key} was deleted.")
        if other is not None and self._is_another_job(other, job):
            raise SupersededError(f"The job of {self.key} was deleted, and created again.")
        if other is not None and other != job and self._makes_needless(other, job):
            raise SupersededError(f"{self.key} was finished by somebody else.")
        self._etag = etag
        if other is None or other == job or job.status is Status.FAILED:
            return job
        if job.status is Status.DONE:
            if not {*job.results_ids} <= {*other.results_ids}:
                raise ChangedError(f"The results of {self.key} may be gone.")
            return job
        is_at_work = not other.is_final and _is_same_source(other, job)
        kept = (*(other.results_ids if is_at_work else ()), *begun)
        return replace(job, results_ids=tuple(dict.fromkeys(kept)))

    def _is_another_job(self, other: Job, job: Job) -> bool:
        """Return whether the API created the job again, which then has the same key."""
        return self.key.origin is Origin.JOBS and other.created_at != job.created_at

    def _makes_needless(self, other: Job, job: Job) -> bool:
        if _is_same_source(other, job):
            return other.options == job.options and other.is_final
        if other.source is None or job.source is None:
            return other.source is not None
        if other.source.uploaded_at != job.source.uploaded_at:
            return other.source.uploaded_at > job.source.uploaded_at
        # Two uploads within one of S3's seconds: only S3 knows which of them was the last.
        upload = self._store.find_upload(self.key)
        return upload is not None and not upload.source.is_same_as(job.source)


def _is_same_source(one: Job, other: Job) -> bool:
    if one.source is None or other.source is None:
        return one.source is other.source
    return one.source.is_same_as(other.source)
