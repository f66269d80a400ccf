"""S3 client and its errors. Only this and the modules of SNS, SQS and Transcribe use boto3."""

from collections.abc import Iterator, Set
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stemdrop.errors import (
    ChangedError,
    MissingError,
    NotificationError,
    RecordError,
    StorageError,
    UnreadableUploadError,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CLIENT_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 5},
    signature_version="s3v4",
    s3={"addressing_style": "virtual"},  # a presigned URL then names the bucket's own region
)
MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
# S3's codes for a missing key if the role may not list the bucket.
HIDDEN = frozenset({"403", "AccessDenied"})
# The object is in an archive; or it was encrypted with a key that only its uploader has.
ARCHIVED = frozenset({"InvalidObjectState"})
ENCRYPTED = "Server Side Encryption"
# 412: the object has changed; 409: another request is writing it.
CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


def connect(config: Config | None = None) -> "S3Client":
    """Return an S3 client with default timeouts and retries, or those of a config."""
    return boto3.client("s3", config=CLIENT_CONFIG.merge(config) if config else CLIENT_CONFIG)


def client_config(read_timeout_s: int, attempts: int) -> Config:
    """Return a config with another timeout and number of attempts.

    Parameters
    ----------
    read_timeout_s : Timeout of one attempt.
    attempts : Number of attempts per request, including the first.
    """
    retries: Any = {"mode": "standard", "total_max_attempts": attempts}
    return Config(read_timeout=read_timeout_s, retries=retries)


@contextmanager
def storage_errors(
    what: str, missing: Set[str] = frozenset(), changed: Set[str] = CHANGED
) -> Iterator[None]:
    """Turn the errors of boto3 into those of stemdrop.

    Parameters
    ----------
    what : Verb and object for the message, such as "read a.wav".
    missing, changed : S3 error codes for a missing and for a changed object.
    """
    try:
        yield
    except ClientError as error:
        message = f"Could not {what}: {error}."
        if _code(error) in missing:
            raise MissingError(message) from error
        if _code(error) in changed:
            raise ChangedError(message) from error
        if _code(error) in ARCHIVED:
            raise UnreadableUploadError(
                "The song is archived in S3: restore it and copy it to the same key."
            ) from error
        if ENCRYPTED in str(error):
            raise UnreadableUploadError(
                "The song is encrypted with your own key (SSE-C): upload it without, or with a key"
                " that S3 manages."
            ) from error
        raise StorageError(message) from error
    except (BotoCoreError, boto3.exceptions.Boto3Error) as error:
        raise StorageError(f"Could not {what}: {error}.") from error


def describe_cause(error: StorageError | NotificationError) -> str:
    """Return why S3 or SNS failed, without keys and URLs: they may have names of songs."""
    if isinstance(error, RecordError):
        return error.message.removesuffix(".")
    cause = error.__cause__
    if isinstance(cause, ClientError):
        return f"{cause.operation_name}: {_code(cause)}"
    return type(cause or error).__name__


def is_refusal(error: StorageError) -> bool:
    """Tell whether S3 refused a request; its answer to HEAD has no reason."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and _code(cause) in {"400", "403"}


def _code(error: ClientError) -> str:
    details: Any = error.response.get("Error", {})
    return str(details.get("Code"))
