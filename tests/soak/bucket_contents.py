"""The content of both buckets after the songs of a soak run."""

from collections.abc import Iterator

from soak.application import Application
from soak.upload import UploadedSong
from stemdrop.job_record import Job
from stemdrop.keys import RECORD_NAME, UploadKey, record_key


class BucketContents:
    """The content of both buckets after a run."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self.objects = set(self._list(application.stack.stems_bucket))
        self.uploads = set(self._list(application.stack.uploads_bucket))
        self.records = {job.key: job for job in self._records()}

    def read(self, key: str) -> bytes:
        """Return an object of the stems bucket."""
        stack = self._application.stack
        return stack.s3.get_object(Bucket=stack.stems_bucket, Key=key)["Body"].read()

    def has(self, song: UploadedSong, etag: str) -> bool:
        """Return whether a song has an ETag; one that was known already was not uploaded."""
        if not song.is_uploaded:
            return True
        stack = self._application.stack
        head = stack.s3.head_object(Bucket=stack.uploads_bucket, Key=song.key)
        return head["ETag"].strip('"') == etag

    def results(self, key: str) -> set[str]:
        """Return all objects under the key of an upload except for its record."""
        return {name for name in self.objects if name.startswith(f"{key}/")} - {
            record_key(UploadKey.parse(key))
        }

    def multipart_uploads(self) -> list[str]:
        """Return the keys of unfinished multipart uploads."""
        stack = self._application.stack
        return [
            found["Key"]
            for bucket in (stack.stems_bucket, stack.uploads_bucket)
            for found in stack.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        ]

    def _list(self, bucket: str) -> Iterator[str]:
        pages = self._application.stack.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket):
            yield from (found["Key"] for found in page.get("Contents", []))

    def _records(self) -> Iterator[Job]:
        for key in self.objects:
            if key.rpartition("/")[2] == RECORD_NAME:
                yield Job.from_json(self.read(key))
