"""POST /jobs with a callback URL."""

import hashlib
from typing import Any

import pytest

from api_events import Api, create_handler
from stemdrop.keys import UploadKey
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext, Outcome
from uploads import attempt, job_of, put, results, song

URL = "https://hooks.example.org/?secret=x"
JOB: dict[str, Any] = {"filename": "a.wav", "size_bytes": len(song()), "callback_url": URL}
KEY = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


@pytest.fixture
def hooks(api_environment: dict[str, str], store: Store, monkeypatch: pytest.MonkeyPatch) -> Api:
    """Return an API that allows a host."""
    assert store.uploads
    environment = api_environment | {"WEBHOOK_HOSTS": "hooks.example.org"}
    for name in environment.keys() - {"PATH", "TZ", "LANG"}:
        monkeypatch.setenv(name, environment[name])
    return Api(create_handler(environment))


def test_callback_url_is_kept_and_shown_with_the_job(
    hooks: Api, buckets: Stack, job_context: JobContext
) -> None:
    job = hooks.post("/jobs", JOB).json
    key = UploadKey.parse(job["key"])
    put(buckets, song(), key)
    assert attempt(job_context, key) is Outcome.DONE
    assert job_of(buckets, key).callback_url == URL
    assert hooks.get(f"/jobs/{job['id']}").json["callback_url"] == URL


def test_callback_url_is_refused_without_webhooks(api: Api, buckets: Stack) -> None:
    answer = api.post("/jobs", JOB)
    assert (answer.status, answer.json["code"]) == (422, "bad_callback_url")
    assert answer.json["detail"].startswith("This installation sends no webhooks: leave out")
    assert not results(buckets)


@pytest.mark.parametrize("url", ["http://hooks.example.org/", "https://a@hooks.example.org/", ""])
def test_another_callback_url_is_refused(hooks: Api, buckets: Stack, url: str) -> None:
    answer = hooks.post("/jobs", JOB | {"callback_url": url})
    assert (answer.status, answer.json["code"]) == (422, "bad_callback_url")
    assert not results(buckets)


def test_callback_url_that_is_no_text_or_too_long_is_an_invalid_request(hooks: Api) -> None:
    for url in (1, [URL], URL + "x" * 2048):
        answer = hooks.post("/jobs", JOB | {"callback_url": url})
        assert (answer.status, answer.json["code"]) == (422, "invalid_request")


def test_idempotency_key_includes_the_callback_url(hooks: Api) -> None:
    first = hooks.call("POST", "/jobs", JOB, KEY).json
    assert hooks.call("POST", "/jobs", JOB, KEY).json["id"] == first["id"]
    for other in ({}, {"callback_url": URL + "y"}):
        wanted = {name: value for name, value in JOB.items() if name != "callback_url"} | other
        answer = hooks.call("POST", "/jobs", wanted, KEY)
        assert (answer.status, answer.json["code"]) == (422, "idempotency_key_reused")


def test_known_song_awaits_an_upload_whose_end_is_announced(
    hooks: Api, buckets: Stack, job_context: JobContext
) -> None:
    known = JOB | {"sha256": hashlib.sha256(song()).hexdigest()}
    for expected in ("separate", "reuse"):
        job = hooks.post("/jobs", known).json
        assert job["upload"]
        key = UploadKey.parse(job["key"])
        put(buckets, song(), key)
        assert attempt(job_context, key) is Outcome.DONE
        usage = job_of(buckets, key).usage
        assert usage
        assert ("separate" in usage.timings_s) == (expected == "separate")
