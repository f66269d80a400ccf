"""moto's S3, one request at a time, with every object in a file before its request is answered.

moto checks conditions and writes in two steps, and sets an object's metadata in a third. Here a
request has S3 to itself from the moment its body is there, so conditional writes are what they are
on AWS, and what is kept is an object with everything that belongs to it.

Objects and what they are read with are kept. Buckets' rules are not, they come from template.yaml;
nor are tags, access lists, versions and unfinished multipart uploads, of which nothing here lives.
"""

import functools
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from moto.s3.models import FakeKey, S3Backend, s3_backends
from moto.s3.responses import S3Response

from stemdrop_local.intrinsics import ACCOUNT_ID, REGION
from stemdrop_local.s3.keeper import Body, Keeper, Kept

PARTITION = "aws"
# Attributes of moto's objects that answers are made of, beside those that Kept knows.
PROPERTIES = (
    "checksum_algorithm",
    "checksum_parts",
    "checksum_type",
    "checksum_value",
    "encryption",
    "website_redirect_location",
)


class WriteThrough:
    """Stands between moto's requests and its objects, from the moment it is made.

    Parameters
    ----------
    keeper : writes the files; without it, requests are merely put in a row.
    """

    def __init__(self, keeper: Keeper | None) -> None:
        self._keeper = keeper
        self._alone = threading.Lock()
        self._changed: set[tuple[str, str]] = set()
        for name in ("_bucket_response", "_key_response"):
            setattr(S3Response, name, self._respond(getattr(S3Response, name)))
        for name in ("put_object", "delete_object"):
            setattr(S3Backend, name, self._note(getattr(S3Backend, name)))

    def restore(self) -> None:
        """Fill moto's buckets with what is kept; nobody is told."""
        for bucket, kept, body in self._keeper.contents() if self._keeper else ():
            if bucket not in _backend().buckets:
                _backend().create_bucket(bucket, REGION)
            _put(bucket, kept, body)

    def _respond(self, respond: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(respond)
        def alone(*arguments: Any) -> Any:
            with self._alone:
                try:
                    return respond(*arguments)
                finally:
                    self._keep()

        return alone

    def _note(self, change: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(change)
        def noted(backend: Any, bucket_name: str, key_name: str, *rest: Any, **more: Any) -> Any:
            result = change(backend, bucket_name, key_name, *rest, **more)
            self._changed.add((bucket_name, key_name))
            return result

        return noted

    def _keep(self) -> None:
        """Write what a request has changed; if that fails, undo it, and have the request fail."""
        changed, self._changed = self._changed, set()
        if self._keeper is None:
            return
        failures = []
        for bucket, key in changed:
            try:
                _write(self._keeper, bucket, key)
            except OSError as error:
                _undo(self._keeper, bucket, key)
                failures.append(error)
        if failures:
            raise failures[0]


def _backend() -> Any:
    return s3_backends[ACCOUNT_ID][PARTITION]


def _write(keeper: Keeper, bucket: str, key: str) -> None:
    found = _backend().buckets[bucket].keys.get(key)
    if found is None:
        keeper.remove(bucket, key)
        return
    kept = Kept(
        key=key,
        etag=found.etag.strip('"'),
        last_modified=found.last_modified.isoformat(),
        size_bytes=found.size,
        metadata=dict(found.metadata),
        properties={name: getattr(found, name, None) for name in PROPERTIES},
    )
    found._value_buffer.seek(0)
    body = keeper.write(bucket, kept, found._value_buffer)
    _lay(found, body)


def _lay(found: Any, body: Body) -> None:
    """Have an object read its body from its file."""
    found._value_buffer.close()
    found._value_buffer = body
    if found.multipart:
        found.multipart.dispose()


def _put(bucket: str, kept: Kept, body: Body) -> None:
    restored = FakeKey(
        kept.key, b"", ACCOUNT_ID, REGION, etag=kept.etag, version_id="null", bucket_name=bucket
    )
    restored.last_modified = datetime.fromisoformat(kept.last_modified)
    restored.contentsize = kept.size_bytes
    restored.set_metadata(kept.metadata)
    for name, value in kept.properties.items():
        setattr(restored, name, value)
    _lay(restored, body)
    _backend().buckets[bucket].keys.setlist(kept.key, restored)


def _undo(keeper: Keeper, bucket: str, key: str) -> None:
    """Take an object back from its file, as it was before."""
    if found := keeper.find(bucket, key):
        _put(bucket, *found)
    else:
        _backend().buckets[bucket].keys.pop(key)
