"""An S3 client in memory with S3's semantics of conditional requests."""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from botocore.exceptions import ClientError

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object; as in S3, equal contents have equal ETags."""

    data: bytes
    modified_at: datetime = EPOCH
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.data).hexdigest()}"'  # noqa: S324


class _Body(io.BytesIO):
    def iter_chunks(self, size: int) -> Iterator[bytes]:
        return iter(lambda: self.read(size), b"")


class MemoryS3:
    """The calls that `Store` makes.

    Attributes
    ----------
    objects : Bucket and key to object.
    before_call : Called at the start of each call.
    after_call : Called at the end of each call with its result, in comparable form.
    refuses : Whether a write to a key fails.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], S3Object] = {}
        self.before_call: Callable[[], None] = lambda: None
        self.after_call: Callable[[object], None] = lambda _: None
        self.refuses: Callable[[str], bool] = lambda _: False
        self._seconds = 0

    def put_song(
        self, bucket: str, key: str, data: bytes, metadata: dict[str, str] | None = None
    ) -> None:
        """Upload a song a second after the one before."""
        self.before_call()
        self._seconds += 1
        modified_at = EPOCH + timedelta(seconds=self._seconds)
        self.objects[bucket, key] = S3Object(data, modified_at, metadata or {})

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        found = self._find("HeadObject", Bucket, Key)
        return {
            "ETag": found.etag,
            "ContentLength": len(found.data),
            "LastModified": found.modified_at,
            "Metadata": found.metadata,
        }

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str = "") -> dict[str, Any]:  # noqa: N803
        found = self._find("GetObject", Bucket, Key)
        if IfMatch and IfMatch != found.etag.strip('"'):
            raise _error("GetObject", "PreconditionFailed")
        return {"ETag": found.etag, "Body": _Body(found.data)}

    def put_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        Body: bytes = b"",  # noqa: N803
        IfMatch: str = "",  # noqa: N803
        IfNoneMatch: str = "",  # noqa: N803
        **_: str,
    ) -> dict[str, Any]:
        self.before_call()
        found = self.objects.get((Bucket, Key))
        if self.refuses(Key):
            self._fail("PutObject", "AccessDenied")
        if IfMatch and found is None:
            self._fail("PutObject", "NoSuchKey")
        if found is not None and (IfNoneMatch or (IfMatch and IfMatch != found.etag)):
            self._fail("PutObject", "PreconditionFailed")
        written = self.objects[Bucket, Key] = S3Object(Body)
        self.after_call(written.etag)
        return {"ETag": written.etag}

    def upload_file(self, path: str, bucket: str, key: str, **_: object) -> None:
        self.put_object(Bucket=bucket, Key=key, Body=Path(path).read_bytes())

    def copy(self, source: dict[str, str], bucket: str, key: str) -> None:
        found = self._find("CopyObject", source["Bucket"], source["Key"])
        self.objects[bucket, key] = found

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        self.before_call()
        self.objects.pop((Bucket, Key), None)
        self.after_call(None)

    def get_paginator(self, _: str) -> "MemoryS3":
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803
        self.before_call()
        keys = sorted(
            key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix)
        )
        self.after_call(tuple(keys))
        return [{"Contents": [{"Key": key} for key in keys]}]

    def _find(self, operation: str, bucket: str, key: str) -> S3Object:
        self.before_call()
        found = self.objects.get((bucket, key))
        if found is None:
            self._fail(operation, "NoSuchKey" if operation == "GetObject" else "404")
        self.after_call((found.etag, found.modified_at))
        return found

    def _fail(self, operation: str, code: str) -> NoReturn:
        self.after_call(code)
        raise _error(operation, code)


def _error(operation: str, code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)
