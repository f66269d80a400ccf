"""Mitigations in docs/operations/security.md without tests in other files."""

import hmac
import io
import zipfile

import pytest

from api_events import TOKEN, Api, Handler
from stemdrop.keys import UploadKey
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext, Outcome
from uploads import attempt, job_of, put, read, result_named, song


@pytest.mark.parametrize("sent", ["x", TOKEN[:-1] + "x", "x" + TOKEN[1:], TOKEN * 2])
def test_a_token_is_compared_in_constant_time(
    api_handler: Handler, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert Api(api_handler, token=sent).get("/options").status == 401
    assert compared == [(sent.encode(), TOKEN.encode())]


@pytest.mark.parametrize("name", ["../up.wav", "a\\..\\b.wav", "/root.wav", "C:\\song.wav"])
def test_zip_of_any_key_has_plain_member_names(
    buckets: Stack, job_context: JobContext, name: str
) -> None:
    key = UploadKey.parse(f"drop/{name}")
    put(buckets, song(), key, {"zip": "true"})
    assert attempt(job_context, key) is Outcome.DONE
    archive = zipfile.ZipFile(
        io.BytesIO(read(buckets, result_named(job_of(buckets, key), "stems.zip")))
    )
    assert archive.namelist() == ["vocals.wav", "accompaniment.wav"]
