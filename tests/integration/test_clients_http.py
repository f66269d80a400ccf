"""curl uploads with the API's presigned URL, and HTTP clients read ranges of stems."""

import hashlib
import os
from datetime import datetime, timedelta
from typing import Any

import botocore.auth
import httpx
import pytest
from botocore.compat import get_current_datetime

from api_events import TOKEN
from s3_clients import S3Clients
from stemdrop.keys import UploadKey
from stemdrop.presigned import UrlSigner
from stemdrop_local.deployment import Stack

DATA = os.urandom(70_001)
STEM = "drop/song.wav/vocals.wav"
LIFETIME_S = 900
RANGES = {
    "bytes=0-0": (0, 0),
    "bytes=100-199": (100, 199),
    "bytes=70000-": (70_000, 70_000),
    "bytes=-5": (69_996, 70_000),
    "bytes=69999-99999": (69_999, 70_000),
}


def new_upload(stack: Stack, sha256: str | None = None) -> tuple[str, dict[str, Any]]:
    """Create a job in the deployed API, and return its key and upload."""
    answer = httpx.post(
        f"{stack.endpoint_url}/jobs",
        headers={"authorization": f"Bearer {TOKEN}"},
        json={"filename": "a.wav", "size_bytes": len(DATA), "sha256": sha256},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    job = answer.json()
    return job["key"], job["upload"]


def curl(clients: S3Clients, upload: dict[str, Any], data: bytes) -> int:
    """Upload with the documented curl command, and return the status."""
    path = clients.folder / "song.wav"
    path.write_bytes(data)
    headers = [f"-H{name}: {value}" for name, value in upload["headers"].items()]
    options = ["--silent", "--output", "answer", "--write-out", "%{http_code}"]
    return int(clients.run("curl", *options, *headers, "-T", str(path), upload["url"]))


def uploaded(stack: Stack, key: str) -> bytes | None:
    """Return the object under a key in the upload bucket."""
    listed = stack.s3.list_objects_v2(Bucket=stack.uploads_bucket, Prefix=key)
    if not listed.get("Contents"):
        return None
    return stack.s3.get_object(Bucket=stack.uploads_bucket, Key=key)["Body"].read()


@pytest.mark.parametrize(
    "sha256", [None, hashlib.sha256(DATA).hexdigest()], ids=["size alone", "checksum"]
)
def test_curl_uploads_a_job(buckets: Stack, clients: S3Clients, sha256: str | None) -> None:
    key, upload = new_upload(buckets, sha256)
    for refused, status in ((DATA[:-1], 403), (DATA + b"x", 403)):
        assert curl(clients, upload, refused) == status
        assert uploaded(buckets, key) is None
    assert curl(clients, upload, DATA) == 200
    assert uploaded(buckets, key) == DATA


def test_curl_uploads_no_other_bytes_than_signed(buckets: Stack, clients: S3Clients) -> None:
    key, upload = new_upload(buckets, hashlib.sha256(DATA).hexdigest())
    assert curl(clients, upload, bytes(len(DATA))) == 400
    assert curl(clients, {**upload, "headers": {}}, DATA) == 403
    assert uploaded(buckets, key) is None


def test_curl_uploads_nothing_to_an_expired_url(
    buckets: Stack, clients: S3Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "jobs/" + "0" * 32
    with monkeypatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", long_ago)
        signer = UrlSigner(buckets.uploads_bucket, buckets.stems_bucket, buckets.s3, LIFETIME_S)
        url = signer.upload_url(UploadKey.parse(key), len(DATA)).url
    assert curl(clients, {"url": url, "headers": {}}, DATA) == 403
    assert "expired" in (clients.folder / "answer").read_text()
    assert uploaded(buckets, key) is None


def long_ago() -> datetime:
    return get_current_datetime() - timedelta(seconds=LIFETIME_S + 5)


@pytest.fixture
def stem(buckets: Stack) -> str:
    """Return the presigned URL of a stem."""
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=STEM, Body=DATA)
    signer = UrlSigner(buckets.uploads_bucket, buckets.stems_bucket, buckets.s3, LIFETIME_S)
    return signer.download_url(STEM, "vocals.wav")


@pytest.mark.parametrize(("wanted", "expected"), RANGES.items())
def test_range_is_answered_with_a_part(stem: str, wanted: str, expected: tuple[int, int]) -> None:
    answer = httpx.get(stem, headers={"range": wanted})
    first, last = expected
    assert (answer.status_code, answer.content) == (206, DATA[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(DATA)}"


def test_range_beyond_the_end_is_refused(stem: str) -> None:
    assert httpx.get(stem, headers={"range": f"bytes={len(DATA)}-"}).status_code == 416


def test_curl_resumes_a_download(stem: str, clients: S3Clients) -> None:
    part = clients.folder / "stem.wav"
    part.write_bytes(DATA[:1000])
    clients.run("curl", "--fail", "--continue-at", "-", "--output", str(part), stem)
    assert part.read_bytes() == DATA


def test_range_of_a_stem_that_was_replaced_is_never_mixed(stem: str, buckets: Stack) -> None:
    etag = httpx.get(stem).headers["etag"]
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=STEM, Body=DATA[::-1])
    answer = httpx.get(stem, headers={"range": "bytes=100-199", "if-range": etag})
    assert (answer.status_code, answer.content) == (200, DATA[::-1])
