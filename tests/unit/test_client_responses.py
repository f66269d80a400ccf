import copy
import json
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
    "url": "u",
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
            "url": "v",
        },
        {
            "stem": "accompaniment",
            "size_bytes": 8,
            "duration_s": 2.5,
            "peak_dbfs": None,
            "clipped_samples": 0,
            "url": "a",
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
    "zip": {"size_bytes": 9, "url": "z"},
    "error": None,
    "warnings": ["It ends too early."],
}
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
        "vocals": (7, "v"),
        "accompaniment": (8, "a"),
        "stems.zip": (9, "z"),
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
    downloads = parse_job(SHOWN | {"stem_file": {"size_bytes": 10, "url": "m"}}).downloads
    assert (downloads["stem_file"].size_bytes, downloads["stem_file"].url) == (10, "m")


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
    upload = parse_upload({"upload": UPLOAD | {"url": "u?X-Amz-Signature=secret"}})
    assert "secret" not in repr(upload)
    signed = json.loads(
        json.dumps(SHOWN).replace('"url": "v"', '"url": "v?X-Amz-Signature=secret"')
    )
    assert "secret" not in repr(parse_job(signed))
