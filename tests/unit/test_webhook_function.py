"""Signatures, settings and messages of the webhook function."""

import importlib
import json
import logging
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from stemdrop.errors import QueueError, SetupError
from stemdrop.job_record import Job, Status
from stemdrop.lyrics import Lyrics, LyricsStatus
from stemdrop.notifications import job_message
from stemdrop_webhook.settings import RETRY_DELAYS_S, WebhookSettings
from stemdrop_webhook.signature import signed_headers
from webhook_receiver import SECRET, documented_verification, receive_webhooks

KEY = "jobs/" + "0" * 32
JOB = Job(KEY, Status.DONE, "then", "then", finished_at="2026-01-01T12:00:00.000Z")
OTHER = "whsec_" + "A" * 32
GOOD = {
    "WEBHOOK_HOSTS": "hooks.example.org",
    "WEBHOOK_SECRET": SECRET,
    "WEBHOOK_QUEUE_URL": "https://sqs.example/webhooks",
}


def test_signature_is_that_of_the_specification() -> None:
    # Source: the example that the libraries of Standard Webhooks test.
    (secret,) = WebhookSettings.from_env(GOOD).secrets
    event_id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert signed_headers(event_id, b'{"test": 2432232314}', 1614265330, [secret]) == {
        "webhook-id": event_id,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_webhook_is_verified_with_either_of_two_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = WebhookSettings.from_env(GOOD | {"WEBHOOK_SECRET": f"{OTHER},{SECRET}"})
    headers = signed_headers("evt_1", b"{}", 1614265330, settings.secrets)
    is_genuine = documented_verification()
    monkeypatch.setattr("time.time", lambda: 1614265330.0)
    assert is_genuine(headers, b"{}", SECRET)
    assert is_genuine(headers, b"{}", OTHER)
    assert not is_genuine(headers, b"{}", "whsec_" + "B" * 32)
    assert not is_genuine(headers | {"webhook-id": "evt_2"}, b"{}", SECRET)
    monkeypatch.setattr("time.time", lambda: 1614265330.0 + 301)
    assert not is_genuine(headers, b"{}", SECRET)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize(
    "value", [None, "", " ", "now", "1.5", "9" * 400, "9" * 5000, "v1,é", "\udcff", "v1,\0"]
)
def test_forged_webhook_is_not_genuine(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    headers = signed_headers("evt_1", b"{}", 1614265330, WebhookSettings.from_env(GOOD).secrets)
    monkeypatch.setattr("time.time", lambda: 1614265330.0)
    forged = {key: text for key, text in (headers | {name: value}).items() if text is not None}
    assert documented_verification()(forged, b"{}", SECRET) is False


def test_retries_last_as_long_as_documented() -> None:
    assert WebhookSettings.from_env(GOOD).retry_delays_s == RETRY_DELAYS_S
    assert sum(RETRY_DELAYS_S) / 3600 == pytest.approx(15, abs=0.5)
    assert max(RETRY_DELAYS_S) <= 12 * 3600  # SQS allows no more


def test_missing_variable_is_a_setup_error() -> None:
    for name in GOOD:
        with pytest.raises(SetupError, match=name):
            WebhookSettings.from_env(GOOD | {name: ""})


@pytest.mark.parametrize("secret", ["abc", "whsec_", "whsec_abc", f"{SECRET},", f"{SECRET} a"])
def test_invalid_secret_is_a_setup_error_that_does_not_repeat_it(secret: str) -> None:
    with pytest.raises(SetupError, match="WEBHOOK_SECRET is invalid") as raised:
        WebhookSettings.from_env(GOOD | {"WEBHOOK_SECRET": secret})
    assert SECRET not in str(raised.value)
    assert SECRET.encode() not in repr(WebhookSettings.from_env(GOOD)).encode()


class FakeQueue:
    """Records what is delivered again."""

    def __init__(self) -> None:
        self.retries: list[tuple[str, int]] = []
        self.error: QueueError | None = None

    def retry(self, receipt_handle: str, receive_count: int) -> None:
        self.retries.append((receipt_handle, receive_count))
        if self.error:
            raise self.error


@pytest.fixture
def queue(function: ModuleType, monkeypatch: pytest.MonkeyPatch) -> FakeQueue:
    queue = FakeQueue()
    monkeypatch.setattr(function, "queue", queue)
    return queue


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the handler's module, as Lambda loads it."""
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return importlib.import_module("stemdrop_webhook.handler")


def message(url: str, job: Job = JOB, received: int = 1) -> dict[str, Any]:
    """Return a message with a notification of SNS."""
    attributes = {"callback_url": {"Type": "String", "Value": url}}
    body = {"Type": "Notification", "Message": job_message(job), "MessageAttributes": attributes}
    return {
        "messageId": "message",
        "receiptHandle": "receipt",
        "attributes": {"ApproximateReceiveCount": str(received)},
        "body": json.dumps(body),
    }


def test_event_id_is_that_of_one_end_of_one_job(function: ModuleType) -> None:
    def event_id(job: Job) -> str:
        found: str = function.event_id(json.loads(job_message(job)))
        return found

    assert event_id(JOB) == event_id(JOB.updated())
    assert event_id(JOB).startswith("evt_")
    others = [JOB.updated(finished_at="later"), Job("jobs/" + "1" * 32, Status.DONE, "", "")]
    assert len({event_id(job) for job in (JOB, *others)}) == 3


def test_end_of_the_lyrics_is_another_event(function: ModuleType) -> None:
    def event_id(lyrics: Lyrics | None) -> str:
        found: str = function.event_id(json.loads(job_message(JOB.updated(lyrics=lyrics))))
        return found

    pending = Lyrics(LyricsStatus.PENDING, "transcribe")
    ended = replace(pending, status=LyricsStatus.DONE, finished_at="2026-01-01T12:01:00.000Z")
    assert event_id(None) == event_id(pending) != event_id(ended)
    old = json.loads(job_message(JOB))
    del old["lyrics"]  # a message from before a deployment
    assert function.event_id(old) == event_id(None)


def test_accepted_webhook_is_deleted_from_the_queue(
    function: ModuleType, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receive_webhooks(204) as receiver:
        local = {"WEBHOOK_HOSTS": f"127.0.0.1:{receiver.port}", "WEBHOOK_LOOPBACK": "true"}
        monkeypatch.setattr(function, "settings", WebhookSettings.from_env(GOOD | local))
        event = {"Records": [message(f"http://127.0.0.1:{receiver.port}/")]}
        assert function.handler(event, None) == {"batchItemFailures": []}
        assert receiver.take().body == job_message(JOB).encode()
    assert queue.retries == []


@pytest.mark.parametrize(
    "url", ["https://evil.example/?secret", "http://hooks.example.org/?secret"]
)
def test_host_that_is_not_allowed_any_more_is_not_asked(
    function: ModuleType,
    queue: FakeQueue,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    url: str,
) -> None:
    monkeypatch.setattr(function, "deliver", pytest.fail)
    event = {"Records": [message(url, received=3)]}
    assert function.handler(event, None) == {"batchItemFailures": [{"itemIdentifier": "message"}]}
    assert queue.retries == [("receipt", 3)]
    assert "message_failed" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"Message": "{}"}'])
def test_other_message_ends_in_the_failure_queue(
    function: ModuleType, queue: FakeQueue, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    queue.error = QueueError("No.")
    event = {"Records": [message("") | {"body": body}]}
    assert function.handler(event, None)["batchItemFailures"]
    found = [(record.levelno, record.message.split(":")[0]) for record in caplog.records]
    assert found == [
        (logging.ERROR, "message_failed"),
        (logging.WARNING, "visibility_not_changed"),
    ]
