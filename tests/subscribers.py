"""Queues that subscribe to the completion topic, with or without a filter policy."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from stemdrop_local.completions import delivery_policy
from stemdrop_local.deployment import Stack
from stemdrop_local.emulator_process import EmulatorProcess

Filter = Mapping[str, list[str]]
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that a subscriber has received."""

    body: str
    attributes: dict[str, str]

    @property
    def record(self) -> dict[str, Any]:
        """Return the job's record."""
        record: dict[str, Any] = json.loads(self.body)
        return record


def subscribe(
    emulator: EmulatorProcess, stack: Stack, wanted: Filter | None = None
) -> "Subscriber":
    """Subscribe a new queue to the topic, with an optional filter policy."""
    queue_url = stack.sqs.create_queue(QueueName=f"subscriber-{next(_numbers)}")["QueueUrl"]
    found = stack.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    topic_arn, queue_arn = stack.outputs["CompletionTopicArn"], found["Attributes"]["QueueArn"]
    policy = json.dumps(delivery_policy(queue_arn, topic_arn))
    stack.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})
    attributes = {"RawMessageDelivery": "true"}
    if wanted:
        attributes["FilterPolicy"] = json.dumps(wanted)
    subscription = emulator.client("sns").subscribe(
        TopicArn=topic_arn,
        Protocol="sqs",
        Endpoint=queue_arn,
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )

    def unsubscribe() -> None:
        emulator.client("sns").unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])

    return Subscriber(stack, queue_url, unsubscribe)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscribed queue."""

    stack: Stack
    queue_url: str
    unsubscribe: Callable[[], None]

    def receive(self) -> list[ReceivedMessage]:
        """Return new messages. The emulator delivers synchronously, so there is no wait."""
        received_messages: list[ReceivedMessage] = []
        while found := self._receive():
            received_messages += found
        return received_messages

    def _receive(self) -> list[ReceivedMessage]:
        received = self.stack.sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])
        for message in received:
            self.stack.sqs.delete_message(
                QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
        return [
            ReceivedMessage(
                message["Body"],
                {
                    name: value["StringValue"]
                    for name, value in message.get("MessageAttributes", {}).items()
                },
            )
            for message in received
        ]
