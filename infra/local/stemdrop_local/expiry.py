"""Gap of the emulator: it ignores the lifecycle rules of the template's buckets."""

from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from stemdrop.expiry import expires_at
from stemdrop.s3 import CHANGED, MISSING
from stemdrop_local.deployment import Stack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def expire(stack: Stack, now: datetime) -> int:
    """Delete the objects that are older than the parameter RetentionDays, and count them.

    Parameters
    ----------
    now : Current time, with a time zone.
    """
    days = int(stack.parameters["RetentionDays"])
    expired = 0
    for bucket in (stack.uploads_bucket, stack.stems_bucket):
        pages = stack.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        objects = [found for page in pages for found in page.get("Contents", [])]
        old = [found for found in objects if expires_at(found["LastModified"], days) <= now]
        expired += sum(_delete(stack.s3, bucket, found["Key"], found["ETag"]) for found in old)
    return expired


def _delete(s3: "S3Client", bucket: str, key: str, etag: str) -> bool:
    """Delete an object unless it was replaced in the meantime."""
    try:
        s3.delete_object(Bucket=bucket, Key=key, IfMatch=etag)
    except ClientError as error:
        if error.response["Error"]["Code"] in CHANGED | MISSING:
            return False
        raise
    return True
