import copy
import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop.job_record import Failure, Status
from stemdrop.music import Music
from stemdrop.presigned import PresignedUpload
from stemdrop_api.schemas import JobView
from stemdrop_cli.errors import ServerError
from stemdrop_cli.responses import JobResponse, parse_job, parse_upload

ID = "0123456789abcdef" * 2
UPLOAD: dict[str, Any] = {
    "method": "PUT",
    "url": "https://s3.example/u",
    "headers": {"x-amz-checksum-sha256": "c"},
    "expires_at": "x",
}
SHOWN: dict[str, Any] = {
    "id": ID,
    "filename": "Song.mp3",
    "status": "done",
    "progress": 1.0,
    "seconds_left": None,
    "options": {"model": "2stems", "codec": "wav", "zip": True},
    "stems": [
        {
            "stem": "vocals",
            "size_bytes": 7,
            "duration_s": 2.5,
            "peak_dbfs": 1.5,
            "clipped_samples": 3,
            "url": "https://s3.example/v",
        },
        {
            "stem": "accompaniment",
            "size_bytes": 8,
            "duration_s": 2.5,
            "peak_dbfs": None,
            "clipped_samples": 0,
            "url": "https://s3.example/a",
        },
    ],
    "music": {
        "tempo_bpm": 120.0,
        "tempo_confidence": 0.8,
        "key": "A minor",
        "camelot": "8A",
        "loudness_lufs": -9.4,
        "peak_dbfs": None,
        "beats_s": [0.5, 1.0],
    },
    "zip": {"size_bytes": 9, "url": "https://s3.example/z"},
    "error": None,
    "warnings": ["It ends too early."],
}
BAD_URLS = (
    "",
    "u",
    "file:///etc/passwd",
    "http://[::1",
    "http:///u",
    "http://s3.example/\x1b[31m",
    f"http://{'a' * 300}.\u0660/",
)
BAD_NUMBERS = {"infinite": math.inf, "nan": math.nan, "huge": 10**400, "text": "x"}
READ = SHOWN.keys() | {"stem_file", "lyrics"}  # earlier versions have neither of the last two
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def test_job_is_parsed() -> None:
    job = parse_job(SHOWN | {"something": "newer"})
    assert (job.id, job.filename, job.status) == (ID, "Song.mp3", Status.DONE)
    assert {name: (f.size_bytes, f.url) for name, f in job.downloads.items()} == {
        "vocals": (7, "https://s3.example/v"),
        "accompaniment": (8, "https://s3.example/a"),
        "stems.zip": (9, "https://s3.example/z"),
    }
    assert job.options.zip
    assert job.warnings == ("It ends too early.",)
    assert (job.failure, job.duration_s) == (None, 2.5)
    assert job.music == Music(120.0, 0.8, "A minor", "8A", -9.4, None, (0.5, 1.0))


@pytest.mark.parametrize("field", sorted(JobView.model_fields.keys() - READ))
def test_unknown_value_of_an_unread_field_is_no_error(field: str) -> None:
    assert parse_job(SHOWN | {field: "newer"}) == parse_job(SHOWN)


def test_unknown_option_is_ignored_but_no_unknown_value() -> None:
    options = SHOWN["options"] | {"newer": {"value": 1}}
    assert parse_job(SHOWN | {"options": options}).options == parse_job(SHOWN).options
    newer_codec = parse_job(SHOWN | {"options": options | {"codec": "newer"}})
    with pytest.raises(ServerError, match="codec can't be 'newer'"):
        _ = newer_codec.options


def test_stem_file_is_downloaded() -> None:
    stem_file = {"size_bytes": 10, "url": "https://s3.example/m"}
    download = parse_job(SHOWN | {"stem_file": stem_file}).downloads["stem_file"]
    assert (download.size_bytes, download.url) == (10, "https://s3.example/m")


def test_failed_job_has_message_and_no_options() -> None:
    error = {"code": "not_audio", "message": "The file can't be read as audio."}
    changes: dict[str, Any] = {
        "status": "failed",
        "stems": [],
        "zip": None,
        "error": error,
        "options": {"codec": 7},
    }
    job = parse_job(SHOWN | changes)
    assert (job.failure, job.duration_s) == (Failure(error["code"], error["message"]), None)
    with pytest.raises(ServerError, match="codec can't be 7"):
        _ = job.options


@pytest.mark.parametrize(
    ("filename", "safe"),
    [
        ("Song.mp3", "Song.mp3"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Music\\Song.mp3", "Song.mp3"),
        ("a\nb\x1b[2J.mp3", "a_b_[2J.mp3"),
        ("..", ID),
        ("/", ID),
        ("", ID),
        (None, ID),
    ],
)
def test_filename_is_reduced_to_a_safe_basename(filename: str | None, safe: str) -> None:
    assert parse_job(SHOWN | {"filename": filename}).filename == safe


@given(st.text())
def test_any_filename_stays_in_its_folder(filename: str) -> None:
    name = parse_job(SHOWN | {"filename": filename}).filename
    assert (Path("folder") / name).parent == Path("folder")
    assert name.isprintable() or not any(letter < " " for letter in name)
    assert name not in {"", ".", ".."}


@given(st.sampled_from(sorted(SHOWN)), JSON)
def test_unexpected_value_in_job_is_parsed_or_rejected(field: str, value: object) -> None:
    with suppress(ServerError):
        assert isinstance(parse_job(SHOWN | {field: value}), JobResponse)


@pytest.mark.parametrize("field", sorted(SHOWN))
def test_job_without_a_field_is_rejected(field: str) -> None:
    shown = copy.deepcopy(SHOWN)
    del shown[field]
    with pytest.raises(ServerError, match="isn't a job: check its version"):
        parse_job(shown)


def stem(**changes: object) -> dict[str, object]:
    return {"stems": [SHOWN["stems"][0] | changes]}


@pytest.mark.parametrize("url", BAD_URLS)
def test_url_that_cannot_be_requested_is_rejected(url: str) -> None:
    with pytest.raises(ServerError, match="isn't a job"):
        parse_job(SHOWN | stem(url=url))
    with pytest.raises(ServerError, match="no upload URL"):
        parse_upload({"upload": UPLOAD | {"url": url}})


@pytest.mark.parametrize("number", BAD_NUMBERS.values(), ids=BAD_NUMBERS)
@pytest.mark.parametrize("field", ["size_bytes", "gain_db", "duration_s"])
def test_value_of_a_stem_that_is_no_number_is_rejected(field: str, number: object) -> None:
    with pytest.raises(ServerError, match="isn't a job"):
        parse_job(SHOWN | stem(**{field: number}))


@pytest.mark.parametrize("number", BAD_NUMBERS.values(), ids=BAD_NUMBERS)
@pytest.mark.parametrize("field", ["progress", "seconds_left"])
def test_value_of_a_job_that_is_no_number_is_rejected(field: str, number: object) -> None:
    with pytest.raises(ServerError, match="isn't a job"):
        parse_job(SHOWN | {field: number})


@pytest.mark.parametrize("header", [{"x-\xe9": "a"}, {"x": "\xe9"}, {"x": "a\r\nb: c"}])
def test_header_that_cannot_be_sent_is_rejected(header: dict[str, str]) -> None:
    with pytest.raises(ServerError, match="no upload URL"):
        parse_upload({"upload": UPLOAD | {"headers": header}})


@given(JSON)
def test_unexpected_upload_is_parsed_or_rejected(value: object) -> None:
    with suppress(ServerError):
        assert isinstance(parse_upload({"upload": value}), PresignedUpload | None)


def test_upload_is_parsed_and_none_for_known_song() -> None:
    assert parse_upload({"upload": UPLOAD}) == PresignedUpload(**UPLOAD)
    assert parse_upload({"upload": None}) is None


@pytest.mark.parametrize("change", [{"method": "POST"}, {"headers": None}, {"url": None}])
def test_upload_of_another_version_is_rejected(change: dict[str, object]) -> None:
    upload = {name: value for name, value in (UPLOAD | change).items() if value is not None}
    with pytest.raises(ServerError, match="no upload URL: check its version"):
        parse_upload({"upload": upload})


def test_presigned_urls_are_not_in_repr() -> None:
    upload = parse_upload(
        {"upload": UPLOAD | {"url": "https://s3.example/u?X-Amz-Signature=secret"}}
    )
    assert "secret" not in repr(upload)
    signed = json.loads(
        json.dumps(SHOWN).replace('/s3.example/v"', '/s3.example/v?X-Amz-Signature=secret"')
    )
    assert "secret" not in repr(parse_job(signed))
