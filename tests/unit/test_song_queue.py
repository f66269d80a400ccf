"""A failed message is given back after a delay that grows, and at once when there is none left."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from stemdrop.errors import QueueError
from stemdrop.song_queue import SongQueue

URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/songs"


class Client:
    """Notes what is changed."""

    def __init__(self, error: Exception | None = None) -> None:
        self.requests: list[dict[str, Any]] = []
        self._error = error

    def change_message_visibility(self, **request: Any) -> Any:
        self.requests.append(request)
        if self._error:
            raise self._error


@pytest.mark.parametrize(("receive_count", "delay_s"), [(1, 30), (2, 120), (3, 0), (4, 0)])
def test_delay_is_that_of_the_receive_count(receive_count: int, delay_s: int) -> None:
    client = Client()
    SongQueue(URL, (30, 120), client).retry("receipt", receive_count)
    assert client.requests == [
        {"QueueUrl": URL, "ReceiptHandle": "receipt", "VisibilityTimeout": delay_s}
    ]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ReceiptHandleIsInvalid"}}, "ChangeMessageVisibility"),
        EndpointConnectionError(endpoint_url="https://sqs.example"),
    ],
)
def test_an_error_of_sqs_is_a_queue_error(error: Exception) -> None:
    with pytest.raises(QueueError, match="Could not change the visibility"):
        SongQueue(URL, (30,), Client(error)).retry("receipt", 1)


def test_sqs_that_can_not_be_reached_is_a_queue_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing listens at this port.
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(QueueError, match=r"127\.0\.0\.1:9"):
        SongQueue(URL, (30,)).retry("receipt", 1)
