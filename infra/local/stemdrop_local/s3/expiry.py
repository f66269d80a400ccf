"""The expiry of old objects, which S3 does by itself and an emulator does not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from stemdrop.s3 import CHANGED, MISSING
from stemdrop_local.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Expired:
    """How much has gone: objects, and multipart uploads that were never completed."""

    objects: int
    uploads: int


def expire(stack: Stack, now: datetime) -> Expired:
    """Delete what the lifecycle rules of a stack's buckets say is too old.

    Parameters
    ----------
    now : with a time zone.
    """
    objects = uploads = 0
    for bucket in stack.application.buckets:
        for rule in _rules(stack.s3, bucket.name):
            objects += _expire_objects(stack.s3, bucket.name, rule, now)
            uploads += _abort_uploads(stack.s3, bucket.name, rule, now)
    return Expired(objects, uploads)


def expires_at(began_at: datetime, days: int) -> datetime:
    """Return when S3 deletes what began then: after so many days, at the next midnight of UTC.

    Source: "Lifecycle configuration elements" in the Amazon S3 user guide; its example is an
    object of January 15, 10:30, that expires after 3 days: on January 19, 00:00.
    """
    aged = began_at.astimezone(UTC) + timedelta(days=days)
    midnight = aged.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)


def _rules(s3: "S3Client", bucket: str) -> Iterator[Mapping[str, Any]]:
    try:
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        return
    for rule in rules:
        if rule["Status"] == "Enabled":
            yield rule


def _expire_objects(s3: "S3Client", bucket: str, rule: Mapping[str, Any], now: datetime) -> int:
    days = rule.get("Expiration", {}).get("Days")
    if days is None:
        return 0
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=_prefix(rule))
    old = [
        found
        for page in pages
        for found in page.get("Contents", [])
        if expires_at(found["LastModified"], days) <= now
    ]
    return sum(_delete(s3, bucket, found["Key"], found["ETag"]) for found in old)


def _delete(s3: "S3Client", bucket: str, key: str, etag: str) -> bool:
    """Delete an object unless it is another one by now."""
    try:
        s3.delete_object(Bucket=bucket, Key=key, IfMatch=etag)
    except ClientError as error:
        if error.response["Error"]["Code"] in CHANGED | MISSING:
            return False
        raise
    return True


def _abort_uploads(s3: "S3Client", bucket: str, rule: Mapping[str, Any], now: datetime) -> int:
    days = rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")
    if days is None:
        return 0
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=_prefix(rule))
    old = [
        upload
        for page in pages
        for upload in page.get("Uploads", [])
        if expires_at(upload["Initiated"], days) <= now
    ]
    for upload in old:
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    return len(old)


def _prefix(rule: Mapping[str, Any]) -> str:
    prefix: str = rule.get("Filter", {}).get("Prefix", "") or rule.get("Prefix", "")
    return prefix
