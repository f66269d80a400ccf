"""One delivery of an event, and what is told of an event that is given up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from stemdrop_local.intrinsics import ACCOUNT_ID, REGION
from stemdrop_local.runtime.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery of an event.

    Attributes
    ----------
    number : counts from 1.
    elapsed_s : how long it took.
    is_last : whether the event is done with, or given up.
    is_too_old : whether it is given up for its age, and not for the number of its attempts.
    """

    event: Mapping[str, Any]
    number: int
    outcome: Outcome
    elapsed_s: float
    is_last: bool
    is_too_old: bool

    @property
    def keys(self) -> list[str]:
        """Return the keys of the uploads that the event tells of."""
        return keys_of(self.event)


def keys_of(event: Mapping[str, Any]) -> list[str]:
    """Return the keys of the objects that an event of S3 tells of, unquoted."""
    records = event.get("Records", [])
    return [unquote_plus(record["s3"]["object"]["key"]) for record in records]


def failure_record(attempt: Attempt, function_name: str) -> dict[str, Any]:
    """Return what Lambda sends to an on-failure destination.

    Source: "Capturing records of Lambda asynchronous invocations" in the AWS Lambda guide.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {
        "version": "1.0",
        "timestamp": now.replace("+00:00", "Z"),
        "requestContext": {
            "requestId": attempt.outcome.payload.get("requestId", ""),
            "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{function_name}:$LATEST",
            "condition": "EventAgeExceeded" if attempt.is_too_old else "RetriesExhausted",
            "approximateInvokeCount": attempt.number,
        },
        "requestPayload": attempt.event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": attempt.outcome.payload,
    }
