"""The Lambda function: sends the webhook of each message that the completion topic has queued."""

import hashlib
import json
import logging
import os
import time
from typing import Any

import stemdrop
from stemdrop.errors import QueueError, StemdropError
from stemdrop.retry_queue import RetryQueue
from stemdrop_webhook.delivery import deliver
from stemdrop_webhook.settings import WebhookSettings
from stemdrop_webhook.signature import signed_headers

logger = logging.getLogger("stemdrop_webhook")
logger.setLevel(logging.INFO)
settings = WebhookSettings.from_env(os.environ)
queue = RetryQueue(settings.queue_url, settings.retry_delays_s)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Send webhooks.

    Parameters
    ----------
    event : Messages of the webhook queue, which contain notifications of the completion topic.

    Returns
    -------
    Messages that SQS delivers again, as Lambda's partial batch response.
    """
    failed = [
        {"itemIdentifier": message["messageId"]}
        for message in event["Records"]
        if not _handle_message(message)
    ]
    return {"batchItemFailures": failed}


def _handle_message(message: dict[str, Any]) -> bool:
    """Send the webhook of a message, and return whether SQS may delete it.

    The log has no callback URLs, which may contain secrets.
    """
    received = int(message["attributes"]["ApproximateReceiveCount"])
    fields = {"message_id": message["messageId"], "receive_count": received}
    try:
        _send(json.loads(message["body"]))
    except StemdropError as error:
        logger.warning("webhook_failed: %s", error.message, extra=fields)
    except Exception:
        logger.exception("message_failed", extra=fields)
    else:
        logger.info("webhook_delivered", extra=fields)
        return True
    _retry(message, received)
    return False


def _send(notification: dict[str, Any]) -> None:
    """Send the webhook of a notification.

    Raises
    ------
    CallbackUrlError, DeliveryError : It may not be sent, or was not accepted.
    """
    body = notification["Message"].encode()
    url = settings.hosts.require(notification["MessageAttributes"]["callback_url"]["Value"])
    headers = {
        "content-type": "application/json",
        "user-agent": f"stemdrop/{stemdrop.__version__}",
        **signed_headers(event_id(json.loads(body)), body, int(time.time()), settings.secrets),
    }
    deliver(url, headers, body, is_local=settings.hosts.is_local)


def event_id(record: dict[str, Any]) -> str:
    """Return the ID of an end, which is the same each time that it is announced.

    A job with lyrics ends once with its stems, and once with its lyrics.
    """
    end = f"{record['key']} {record['finished_at']}"
    if (lyrics := record.get("lyrics")) and lyrics["finished_at"]:
        end += f" {lyrics['finished_at']}"
    return f"evt_{hashlib.sha256(end.encode()).hexdigest()[:32]}"


def _retry(message: dict[str, Any], received: int) -> None:
    try:
        queue.retry(message["receiptHandle"], received)
    except QueueError as error:  # it is delivered again when its visibility ends
        logger.warning("visibility_not_changed: %s", error.message)
