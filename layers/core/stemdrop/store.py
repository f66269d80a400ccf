"""Both buckets: uploaded songs, and stems with their records."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemdrop.errors import BadKeyError, MissingError, StorageError, UnreadableUploadError
from stemdrop.job_record import Job, UploadSource, timestamp
from stemdrop.keys import UploadKey, content_key, is_result_of, record_key, results_prefix
from stemdrop.s3 import CHANGED, HIDDEN, MISSING, connect, is_refusal, storage_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """A song in the upload bucket.

    Attributes
    ----------
    metadata : Metadata of the uploader.
    is_readable : Whether S3 describes it. If not, only the key is known.
    """

    key: str
    etag: str
    size_bytes: int
    uploaded_at: str
    metadata: Mapping[str, str]
    is_readable: bool = True

    @property
    def source(self) -> UploadSource:
        """Return the upload as the record describes it."""
        return UploadSource(self.key, self.etag, self.size_bytes, self.uploaded_at)


class Store:
    """Both buckets of an application.

    Parameters
    ----------
    uploads, stems : Names of the buckets.
    client : S3 client; by default that of `connect`.
    may_list : Whether the role may list the buckets. If not, S3 answers 403 for a missing key, and
        the key counts as missing.

    All methods raise StorageError when a request fails after retries.
    """

    def __init__(
        self,
        uploads: str,
        stems: str,
        client: "S3Client | None" = None,
        *,
        may_list: bool = True,
    ) -> None:
        self.uploads = uploads
        self.stems = stems
        self._s3: S3Client = client or connect()
        self._missing = MISSING if may_list else MISSING | HIDDEN

    def find_upload(self, key: UploadKey) -> Upload | None:
        """Return a song's description, or None if it doesn't exist."""
        try:
            with storage_errors(f"look up {key}", self._missing):
                head = self._s3.head_object(Bucket=self.uploads, Key=str(key))
        except MissingError:
            return None
        except StorageError as error:
            if not is_refusal(error) or self._is_readable(key):
                raise
            return Upload(str(key), "", 0, "", {}, is_readable=False)
        return Upload(
            key=str(key),
            etag=head["ETag"].strip('"'),
            size_bytes=head["ContentLength"],
            uploaded_at=timestamp(head["LastModified"]),
            metadata=head.get("Metadata", {}),
        )

    def _is_readable(self, key: UploadKey) -> bool:
        """Ask S3 for a byte of the song, as only that answer has a reason."""
        try:
            with storage_errors(f"read {key}"):
                self._s3.get_object(Bucket=self.uploads, Key=str(key), Range="bytes=0-0")
        except UnreadableUploadError:
            return False
        except StorageError:
            pass  # no better reason
        return True

    def download(self, upload: Upload, path: Path) -> str:
        """Write a song into a file and return the sha256 of its bytes, in hex.

        Raises
        ------
        ChangedError : The song was replaced since `find_upload`.
        MissingError : The song was deleted.
        UnreadableUploadError : It is archived, or encrypted with the uploader's key.
        """
        sha256 = hashlib.sha256()
        with storage_errors(f"download {upload.key}", MISSING), path.open("wb") as file:
            condition: Any = {"IfMatch": upload.etag} if upload.is_readable else {}
            body = self._s3.get_object(Bucket=self.uploads, Key=upload.key, **condition)
            for chunk in body["Body"].iter_chunks(CHUNK_BYTES):
                sha256.update(chunk)
                file.write(chunk)
        return sha256.hexdigest()

    def load_job(self, key: UploadKey) -> tuple[Job | None, str | None]:
        """Return an upload's record and its ETag, or None and None."""
        body, etag = self._read(record_key(key))
        return (Job.from_json(body) if body is not None else None), etag

    def save_job(self, key: UploadKey, job: Job, replaced_etag: str | None) -> str:
        """Replace the record that was read, and return the new ETag.

        Raises
        ------
        ChangedError : The record was written or deleted since; with None, one exists.
        """
        condition = {"IfMatch": replaced_etag} if replaced_etag else {"IfNoneMatch": "*"}
        with storage_errors(f"write the record of {key}", changed=CHANGED | MISSING):
            answer = self._s3.put_object(
                Bucket=self.stems,
                Key=record_key(key),
                Body=job.to_json().encode(),
                ContentType="application/json",
                CacheControl="no-cache",
                **condition,  # type: ignore[arg-type]
            )
        return answer["ETag"]

    def upload(self, path: Path, key: str, content_type: str) -> None:
        """Write a file to a key of the stems bucket; it appears once it is complete."""
        with storage_errors(f"upload {key}"):
            self._s3.upload_file(
                str(path), self.stems, key, ExtraArgs={"ContentType": content_type}
            )

    def download_result(self, key: str, path: Path) -> None:
        """Write an object of the stems bucket into a file.

        Raises
        ------
        MissingError : There is no such object.
        """
        with storage_errors(f"download {key}", self._missing):
            self._s3.download_file(self.stems, key, str(path))

    def read(self, key: str) -> bytes | None:
        """Return a small object of the stems bucket, or None if it doesn't exist."""
        return self._read(key)[0]

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Write a small object of the stems bucket."""
        with storage_errors(f"write {key}"):
            self._s3.put_object(Bucket=self.stems, Key=key, Body=body, ContentType=content_type)

    def copy(self, source_key: str, key: str) -> None:
        """Copy a result within the stems bucket."""
        with storage_errors(f"copy {source_key}"):
            self._s3.copy({"Bucket": self.stems, "Key": source_key}, self.stems, key)

    def delete(self, keys: set[str]) -> None:
        """Delete objects of the stems bucket, if they exist."""
        for key in keys:
            self._delete(self.stems, key)

    def delete_upload(self, key: UploadKey) -> None:
        """Delete a song, if it exists."""
        self._delete(self.uploads, str(key))

    def list_results(self, key: UploadKey) -> set[str]:
        """Return the keys of all results of an upload, those of unfinished attempts among them."""
        return {found for found in self._list(results_prefix(key)) if is_result_of(key, found)}

    def has_record(self, key: UploadKey) -> bool:
        """Tell whether an upload has a record, also where the role may not read it."""
        return record_key(key) in self._list(record_key(key))

    def _list(self, prefix: str) -> set[str]:
        with storage_errors(f"list {prefix}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.stems, Prefix=prefix
            )
            return {found["Key"] for page in pages for found in page.get("Contents", [])}

    def find_content(self, digest: str) -> UploadKey | None:
        """Return the upload that an entry of the content index names.

        An entry that can't be read names none.
        """
        body, _ = self._read(content_key(digest))
        try:
            return UploadKey.parse(json.loads(body)["key"]) if body is not None else None
        except (ValueError, TypeError, KeyError, AttributeError, BadKeyError):
            return None

    def save_content(self, digest: str, key: UploadKey) -> None:
        """Write an entry of the content index."""
        body = json.dumps({"key": str(key)}).encode()
        self.write(content_key(digest), body, "application/json")

    def forget_content(self, digest: str, key: UploadKey) -> None:
        """Delete an entry of the content index if it names this upload."""
        if self.find_content(digest) == key:
            self.delete({content_key(digest)})

    def _delete(self, bucket: str, key: str) -> None:
        with storage_errors(f"delete {key}"):
            self._s3.delete_object(Bucket=bucket, Key=key)

    def _read(self, key: str) -> tuple[bytes | None, str | None]:
        try:
            with storage_errors(f"read {key}", self._missing):
                answer = self._s3.get_object(Bucket=self.stems, Key=key)
                return answer["Body"].read(), answer["ETag"]
        except MissingError:
            return None, None
