"""Presigned URLs: one song per upload URL, one stem per download URL, for a limited time."""

import base64
import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.auth
import httpx
import pytest
from botocore.compat import get_current_datetime

from api_events import Api, ExecutionEnvironment, Handler, create_handler
from stemdrop.job_record import Job, Status, Stem
from stemdrop.keys import UploadKey, result_key
from stemdrop.presigned import UrlSigner
from stemdrop.store import Store
from stemdrop_cli.responses import parse_upload
from stemdrop_cli.transfers import Transfers
from stemdrop_local.deployment import Stack
from stemdrop_local.emulator_process import EmulatorProcess
from uploads import RESULTS_ID

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKETS = (
    "stemdrop-uploads-123456789012-eu-central-1",
    "stemdrop-stems-123456789012-eu-central-1",
)

DATA = os.urandom(70_001)
SHA256 = hashlib.sha256(DATA).hexdigest()
OTHER_CHECKSUM = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
OTHER = "jobs/" + "0" * 32
LIFETIME_S = 900
NOW = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def s3(buckets: Stack) -> "S3Client":
    """Return a client of S3, which checks signatures; the buckets are empty."""
    return buckets.s3


@pytest.fixture(scope="module")
def handler(emulator: EmulatorProcess, api_environment: dict[str, str]) -> Iterator[Handler]:
    """Return the API's handler, without a proxy between it and S3."""
    environment = {**api_environment, "AWS_ENDPOINT_URL": emulator.endpoint_url}
    with pytest.MonkeyPatch.context() as patch:
        for name in environment.keys() - {"PATH", "TZ", "LANG"}:
            patch.setenv(name, environment[name])
        handler = create_handler(environment)
    with ExecutionEnvironment(handler) as running:
        yield running.handle


@pytest.fixture
def api(buckets: Stack, handler: Handler) -> Api:
    assert (buckets.uploads_bucket, buckets.stems_bucket) == BUCKETS
    return Api(handler)


@pytest.fixture(params=[None, SHA256], ids=["without a checksum", "with a checksum"])
def job(request: pytest.FixtureRequest, api: Api) -> dict[str, Any]:
    """Return a job that awaits its upload."""
    return new_job(api, request.param)


@pytest.fixture
def job_with_checksum(api: Api) -> dict[str, Any]:
    return new_job(api, SHA256)


def new_job(api: Api, sha256: str | None) -> dict[str, Any]:
    wanted = {"filename": "a.wav", "size_bytes": len(DATA), "sha256": sha256}
    created = api.post("/jobs", wanted)
    assert created.status == 201
    view: dict[str, Any] = created.json
    return view


def send(
    job: dict[str, Any], data: bytes | Iterator[bytes] = DATA, **changes: str | None
) -> httpx.Response:
    """Send a song to a job's upload URL, with parts of the request changed."""
    upload = {**job["upload"], **changes}
    return httpx.request(
        upload["method"], upload["url"], headers=job["upload"]["headers"], content=data
    )


def sent(s3: "S3Client", job: Mapping[str, Any]) -> list[int]:
    """Return the sizes of a job's objects in the upload bucket."""
    listed = s3.list_objects_v2(Bucket=BUCKETS[0], Prefix=job["key"])
    return [entry["Size"] for entry in listed.get("Contents", [])]


def test_upload_takes_one_put_request(job: dict[str, Any], s3: "S3Client") -> None:
    assert job["upload"].keys() == {"method", "url", "headers", "expires_at", "command"}
    for _ in range(2):
        answer = send(job)
        assert (answer.status_code, sent(s3, job)) == (200, [len(DATA)]), answer.text


def test_upload_by_curl_is_one_line(job: dict[str, Any], s3: "S3Client", tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_bytes(DATA)
    headers = [f"-H{name}: {value}" for name, value in job["upload"]["headers"].items()]
    command = ["curl", "--fail-with-body", *headers, "-T", "song.mp3", job["upload"]["url"]]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert sent(s3, job) == [len(DATA)]


def test_upload_by_the_client_is_accepted(
    job: dict[str, Any], s3: "S3Client", tmp_path: Path
) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(DATA)
    upload = parse_upload(job)
    assert upload is not None
    positions: list[int] = []
    with Transfers() as transfers:
        transfers.upload(upload, path, len(DATA), positions.append)
    assert sent(s3, job) == [len(DATA)] == positions[-1:]


def test_upload_may_have_a_content_type(job: dict[str, Any], s3: "S3Client") -> None:
    """Some clients always send one."""
    job["upload"]["headers"]["Content-Type"] = "audio/mpeg"
    assert send(job).status_code == 200
    assert sent(s3, job) == [len(DATA)]


@pytest.mark.parametrize(
    "data",
    [DATA + b"\0", DATA * 10, DATA[:-1], b""],
    ids=["a byte more", "much more", "a byte less", "nothing"],
)
def test_upload_of_another_size_is_refused(
    job: dict[str, Any], s3: "S3Client", data: bytes
) -> None:
    answer = send(job, data)
    assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)
    assert not sent(s3, job)


def test_upload_without_a_length_is_refused(job: dict[str, Any], s3: "S3Client") -> None:
    assert send(job, iter([DATA])).status_code == 403
    assert not sent(s3, job)


def test_upload_of_other_bytes_than_the_checksum_is_refused(
    job_with_checksum: dict[str, Any], s3: "S3Client"
) -> None:
    answer = send(job_with_checksum, bytes(len(DATA)))
    assert (answer.status_code, "BadDigest" in answer.text) == (400, True)
    assert not sent(s3, job_with_checksum)


def test_upload_without_a_checksum_can_be_replaced_by_one_of_its_size(
    api: Api, s3: "S3Client"
) -> None:
    job = new_job(api, None)
    for data in (DATA, bytes(len(DATA))):
        assert send(job, data).status_code == 200
        assert sent(s3, job) == [len(DATA)]


@pytest.mark.parametrize("headers", [{}, {"x-amz-checksum-sha256": OTHER_CHECKSUM}], ids=str)
def test_upload_needs_the_checksum_that_was_signed(
    job_with_checksum: dict[str, Any], s3: "S3Client", headers: dict[str, str]
) -> None:
    job_with_checksum["upload"]["headers"] = headers
    assert send(job_with_checksum).status_code == 403
    assert not sent(s3, job_with_checksum)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST"])
def test_upload_url_with_another_method_is_refused(
    job: dict[str, Any], s3: "S3Client", method: str
) -> None:
    assert send(job).status_code == 200
    assert send(job, method=method).status_code == 403
    assert sent(s3, job) == [len(DATA)]


def test_upload_url_that_was_changed_is_refused(job: dict[str, Any], s3: "S3Client") -> None:
    url: str = job["upload"]["url"]
    changed = [
        url.replace(job["key"], OTHER),
        url.replace(job["key"], "drop/song.wav"),
        url.replace(f"/{BUCKETS[0]}/", f"/{BUCKETS[1]}/"),
        url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
        url.replace("content-length%3B", ""),
        url.replace("X-Amz-Signature=", "X-Amz-Signature=0"),
        url.partition("?")[0],
    ]
    assert url not in changed
    for other in changed:
        assert send(job, url=other).status_code == 403, other
    assert not sent(s3, job)


def signed_earlier(s3: "S3Client", seconds: float, monkeypatch: pytest.MonkeyPatch) -> UrlSigner:
    """Return a signer with an earlier clock."""

    def earlier() -> datetime:
        return get_current_datetime() - timedelta(seconds=seconds)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", earlier)
    return UrlSigner(*BUCKETS, s3, LIFETIME_S)


@pytest.mark.parametrize(("age_s", "status"), [(LIFETIME_S - 60, 200), (LIFETIME_S + 5, 403)])
def test_upload_url_expires(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch, age_s: int, status: int
) -> None:
    with monkeypatch.context() as patch:
        signer = signed_earlier(s3, age_s, patch)
        upload = signer.upload_url(UploadKey.parse(OTHER), len(DATA), SHA256)
    answer = httpx.put(upload.url, headers=upload.headers, content=DATA)
    assert (answer.status_code, "expired" in answer.text) == (status, status == 403)


@pytest.fixture
def stem(api: Api, s3: "S3Client") -> str:
    """Return the presigned URL of a stem."""
    key = UploadKey.parse(OTHER)
    files = [
        Stem(stem, result_key(key, RESULTS_ID, f"{stem}.wav"), len(DATA), 1.0, None, 0)
        for stem in ("vocals", "accompaniment")
    ]
    for file in files:
        s3.put_object(Bucket=BUCKETS[1], Key=file.key, Body=DATA)
    job = Job(str(key), Status.DONE, NOW, NOW, filename="a.wav", stems=tuple(files))
    store = Store(*BUCKETS, s3)
    store.save_job(key, job, store.load_job(key)[1])
    url: str = api.get(f"/{key}").json["stems"][0]["url"]
    return url


def test_stem_needs_no_credential(stem: str) -> None:
    answer = httpx.get(stem)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert 'filename="a - vocals.wav"' in answer.headers["content-disposition"]
    part = httpx.get(stem, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, DATA[4:8])


def test_stem_url_with_another_key_or_method_is_refused(stem: str) -> None:
    changed = [
        stem.replace("vocals.wav?", "accompaniment.wav?"),
        stem.replace("vocals.wav?", "job.json?"),
        stem.replace("attachment", "inline"),
        stem.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
        stem.partition("?")[0],
    ]
    assert stem not in changed
    for other in changed:
        assert httpx.get(other).status_code == 403
    assert httpx.put(stem, content=b"x").status_code == 403
    assert httpx.delete(stem).status_code == 403
    assert httpx.get(stem).status_code == 200


@pytest.mark.parametrize(("age_s", "status"), [(LIFETIME_S - 60, 200), (LIFETIME_S + 5, 403)])
@pytest.mark.usefixtures("stem")
def test_stem_url_expires(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch, age_s: int, status: int
) -> None:
    with monkeypatch.context() as patch:
        key = result_key(UploadKey.parse(OTHER), RESULTS_ID, "vocals.wav")
        url = signed_earlier(s3, age_s, patch).download_url(key, "a.wav")
    answer = httpx.get(url)
    assert (answer.status_code, "expired" in answer.text) == (status, status == 403)
