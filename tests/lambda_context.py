"""The arguments of a handler: the context of an invocation, and events of S3 and SQS."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus


@dataclass(frozen=True, slots=True)
class Context:
    """The context of an invocation."""

    remaining_s: float = 900.0
    memory_limit_in_mb: int = 3008
    function_name: str = "separate"
    function_version: str = "$LATEST"
    aws_request_id: str = "request"
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:separate"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.remaining_s * 1000)


def event_of(*keys: str, etag: str | None = None) -> dict[str, Any]:
    """Return the event of some uploads, with their keys quoted as S3 quotes them."""
    etags = {"eTag": etag} if etag else {}
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "eu-central-1",
                "eventTime": "2026-01-01T12:00:00.000Z",
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {"name": "uploads", "arn": "arn:aws:s3:::uploads"},
                    "object": {"key": quote_plus(key, safe="/"), "size": 1, **etags},
                },
            }
            for key in keys
        ]
    }


def message_event(*bodies: object, received: int = 1) -> dict[str, Any]:
    """Return an event with SQS messages, numbered from 0.

    Parameters
    ----------
    bodies : Message bodies. Anything but a string is sent as JSON.
    received : Receive count of each message.
    """
    return {
        "Records": [
            {
                "messageId": f"message {number}",
                "receiptHandle": f"receipt {number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": str(received)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:songs",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


# S3 sends this event when notifications are configured.
TEST_EVENT = {
    "Service": "Amazon S3",
    "Event": "s3:TestEvent",
    "Time": "2026-01-01T12:00:00.000Z",
    "Bucket": "uploads",
    "RequestId": "5582815E1AEA5ADF",
    "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR",
}
