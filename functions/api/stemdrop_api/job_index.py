"""The index of jobs: an empty object for each job, whose key has the owner, the time and the ID.

S3 lists keys in order, so an inverted time puts the newest job first.
"""

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from stemdrop.errors import RecordError
from stemdrop.job_record import Job
from stemdrop.keys import OWNERS_PREFIX, Origin, UploadKey
from stemdrop.s3 import storage_errors
from stemdrop.store import Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Milliseconds since 1970 of a time in 2286, the first that has 14 digits.
END_MS = 10**13
ENTRY_NAME = re.compile(r"[0-9]{13}-[0-9a-f]{32}")
MAX_READS = 10

logger = Logger(child=True)


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs of an owner, the newest first.

    Attributes
    ----------
    next_cursor : Cursor of the next page; None if this is the last one.
    """

    jobs: tuple[Job, ...]
    next_cursor: str | None


class JobIndex:
    """The index in the stems bucket.

    Parameters
    ----------
    store : Store of the records.
    client : S3 client.

    All methods raise StorageError when a request fails after retries.
    """

    def __init__(self, store: Store, client: "S3Client") -> None:
        self._store = store
        self._s3 = client

    def add(self, job: Job) -> None:
        """Add a job; to add it again changes nothing."""
        key = owner_prefix(job.owner) + _entry_name(job)
        with storage_errors(f"write {key}"):
            self._s3.put_object(Bucket=self._store.stems, Key=key)

    def remove(self, job: Job) -> None:
        """Remove a job, if it is in the index."""
        self._store.delete({owner_prefix(job.owner) + _entry_name(job)})

    def list_jobs(self, owner: str | None, limit: int, cursor: str | None) -> JobPage:
        """Return a page of an owner's jobs: one request for the entries, and one for each record.

        Jobs whose record is gone, can't be read, or is that of a later job are left out.

        Parameters
        ----------
        limit : Number of entries, at most 1,000.
        cursor : `next_cursor` of the page before.
        """
        prefix = owner_prefix(owner)
        with storage_errors("list jobs"):
            found = self._s3.list_objects_v2(
                Bucket=self._store.stems,
                Prefix=prefix,
                StartAfter=prefix + (cursor or ""),
                MaxKeys=limit,
            )
        names = [entry["Key"].removeprefix(prefix) for entry in found.get("Contents", [])]
        with ThreadPoolExecutor(MAX_READS) as pool:
            jobs = list(pool.map(self._load, names))
        return JobPage(
            jobs=tuple(
                job
                for name, job in zip(names, jobs, strict=True)
                if job and (job.owner, _entry_name(job)) == (owner, name)
            ),
            next_cursor=names[-1] if found["IsTruncated"] else None,
        )

    def _load(self, name: str) -> Job | None:
        key = UploadKey(Origin.JOBS, name.rpartition("-")[2])
        try:
            return self._store.load_job(key)[0]
        except RecordError as error:
            logger.error("record_not_listed", job=key.name, reason=error.message)
            return None


def owner_prefix(owner: str | None) -> str:
    """Return the prefix of an owner's entries; no user has an empty name."""
    return f"{OWNERS_PREFIX}{hashlib.sha256((owner or '').encode()).hexdigest()}/"


def parse_cursor(cursor: str | None) -> str | None:
    """Return a cursor.

    Raises
    ------
    ValueError : It is not that of a page.
    """
    if cursor is not None and not ENTRY_NAME.fullmatch(cursor):
        raise ValueError("Send the next_cursor of an earlier response, or none.")
    return cursor


def _entry_name(job: Job) -> str:
    created_ms = round(datetime.fromisoformat(job.created_at).timestamp() * 1000)
    return f"{END_MS - created_ms:013d}-{UploadKey.parse(job.key).name}"
