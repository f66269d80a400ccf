"""The Lambda function: sends the webhook of each message that the completion topic has queued."""

import hashlib
import json
import logging
import os
import time
from typing import Any

import stemdrop
from stemdrop.message_queue import MessageQueue, handle_messages
from stemdrop_webhook.delivery import deliver
from stemdrop_webhook.settings import WebhookSettings
from stemdrop_webhook.signature import signed_headers

logger = logging.getLogger("stemdrop_webhook")
logger.setLevel(logging.INFO)
settings = WebhookSettings.from_env(os.environ)
queue = MessageQueue(settings.queue_url, settings.retry_delays_s)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Send webhooks.

    Parameters
    ----------
    event : Messages of the webhook queue, which contain notifications of the completion topic.

    Returns
    -------
    Messages that SQS delivers again, as Lambda's partial batch response.
    """
    return handle_messages(event, _send, queue, logger)


def _send(text: str, _receive_count: int) -> None:
    """Send the webhook of a notification. The log has no callback URLs, which may contain secrets.

    Raises
    ------
    CallbackUrlError, DeliveryError : It may not be sent, or was not accepted.
    """
    notification = json.loads(text)
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
