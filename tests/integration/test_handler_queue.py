"""The handler with SQS messages. Failed messages are returned with a short visibility timeout."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from api_events import Handler
from fault_proxy import FaultProxy, run_before, unavailable
from lambda_context import TEST_EVENT, Context, event_of, message_event
from stemdrop.errors import NotificationError
from stemdrop.job_record import Job, Status, now
from stemdrop.keys import UploadKey, record_key, result_key
from stemdrop.message_queue import MessageQueue
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from uploads import RESULTS_ID, job_of, put, results, song

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
    queue = MessageQueue("https://sqs.example/songs", (30, 120), cast("SQSClient", client))
    monkeypatch.setattr("stemdrop_separate.handler.queue", queue)
    return client


def failed(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"message {number}"} for number in numbers]}


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return the level and the name of each message in the log."""
    return [(record.levelname, record.message.partition(":")[0]) for record in caplog.records]


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


def test_failure_of_a_song_is_logged_with_one_traceback(
    handler: Handler, buckets: Stack, faults: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    put(buckets, song(), UploadKey.parse(OTHER))
    faults.inject(unavailable, "HEAD", OTHER, times=100)
    assert handler(message_event(event_of(OTHER)), Context()) == failed(0)
    assert logged(caplog) == [("ERROR", "attempt_failed"), ("WARNING", "message_failed")]
    assert [bool(record.exc_info) for record in caplog.records] == [True, False]


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


@pytest.fixture
def notified(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Return the jobs whose end is published."""
    assert callable(handler)
    from stemdrop_separate import handler as module

    jobs: list[Job] = []
    notifier: Any = SimpleNamespace(publish=jobs.append)
    monkeypatch.setattr(module, "job_context", replace(module.job_context, notifier=notifier))
    return jobs


@pytest.mark.parametrize(
    ("method", "key"), [("GET", OTHER), ("HEAD", OTHER), ("PUT", f"{OTHER}/results-*/vocals.wav")]
)
def test_last_failure_is_recorded_and_published(
    handler: Handler,
    buckets: Stack,
    faults: FaultProxy,
    sqs: FakeSqsClient,
    notified: list[Job],
    method: str,
    key: str,
) -> None:
    upload = UploadKey.parse(OTHER)
    put(buckets, song(), upload)
    faults.inject(unavailable, "GET", OTHER, times=100)
    assert handler(message_event(event_of(OTHER), received=1), Context()) == failed(0)
    assert job_of(buckets, upload).status == "processing"
    faults.reset()
    faults.inject(unavailable, method, key, times=100)
    assert handler(message_event(event_of(OTHER), received=3), Context()) == failed(0)
    faults.reset()
    job = job_of(buckets, upload)
    assert (job.status, job.stage, job.stems) == ("failed", None, ())
    assert job.error is not None
    assert (job.error.code, job.error.is_transient) == ("storage", True)
    assert "All attempts failed. In the last one: S3 failed (" in job.error.message
    assert OTHER not in job.error.message
    assert notified == [job]
    assert set(results(buckets, f"{OTHER}/")) == {record_key(upload)}
    assert sqs.visibility_timeouts_s["receipt 0"] == 0
    # A redriven message counts from 1, and is not skipped.
    assert handler(message_event(event_of(OTHER), received=1), Context()) == DONE
    assert job_of(buckets, upload).status == "done"


def test_failure_before_the_first_record_is_recorded(
    handler: Handler, buckets: Stack, faults: FaultProxy, notified: list[Job]
) -> None:
    upload = UploadKey.parse(OTHER)
    put(buckets, song(), upload)
    faults.inject(unavailable, "HEAD", OTHER, times=100)
    for received in (1, 2, 3):
        assert handler(message_event(event_of(OTHER), received=received), Context()) == failed(0)
    faults.reset()
    job = job_of(buckets, upload)
    assert notified == [job]
    assert job.error is not None
    assert (job.status, job.error.code, job.error.is_transient) == ("failed", "storage", True)
    assert handler(message_event(event_of(OTHER)), Context()) == DONE


def test_last_failure_that_sns_rejected_is_announced_by_the_next_delivery_once(
    handler: Handler,
    buckets: Stack,
    faults: FaultProxy,
    notified: list[Job],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from stemdrop_separate import handler as module

    def reject(_: Job) -> None:
        raise NotificationError("SNS is gone.")

    upload, event = UploadKey.parse(OTHER), event_of(OTHER)
    put(buckets, song(), upload)
    faults.inject(unavailable, "HEAD", OTHER, times=100)
    with monkeypatch.context() as patch:
        patch.setattr(module.job_context.notifier, "publish", reject)
        assert handler(message_event(event, received=3), Context()) == failed(0)
    assert ("WARNING", "announcement_failed") in logged(caplog)
    assert notified == []
    for _ in range(2):
        assert handler(message_event(event, received=4), Context()) == failed(0)
    assert notified == [job_of(buckets, upload)]


def leave_killed_attempt(buckets: Stack, store: Store, upload: UploadKey, *, attempt: int) -> str:
    """Leave what an attempt has written before it was killed, and return the key of its stem."""
    put(buckets, song(), upload)
    begun = Job(
        str(upload), Status.PROCESSING, now(), now(), attempt=attempt, results_ids=(RESULTS_ID,)
    )
    store.save_job(upload, begun, None)
    stem = result_key(upload, RESULTS_ID, "vocals.wav")
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=stem, Body=b"of the killed attempt")
    return stem


def test_killed_last_attempt_is_recorded_by_the_next_receive(
    handler: Handler, buckets: Stack, store: Store, sqs: FakeSqsClient, notified: list[Job]
) -> None:
    upload = UploadKey.parse(OTHER)
    leave_killed_attempt(buckets, store, upload, attempt=3)
    for _ in range(2):
        assert handler(message_event(event_of(OTHER), received=4), Context()) == failed(0)
    job = job_of(buckets, upload)
    assert notified == [job]
    assert job.error is not None
    assert (job.status, job.error.code, job.error.is_transient) == ("failed", "killed", True)
    assert sqs.visibility_timeouts_s == {"receipt 0": 0}
    assert handler(message_event(event_of(OTHER)), Context()) == DONE
    job = job_of(buckets, upload)
    assert set(results(buckets, f"{OTHER}/")) == {record_key(upload), *job.result_keys}


def test_surplus_receive_of_a_replaced_song_leaves_the_new_one_alone(
    handler: Handler, buckets: Stack, store: Store, sqs: FakeSqsClient, notified: list[Job]
) -> None:
    upload = UploadKey.parse(OTHER)
    put(buckets, song(), upload)
    found = store.find_upload(upload)
    assert found is not None
    begun = Job(OTHER, Status.PROCESSING, now(), now(), source=found.source)
    store.save_job(upload, begun, None)
    replaced = event_of(OTHER, etag="0123456789abcdef0123456789abcdef")
    assert handler(message_event(replaced, received=4), Context()) == DONE
    assert (job_of(buckets, upload), notified) == (begun, [])
    assert sqs.visibility_timeouts_s == {}
    announced = event_of(OTHER, etag=found.etag)
    assert handler(message_event(announced, received=4), Context()) == failed(0)
    job = job_of(buckets, upload)
    assert job.error is not None
    assert (job.error.code, notified) == ("killed", [job])


@pytest.mark.parametrize(
    ("replacement", "received"),
    [(b"no song", 1), (b"no song", 3), (song(0.5, seed=3), 1)],
    ids=["rejected song", "rejected song at the last attempt", "song"],
)
def test_old_results_that_s3_kept_are_deleted_by_the_next_delivery(
    handler: Handler,
    buckets: Stack,
    faults: FaultProxy,
    notified: list[Job],
    replacement: bytes,
    received: int,
) -> None:
    upload, event = UploadKey.parse(OTHER), event_of(OTHER)
    put(buckets, song(), upload)
    assert handler(message_event(event), Context()) == DONE
    put(buckets, replacement, upload)
    faults.inject(unavailable, "GET", "", times=100)
    assert handler(message_event(event, received=received), Context()) == failed(0)
    faults.reset()
    job = job_of(buckets, upload)
    assert notified[1:] == [job]
    kept = {record_key(upload), *job.result_keys}
    assert set(results(buckets, f"{OTHER}/")) > kept
    assert handler(message_event(event, received=received + 1), Context()) == DONE
    assert set(results(buckets, f"{OTHER}/")) == kept
    assert job_of(buckets, upload) == job


def test_results_that_the_last_attempt_kept_are_deleted_by_the_last_receive(
    handler: Handler, buckets: Stack, store: Store, faults: FaultProxy
) -> None:
    upload = UploadKey.parse(OTHER)
    stem = leave_killed_attempt(buckets, store, upload, attempt=2)
    faults.inject(unavailable, "GET", OTHER, times=100)
    faults.inject(unavailable, "GET", "", times=100)
    assert handler(message_event(event_of(OTHER), received=3), Context()) == failed(0)
    faults.reset()
    assert set(results(buckets, f"{OTHER}/")) == {record_key(upload), stem}
    assert handler(message_event(event_of(OTHER), received=4), Context()) == failed(0)
    assert set(results(buckets, f"{OTHER}/")) == {record_key(upload)}


def test_song_that_was_never_tried_is_tried_at_the_last_receive(
    handler: Handler, buckets: Stack
) -> None:
    """A throttled message counts as received."""
    put(buckets, song(), UploadKey.parse(OTHER))
    assert handler(message_event(event_of(OTHER), received=4), Context()) == DONE


def test_unexpected_error_is_recorded_without_its_text(
    handler: Handler, buckets: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(buckets, song(), UploadKey.parse(OTHER))
    monkeypatch.setattr("stemdrop_separate.job.phases.separate_song", lambda *_, **__: 1 / 0)
    assert handler(message_event(event_of(OTHER), received=3), Context()) == failed(0)
    error = job_of(buckets, UploadKey.parse(OTHER)).error
    assert error is not None
    assert (error.code, error.is_transient) == ("internal", True)
    assert "division" not in error.message


def test_song_finished_by_another_attempt_stays_done(
    handler: Handler, buckets: Stack, faults: FaultProxy
) -> None:
    upload = UploadKey.parse(OTHER)
    put(buckets, song(), upload)
    event = message_event(event_of(OTHER))

    def finish_meanwhile() -> None:
        faults.reset()
        assert handler(event, Context()) == DONE
        faults.inject(unavailable, "PUT", f"{OTHER}/results-*/vocals.wav", times=100)

    faults.inject(run_before(finish_meanwhile), "PUT", f"{OTHER}/results-*/vocals.wav")
    handler(message_event(event_of(OTHER), received=3), Context())
    job = job_of(buckets, upload)
    assert job.status == "done"
    assert set(results(buckets, f"{OTHER}/")) == {record_key(upload), *job.result_keys}


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
@pytest.mark.parametrize("name", [".DS_Store", "live/._song.mp3", "Thumbs.db", "Desktop.ini"])
def test_system_files_are_no_songs(handler: Handler, buckets: Stack, name: str) -> None:
    put(buckets, b"x", UploadKey.parse(f"drop/{name}"))
    assert handler(message_event(event_of(f"drop/{name}")), Context()) == DONE
    assert results(buckets) == {}


def test_song_whose_key_ends_in_a_slash_has_a_record(handler: Handler, buckets: Stack) -> None:
    upload = UploadKey.parse("drop/song.wav/")
    put(buckets, song(), upload)
    assert handler(message_event(event_of(str(upload))), Context()) == DONE
    job = job_of(buckets, upload)
    assert (job.status, job.name) == ("done", "song.wav")
    put(buckets, b"", UploadKey.parse("drop/folder/"))
    assert handler(message_event(event_of("drop/folder/")), Context()) == DONE
    assert not results(buckets, "drop/folder/")


def test_empty_object_may_become_a_song(
    handler: Handler, buckets: Stack, notified: list[Job]
) -> None:
    upload = UploadKey.parse(OTHER)
    put(buckets, b"", upload)
    assert handler(message_event(event_of(OTHER), received=1), Context()) == failed(0)
    assert notified == []
    put(buckets, song(), upload)
    assert handler(message_event(event_of(OTHER), received=2), Context()) == DONE
    assert [job.status for job in notified] == ["done"]
    put(buckets, b"", upload)
    for received in (1, 2):
        handler(message_event(event_of(OTHER), received=received), Context())
    assert [job.status for job in notified] == ["done", "failed"]
    assert notified[1].error is not None
    assert notified[1].error.code == "empty_audio"
