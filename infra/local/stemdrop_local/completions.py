"""Completion notifications, from a queue that subscribes to the completion topic."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stemdrop.job_record import Job
from stemdrop_local.deployment import STACK_NAME, Stack

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

QUEUE_NAME = f"{STACK_NAME}-console"
# Long polling delays the end of the stack by up to this time.
WAIT_S = 1


class CompletionQueue:
    """Receives the records of jobs that have ended.

    Parameters
    ----------
    stack : Stack that runs the jobs.
    sns : Client of SNS.
    report : Function that is called with each record.
    """

    def __init__(self, stack: Stack, sns: Any, report: Callable[[Job], object]) -> None:
        self._sqs: SQSClient = stack.sqs
        self._report = report
        topic_arn = stack.outputs["CompletionTopicArn"]
        self._queue_url = self._sqs.create_queue(QueueName=QUEUE_NAME)["QueueUrl"]
        found = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url, AttributeNames=["QueueArn"]
        )
        queue_arn = found["Attributes"]["QueueArn"]
        policy = json.dumps(delivery_policy(queue_arn, topic_arn))
        self._sqs.set_queue_attributes(QueueUrl=self._queue_url, Attributes={"Policy": policy})
        sns.subscribe(
            TopicArn=topic_arn,
            Protocol="sqs",
            Endpoint=queue_arn,
            Attributes={"RawMessageDelivery": "true"},
        )

    def receive(self) -> None:
        """Report the jobs that have ended since the last call, after long polling."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_S
        )
        for message in answer.get("Messages", []):
            self._report(Job.from_json(message["Body"]))
            self._sqs.delete_message(
                QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
            )


def delivery_policy(queue_arn: str, topic_arn: str) -> dict[str, object]:
    """Return the policy of a queue that lets a topic send messages to it."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
