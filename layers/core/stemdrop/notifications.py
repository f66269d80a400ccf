"""Notifications of finished jobs, published to an SNS topic. Only this module uses SNS."""

import json
from dataclasses import asdict
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stemdrop.errors import NotificationError
from stemdrop.job_record import Job
from stemdrop.keys import UploadKey
from stemdrop.models import Model

# At most 15 seconds, and the pauses between: a job that ran out of time has no more. A notification
# that fails is published when the event is delivered again.
CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
)


class SnsClient(Protocol):
    """SNS client, as far as it is used."""

    def publish(self, **request: Any) -> Any:
        """Publish a message to all subscribers of a topic."""


class Notifier:
    """Publisher of notifications to an SNS topic.

    Parameters
    ----------
    arn : ARN of the topic, whose region is used.
    client : SNS client; by default one with short timeouts.
    """

    def __init__(self, arn: str, client: SnsClient | None = None) -> None:
        self._arn = arn
        self._sns: SnsClient = client or boto3.client(
            "sns", region_name=arn.split(":")[3], config=CLIENT_CONFIG
        )

    def publish(self, job: Job) -> None:
        """Publish the notification of a finished job.

        Raises
        ------
        NotificationError : SNS did not accept the message.
        """
        try:
            self._sns.publish(
                TopicArn=self._arn,
                Subject=f"stemdrop: {job.status}",  # of emails
                Message=job_message(job),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in message_attributes(job).items()
                },
            )
        except (BotoCoreError, ClientError) as error:
            message = f"Could not publish the completion of {job.key}: {error}."
            raise NotificationError(message) from error


def job_message(job: Job) -> str:
    """Return a job's record as JSON, without waveforms and beats, which only the page needs.

    It has no callback URL, either, which is an attribute. It is ASCII only: SNS rejects some
    characters that keys may have.
    """
    record = asdict(job)
    del record["callback_url"]
    for stem in record["stems"]:
        del stem["waveform"]
    if record["music"]:
        del record["music"]["beats_s"]
    return json.dumps(record)


def message_attributes(job: Job) -> dict[str, str]:
    """Return the attributes that subscribers may filter messages by."""
    attributes = {"status": str(job.status), "origin": str(UploadKey.parse(job.key).origin)}
    model = job.options.get("model")
    if model in {*Model}:  # options that were rejected may say anything
        attributes["model"] = str(model)
    if job.callback_url is not None:  # webhooks subscribe to messages with it
        attributes["callback_url"] = job.callback_url
    if job.lyrics is not None:
        attributes["lyrics"] = str(job.lyrics.status)
    if job.error is not None:
        attributes["code"] = job.error.code
    return attributes
