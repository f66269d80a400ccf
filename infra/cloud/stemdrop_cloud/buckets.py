"""A bucket's contents: counted, and deleted with every version, marker and unfinished upload."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from stemdrop_cloud.errors import CloudError, code_of
from stemdrop_cloud.text import counted, sized

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

# S3 deletes no more at once.
BATCH = 1000
# Counting goes on for so long; it takes a call for every 1,000 objects.
MAX_COUNTED = 100_000
# What still comes while we delete: songs that were in work, uploads that were under way.
MAX_ROUNDS = 10
GONE = {"NoSuchBucket", "404"}


@dataclass(frozen=True, slots=True)
class Contents:
    """How much there is in a bucket.

    Attributes
    ----------
    objects : versions and delete markers among them.
    is_all : whether counting came to its end.
    """

    objects: int
    size_bytes: int
    uploads: int
    is_all: bool = True

    def __str__(self) -> str:
        """Say it for people."""
        more = "" if self.is_all else "more than "
        said = f"{more}{counted(self.objects, 'object')}, {more}{sized(self.size_bytes)}"
        return f"{said}, {counted(self.uploads, 'unfinished upload')}" if self.uploads else said


class Bucket:
    """A bucket of an account; no call reaches one of another account.

    Parameters
    ----------
    s3 : a client.
    name : of the bucket.
    owner : the account that it has to belong to.
    """

    def __init__(self, s3: "S3Client", name: str, owner: str) -> None:
        self._s3 = s3
        self.name = name
        self._of: Any = {"Bucket": name, "ExpectedBucketOwner": owner}

    @property
    def exists(self) -> bool:
        """Return whether it is there."""
        try:
            self._s3.head_bucket(**self._of)
        except ClientError as error:
            if code_of(error) in GONE:
                return False
            raise
        return True

    def contents(self) -> Contents:
        """Count what is in it, up to MAX_COUNTED objects."""
        objects = size_bytes = 0
        for page in self._versions():
            versions = page.get("Versions", [])
            objects += len(versions) + len(page.get("DeleteMarkers", []))
            size_bytes += sum(version["Size"] for version in versions)
            if objects >= MAX_COUNTED:
                return Contents(objects, size_bytes, 0, is_all=not page["IsTruncated"])
        return Contents(objects, size_bytes, sum(1 for _ in self._uploads()))

    def empty(self) -> int:
        """Delete everything in it, and return how many objects that were.

        Raises
        ------
        CloudError : S3 doesn't delete an object, or new ones come for ever.
        """
        deleted = 0
        for _ in range(MAX_ROUNDS):
            uploads = list(self._uploads())
            for key, upload_id in uploads:
                self._abort(key, upload_id)
            found = self._delete_all()
            deleted += found
            if not found and not uploads:
                return deleted
        raise CloudError(f"New songs keep coming into {self.name}: end who sends them, and go on.")

    def _delete_all(self) -> int:
        found = 0
        for page in self._versions():
            entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
            named: list[ObjectIdentifierTypeDef] = [
                {"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries
            ]
            for first in range(0, len(named), BATCH):
                self._delete(named[first : first + BATCH])
            found += len(named)
        return found

    def _delete(self, named: "list[ObjectIdentifierTypeDef]") -> None:
        answer = self._s3.delete_objects(**self._of, Delete={"Objects": named, "Quiet": True})
        for error in answer.get("Errors", []):
            raise CloudError(
                f"S3 doesn't delete {error.get('Key')} from {self.name}: {error.get('Message')}"
            )

    def _abort(self, key: str, upload_id: str) -> None:
        try:
            self._s3.abort_multipart_upload(**self._of, Key=key, UploadId=upload_id)
        except ClientError as error:
            if code_of(error) != "NoSuchUpload":  # it has just ended by itself
                raise

    def _versions(self) -> Iterator[Any]:
        yield from self._s3.get_paginator("list_object_versions").paginate(**self._of)

    def _uploads(self) -> Iterator[tuple[str, str]]:
        for page in self._s3.get_paginator("list_multipart_uploads").paginate(**self._of):
            for upload in page.get("Uploads", []):
                yield upload["Key"], upload["UploadId"]
