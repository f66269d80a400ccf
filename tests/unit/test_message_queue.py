"""A failed message returns after growing delays, and at once after the last one."""

import boto3
import pytest
from botocore.stub import Stubber

from stemdrop.errors import QueueError
from stemdrop.message_queue import MessageQueue

URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/songs"
CHANGE = "change_message_visibility"


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.mark.parametrize(("receive_count", "delay_s"), [(1, 30), (2, 120), (3, 0), (4, 0)])
def test_delay_is_that_of_the_receive_count(receive_count: int, delay_s: int) -> None:
    client = boto3.client("sqs")
    wanted = {"QueueUrl": URL, "ReceiptHandle": "receipt", "VisibilityTimeout": delay_s}
    with Stubber(client) as sqs:
        sqs.add_response(CHANGE, {}, wanted)
        MessageQueue(URL, (30, 120), client).retry("receipt", receive_count)
        sqs.assert_no_pending_responses()


def test_message_is_sent_with_its_delay() -> None:
    client = boto3.client("sqs")
    wanted = {"QueueUrl": URL, "MessageBody": "body", "DelaySeconds": 900}
    sent = {"MessageId": "1", "MD5OfMessageBody": "841a2d689ad86bd1611447453c22c6fc"}
    with Stubber(client) as sqs:
        sqs.add_response("send_message", sent, wanted)
        MessageQueue(URL, client=client).send("body", 900)
        sqs.assert_no_pending_responses()
        sqs.add_client_error("send_message", "QueueDoesNotExist")
        with pytest.raises(QueueError, match="Could not send a message"):
            MessageQueue(URL, client=client).send("body", 900)


def test_an_error_of_sqs_is_a_queue_error() -> None:
    client = boto3.client("sqs")
    with Stubber(client) as sqs:
        sqs.add_client_error(CHANGE, "ReceiptHandleIsInvalid")
        with pytest.raises(QueueError, match="Could not change the visibility"):
            MessageQueue(URL, (30,), client).retry("receipt", 1)


def test_unreachable_sqs_is_a_queue_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # No server listens on this port.
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    with pytest.raises(QueueError, match=r"127\.0\.0\.1:9"):
        MessageQueue(URL, (30,)).retry("receipt", 1)
