"""The completion topic: SNS tells whoever subscribes that a job has ended. Only this knows SNS."""

import json
from dataclasses import asdict
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stemdrop.errors import TopicError
from stemdrop.jobs import Job
from stemdrop.keys import UploadKey
from stemdrop.options import Model

# At most 15 seconds and the pauses between: a job that was ended because its time is up has no
# more. A message that isn't taken in this time is sent when the event is delivered again.
CLIENT_CONFIG = Config(
    connect_timeout=2,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
)


class TopicClient(Protocol):
    """What is needed of a client of SNS."""

    def publish(self, **request: Any) -> Any:
        """Send a message to all subscribers of a topic."""


class Topic:
    """A topic of SNS.

    Parameters
    ----------
    arn : of the topic, which is in the region that it names.
    client : of SNS; one with bounded patience by default.
    """

    def __init__(self, arn: str, client: TopicClient | None = None) -> None:
        self._arn = arn
        self._sns: TopicClient = client or boto3.client(
            "sns", region_name=arn.split(":")[3], config=CLIENT_CONFIG
        )

    def publish(self, job: Job) -> None:
        """Tell that a job has ended.

        Raises
        ------
        TopicError : SNS hasn't taken the message, or hasn't said so.
        """
        try:
            self._sns.publish(
                TopicArn=self._arn,
                Subject=f"stemdrop: {job.status}",  # of e-mails
                Message=message_of(job),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in attributes_of(job).items()
                },
            )
        except (BotoCoreError, ClientError) as error:
            raise TopicError(f"Could not tell of the end of {job.key}: {error}.") from error


def message_of(job: Job) -> str:
    """Return a job's record as JSON, without the waveforms, which only a page draws.

    It has nothing but ASCII: SNS refuses some characters that keys may have.
    """
    record = asdict(job)
    for stem in record["stems"]:
        del stem["waveform"]
    return json.dumps(record)


def attributes_of(job: Job) -> dict[str, str]:
    """Return what subscribers may filter messages by."""
    attributes = {"status": str(job.status), "origin": str(UploadKey.parse(job.key).origin)}
    model = job.options.get("model")
    if model in {*Model}:  # options that were rejected may say anything
        attributes["model"] = str(model)
    if job.error is not None:
        attributes["code"] = job.error.code
    return attributes
