"""Messages of a queue that invokes a function, handled one by one."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from stemdrop.errors import QueueError, SetupError, StemdropError
from stemdrop.retry_queue import RetryQueue


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
    queue: RetryQueue | None,
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
    queue: RetryQueue | None,
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
