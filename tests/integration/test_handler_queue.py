"""The handler with SQS messages. Failed messages are returned with a short visibility timeout."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from api_events import Handler
from fault_proxy import FaultProxy, unavailable
from lambda_context import TEST_EVENT, Context, event_of, message_event
from stemdrop.keys import UploadKey
from stemdrop.song_queue import SongQueue
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from uploads import job_of, put, song

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

EVENTS = Path(__file__).parents[1] / "events"
GOOD, OTHER, BAD = "drop/good.wav", "drop/other.wav", "drop/bad.wav"
DONE: dict[str, Any] = {"batchItemFailures": []}


class FakeSqsClient:
    """Records visibility timeouts by receipt handle."""

    def __init__(self) -> None:
        self.visibility_timeouts_s: dict[str, int] = {}
        self.error: Exception | None = None

    def change_message_visibility(self, **request: Any) -> Any:
        self.visibility_timeouts_s[request["ReceiptHandle"]] = request["VisibilityTimeout"]
        if self.error:
            raise self.error


@pytest.fixture(autouse=True)
def sqs(handler: Handler, store: Store, monkeypatch: pytest.MonkeyPatch) -> FakeSqsClient:
    """Return a fake SQS client, with empty buckets, no faults, and retries without delays."""
    assert callable(handler)
    assert store.uploads
    client = FakeSqsClient()
    queue = SongQueue("https://sqs.example/songs", (30, 120), cast("SQSClient", client))
    monkeypatch.setattr("stemdrop_separate.handler.queue", queue)
    return client


def failed(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"message {number}"} for number in numbers]}


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.message) for record in caplog.records]


def test_message_is_done_when_its_song_is_done(
    handler: Handler, buckets: Stack, sqs: FakeSqsClient
) -> None:
    put(buckets, song(), UploadKey.parse("drop/song.mp3"))
    event = json.loads((EVENTS / "sqs-put.json").read_text())
    assert handler(event, Context()) == DONE
    assert job_of(buckets, UploadKey.parse("drop/song.mp3")).status == "done"
    assert sqs.visibility_timeouts_s == {}


def test_message_of_a_rejected_song_is_done(
    handler: Handler, buckets: Stack, sqs: FakeSqsClient
) -> None:
    put(buckets, b"no song", UploadKey.parse(BAD))
    assert handler(message_event(event_of(BAD, "elsewhere/x", "drop/folder/")), Context()) == DONE
    assert sqs.visibility_timeouts_s == {}


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
@pytest.mark.parametrize("body", [TEST_EVENT, {"Records": []}], ids=["test event", "no records"])
def test_message_without_songs_is_done(handler: Handler, sqs: FakeSqsClient, body: object) -> None:
    assert handler(message_event(body), Context()) == DONE
    assert sqs.visibility_timeouts_s == {}


@pytest.mark.parametrize(("received", "delay_s"), [(1, 30), (2, 120), (3, 0)])
def test_message_with_a_failed_song_is_returned(
    handler: Handler,
    buckets: Stack,
    faults: FaultProxy,
    sqs: FakeSqsClient,
    received: int,
    delay_s: int,
) -> None:
    for key, seed in ((GOOD, 1), (OTHER, 2)):
        put(buckets, song(0.5, seed), UploadKey.parse(key))
    faults.inject(unavailable, "GET", OTHER, times=100)
    event = message_event(event_of(OTHER, GOOD), received=received)
    assert handler(event, Context()) == failed(0)
    assert sqs.visibility_timeouts_s == {"receipt 0": delay_s}
    # The next song was separated.
    assert job_of(buckets, UploadKey.parse(GOOD)).status == "done"
    faults.reset()
    assert handler(event, Context()) == DONE
    assert job_of(buckets, UploadKey.parse(OTHER)).status == "done"


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
@pytest.mark.parametrize("body", ["no JSON", "[]", '{"Records": [{}]}', {"Message": "x"}])
def test_invalid_message_is_logged_and_returned(
    handler: Handler, sqs: FakeSqsClient, caplog: pytest.LogCaptureFixture, body: object
) -> None:
    assert handler(message_event(body), Context()) == failed(0)
    assert sqs.visibility_timeouts_s == {"receipt 0": 30}
    assert logged(caplog) == [("ERROR", "message_failed")]


def test_messages_of_a_batch_are_independent(
    handler: Handler, buckets: Stack, sqs: FakeSqsClient
) -> None:
    put(buckets, song(), UploadKey.parse(GOOD))
    event = message_event("no JSON", event_of(GOOD), "no JSON")
    assert handler(event, Context()) == failed(0, 2)
    assert sqs.visibility_timeouts_s == {"receipt 0": 30, "receipt 2": 30}
    assert job_of(buckets, UploadKey.parse(GOOD)).status == "done"


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_failing_sqs_is_a_warning(
    handler: Handler, sqs: FakeSqsClient, caplog: pytest.LogCaptureFixture
) -> None:
    sqs.error = EndpointConnectionError(endpoint_url="https://sqs.example")
    assert handler(message_event("no JSON"), Context()) == failed(0)
    assert logged(caplog) == [("ERROR", "message_failed"), ("WARNING", "visibility_not_changed")]


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_without_a_queue_no_visibility_is_changed(
    handler: Handler, faults: FaultProxy, sqs: FakeSqsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemdrop_separate.handler.queue", None)
    assert handler(message_event("no JSON"), Context()) == failed(0)
    assert sqs.visibility_timeouts_s == {}
    assert not faults.requests
