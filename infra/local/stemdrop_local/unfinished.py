"""Recovery of songs that were unfinished when the stack and its queues ended."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from stemdrop.errors import BadKeyError, StorageError
from stemdrop.job_record import UploadSource, timestamp
from stemdrop.keys import DROP_PREFIX, JOBS_PREFIX, UploadKey
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from stemdrop_local.folders.sync_state import SyncState

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef


def forget_lost_uploads(store: Store, sync_state: SyncState) -> None:
    """Forget the files without results whose uploads are gone, so that they are uploaded again.

    Uploads expire while the stack is stopped, and a full disk keeps none of the emulator's objects.
    """
    for key in sync_state.keys(returned=False):
        entry, upload = sync_state.find(key), store.find_upload(UploadKey.parse(key))
        if entry and (upload is None or upload.uploaded_at < entry.uploaded_at):
            sync_state.forget(key)


def requeue_unfinished(stack: Stack) -> int:
    """Queue every upload whose job isn't finished, oldest first, and return their number.

    Songs that failed three times get three more attempts. Duplicate notifications are harmless.
    """
    store = Store(stack.uploads_bucket, stack.stems_bucket, stack.s3)
    unfinished = [found for found in _uploads(stack) if not _is_finished(store, found)]
    for found in sorted(unfinished, key=_uploaded_at):
        body = json.dumps(notification(stack.uploads_bucket, found))
        stack.sqs.send_message(QueueUrl=stack.song_queue_url, MessageBody=body)
    return len(unfinished)


def notification(bucket: str, found: "ObjectTypeDef") -> dict[str, object]:
    """Return the part of S3's notification of an object that says which object it is.

    Source: "Event message structure" in the Amazon S3 user guide.
    """
    details = {
        "key": quote_plus(found["Key"], safe="/"),
        "size": found["Size"],
        "eTag": found["ETag"].strip('"'),
    }
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"}, "object": details},
    }
    return {"Records": [record]}


def _uploads(stack: Stack) -> Iterator["ObjectTypeDef"]:
    pages = stack.s3.get_paginator("list_objects_v2")
    for prefix in (DROP_PREFIX, JOBS_PREFIX):
        for page in pages.paginate(Bucket=stack.uploads_bucket, Prefix=prefix):
            yield from page.get("Contents", [])


def _is_finished(store: Store, found: "ObjectTypeDef") -> bool:
    """Return whether a job has ended for this very upload, or can never have one."""
    try:
        key = UploadKey.parse(found["Key"])
        job, _ = store.load_job(key)
    except BadKeyError:
        return True
    except StorageError:  # the record can't be read: the function has to say what to do
        return False
    if key.is_system_file or (key.is_folder and not found["Size"]):
        return True
    if job is None or job.source is None or not job.is_finished or job.has_pending_lyrics:
        return False
    etag, uploaded_at = found["ETag"].strip('"'), timestamp(_uploaded_at(found))
    return job.source.is_same_as(UploadSource(found["Key"], etag, found["Size"], uploaded_at))


def _uploaded_at(found: "ObjectTypeDef") -> datetime:
    """Return an object's time in whole seconds: the emulator's lists have milliseconds."""
    return found["LastModified"].replace(microsecond=0)
