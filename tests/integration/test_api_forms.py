"""What the API signs opens one door, for one thing, for a while: S3's own checks in front of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from stemdrop_local.s3.door import s3_door

from api_events import Api, ExecutionEnvironment, handler_of
from api_server import listening
from stemdrop.keys import UploadKey
from stemdrop_local.deployment import Stack
from stemdrop_separate.workshop import Workshop
from uploads import attempt, song

DATA = song()
OTHER = "jobs/" + "0" * 32
LIFETIME_S = 900


@dataclass(slots=True)
class Clock:
    """S3's clock; `ahead` of ours, if a test says so."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(
    buckets: Stack,
    api_environment: dict[str, str],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Api]:
    """Return the API, whose own way to S3 goes through the checks too."""
    for name in api_environment.keys() - {"PATH", "TZ", "LANG"}:
        monkeypatch.setenv(name, api_environment[name])
    door = s3_door(buckets, buckets.endpoint_url)
    monkeypatch.setattr(door, "_clock", clock)
    with listening(door) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        with ExecutionEnvironment(handler_of(api_environment)) as environment:
            yield Api(environment.handle)


@pytest.fixture
def job(api: Api) -> dict[str, Any]:
    """Return a job that waits for its song."""
    created = api.post("/jobs", {"filename": "a.wav", "size_bytes": len(DATA)})
    assert created.status == 201
    view: dict[str, Any] = created.json
    return view


def send(
    job: dict[str, Any], data: bytes = DATA, changes: Mapping[str, str | None] | None = None
) -> httpx.Response:
    """Send a song with the form of a job, with some fields changed, added or left out."""
    fields = {**job["upload"]["fields"], **(changes or {})}
    kept = {name: value for name, value in fields.items() if value is not None}
    return httpx.post(job["upload"]["url"], data=kept, files={"file": ("a.wav", data)})


def uploads(buckets: Stack) -> dict[str, int]:
    listed = buckets.s3.list_objects_v2(Bucket=buckets.uploads_bucket)
    return {entry["Key"]: entry["Size"] for entry in listed.get("Contents", [])}


def test_the_song_of_the_job_is_taken(job: dict[str, Any], buckets: Stack) -> None:
    assert send(job).status_code == 204
    assert uploads(buckets) == {job["key"]: len(DATA)}


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (DATA + b"\0", 400, "EntityTooLarge"),
        (DATA * 10, 400, "EntityTooLarge"),
        (DATA[:-1], 400, "EntityTooSmall"),
        (b"", 400, "EntityTooSmall"),
    ],
    ids=["a byte more", "much more", "a byte less", "nothing"],
)
def test_another_size_is_refused(
    job: dict[str, Any], buckets: Stack, data: bytes, status: int, code: str
) -> None:
    answer = send(job, data)
    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (status, True)
    assert not uploads(buckets)


@pytest.mark.parametrize(
    "changes",
    [
        {"key": OTHER},
        {"key": "drop/song.wav"},
        {"key": f"{OTHER}/../${{filename}}"},
        {"key": None},
        {"policy": None},
        {"x-amz-signature": None},
        {"x-amz-signature": "0" * 64},
        {"x-amz-date": "20300101T000000Z"},
        {"x-amz-meta-model": "4stems"},
        {"acl": "public-read"},
        {"success_action_redirect": "https://example.org/"},
        {"Content-Type": "text/html"},
    ],
    ids=str,
)
def test_another_form_is_refused(
    job: dict[str, Any], buckets: Stack, changes: dict[str, str | None]
) -> None:
    answer = send(job, changes=changes)
    assert 400 <= answer.status_code < 404, answer.text
    assert not uploads(buckets)


def test_a_form_ends(job: dict[str, Any], buckets: Stack, clock: Clock) -> None:
    clock.ahead = timedelta(seconds=LIFETIME_S + 5)
    answer = send(job)
    assert (answer.status_code, "expired" in answer.text) == (403, True)
    assert not uploads(buckets)


def test_a_form_is_for_one_bucket(job: dict[str, Any], buckets: Stack) -> None:
    job["upload"]["url"] = job["upload"]["url"].replace("-uploads-", "-stems-")
    assert send(job).status_code == 403
    assert not uploads(buckets)


@pytest.fixture
def url(api: Api, job: dict[str, Any], buckets: Stack, workshop: Workshop) -> str:
    """Return the presigned URL of a stem."""
    assert uploads(buckets) == {}
    send(job)
    attempt(workshop, UploadKey.parse(job["key"]))
    stems: list[dict[str, str]] = api.get(f"/jobs/{job['id']}").json["stems"]
    return stems[0]["url"]


def test_a_stem_can_be_had_without_a_credential(url: str) -> None:
    answer = httpx.get(url)
    assert answer.status_code == 200
    assert 'filename="a - vocals.wav"' in answer.headers["content-disposition"]
    part = httpx.get(url, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, answer.content[4:8])


def test_a_stem_can_be_had_for_a_while(url: str, clock: Clock) -> None:
    clock.ahead = timedelta(seconds=LIFETIME_S - 30)
    assert httpx.get(url).status_code == 200
    clock.ahead = timedelta(seconds=LIFETIME_S + 5)
    answer = httpx.get(url)
    assert (answer.status_code, "Request has expired" in answer.text) == (403, True)


def test_a_url_is_for_one_stem_and_one_thing(url: str, job: dict[str, Any]) -> None:
    changed = [
        url.replace("vocals.wav?", "accompaniment.wav?"),
        url.replace(job["key"], OTHER),
        url.replace("vocals.wav?", "job.json?"),
        url.replace("attachment", "inline"),
        url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
        url.partition("?")[0],
    ]
    assert url not in changed
    for other in changed:
        assert httpx.get(other).status_code == 403
    assert httpx.put(url, content=b"x").status_code == 403
    assert httpx.delete(url).status_code == 403
    assert httpx.get(url).status_code == 200
