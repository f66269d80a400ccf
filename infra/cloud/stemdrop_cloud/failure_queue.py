"""The failure queue, read once from end to end; what isn't deleted stays in it."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types import TracebackType

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# A message that we have seen stays out of sight for so long, and for the rest of the run.
HOLD_S = 900
WAIT_S = 1
BATCH = 10


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and what deletes it."""

    id: str
    body: str
    receipt: str


class FailureQueue:
    """A context manager that reads a queue, and at its end shows to others what it hasn't deleted.

    Parameters
    ----------
    sqs : a client.
    url : of the queue.
    """

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url
        self._held: dict[str, str] = {}
        self._seen: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> None:
        for receipt in self._held.values():
            # Otherwise it is shown by itself, after HOLD_S.
            with contextlib.suppress(BotoCoreError, ClientError):
                self._sqs.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=0
                )

    def messages(self, limit: int) -> Iterator[Message]:
        """Yield each message that is in the queue now, once.

        What comes while we read is left: a song that is sent again and fails again would be read
        for ever.
        """
        began_ms = time.time() * 1000
        while len(self._seen) < limit:
            received = self._receive(min(BATCH, limit - len(self._seen)))
            fresh = [message for message in received if self._is_fresh(message, began_ms)]
            for message in fresh:
                yield Message(message["MessageId"], message["Body"], message["ReceiptHandle"])
            if not fresh:
                return

    def count_read_elsewhere(self) -> int:
        """Return how many messages another reader has, or one that was killed within HOLD_S."""
        name: QueueAttributeNameType = "ApproximateNumberOfMessagesNotVisible"
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return max(0, int(answer["Attributes"][name]) - len(self._held))

    def delete(self, message: Message) -> None:
        """Take a message out of the queue for good."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message.receipt)
        self._held.pop(message.id, None)

    def _receive(self, count: int) -> "list[MessageTypeDef]":
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=count,
            MessageSystemAttributeNames=["SentTimestamp"],
            VisibilityTimeout=HOLD_S,
            WaitTimeSeconds=WAIT_S,
        )
        received = answer.get("Messages", [])
        self._held.update({each["MessageId"]: each["ReceiptHandle"] for each in received})
        return received

    def _is_fresh(self, message: "MessageTypeDef", began_ms: float) -> bool:
        is_new = message["MessageId"] not in self._seen
        self._seen.add(message["MessageId"])
        # SQS's clock and ours may differ.
        return is_new and float(message["Attributes"]["SentTimestamp"]) < began_ms + 60_000
