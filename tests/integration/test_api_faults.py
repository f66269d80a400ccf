"""Failures of S3, missing permissions, invalid records and unexpected exceptions."""

import hashlib
import json
from typing import Any

import pytest

from api_events import Api, ApiResponse, Handler
from fault_proxy import FaultProxy, drop_response, forbidden, run_before, truncate_body, unavailable
from stemdrop.keys import UploadKey, record_key
from stemdrop_api import routes
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext
from uploads import attempt, put, read, results, song

KEY = UploadKey.parse("jobs/" + "0" * 32)
PATH = f"/{KEY}"
MANY = 100


def require_unavailable(answer: ApiResponse) -> None:
    assert (answer.status, answer.json["code"]) == (503, "storage")
    assert answer.headers["retry-after"] == "2"
    assert answer.json["detail"] == "S3 is unavailable: try again."


def done(api: Api, buckets: Stack, job_context: JobContext, data: bytes) -> str:
    """Return the path of a completed job."""
    created = api.post("/jobs", {"filename": "a.wav", "size_bytes": len(data)}).json
    key = UploadKey.parse(created["key"])
    put(buckets, data, key)
    attempt(job_context, key)
    return f"/{key}"


@pytest.mark.parametrize("fault", [unavailable, lambda _: None, truncate_body])
def test_single_failure_of_s3_is_retried(
    api: Api, buckets: Stack, job_context: JobContext, faults: FaultProxy, fault: Any
) -> None:
    path = done(api, buckets, job_context, song())
    faults.inject(fault, "GET", f"{path[1:]}/job.json", times=1)
    answer = api.get(path)
    assert answer.status == (503 if fault is truncate_body else 200)


def test_lasting_failure_of_s3_returns_503(api: Api, faults: FaultProxy) -> None:
    faults.inject(unavailable, "GET", record_key(KEY), times=MANY)
    for answer in (api.get(PATH), api.get(f"{PATH}/stems/vocals"), api.delete(PATH)):
        require_unavailable(answer)
    assert {request.method for request in faults.requests} == {"GET"}


@pytest.mark.parametrize("fault", [unavailable, drop_response, truncate_body])
def test_log_of_a_failure_has_no_name_of_a_song(
    api: Api, faults: FaultProxy, caplog: pytest.LogCaptureFixture, buckets: Stack, fault: Any
) -> None:
    key = UploadKey.parse("drop/My secret song.wav")
    put(buckets, song(), key)
    record = record_key(key)
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=record, Body=b"{}" * 1000)
    faults.inject(fault, "GET", record, times=MANY)
    require_unavailable(api.get("/drop/My secret song.wav"))
    logged = " ".join(f"{line.getMessage()} {vars(line)}" for line in caplog.records)
    assert "storage_failed" in logged
    for name in ("secret", buckets.stems_bucket, "http://", "https://"):
        assert name not in logged


def test_unsaved_record_returns_503(
    api: Api, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: KEY.name)
    faults.inject(unavailable, "PUT", record_key(KEY), times=MANY)
    require_unavailable(api.post("/jobs", {"filename": "a", "size_bytes": 1}))


def test_existing_id_is_not_overwritten(
    api: Api, buckets: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: KEY.name)
    assert api.post("/jobs", {"filename": "first", "size_bytes": 1}).status == 201
    require_unavailable(api.post("/jobs", {"filename": "second", "size_bytes": 1}))
    assert json.loads(read(buckets, record_key(KEY)))["filename"] == "first"


def test_missing_record_without_list_permission_is_not_found(api: Api, faults: FaultProxy) -> None:
    faults.inject(forbidden, "GET", record_key(KEY), times=MANY)
    assert api.get(PATH).status == 404


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"", "JSONDecodeError"),
        (b"{", "JSONDecodeError"),
        (b'"secret \xff"', "UnicodeDecodeError"),
        (b"[]", "TypeError"),
        (b'{"version": 2}', "The job record has version 2, not 1"),
        (b'{"version": 1}', "TypeError"),
    ],
)
def test_broken_record_returns_500_and_its_cause_is_logged(
    api: Api, buckets: Stack, caplog: pytest.LogCaptureFixture, record: bytes, reason: str
) -> None:
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=record_key(KEY), Body=record)
    for answer in (api.get(PATH), api.delete(PATH)):
        assert (answer.status, answer.json["code"]) == (500, "internal_error")
        assert "retry-after" not in answer.headers
    (first, _) = (line for line in caplog.records if line.getMessage() == "record_unreadable")
    assert reason in vars(first)["reason"]
    assert "secret" not in vars(first)["reason"]


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_failed_copy_of_a_known_song_needs_an_upload(
    api: Api, buckets: Stack, job_context: JobContext, faults: FaultProxy, method: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    data = song()
    path = done(api, buckets, job_context, data)
    monkeypatch.setattr("secrets.token_hex", lambda _: KEY.name)
    failing = {"GET": f"{path[1:]}/job.json", "PUT": f"{KEY}/results-*/vocals.wav"}
    faults.inject(unavailable, method, failing[method], times=MANY)
    sha256 = hashlib.sha256(data).hexdigest()
    request = {"filename": "b", "size_bytes": len(data), "sha256": sha256}
    created = api.post("/jobs", request)
    assert (created.status, created.json["status"]) == (201, "awaiting_upload")
    assert created.json["upload"]


@pytest.mark.parametrize("what", ["record", "list", "stem", "song"])
def test_failed_deletion_is_completed_by_the_next(
    api: Api, buckets: Stack, job_context: JobContext, faults: FaultProxy, what: str
) -> None:
    path = done(api, buckets, job_context, song())
    key = path[1:]
    method, failing = {
        "record": ("DELETE", f"{key}/job.json"),
        "list": ("GET", ""),
        "stem": ("DELETE", f"{key}/results-*/vocals.wav"),
        "song": ("DELETE", key),
    }[what]
    faults.inject(unavailable, method, failing, times=5)
    require_unavailable(api.delete(path))
    # The job is never partially deleted.
    assert api.get(path).status == (200 if what == "record" else 404)
    assert api.delete(path).status == (204 if what == "record" else 404)
    assert not results(buckets)
    listed = buckets.s3.list_objects_v2(Bucket=buckets.uploads_bucket)
    assert not listed.get("Contents")


def test_job_whose_record_is_unreadable_is_not_deleted(
    api: Api, buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    """S3 answers 403 for a missing record, too, and only the record names the owner."""
    path = done(api, buckets, job_context, song())
    before = results(buckets)
    faults.inject(forbidden, "GET", f"{path[1:]}/job.json", times=MANY)
    assert api.delete(path).status == 404
    assert results(buckets) == before


def test_deletion_with_a_lost_response_succeeds(
    api: Api, buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    path = done(api, buckets, job_context, song())
    faults.inject(drop_response, "DELETE", f"{path[1:]}/job.json")
    assert api.delete(path).status == 204
    assert not results(buckets)


def test_deletion_begins_with_the_entry_of_the_list_and_the_record(
    api: Api, buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    path = done(api, buckets, job_context, song())
    faults.requests.clear()
    api.delete(path)
    deleted = [request.key for request in faults.requests if request.method == "DELETE"]
    assert deleted[0].startswith("owners/")
    assert deleted[1] == f"{path[1:]}/job.json"
    assert deleted[2].startswith("content/")
    assert deleted[-1] == path[1:]


def test_separation_ending_during_a_deletion_leaves_no_objects(
    api: Api, buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    data = song()
    created = api.post("/jobs", {"filename": "a.wav", "size_bytes": len(data)}).json
    key = UploadKey.parse(created["key"])
    put(buckets, data, key)
    faults.inject(run_before(lambda: api.delete(f"/{key}")), "PUT", f"{key}/results-*/vocals.wav")
    attempt(job_context, key)
    assert api.get(f"/{key}").status == 404
    assert not results(buckets, f"{key}/")


def test_unexpected_exception_is_hidden_from_the_caller(
    api_handler: Handler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(routes, "describe_capabilities", broken)
    answer = Api(api_handler).get("/options")
    assert answer.status == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json == {
        "type": "urn:problem-type:stemdrop:internal_error",
        "title": "Internal error",
        "status": 500,
        "code": "internal_error",
        "detail": "The server failed unexpectedly, and its log says why under the request_id.",
        "request_id": "request",
    }
    (logged,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert logged.message == "request_failed"
    assert logged.exc_info is not None
    assert "a secret" in str(logged.exc_info[1])
    # The next request succeeds.
    monkeypatch.undo()
    assert Api(api_handler).get("/options").status == 200
