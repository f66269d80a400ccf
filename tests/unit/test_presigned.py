"""Presigned URLs. test_api_uploads.py tests that S3 verifies the signatures."""

import base64
import hashlib
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_options_header

from stemdrop.keys import UploadKey
from stemdrop.presigned import UrlSigner, attachment
from stemdrop.s3 import CLIENT_CONFIG

KEY = UploadKey.parse("jobs/" + "a" * 32)


def signer(endpoint_url: str | None = None) -> UrlSigner:
    client = boto3.client(
        "s3",
        config=CLIENT_CONFIG,
        region_name="eu-central-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="key",
        aws_secret_access_key="secret",  # noqa: S106
    )
    return UrlSigner("our-uploads", "our-stems", client, lifetime_s=900)


@pytest.mark.parametrize("sha256", [None, hashlib.sha256(b"song").hexdigest()])
def test_upload_url_signs_the_length_and_a_known_checksum(sha256: str | None) -> None:
    """Every client would have to send a checksum that botocore adds by default, such as CRC32."""
    upload = signer().upload_url(KEY, 1234, sha256)
    signed = ["content-length", "host"] + ["x-amz-checksum-sha256"] * (sha256 is not None)
    query = parse_qs(urlsplit(upload.url).query)
    assert query.keys() == {
        f"X-Amz-{name}"
        for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    }
    assert query["X-Amz-SignedHeaders"] == [";".join(signed)]
    assert query["X-Amz-Expires"] == ["900"]
    assert upload.method == "PUT"
    checksums = {name: base64.b64decode(value) for name, value in upload.headers.items()}
    expected = {"x-amz-checksum-sha256": hashlib.sha256(b"song").digest()}
    assert checksums == (expected if sha256 else {})
    left_s = (datetime.fromisoformat(upload.expires_at) - datetime.now(UTC)).total_seconds()
    assert 890 < left_s <= 900


@pytest.mark.parametrize(
    ("endpoint_url", "upload", "download"),
    [
        (
            None,
            f"https://our-uploads.s3.eu-central-1.amazonaws.com/{KEY}",
            "https://our-stems.s3.eu-central-1.amazonaws.com/drop/s.mp3/vocals.wav",
        ),
        (
            "http://127.0.0.1:5000",
            f"http://127.0.0.1:5000/our-uploads/{KEY}",
            "http://127.0.0.1:5000/our-stems/drop/s.mp3/vocals.wav",
        ),
    ],
)
def test_url_addresses_the_bucket_at_its_endpoint(
    endpoint_url: str | None, upload: str, download: str
) -> None:
    found = signer(endpoint_url).download_url("drop/s.mp3/vocals.wav", "s - vocals.wav")
    assert found.partition("?")[0] == download
    assert signer(endpoint_url).upload_url(KEY, 1).url.partition("?")[0] == upload


def test_download_url_has_filename_and_expiry() -> None:
    query = parse_qs(urlsplit(signer().download_url("drop/s.mp3/vocals.wav", "Lied.wav")).query)
    assert query["response-content-disposition"] == [attachment("Lied.wav")]
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-SignedHeaders"] == ["host"]


@pytest.mark.parametrize(
    ("filename", "plain"),
    [
        ("Song - vocals.wav", "Song - vocals.wav"),
        ("Björk · Jóga - vocals.wav", "Bjork _ Joga - vocals.wav"),
        ("Группа крови.wav", "______ _____.wav"),
        ('a "b" \\ 100 %.wav', "a _b_ _ 100 _.wav"),
        ("a\r\nSet-Cookie: b.wav", "a__Set-Cookie: b.wav"),
    ],
)
def test_ascii_filename_is_a_close_transliteration(filename: str, plain: str) -> None:
    assert f'filename="{plain}"' in attachment(filename)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_any_filename_round_trips_through_the_header(filename: str) -> None:
    header = attachment(filename)
    assert header.isascii()
    assert header.isprintable()
    assert parse_options_header(header) == ("attachment", {"filename": filename})
