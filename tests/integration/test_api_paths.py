"""Paths with traversal attempts or unusual keys, and HEAD requests."""

from dataclasses import replace

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api_events import Api
from fault_proxy import FaultProxy
from stemdrop.job_record import Job, Status, Stem
from stemdrop.keys import UploadKey, record_key, result_key
from stemdrop.store import Store
from stemdrop_api.web_page import version
from uploads import RESULTS_ID

SHARED = settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

# MiniStack doesn't support line breaks in keys.
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
    "drop/" + "x" * 955,
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
def test_unusual_key_is_found(api: Api, store: Store, key: str) -> None:
    save(store, UploadKey.parse(key))
    answer = api.get(f"/{key}")
    assert (answer.status, answer.json["key"]) == (200, key)


@pytest.mark.parametrize("key", ["drop/100%.wav", "drop/a%25b.wav", "drop/%2F%25.wav"])
def test_percent_signs_are_found_whether_the_gateway_decodes_them_or_not(
    api: Api, store: Store, key: str
) -> None:
    save(store, UploadKey.parse(key))
    for path in (key, key.replace("%", "%25")):
        answer = api.get(f"/{path}")
        assert (answer.status, answer.json["key"]) == (200, key)


def test_song_whose_name_is_in_the_path_is_preferred_to_the_decoded_one(
    api: Api, store: Store
) -> None:
    for key in ("drop/a%25b.wav", "drop/a%b.wav"):
        save(store, UploadKey.parse(key))
        assert api.get(f"/{key}").json["key"] == key


@SHARED
@given(st.text(KEY_LETTERS, min_size=1, max_size=200))
def test_link_of_any_key_leads_to_it(api: Api, store: Store, name: str) -> None:
    key = UploadKey.parse(f"drop/{name}")
    save(store, key)
    view = api.get(f"/{key}").json
    assert view["key"] == str(key)
    # A client uses the link unchanged, and API Gateway decodes it once.
    link = httpx.URL(view["links"]["self"])
    assert api.get(link.path).json["key"] == str(key)


@pytest.mark.parametrize("job_id", NO_IDS, ids=lambda job_id: ascii(job_id)[:40])
def test_invalid_id_is_not_found(api: Api, faults: FaultProxy, job_id: str) -> None:
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
def test_any_path_gets_an_expected_status(api: Api, path: str) -> None:
    for prefix in ("/", "/jobs/", f"/jobs/{'0' * 32}/stems/", "/drop/", "/docs/"):
        assert api.get(prefix + path).status in {200, 307, 401, 404, 405}


@pytest.mark.parametrize(
    "name",
    ["../vocals", "vocals.wav", "job.json", "", "\0", "🎵", "x" * 5000, "__class__", "\ud800"],
)
def test_invalid_stem_is_not_found(api: Api, store: Store, name: str) -> None:
    key = UploadKey.parse("jobs/" + "0" * 32)
    done = save(store, key).updated(status=Status.DONE)
    store.save_job(key, done, store.load_job(key)[1])
    answer = api.get(f"/{key}/stems/{name}")
    assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("key", ["drop/", "drop", "drop/" + "x" * 956, "drop/" + "🎵" * 239 + "xx"])
def test_invalid_key_is_not_found(api: Api, faults: FaultProxy, key: str) -> None:
    assert api.get(f"/{key}").status == 404
    assert not faults.requests


def test_index_and_records_are_not_found(api: Api, store: Store) -> None:
    key = UploadKey.parse("drop/song.wav")
    save(store, key)
    assert api.get(f"/{record_key(key)}").status == 404
    assert api.get("/content/x.json").status == 404
    assert api.get("/drop/../jobs/" + "0" * 32).status == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/jobs", "GET, HEAD, POST"),
        ("DELETE", "/jobs", "GET, HEAD, POST"),
        ("POST", "/jobs/x", "DELETE, GET, HEAD"),
        ("OPTIONS", "/options", "GET, HEAD"),
        ("BREW", "/options", "GET, HEAD"),
        ("POST", "/docs", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("DELETE", "/openapi.json", "GET, HEAD"),
        ("DELETE", "/drop/song.wav", "GET, HEAD"),
    ],
)
def test_unsupported_method_returns_allowed_ones(
    api: Api, method: str, path: str, allowed: str
) -> None:
    answer = api.call(method, path)
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/nothing", "/jobs/", "/options/", "//options", "/Options", ""])
def test_unknown_path_is_not_found(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.fixture
def job_path(api: Api, store: Store) -> str:
    """Return the path of a completed job."""
    assert api
    key = UploadKey.parse("jobs/" + "0" * 32)
    stem = Stem("vocals", result_key(key, RESULTS_ID, "vocals.wav"), 1, 1.0, None, 0)
    done = save(store, key).updated(status=Status.DONE, finished_at=NOW, stems=(stem,))
    store.save_job(key, done, store.load_job(key)[1])
    return f"/{key}"


def require_head(api: Api, path: str, status: int) -> None:
    """Require that HEAD returns the response of GET without the body."""
    got, head = (api.call(method, path) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (status, b"")
    assert got.status == status
    # A presigned URL changes with the time.
    of_head, of_get = (
        {name: value.partition("?")[0] for name, value in answer.headers.items()}
        for answer in (head, got)
    )
    assert of_head == of_get


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        (f"/page/{version()}/main.js", 200),
        ("/healthz", 200),
        ("/docs", 200),
        ("/docs/favicon-32x32.png", 200),
        ("/openapi.json", 200),
        ("/options", 200),
        ("/drop/song.wav", 200),
        ("/nothing", 404),
        ("/jobs", 200),
    ],
)
def test_head_is_answered_like_get(api: Api, store: Store, path: str, status: int) -> None:
    save(store, UploadKey.parse("drop/song.wav"))
    require_head(api, path, status)


def test_head_of_a_job_is_answered_like_get(api: Api, job_path: str) -> None:
    require_head(api, job_path, 200)
    require_head(api, f"{job_path}/stems/vocals", 307)
    require_head(api, f"{job_path}/stems/drums", 404)
    tag = api.get(job_path).headers["etag"]
    known = api.call("HEAD", job_path, headers={"if-none-match": tag})
    assert (known.status, known.headers["etag"], known.body) == (304, tag, b"")


def test_head_needs_a_credential_like_get(api: Api, job_path: str) -> None:
    stranger = replace(api, token=None)
    for path in ("/options", "/drop/song.wav", job_path, f"{job_path}/stems/vocals"):
        require_head(stranger, path, 401)


def test_head_of_a_failing_route_is_answered_like_get(
    api: Api, job_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Store, "load_job", fail)
    require_head(api, job_path, 500)
