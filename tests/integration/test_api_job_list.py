"""The list of jobs: the caller's own, newest first, in pages."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_events import Api, ApiResponse, Handler, create_handler
from fault_proxy import FaultProxy, unavailable
from stemdrop.keys import OWNERS_PREFIX, UploadKey, record_key
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from uploads import job_of, put, read, results

JOB = {"filename": "a.wav", "size_bytes": 1}
ISSUER = "https://issuer.example"
NAMES = ("ann", "bob", "ann ", "Ann", "a" * 300, "Größe/../🎵")


def create(api: Api, count: int) -> list[str]:
    """Create jobs, and return their IDs, the newest first."""
    return [api.post("/jobs", JOB).json["id"] for _ in range(count)][::-1]


def show(api: Api, **query: object) -> ApiResponse:
    return api.call("GET", "/jobs", query="&".join(f"{k}={v}" for k, v in query.items()))


def ids(page: dict[str, Any]) -> list[str]:
    return [job["id"] for job in page["jobs"]]


def pages(api: Api, limit: int) -> Iterator[dict[str, Any]]:
    """Yield all pages."""
    page = show(api, limit=limit).json
    yield page
    while page["next_cursor"]:
        page = show(api, limit=limit, cursor=page["next_cursor"]).json
        yield page


@pytest.fixture
def users(
    api_environment: dict[str, str], store: Store, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Api]:
    """Return the API for users whom the authorizer has accepted."""
    assert store.uploads
    for name in api_environment.keys() - {"PATH", "TZ", "LANG"}:
        monkeypatch.setenv(name, api_environment[name])
    handler: Handler = create_handler(api_environment | {"JWT_ISSUER": ISSUER, "ACCESS_TOKEN": ""})
    return {name: Api(handler, token=None, claims={"sub": name}) for name in NAMES}


def test_new_job_is_listed_as_it_is_shown(api: Api) -> None:
    assert show(api).json == {"jobs": [], "next_cursor": None}
    (job_id,) = create(api, 1)
    assert show(api).json == {"jobs": [api.get(f"/jobs/{job_id}").json], "next_cursor": None}


@pytest.mark.parametrize(("count", "limit"), [(5, 2), (4, 2), (3, 1), (3, 50)])
def test_pages_have_every_job_once_and_newest_first(
    api: Api, monkeypatch: pytest.MonkeyPatch, count: int, limit: int
) -> None:
    times = iter(f"2026-01-0{day}T00:00:00.00{day}Z" for day in range(1, 10))
    monkeypatch.setattr("stemdrop_api.job_creation.now", lambda: next(times))
    expected = create(api, count)
    found = list(pages(api, limit))
    assert [job_id for page in found for job_id in ids(page)] == expected
    assert {len(ids(page)) for page in found[:-1]} <= {limit}


def test_page_is_unchanged_by_newer_jobs(api: Api) -> None:
    first = create(api, 3)
    page = show(api, limit=1).json
    create(api, 2)
    rest = show(api, cursor=page["next_cursor"]).json
    assert {*ids(page), *ids(rest)} == {*first}


def test_page_takes_one_list_request_and_a_read_for_each_job(api: Api, faults: FaultProxy) -> None:
    create(api, 3)
    faults.reset()
    assert len(ids(show(api, limit=2).json)) == 2
    assert [request.method for request in faults.requests] == ["GET"] * 3
    assert sum(not request.key for request in faults.requests) == 1


def test_job_of_another_user_is_not_listed(users: dict[str, Api], buckets: Stack) -> None:
    created = {name: create(api, 2) for name, api in users.items()}
    for name, api in users.items():
        assert {*ids(show(api).json)} == {*created[name]}
    assert not [key for key in results(buckets, OWNERS_PREFIX) for name in NAMES if name in key]


def test_cursor_of_another_user_gives_no_job_of_theirs(users: dict[str, Api]) -> None:
    ann, bob = users["ann"], users["bob"]
    create(ann, 2)
    cursor = show(ann, limit=1).json["next_cursor"]
    assert ids(show(bob, cursor=cursor).json) == []


def test_forged_entry_shows_no_job_of_another_user(users: dict[str, Api], buckets: Stack) -> None:
    create(users["ann"], 1)
    (entry,) = results(buckets, OWNERS_PREFIX)
    create(users["bob"], 1)
    (own,) = results(buckets, OWNERS_PREFIX).keys() - {entry}
    forged = own.rpartition("/")[0] + "/" + entry.rpartition("/")[2]
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=forged)
    assert len(ids(show(users["bob"]).json)) == 1


def test_jobs_of_users_are_not_listed_with_the_access_token(
    users: dict[str, Api], api: Api
) -> None:
    create(users["ann"], 1)
    assert ids(show(api).json) == []


def test_song_of_the_drop_folder_is_not_listed(api: Api, buckets: Stack) -> None:
    put(buckets, b"x")
    assert ids(show(api).json) == []


def test_deleted_job_leaves_no_entry(api: Api, buckets: Stack) -> None:
    gone, kept = create(api, 2)
    assert api.delete(f"/jobs/{gone}").status == 204
    assert ids(show(api).json) == [kept]
    (entry,) = results(buckets, OWNERS_PREFIX)
    assert entry.endswith(kept)


def test_entry_without_a_record_is_skipped(api: Api, buckets: Stack) -> None:
    gone, kept = create(api, 2)
    buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=f"jobs/{gone}/job.json")
    assert ids(show(api).json) == [kept]


@pytest.mark.parametrize("change", [(b"{", b""), (b'"version"', b'"added": 1, "version"')])
def test_record_that_cannot_be_read_does_not_hide_the_other_jobs(
    api: Api, buckets: Stack, change: tuple[bytes, bytes]
) -> None:
    """Such as one of a later release that was rolled back."""
    unreadable, kept = create(api, 2)
    key = record_key(UploadKey.parse(f"jobs/{unreadable}"))
    body = read(buckets, key).replace(*change, 1)
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=key, Body=body)
    assert ids(show(api).json) == [kept]


def test_entry_of_an_earlier_job_with_the_same_id_is_skipped(
    api: Api, buckets: Stack, store: Store
) -> None:
    (job_id,) = create(api, 1)
    key = UploadKey.parse(f"jobs/{job_id}")
    job = job_of(buckets, key)
    buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=record_key(key))
    store.save_job(key, job.updated(created_at="2026-01-01T00:00:00.000Z"), None)
    assert ids(show(api).json) == []


@pytest.mark.parametrize("where", ["entry", "record"])
def test_failed_deletion_leaves_no_entry_after_the_next(
    api: Api, buckets: Stack, faults: FaultProxy, where: str
) -> None:
    (job_id,) = create(api, 1)
    (entry,) = results(buckets, OWNERS_PREFIX)
    key = {"entry": entry, "record": f"jobs/{job_id}/job.json"}[where]
    faults.inject(unavailable, "DELETE", key, times=100)
    assert api.delete(f"/jobs/{job_id}").status == 503
    faults.reset()
    assert api.delete(f"/jobs/{job_id}").status == 204
    assert results(buckets) == {}


@pytest.mark.parametrize("limit", [0, -1, 51, "x", "", "1.5"])
def test_limit_out_of_range_is_refused(api: Api, limit: object) -> None:
    answer = show(api, limit=limit)
    assert (answer.status, answer.json["code"]) == (422, "invalid_request")
    assert answer.json["detail"].startswith("The query parameter limit is invalid: Input should")
    assert "errors" not in answer.json


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=60))
def test_invalid_cursor_is_refused(api: Api, cursor: str) -> None:
    answer = show(api, cursor=cursor)
    assert (answer.status, answer.json["code"]) == (422, "invalid_request")
    assert "next_cursor of an earlier response" in answer.json["detail"]


def test_s3_failure_returns_503(api: Api, faults: FaultProxy) -> None:
    create(api, 1)
    faults.inject(unavailable, "GET", "", times=100)
    assert (show(api).status, show(api).json["code"]) == (503, "storage")
