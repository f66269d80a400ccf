"""Queues whose messages are delivered again soon if their handling failed. Only this knows SQS."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stemdrop.errors import QueueError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# At most 6 seconds and a short pause: the invocation may be near its end.
CLIENT_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
)


class RetryQueue:
    """An SQS queue that invokes a function, and delivers failed messages again after delays.

    Parameters
    ----------
    url : URL of the queue.
    retry_delays_s : Seconds until the second delivery of a message, the third, and so on.
    client : SQS client. By default one with short timeouts, created when a message fails, since
        most never do.
    """

    def __init__(
        self, url: str, retry_delays_s: Sequence[int], client: "SQSClient | None" = None
    ) -> None:
        self._url = url
        self._retry_delays_s = retry_delays_s
        self._client = client

    @property
    def attempts(self) -> int:
        """Return how often a message is handled.

        A song's is received once more, to record the end of an attempt that was killed.
        """
        return len(self._retry_delays_s) + 1

    def retry(self, receipt_handle: str, receive_count: int) -> None:
        """Have a failed message delivered again after a delay, not when its visibility ends.

        Parameters
        ----------
        receive_count : How often the message was received, from 1. After the last attempt it is
            given back at once: SQS then delivers it once more, and moves it to the failure queue.

        Raises
        ------
        QueueError : SQS did not accept the change.
        """
        delays_s = (*self._retry_delays_s, 0)
        try:
            client = self._client or boto3.client("sqs", config=CLIENT_CONFIG)
            client.change_message_visibility(
                QueueUrl=self._url,
                ReceiptHandle=receipt_handle,
                VisibilityTimeout=delays_s[min(receive_count, len(delays_s)) - 1],
            )
        except (BotoCoreError, ClientError) as error:
            raise QueueError(f"Could not change the visibility of a message: {error}.") from error

    def send(self, body: str, delay_s: int) -> None:
        """Send a message that is delivered after a delay.

        Parameters
        ----------
        delay_s : Seconds until the first delivery, at most 900.

        Raises
        ------
        QueueError : SQS did not accept the message.
        """
        try:
            client = self._client or boto3.client("sqs", config=CLIENT_CONFIG)
            client.send_message(QueueUrl=self._url, MessageBody=body, DelaySeconds=delay_s)
        except (BotoCoreError, ClientError) as error:
            raise QueueError(f"Could not send a message: {error}.") from error
