"""Completion notifications, also after failures."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from api_events import Handler
from fault_proxy import FaultProxy, drop_response, forbidden, run_before, unavailable
from lambda_context import Context, event_of
from listener import Listener
from stemdrop.errors import TransientError
from stemdrop.job_record import Job, Status, now
from stemdrop.keys import UploadKey, record_key, result_key
from stemdrop.models import Model
from stemdrop.notifications import CLIENT_CONFIG
from stemdrop.options import Options
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_separate.job.context import JobContext, JobResult, Outcome
from subscribers import Subscriber, subscribe
from uploads import KEY, job_of, put, result_of, results, song

GOOD, OTHER, BAD = "drop/good.wav", "drop/other.wav", "drop/bad.wav"
SENT = "jobs/" + "b" * 32
# An SNS request at the proxy, whose URL has no path.
PUBLISH = ("POST", "")


@pytest.fixture(autouse=True)
def ready(handler: Handler, store: Store) -> None:
    """Provide empty buckets, no faults, and retries without delays."""
    assert callable(handler)
    assert store.uploads


@pytest.fixture
def subscriber(emulator: EmulatorProcess, buckets: Stack) -> Iterator[Subscriber]:
    """Return a subscriber without a filter policy."""
    subscriber = subscribe(emulator, buckets)
    yield subscriber
    subscriber.unsubscribe()


def expected(job: Job) -> dict[str, Any]:
    """Return the record in the form of the message."""
    record: dict[str, Any] = json.loads(job.to_json())
    del record["callback_url"]
    for stem in record["stems"]:
        assert stem.pop("waveform")
    if record["music"]:
        del record["music"]["beats_s"]
    return record


def create_job(store: Store, key: str) -> None:
    """Write the record that the API writes before it returns the upload URL."""
    job = Job(key, Status.AWAITING_UPLOAD, now(), now(), options=Options().to_dict())
    store.save_job(UploadKey.parse(key), job, None)


def test_completed_job_is_announced(
    handler: Handler, buckets: Stack, subscriber: Subscriber
) -> None:
    put(buckets, song(), UploadKey.parse(GOOD))
    assert handler(event_of(GOOD), Context()) == {GOOD: "done"}
    (message,) = subscriber.receive()
    assert message.attributes == {"status": "done", "origin": "drop", "model": "2stems"}
    assert message.record == expected(job_of(buckets, UploadKey.parse(GOOD)))
    (results_id,) = message.record["results_ids"]
    assert message.record["stems"][0]["key"] == f"{GOOD}/results-{results_id}/vocals.wav"


def test_failed_job_is_announced(
    handler: Handler, buckets: Stack, store: Store, subscriber: Subscriber
) -> None:
    create_job(store, SENT)
    put(buckets, b"no song", UploadKey.parse(SENT))
    assert handler(event_of(SENT), Context()) == {SENT: "rejected"}
    (message,) = subscriber.receive()
    assert message.attributes == {
        "status": "failed", "origin": "jobs", "model": "2stems", "code": "not_audio"
    }  # fmt: skip
    assert message.record == expected(job_of(buckets, UploadKey.parse(SENT)))


def test_copied_stems_are_announced(
    handler: Handler, buckets: Stack, subscriber: Subscriber
) -> None:
    for key in (GOOD, OTHER):
        put(buckets, song(), UploadKey.parse(key))
        assert handler(event_of(key), Context()) == {key: "done"}
    one, other = (message.record for message in subscriber.receive())
    assert "separate" in one["usage"]["timings_s"]
    assert "separate" not in other["usage"]["timings_s"]
    upload = UploadKey.parse(OTHER)
    assert [stem["key"] for stem in other["stems"]] == [
        result_key(upload, other["results_ids"][0], f"{stem}.wav")
        for stem in Model.TWO_STEMS.instruments
    ]


def test_job_with_invalid_options_is_announced(
    handler: Handler, buckets: Stack, subscriber: Subscriber
) -> None:
    put(buckets, song(), UploadKey.parse(BAD), {"model": "9stems"})
    assert handler(event_of(BAD), Context()) == {BAD: "rejected"}
    (message,) = subscriber.receive()
    assert message.attributes == {"status": "failed", "origin": "drop", "code": "bad_option"}
    assert message.record["options"] == {"model": "9stems"}


def test_record_is_saved_before_the_notification(
    handler: Handler, buckets: Stack, faults: FaultProxy, subscriber: Subscriber
) -> None:
    seen: list[Status] = []
    put(buckets, song(), UploadKey.parse(GOOD))
    look = run_before(lambda: seen.append(job_of(buckets, UploadKey.parse(GOOD)).status))
    faults.inject(look, *PUBLISH)
    handler(event_of(GOOD), Context())
    assert seen == [Status.DONE]
    assert len(subscriber.receive()) == 1


def test_redelivered_event_sends_the_same_message(
    handler: Handler, buckets: Stack, subscriber: Subscriber
) -> None:
    put(buckets, song(), UploadKey.parse(GOOD))
    handler(event_of(GOOD), Context())
    assert handler(event_of(GOOD), Context()) == {GOOD: "skipped"}
    one, other = subscriber.receive()
    assert one == other


def test_end_of_the_lyrics_is_announced_after_the_stems(
    handler: Handler,
    buckets: Stack,
    subscriber: Subscriber,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    separator = import_module("stemdrop_separate.handler")
    context = replace(separator.job_context, transcriber=Listener(tmp_path))
    monkeypatch.setattr(separator, "job_context", context)
    put(buckets, song(), UploadKey.parse(GOOD), {"stemdrop-lyrics": "true"})
    assert handler(event_of(GOOD), Context()) == {GOOD: "done"}
    stems, lyrics = subscriber.receive()
    assert (stems.attributes["status"], stems.attributes["lyrics"]) == ("done", "pending")
    assert (lyrics.attributes["status"], lyrics.attributes["lyrics"]) == ("done", "done")
    assert stems.record["stems"] == lyrics.record["stems"]
    assert lyrics.record == expected(job_of(buckets, UploadKey.parse(GOOD)))


# --- SNS doesn't work


@pytest.mark.parametrize(
    ("fault", "data", "status"),
    [
        (unavailable, song(), "done"),
        (forbidden, b"no song", "failed"),
        (lambda _: None, b"no song", "failed"),
    ],
    ids=["503", "403", "lost"],
)
def test_unsent_message_is_sent_by_the_next_delivery(
    handler: Handler,
    buckets: Stack,
    faults: FaultProxy,
    subscriber: Subscriber,
    fault: Any,
    data: bytes,
    status: str,
) -> None:
    put(buckets, data, UploadKey.parse(GOOD))
    faults.inject(fault, *PUBLISH, times=100)
    with pytest.raises(TransientError, match=r"'drop/good\.wav': NotificationError"):
        handler(event_of(GOOD), Context())
    job = job_of(buckets, UploadKey.parse(GOOD))
    assert job.status == status
    tries: Any = CLIENT_CONFIG.retries  # type: ignore[attr-defined]
    assert 1 <= faults.count_requests(*PUBLISH) <= tries["total_max_attempts"]
    assert subscriber.receive() == []
    written = results(buckets)
    faults.reset()
    assert handler(event_of(GOOD), Context()) == {GOOD: "skipped"}
    (message,) = subscriber.receive()
    assert message.record == expected(job)
    assert results(buckets) == written


def test_message_accepted_on_retry_is_sent_once(
    handler: Handler, buckets: Stack, faults: FaultProxy, subscriber: Subscriber
) -> None:
    put(buckets, song(), UploadKey.parse(GOOD))
    faults.inject(unavailable, *PUBLISH, times=1)
    assert handler(event_of(GOOD), Context()) == {GOOD: "done"}
    assert len(subscriber.receive()) == 1
    assert faults.count_requests(*PUBLISH) == 2


def test_message_with_a_lost_response_is_sent_twice(
    handler: Handler, buckets: Stack, faults: FaultProxy, subscriber: Subscriber
) -> None:
    put(buckets, song(), UploadKey.parse(GOOD))
    faults.inject(drop_response, *PUBLISH, times=1)
    assert handler(event_of(GOOD), Context()) == {GOOD: "done"}
    one, other = subscriber.receive()
    assert one == other


def test_failed_notification_does_not_stop_other_songs(
    handler: Handler, buckets: Stack, faults: FaultProxy, subscriber: Subscriber
) -> None:
    for key, seed in ((GOOD, 1), (OTHER, 2)):
        put(buckets, song(0.5, seed), UploadKey.parse(key))
    faults.inject(unavailable, *PUBLISH, times=3)
    with pytest.raises(TransientError, match=r"1 of the event's songs failed: 'drop/good\.wav'"):
        handler(event_of(GOOD, OTHER), Context())
    assert [message.record["key"] for message in subscriber.receive()] == [OTHER]
    handler(event_of(GOOD, OTHER), Context())
    assert {message.record["key"] for message in subscriber.receive()} == {GOOD, OTHER}


def test_job_without_a_notification_emits_metrics(
    handler: Handler, buckets: Stack, faults: FaultProxy, capsys: pytest.CaptureFixture[str]
) -> None:
    put(buckets, song(), UploadKey.parse(GOOD))
    faults.inject(forbidden, *PUBLISH)
    with pytest.raises(TransientError):
        handler(event_of(GOOD), Context())
    lines = [line for line in capsys.readouterr().out.splitlines() if '"JobsDone"' in line]
    (entry,) = map(json.loads, lines)
    assert (entry["JobsDone"], entry["JobsFailed"]) == ([1.0], [1.0])
    assert entry["CostUsd"] != [0.0]


# --- no message is expected


def test_job_deleted_meanwhile_is_not_announced(
    handler: Handler, buckets: Stack, store: Store, faults: FaultProxy, subscriber: Subscriber
) -> None:
    def delete() -> None:
        buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=record)

    record = record_key(UploadKey.parse(SENT))
    create_job(store, SENT)
    put(buckets, song(), UploadKey.parse(SENT))
    faults.reset()
    faults.inject(run_before(delete), "PUT", record, after=3)
    assert handler(event_of(SENT), Context()) == {SENT: "skipped"}
    # Also not after another delivery, or another upload to the same URL.
    assert handler(event_of(SENT), Context()) == {SENT: "skipped"}
    assert subscriber.receive() == []
    assert faults.count_requests(*PUBLISH) == 0


@pytest.mark.parametrize("key", ["elsewhere/x.wav", "drop/folder/"])
def test_key_without_a_job_has_no_notification(
    handler: Handler, subscriber: Subscriber, key: str
) -> None:
    handler(event_of(key), Context())
    assert subscriber.receive() == []


def test_second_invocation_publishes_no_notification(
    buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    def separate_too() -> None:
        theirs.append(result_of(job_context))

    theirs: list[JobResult] = []
    put(buckets, song())
    faults.inject(run_before(separate_too), "PUT", f"{KEY}/results-*/vocals.wav")
    assert result_of(job_context) == JobResult(Outcome.SKIPPED, None)
    assert theirs == [JobResult(Outcome.DONE, job_of(buckets))]


def test_without_a_topic_there_is_no_notifier(environment: dict[str, str]) -> None:
    code = "import stemdrop_separate.handler as it; print(it.job_context.notifier)"
    ours = environment | {"COMPLETION_TOPIC_ARN": ""}
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, env=ours, capture_output=True, text=True
    )
    assert run.stdout.strip() == "None"


# --- subscribers get what they ask for


def test_filter_policy_selects_messages_by_attributes(
    handler: Handler, buckets: Stack, store: Store, emulator: EmulatorProcess
) -> None:
    expected_keys: list[tuple[dict[str, list[str]], set[str]]] = [
        ({"status": ["failed"]}, {BAD}),
        ({"status": ["done"]}, {GOOD, SENT}),
        ({"origin": ["jobs"]}, {SENT}),
        ({"model": ["2stems-16kHz"]}, {GOOD}),
        ({"code": ["not_audio", "too_long"]}, {BAD}),
        ({"status": ["done"], "origin": ["drop"]}, {GOOD}),
    ]
    create_job(store, SENT)
    put(buckets, song(), UploadKey.parse(SENT))
    put(buckets, b"no song", UploadKey.parse(BAD))
    put(buckets, song(), UploadKey.parse(GOOD), {"model": "2stems-16kHz"})
    subscribers = [(subscribe(emulator, buckets, wanted), keys) for wanted, keys in expected_keys]
    handler(event_of(SENT, BAD, GOOD), Context())
    for subscriber, keys in subscribers:
        subscriber.unsubscribe()
        assert {message.record["key"] for message in subscriber.receive()} == keys
