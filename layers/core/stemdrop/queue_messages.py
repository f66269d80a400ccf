"""Messages of a queue that invokes a function, handled one by one."""

import logging
from collections.abc import Callable
from typing import Any

from stemdrop.errors import QueueError, StemdropError
from stemdrop.retry_queue import RetryQueue


def handle_messages(
    event: dict[str, Any],
    handle: Callable[[str], None],
    queue: RetryQueue,
    logger: logging.Logger,
) -> dict[str, Any]:
    """Handle the messages of an event, and have those that failed delivered again after a delay.

    Parameters
    ----------
    event : Messages of an SQS queue.
    handle : Function that takes the body of a message.

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
    handle: Callable[[str], None],
    queue: RetryQueue,
    logger: logging.Logger,
) -> bool:
    """Handle a message, and return whether SQS may delete it."""
    received = int(message["attributes"]["ApproximateReceiveCount"])
    fields = {"message_id": message["messageId"], "receive_count": received}
    try:
        handle(message["body"])
    except StemdropError as error:
        logger.warning("message_failed: %s", error.message, extra=fields)
    except Exception:
        logger.exception("message_failed", extra=fields)
    else:
        logger.info("message_handled", extra=fields)
        return True
    try:
        queue.retry(message["receiptHandle"], received)
    except QueueError as error:  # it is delivered again when its visibility ends
        logger.warning("visibility_not_changed: %s", error.message, extra=fields)
    return False
