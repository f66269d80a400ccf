import json
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stemdrop.errors import RejectedError, StorageError, TooLongError
from stemdrop.job_record import (
    Failure,
    Job,
    ResultFile,
    Stage,
    Status,
    Stem,
    UploadSource,
    now,
    timestamp,
)
from strategies import ANY_JSON, ANY_TEXT, JOBS, SOURCES, TIMES

# Required fields of the record, with units.
DESIGNED = {
    "version", "key", "filename", "owner", "request_sha256", "callback_url", "status", "stage",
    "options", "source", "sound", "music", "progress", "seconds_left", "results_ids", "stems",
    "zip", "stem_file", "peaks", "lyrics", "error", "warnings", "engine", "usage", "attempt",
    "created_at", "started_at", "updated_at", "finished_at", "deadline_at",
}  # fmt: skip
MINIMAL = {
    "version": 1,
    "key": "drop/a",
    "status": "processing",
    "created_at": "2026-01-01T00:00:00.000Z",
    "updated_at": "2026-01-01T00:00:00.000Z",
}


@given(JOBS)
def test_reading_is_the_inverse_of_writing(job: Job) -> None:
    assert Job.from_json(job.to_json()) == job
    assert Job.from_json(job.to_json().encode()) == job
    assert Job.from_json(job.to_json()).to_json() == job.to_json()


@given(JOBS)
def test_a_record_is_strict_json_with_everything_in_it(job: Job) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert json.loads(job.to_json(), parse_constant=refuse).keys() == DESIGNED


def test_record_is_readable_text() -> None:
    job = Job("drop/Größe 🎵.mp3", Status.DONE, now(), now())
    assert "drop/Größe 🎵.mp3" in job.to_json()
    assert len(job.to_json().splitlines()) > len(DESIGNED)


def test_a_minimal_record_is_read() -> None:
    job = Job.from_json(json.dumps(MINIMAL))
    assert (job.status, job.options, job.stems, job.attempt) == (Status.PROCESSING, {}, (), 0)


@given(ANY_TEXT | st.binary() | ANY_JSON.map(json.dumps))
@example(b"\xff")
@example("{}")
@example('{"version": 1}')
def test_invalid_record_is_a_storage_error(text: str | bytes) -> None:
    with pytest.raises(StorageError, match="record"):
        Job.from_json(text)


@given(st.sampled_from(sorted(DESIGNED | {"later"})), ANY_JSON)
def test_a_damaged_record_is_read_or_a_storage_error(name: str, value: Any) -> None:
    with suppress(StorageError):
        assert Job.from_json(json.dumps(MINIMAL | {name: value})).version == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "lost"},
        {"stage": "dreaming"},
        {"later": 1},
        {"source": {"key": "drop/a"}},
        {"source": "drop/a"},
        {"stems": [{"stem": "vocals"}]},
        {"stems": ["vocals"]},
        {"error": {"code": "x", "message": "y", "more": 1}},
        {"engine": []},
        {"zip": 7},
        {"lyrics": {"status": "sung", "engine": "transcribe"}},
        {"lyrics": {"status": "done", "engine": "transcribe", "files": [{"format": "txt"}]}},
        {"lyrics": {"status": "done", "engine": "transcribe", "files": ["lyrics.lrc"]}},
    ],
    ids=str,
)
def test_invalid_part_of_a_record_is_a_storage_error(changes: dict[str, Any]) -> None:
    with pytest.raises(StorageError):
        Job.from_json(json.dumps(MINIMAL | changes))


@pytest.mark.parametrize("version", [0, 2, 99, "1", None])
def test_another_record_version_is_a_storage_error(version: object) -> None:
    with pytest.raises(StorageError, match=f"version {version}"):
        Job.from_json(json.dumps(MINIMAL | {"version": version}))


@pytest.mark.parametrize("name", ["key", "status", "created_at", "updated_at", "version"])
def test_a_missing_field_is_a_storage_error(name: str) -> None:
    with pytest.raises(StorageError):
        Job.from_json(json.dumps({key: value for key, value in MINIMAL.items() if key != name}))


def test_record_without_gain_is_read() -> None:
    stem = {"stem": "vocals", "key": "k", "size_bytes": 1, "duration_s": 1.0, "peak_dbfs": None}
    job = Job.from_json(json.dumps(MINIMAL | {"stems": [stem | {"clipped_samples": 0}]}))
    assert job.stems[0].gain_db == 0


@given(SOURCES, SOURCES)
def test_upload_is_identified_by_etag_and_time(one: UploadSource, other: UploadSource) -> None:
    assert one.is_same_as(replace(one, sha256="known by now"))
    expected = one.etag == other.etag and one.uploaded_at == other.uploaded_at
    assert one.is_same_as(other) is expected
    assert not one.is_same_as(replace(one, etag=one.etag + "x"))
    assert not one.is_same_as(replace(one, uploaded_at="2200"))


@pytest.mark.parametrize("status", Status)
def test_only_done_and_failed_are_finished(status: Status) -> None:
    job = Job("drop/a", status, now(), now())
    assert job.is_finished is (status in {"done", "failed"})


def test_result_keys_are_those_of_all_files() -> None:
    stems = tuple(Stem(stem, f"drop/a/{stem}.wav", 1, 1.0, None, 0) for stem in ("x", "y"))
    job = Job("drop/a", Status.DONE, now(), now(), stems=stems)
    assert job.result_keys == {"drop/a/x.wav", "drop/a/y.wav"}
    names = ("stems.zip", "stems.stem.mp4", "peaks.dat")
    zip_file, stem_file, peaks = (ResultFile(f"drop/a/{name}", 2) for name in names)
    assert job.updated(zip=zip_file, stem_file=stem_file, peaks=peaks).result_keys == {
        "drop/a/x.wav",
        "drop/a/y.wav",
        "drop/a/stems.zip",
        "drop/a/stems.stem.mp4",
        "drop/a/peaks.dat",
    }


def test_update_sets_the_time_and_keeps_other_fields() -> None:
    job = Job("drop/a", Status.PROCESSING, "then", "then", stage=Stage.SEPARATING)
    changed = job.updated(progress=0.5)
    assert changed.updated_at != "then"
    unchanged = {field.name for field in fields(Job)} - {"progress", "updated_at"}
    assert all(getattr(changed, name) == getattr(job, name) for name in unchanged)
    assert (job.progress, changed.progress) == (0.0, 0.5)


@pytest.mark.parametrize("kind", [RejectedError, TooLongError])
def test_failure_has_code_and_sentence(kind: type[RejectedError]) -> None:
    assert Failure.of(kind("Too much.")) == Failure(kind.code, "Too much.")


def test_times_are_utc_to_the_millisecond() -> None:
    summer = timezone(timedelta(hours=2))
    moment = datetime(2026, 7, 1, 1, 2, 3, 456_789, summer)
    assert timestamp(moment) == "2026-06-30T23:02:03.456Z"
    assert timestamp(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000Z"


@given(st.tuples(TIMES, TIMES))
def test_times_sort_as_text(times: tuple[str, str]) -> None:
    # The newer upload is found by comparing strings.
    one, other = (datetime.fromisoformat(time) for time in times)
    assert (times[0] < times[1]) is (one < other)


def test_source_equals_its_stored_form() -> None:
    source = UploadSource("drop/a", "etag", 1, now())
    job = Job("drop/a", Status.PROCESSING, now(), now(), source=source)
    assert Job.from_json(job.to_json()).source == source


def named(key: str, filename: str | None = None) -> Job:
    return Job(key, Status.PROCESSING, now(), now(), filename=filename)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("song.mp3", ".mp3"),
        ("live.1/Song.FLAC", ".flac"),
        ("song", ""),
        ("song.mp3 ", ""),
        ("song.mp3\n", ""),
        ("song.größe", ""),
        ("song.tar/..", ""),
        ("song.averylongone", ""),
        (".mp3", ".mp3"),
    ],
)
def test_suffix_is_an_ordinary_one_or_none(name: str, suffix: str) -> None:
    # It becomes part of a path.
    assert named(f"drop/{name}").suffix == suffix


@pytest.mark.parametrize(
    ("name", "title"),
    [("live/My song.mp3", "My song"), ("a.b.mp3", "a.b"), ("song", "song"), (".mp3", ".mp3")],
)
def test_title_is_the_name_without_suffix(name: str, title: str) -> None:
    assert named(f"drop/{name}").title == title


def test_filename_overrides_the_key() -> None:
    job = named("jobs/" + "a" * 32, filename="Lied + ½.MP3")
    assert (job.name, job.title, job.suffix) == ("Lied + ½.MP3", "Lied + ½", ".mp3")
    assert named("jobs/" + "a" * 32).suffix == ""
