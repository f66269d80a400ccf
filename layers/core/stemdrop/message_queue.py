"""Queues that invoke functions, and how their messages are handled. Only this module uses SQS."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stemdrop.errors import QueueError, SetupError, StemdropError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# At most 6 seconds and a short pause: the invocation may be near its end.
CLIENT_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
)


class MessageQueue:
    """An SQS queue that invokes a function.

    Parameters
    ----------
    url : URL of the queue.
    retry_delays_s : Seconds until the second delivery of a failed message, the third, and so on;
        none if messages are only sent.
    client : SQS client. By default one with short timeouts, created when it is needed, as most
        messages never fail.
    """

    def __init__(
        self, url: str, retry_delays_s: Sequence[int] = (), client: "SQSClient | None" = None
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


class MessageLogger(Protocol):
    """Logger of the standard library, or that of Powertools, which is none of its subclasses."""

    def info(self, msg: object, /, *, extra: Mapping[str, object]) -> None:
        """Log that a message was handled."""

    def warning(self, msg: object, /, *args: object, extra: Mapping[str, object]) -> None:
        """Log a failure that may pass."""

    def error(self, msg: object, /, *args: object, extra: Mapping[str, object]) -> None:
        """Log a failure that somebody has to look at."""

    def exception(self, msg: object, /, *, extra: Mapping[str, object]) -> None:
        """Log an unexpected error with its traceback."""


def handle_messages(
    event: dict[str, Any],
    handle: Callable[[str, int], None],
    queue: MessageQueue | None,
    logger: MessageLogger,
) -> dict[str, Any]:
    """Handle the messages of an event, and have those that failed delivered again after a delay.

    Parameters
    ----------
    event : Messages of an SQS queue.
    handle : Function that takes the body of a message, and how often the message was received.
    queue : Queue of the messages; None if those that failed are delivered again without its delays.

    Returns
    -------
    Messages that SQS delivers again, as Lambda's partial batch response.
    """
    failed = [
        {"itemIdentifier": message["messageId"]}
        for message in event["Records"]
        if not _handle_message(message, handle, queue, logger)
    ]
    return {"batchItemFailures": failed}


def _handle_message(
    message: dict[str, Any],
    handle: Callable[[str, int], None],
    queue: MessageQueue | None,
    logger: MessageLogger,
) -> bool:
    """Handle a message, and return whether SQS may delete it."""
    received = int(message["attributes"]["ApproximateReceiveCount"])
    fields = {"message_id": message["messageId"], "receive_count": received}
    try:
        handle(message["body"], received)
    except SetupError as error:
        logger.error("message_failed: %s", error.message, extra=fields)
    except StemdropError as error:
        logger.warning("message_failed: %s", error.message, extra=fields)
    except Exception:
        logger.exception("message_failed", extra=fields)
    else:
        logger.info("message_handled", extra=fields)
        return True
    if queue is None:
        return False
    try:
        queue.retry(message["receiptHandle"], received)
    except QueueError as error:  # it is delivered again when its visibility ends
        logger.warning("visibility_not_changed: %s", error.message, extra=fields)
    return False
