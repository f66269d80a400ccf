"""Events for what was unfinished when the stack ended; its queues went with it."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stemdrop.errors import BadKeyError, StorageError
from stemdrop.jobs import timestamp
from stemdrop.keys import UploadKey
from stemdrop.store import Store
from stemdrop_local.s3.server import ANNOUNCEMENTS, ServerError
from stemdrop_local.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef

TIMEOUT_S = 60.0


def announce_unfinished(stack: Stack) -> int:
    """Send the event of every upload whose job isn't finished, oldest first, and return how many.

    Some of them may have failed three times before, and get three more attempts. An upload that is
    announced although its event is on the way already does no harm: events come at least once.
    """
    store = Store(stack.uploads_bucket, stack.stems_bucket, stack.s3)
    unfinished = [found for found in _uploads(stack) if not _is_finished(store, found)]
    for found in sorted(unfinished, key=_uploaded_at):
        _announce(stack, found["Key"])
    return len(unfinished)


def _uploads(stack: Stack) -> Iterator["ObjectTypeDef"]:
    """Find what the stack's function would be told of."""
    pages = stack.s3.get_paginator("list_objects_v2")
    for prefix in {entry.prefix for entry in stack.application.function.subscriptions}:
        for page in pages.paginate(Bucket=stack.uploads_bucket, Prefix=prefix):
            yield from page.get("Contents", [])


def _is_finished(store: Store, found: "ObjectTypeDef") -> bool:
    """Tell whether a job has ended for this very upload, or will never be."""
    try:
        key = UploadKey.parse(found["Key"])
        job, _ = store.load_job(key)
    except BadKeyError:
        return True
    except StorageError:  # the record can't be read: the function has to say what to do
        return False
    if key.is_folder:
        return True
    if job is None or job.source is None or not job.is_finished:
        return False
    uploaded = (found["ETag"].strip('"'), timestamp(_uploaded_at(found)))
    return (job.source.etag, job.source.uploaded_at) == uploaded


def _uploaded_at(found: "ObjectTypeDef") -> datetime:
    return found["LastModified"]


def _announce(stack: Stack, key: str) -> None:
    """Have the server send the event of an upload, as it did when the upload came."""
    body = json.dumps({"bucket": stack.uploads_bucket, "key": key})
    address = urlsplit(stack.endpoint_url).netloc
    with closing(http.client.HTTPConnection(address, timeout=TIMEOUT_S)) as connection:
        connection.request("POST", ANNOUNCEMENTS, body, {"Content-Type": "application/json"})
        status = connection.getresponse().status
    # It may have been deleted since it was listed.
    if status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND}:
        raise ServerError(f"The embedded S3 answered {status} to the announcement of {key}.")
