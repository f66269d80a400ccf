"""Signatures themselves are checked where something verifies them: see test_local_gate.py."""

from base64 import b64decode
from datetime import UTC, datetime
from json import loads
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_options_header

from stemdrop.keys import UploadKey
from stemdrop.presigned import Signer, attachment
from stemdrop.s3 import CLIENT_CONFIG
from stemdrop_local.s3.server import CREDENTIALS

KEY = UploadKey.parse("jobs/" + "a" * 32)


def signer(endpoint_url: str | None = None) -> Signer:
    client = boto3.client(
        "s3",
        config=CLIENT_CONFIG,
        region_name="eu-central-1",
        endpoint_url=endpoint_url,
        aws_access_key_id=CREDENTIALS["aws_access_key_id"],
        aws_secret_access_key=CREDENTIALS["aws_secret_access_key"],
    )
    return Signer("our-uploads", "our-stems", client, lifetime_s=900)


def test_a_form_takes_this_size_under_this_key_and_nothing_else() -> None:
    form = signer().upload_form(KEY, 1234)
    policy = loads(b64decode(form.fields["policy"]))
    rules = policy["conditions"]
    assert ["content-length-range", 1234, 1234] in rules
    assert {"key": str(KEY)} in rules
    assert {"bucket": "our-uploads"} in rules
    named = {name for rule in rules if isinstance(rule, dict) for name in rule}
    assert named == {"bucket", *form.fields} - {"policy", "x-amz-signature"}
    left_s = (datetime.fromisoformat(policy["expiration"]) - datetime.now(UTC)).total_seconds()
    assert 890 < left_s <= 900
    shown_s = (datetime.fromisoformat(form.expires_at) - datetime.now(UTC)).total_seconds()
    assert 890 < shown_s <= 900


@pytest.mark.parametrize(
    ("endpoint_url", "upload", "download"),
    [
        (
            None,
            "https://our-uploads.s3.eu-central-1.amazonaws.com/",
            "https://our-stems.s3.eu-central-1.amazonaws.com/drop/s.mp3/vocals.wav",
        ),
        (
            "http://127.0.0.1:5000",
            "http://127.0.0.1:5000/our-uploads",
            "http://127.0.0.1:5000/our-stems/drop/s.mp3/vocals.wav",
        ),
    ],
)
def test_urls_name_the_bucket_where_it_is(
    endpoint_url: str | None, upload: str, download: str
) -> None:
    found = signer(endpoint_url).download_url("drop/s.mp3/vocals.wav", "s - vocals.wav")
    assert found.partition("?")[0] == download
    assert signer(endpoint_url).upload_form(KEY, 1).url == upload


def test_a_download_has_its_name_and_its_end() -> None:
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
def test_the_name_in_ascii_is_as_near_as_can_be(filename: str, plain: str) -> None:
    assert f'filename="{plain}"' in attachment(filename)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_any_name_comes_back_from_a_header(filename: str) -> None:
    header = attachment(filename)
    assert header.isascii()
    assert header.isprintable()
    assert parse_options_header(header) == ("attachment", {"filename": filename})
