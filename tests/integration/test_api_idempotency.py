"""Idempotency keys of POST /jobs: repeated requests give one job, also at the same time."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from api_events import Api, ApiResponse, ExecutionEnvironment, create_handler
from fault_proxy import FaultProxy, drop_response, run_before, unavailable
from stemdrop.keys import OWNERS_PREFIX, UploadKey
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext, Outcome
from uploads import attempt, job_of, put, results, song

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"
JOB: dict[str, Any] = {"filename": "a.wav", "size_bytes": len(song())}
KNOWN = JOB | {"sha256": hashlib.sha256(song()).hexdigest()}
THREADS = 5


def post(api: Api, body: dict[str, Any] = JOB, key: str = KEY) -> ApiResponse:
    return api.call("POST", "/jobs", body, {"idempotency-key": key})


@pytest.fixture
def another(
    api_environment: dict[str, str], store: Store, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Api]:
    """Return a function that creates further execution environments of the API."""
    assert store.uploads
    for name in api_environment.keys() - {"PATH", "TZ", "LANG"}:
        monkeypatch.setenv(name, api_environment[name])
    return lambda **changes: Api(create_handler(api_environment | changes))


def records(buckets: Stack) -> list[str]:
    return [key for key in results(buckets, "jobs/") if key.endswith("/job.json")]


def test_repeated_request_gives_the_same_job_and_a_working_url(
    api: Api, buckets: Stack, job_context: JobContext
) -> None:
    first, again = post(api), post(api)
    assert (first.status, again.status) == (201, 201)
    job = again.json
    assert job | {"upload": None, "urls_expire_at": None} == first.json | {
        "upload": None,
        "urls_expire_at": None,
    }
    assert httpx.put(job["upload"]["url"], content=song()).status_code == 200
    assert len(records(buckets)) == len(results(buckets, OWNERS_PREFIX)) == 1
    key = UploadKey.parse(job["key"])
    assert attempt(job_context, key) is Outcome.DONE
    done = post(api)
    assert (done.status, done.json["status"], done.json["upload"]) == (201, "done", None)
    assert len(done.json["stems"]) == 2
    assert post(api, JOB | {"size_bytes": 1}).status == 422


@pytest.mark.parametrize(
    "change",
    [{"filename": "b.wav"}, {"size_bytes": 1}, {"sha256": "0" * 64}, {"codec": "mp3"}],
    ids=lambda change: next(iter(change)),
)
def test_key_of_another_request_is_refused(
    api: Api, buckets: Stack, change: dict[str, object]
) -> None:
    first = post(api).json
    answer = post(api, JOB | change)
    assert (answer.status, answer.json["code"]) == (422, "idempotency_key_reused")
    assert answer.json["detail"].endswith("use a new one.")
    assert post(api).json["id"] == first["id"]
    assert len(records(buckets)) == 1


def test_default_that_is_named_is_the_same_request(api: Api) -> None:
    named = JOB | {"codec": "wav", "bit_depth": 16, "sha256": None, "quality": "spleeter"}
    assert post(api, named).json["id"] == post(api).json["id"]


def test_other_keys_and_none_give_other_jobs(api: Api) -> None:
    created = [post(api), post(api, key=KEY + "0"), api.post("/jobs", JOB), api.post("/jobs", JOB)]
    assert len({answer.json["id"] for answer in created}) == len(created)


def test_same_key_of_another_user_gives_another_job(another: Callable[..., Api], api: Api) -> None:
    handler = another(JWT_ISSUER="https://issuer.example", ACCESS_TOKEN="").handler
    users = [Api(handler, token=None, claims={"sub": name}) for name in ("ann", "bob")]
    ids = [post(caller).json["id"] for caller in (*users, api)]
    assert len(set(ids)) == 3
    assert [post(caller, JOB | {"filename": "b.wav"}).status for caller in users] == [422, 422]
    assert [post(caller).json["id"] for caller in (*users, api)] == ids


def test_requests_at_the_same_time_create_one_job(
    another: Callable[..., Api], buckets: Stack
) -> None:
    apis = [another() for _ in range(THREADS)]
    for api in apis:  # FastAPI builds a route in its first request, which isn't safe in threads
        assert api.post("/jobs", {}).status == 422
    start = Barrier(THREADS)

    def send(api: Api) -> ApiResponse:
        start.wait()
        with ExecutionEnvironment(api.handler) as environment:
            return post(Api(environment.handle))

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(send, apis))
    assert {answer.status for answer in answers} <= {201, 503}
    created = [answer.json["id"] for answer in answers if answer.status == 201]
    assert len(set(created)) == 1
    assert len(records(buckets)) == len(results(buckets, OWNERS_PREFIX)) == 1


def test_request_that_overtakes_the_first_has_its_job(
    another: Callable[..., Api], faults: FaultProxy, buckets: Stack
) -> None:
    """The record appears between the first request's decision and its write."""
    slow, fast = another(), another()
    with ExecutionEnvironment(fast.handler) as environment:
        overtaking: list[ApiResponse] = []
        send = run_before(lambda: overtaking.append(post(Api(environment.handle))))
        faults.inject(send, "PUT", f"jobs/{_id_of(KEY)}/job.json")
        first = post(slow)
    assert first.json["id"] == overtaking[0].json["id"]
    assert first.json["created_at"] == overtaking[0].json["created_at"]
    assert len(records(buckets)) == len(results(buckets, OWNERS_PREFIX)) == 1


def _id_of(key: str) -> str:
    return hashlib.sha256(f'[null, "{key}"]'.encode()).hexdigest()[:32]


def test_request_during_the_copy_of_a_known_song_has_its_job(
    another: Callable[..., Api], api: Api, buckets: Stack, job_context: JobContext,
    faults: FaultProxy,
) -> None:  # fmt: skip
    put(buckets, song())
    assert attempt(job_context) is Outcome.DONE
    slow = another()
    meanwhile: list[ApiResponse] = []
    send = run_before(lambda: meanwhile.append(post(api, KNOWN)))
    faults.inject(send, "PUT", f"jobs/{_id_of(KEY)}/results-*/vocals.wav")
    first = post(slow, KNOWN).json
    assert meanwhile[0].json["id"] == first["id"]
    assert (meanwhile[0].json["status"], first["status"]) == ("awaiting_upload", "done")
    assert meanwhile[0].json["upload"]
    again = post(api, KNOWN).json
    assert (again["id"], again["status"], again["upload"]) == (first["id"], "done", None)


def test_write_with_a_lost_response_is_repeated_safely(
    api: Api, faults: FaultProxy, buckets: Stack
) -> None:
    faults.inject(drop_response, "PUT", f"jobs/{_id_of(KEY)}/job.json")
    assert post(api).status == 201
    assert len(records(buckets)) == 1


def test_request_that_failed_halfway_is_completed_by_the_next(
    api: Api, faults: FaultProxy, buckets: Stack
) -> None:
    faults.inject(unavailable, "PUT", f"jobs/{_id_of(KEY)}/job.json", times=100)
    assert post(api).status == 503
    faults.reset()
    assert not records(buckets)
    assert post(api).status == 201
    # A record without its entry in the list.
    for entry in results(buckets, OWNERS_PREFIX):
        buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=entry)
    job_id = post(api).json["id"]
    assert [job["id"] for job in api.get("/jobs").json["jobs"]] == [job_id]


def test_key_of_a_deleted_job_creates_a_new_one(api: Api, buckets: Stack) -> None:
    first = post(api).json
    assert api.delete(f"/jobs/{first['id']}").status == 204
    again = post(api, JOB | {"filename": "b.wav"})
    assert (again.status, again.json["filename"]) == (201, "b.wav")
    assert len(api.get("/jobs").json["jobs"]) == len(results(buckets, OWNERS_PREFIX)) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "ü", "🎵", "a\tb", "a\0", "a\x7f"])
def test_invalid_key_is_refused_before_anything_is_written(
    api: Api, faults: FaultProxy, key: str
) -> None:
    answer = post(api, key=key)
    assert (answer.status, answer.json["code"]) == (422, "invalid_request")
    assert answer.json["detail"] == (
        "The header Idempotency-Key is invalid: "
        "Use 1 to 255 visible ASCII characters, such as those of a UUID."
    )
    assert not faults.requests


def test_longest_key_is_accepted(api: Api, buckets: Stack) -> None:
    created = post(api, key="~" * 255).json
    assert post(api, key="~" * 255).json["id"] == created["id"]
    assert job_of(buckets, UploadKey.parse(created["key"])).request_sha256
