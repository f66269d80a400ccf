"""What Lambda put into the failure queue, read without trust."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from stemdrop_cloud.errors import CloudError
from stemdrop_cloud.text import in_one_line

CONDITIONS = {
    "RetriesExhausted": "failed {attempts} times",
    "EventAgeExceeded": "waited for too long",
}
CUT = "its event isn't whole: copy the song onto itself in S3, or upload it again"


class ForeignError(CloudError):
    """A message is no failure of this stack's separator; the message says why."""

    code = "foreign"


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that the separator gave up.

    Attributes
    ----------
    keys : of the songs that it tells of.
    reason : one line.
    event : to be sent again.
    """

    keys: tuple[str, ...]
    reason: str
    event: Mapping[str, Any] = field(repr=False)


def read_failure(body: str, function: str, bucket: str) -> Failure:
    """Read a message of the failure queue.

    Parameters
    ----------
    function : the name of the stack's separator.
    bucket : the stack's, that songs come into.

    Raises
    ------
    ForeignError : it isn't what Lambda writes, or is of another function or bucket.

    Source: "Capturing records of Lambda asynchronous invocations" in the AWS Lambda guide.
    """
    record = _mapping(_parsed(body), "it is no record of Lambda's")
    context = _mapping(record.get("requestContext"), "it is no record of Lambda's")
    # arn:aws:lambda:REGION:ACCOUNT:function:NAME:$LATEST
    parts = str(context.get("functionArn")).split(":")
    if len(parts) < 7 or parts[6] != function:
        raise ForeignError(f"it is not of {function}")
    event = _mapping(record.get("requestPayload"), CUT)
    return Failure(_keys(event, bucket), _reason(context, record.get("responsePayload")), event)


def _parsed(body: str) -> object:
    try:
        parsed: object = json.loads(body)
    except ValueError as error:
        raise ForeignError("it is no JSON, or was cut") from error
    except RecursionError as error:
        raise ForeignError("it is no record of Lambda's") from error
    return parsed


def _mapping(value: object, otherwise: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ForeignError(otherwise)
    return value


def _keys(event: Mapping[str, Any], bucket: str) -> tuple[str, ...]:
    try:
        songs = [record["s3"] for record in event["Records"]]
        buckets = {song["bucket"]["name"] for song in songs}
        keys = tuple(unquote_plus(song["object"]["key"]) for song in songs)
    except (AttributeError, KeyError, TypeError) as error:
        raise ForeignError(CUT) from error
    if buckets != {bucket}:
        raise ForeignError(f"it tells of no song in {bucket}")
    return keys


def _reason(context: Mapping[str, Any], response: object) -> str:
    condition = str(context.get("condition"))
    attempts = context.get("approximateInvokeCount", "several")
    reason = CONDITIONS.get(condition, condition).format(attempts=attempts)
    if isinstance(response, Mapping) and response.get("errorMessage"):
        kind = f"{response['errorType']}: " if response.get("errorType") else ""
        reason = f"{reason}, the last time by {kind}{response['errorMessage']}"
    return in_one_line(reason)
