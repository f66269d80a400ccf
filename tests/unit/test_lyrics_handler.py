"""The lyrics function's messages: deleted, checked again later, or tried again."""

import importlib
import json
import logging
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from stemdrop.errors import (
    MissingError,
    NotificationError,
    QueueError,
    SetupError,
    StorageError,
    TranscribeError,
)
from stemdrop.lyrics import Lyrics, LyricsStatus
from stemdrop.lyrics_checks import CHECK_DELAY_S, check_message
from stemdrop_lyrics.metrics import embedded_metrics
from stemdrop_lyrics.settings import RETRY_DELAYS_S, LyricsSettings

ID = "0123456789abcdef"
GOOD = {
    "STEMS_BUCKET": "stems",
    "COMPLETION_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:completed",
    "LYRICS_QUEUE_URL": "https://sqs.example/lyrics",
    "METRICS_NAMESPACE": "stemdrop",
}
NOTIFICATION = {"Records": [{"s3": {"object": {"key": f"transcriptions/{ID}/transcript.json"}}}]}


class RecordingQueue:
    """Records what is delivered again, and what is sent."""

    def __init__(self) -> None:
        self.retries: list[tuple[str, int]] = []
        self.sent: list[tuple[str, int]] = []
        self.error: QueueError | None = None

    def retry(self, receipt_handle: str, receive_count: int) -> None:
        self.retries.append((receipt_handle, receive_count))
        if self.error:
            raise self.error

    def send(self, body: str, delay_s: int) -> None:
        self.sent.append((body, delay_s))


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the handler's module, as Lambda loads it."""
    aws = {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    for name, value in (GOOD | aws).items():
        monkeypatch.setenv(name, value)
    return importlib.import_module("stemdrop_lyrics.handler")


@pytest.fixture
def queue(function: ModuleType, monkeypatch: pytest.MonkeyPatch) -> RecordingQueue:
    queue = RecordingQueue()
    monkeypatch.setattr(function, "queue", queue)
    return queue


def handle(function: ModuleType, body: str, received: int = 1) -> list[str]:
    """Return the messages that are delivered again."""
    message = {
        "messageId": "message",
        "receiptHandle": "receipt",
        "attributes": {"ApproximateReceiveCount": str(received)},
        "body": body,
    }
    answer = function.handler({"Records": [message]}, None)
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


@pytest.mark.parametrize(
    ("body", "has_ended", "is_sent"),
    [
        (check_message(ID), True, False),
        (check_message(ID), False, True),
        (json.dumps(NOTIFICATION), True, False),
        (json.dumps(NOTIFICATION), False, False),
    ],
)
def test_only_a_check_of_a_running_transcription_is_sent_again(
    function: ModuleType,
    queue: RecordingQueue,
    monkeypatch: pytest.MonkeyPatch,
    body: str,
    has_ended: bool,
    is_sent: bool,
) -> None:
    asked = []

    def finish(_: object, results_id: str) -> bool:
        asked.append(results_id)
        return has_ended

    monkeypatch.setattr(function, "finish_transcription", finish)
    assert handle(function, body) == []
    assert asked == [ID]
    assert queue.sent == ([(body, CHECK_DELAY_S)] if is_sent else [])
    assert queue.retries == []


def test_failed_message_is_delivered_again(
    function: ModuleType,
    queue: RecordingQueue,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> bool:
        raise TranscribeError("Amazon Transcribe is down.")

    monkeypatch.setattr(function, "finish_transcription", fail)
    assert handle(function, check_message(ID), received=2) == ["message"]
    assert queue.retries == [("receipt", 2)]
    assert "message_failed: Amazon Transcribe is down." in caplog.text


@pytest.mark.parametrize("kind", [StorageError, MissingError, NotificationError])
def test_log_of_a_failure_has_no_name_of_a_song(
    function: ModuleType,
    queue: RecordingQueue,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: type[StorageError | NotificationError],
) -> None:
    def fail(*_: object) -> bool:
        cause = ClientError({"Error": {"Code": "SlowDown", "Message": "My secret"}}, "GetObject")
        raise kind("Could not read drop/My secret song.wav.") from cause

    monkeypatch.setattr(function, "finish_transcription", fail)
    assert handle(function, check_message(ID)) == ["message"]
    assert queue.retries == [("receipt", 1)]
    assert f"message_failed: {ID}: GetObject: SlowDown." in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"Records": [{}]}', '{"results_id": "x"}'])
def test_other_message_ends_in_the_failure_queue(
    function: ModuleType, queue: RecordingQueue, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    queue.error = QueueError("No.")
    assert handle(function, body) == ["message"]
    found = [(record.levelno, record.message.split(":")[0]) for record in caplog.records]
    assert found == [
        (logging.ERROR, "message_failed"),
        (logging.WARNING, "visibility_not_changed"),
    ]


def test_missing_variable_is_a_setup_error() -> None:
    for name in GOOD:
        with pytest.raises(SetupError, match=name):
            LyricsSettings.from_env(GOOD | {name: ""})


def test_retries_last_as_long_as_documented() -> None:
    assert LyricsSettings.from_env(GOOD).retry_delays_s == RETRY_DELAYS_S
    assert LyricsSettings.from_env(GOOD | {"RETRY_DELAYS_S": "1 2"}).retry_delays_s == (1, 2)
    assert sum(RETRY_DELAYS_S) == 12.5 * 60


@given(st.sampled_from([LyricsStatus.DONE, LyricsStatus.FAILED]), st.floats(0, 10))
def test_metrics_have_the_cost_of_the_separators_service(
    status: LyricsStatus, cost_usd: float
) -> None:
    line: dict[str, Any] = json.loads(
        embedded_metrics(Lyrics(status, "transcribe", cost_usd=cost_usd), "stemdrop", 1_000)
    )
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("stemdrop", [["service"]])
    assert line["service"] == "separate"
    names = {metric["Name"] for metric in directive["Metrics"]}
    assert {name: line[name] for name in names} == {
        f"Lyrics{str(status).capitalize()}": 1,
        "CostUsd": cost_usd,
    }
