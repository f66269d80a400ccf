"""Paths that try to lead elsewhere, and keys that are odd but right."""

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api_events import Api
from faults import Faults
from stemdrop.jobs import Job, Status
from stemdrop.keys import UploadKey, record_key
from stemdrop.store import Store

SHARED = settings(
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# The embedded S3 has no keys with line breaks.
KEY_LETTERS = st.characters(codec="utf-8", exclude_characters="\r\n")
NOW = "2026-01-01T00:00:00.000Z"
ODD_KEYS = [
    "drop/a b+c.wav",
    "drop/100% %20 %2B %2e%2e.wav",
    "drop/'q' \"q\" &=#;.wav",
    "drop/🎵/Größe.wav",
    "drop/../up.wav",
    "drop/./a//b/.wav",
    "drop//",
    "drop/job.json",
    "drop/stems",
    "drop/" + "x" * 995,
]
NO_IDS = [
    "..",
    ".",
    "%2e%2e",
    "%00",
    "\0",
    "x",
    "0" * 31,
    "0" * 33,
    "A" * 32,
    "٣" * 32,
    "0" * 32 + "\n",
    "0" * 32 + "%0a",
    "0" * 32 + " ",
    "0" * 32 + "/",
    "0" * 32 + "/stems",
    "0" * 32 + "/job.json",
    "../drop/song.wav",
    "..%2fdrop%2fsong.wav",
    "//" + "0" * 32,
    "\\" + "0" * 32,
    "x" * 8000,
    "🎵" * 32,
    "\ud800" * 32,
]


def save(store: Store, key: UploadKey) -> Job:
    """Write the record of a song that is being separated."""
    job = Job(key=str(key), status=Status.PROCESSING, created_at=NOW, updated_at=NOW)
    store.save_job(key, job, store.load_job(key)[1])
    return job


@pytest.mark.parametrize("key", ODD_KEYS, ids=ascii)
def test_odd_keys_are_found(api: Api, store: Store, key: str) -> None:
    save(store, UploadKey.parse(key))
    answer = api.get(f"/{key}")
    assert (answer.status, answer.json["key"]) == (200, key)


@SHARED
@given(st.text(KEY_LETTERS, min_size=1, max_size=200))
def test_any_key_is_found_by_its_link(api: Api, store: Store, name: str) -> None:
    key = UploadKey.parse(f"drop/{name}")
    save(store, key)
    view = api.get(f"/{key}").json
    assert view["key"] == str(key)
    # A client takes the link as it is; API Gateway decodes it once.
    link = httpx.URL(view["links"]["self"])
    assert api.get(link.path).json["key"] == str(key)


@pytest.mark.parametrize("job_id", NO_IDS, ids=lambda job_id: ascii(job_id)[:40])
def test_what_is_no_id_is_not_there(api: Api, faults: Faults, job_id: str) -> None:
    for method, path in (
        ("GET", f"/jobs/{job_id}"),
        ("DELETE", f"/jobs/{job_id}"),
        ("GET", f"/jobs/{job_id}/stems/vocals"),
    ):
        answer = api.call(method, path)
        assert (answer.status, answer.json["code"]) == (404, "not_found"), path
    assert not faults.requests


@SHARED
@given(st.text(max_size=60))
@example("?")
def test_no_path_is_an_error_of_ours(api: Api, path: str) -> None:
    for prefix in ("/", "/jobs/", f"/jobs/{'0' * 32}/stems/", "/drop/", "/docs/"):
        assert api.get(prefix + path).status in {200, 307, 401, 404, 405}


@pytest.mark.parametrize(
    "name",
    ["../vocals", "vocals.wav", "job.json", "", "\0", "🎵", "x" * 5000, "__class__", "\ud800"],
)
def test_odd_stems_are_not_there(api: Api, store: Store, name: str) -> None:
    key = UploadKey.parse("jobs/" + "0" * 32)
    done = save(store, key).but(status=Status.DONE)
    store.save_job(key, done, store.load_job(key)[1])
    answer = api.get(f"/{key}/stems/{name}")
    assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("key", ["drop/", "drop", "drop/" + "x" * 996, "drop/" + "🎵" * 249 + "xx"])
def test_keys_that_can_not_be(api: Api, faults: Faults, key: str) -> None:
    assert api.get(f"/{key}").status == 404
    assert not faults.requests


def test_the_index_and_records_are_no_songs(api: Api, store: Store) -> None:
    key = UploadKey.parse("drop/song.wav")
    save(store, key)
    assert api.get(f"/{record_key(key)}").status == 404
    assert api.get("/content/x.json").status == 404
    assert api.get("/drop/../jobs/" + "0" * 32).status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/jobs", "POST"),
        ("GET", "/jobs", "POST"),
        ("POST", "/jobs/x", "GET, DELETE"),
        ("HEAD", "/jobs/x", "GET, DELETE"),
        ("OPTIONS", "/options", "GET"),
        ("BREW", "/options", "GET"),
        ("POST", "/docs", "GET"),
        ("DELETE", "/", "GET"),
        ("DELETE", "/openapi.json", "GET"),
        ("DELETE", "/drop/song.wav", "GET"),
    ],
)
def test_other_methods(api: Api, method: str, path: str, allowed: str) -> None:
    answer = api.call(method, path)
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/nothing", "/jobs/", "/options/", "//options", "/Options", ""])
def test_unknown_paths(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status, answer.json["code"]) == (404, "not_found")
