import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_events import ENVIRONMENT
from stemdrop.callback_url import MAX_LETTERS
from stemdrop.job_record import Failure, Job, ResultFile, Stage, Status, Stem, timestamp
from stemdrop.lyrics import Lyrics, LyricsFile, LyricsFormat, LyricsStatus
from stemdrop.models import Model
from stemdrop.options import Options
from stemdrop_api.dependencies import Dependencies
from stemdrop_api.lyrics_schemas import LyricsFileView, LyricsView
from stemdrop_api.presenters import (
    MAX_FILENAME_BYTES,
    NEXT_ATTEMPT_S,
    JobPresenter,
    as_of,
    filename_of,
    results_expire_at,
    seconds_left,
)
from stemdrop_api.routes import MAX_LIMIT
from stemdrop_api.schemas import JobList, JobView, StemView
from stemdrop_api.settings import ApiSettings
from stemdrop_separate.settings import RETRY_DELAYS_S
from strategies import JOBS

NOW = datetime(2026, 1, 15, 10, 15, tzinfo=UTC)


def job(**changes: object) -> Job:
    return Job("jobs/" + "0" * 32, Status.PROCESSING, timestamp(NOW), timestamp(NOW)).updated(
        **changes
    )


def later(seconds: float) -> str:
    return timestamp(NOW + timedelta(seconds=seconds))


def test_view_has_every_public_field_of_the_record() -> None:
    """A new field of the record must be listed here as public or private."""
    hidden = {"version", "owner", "request_sha256", "engine", "results_ids"}
    added = {"id", "expires_at", "urls_expire_at", "links"}
    assert JobView.model_fields.keys() - added == {field.name for field in fields(Job)} - hidden
    assert StemView.model_fields.keys() - {"filename", "url"} == {
        field.name for field in fields(Stem)
    } - {"key"}
    assert LyricsView.model_fields.keys() == {field.name for field in fields(Lyrics)}
    assert LyricsFileView.model_fields.keys() - {"filename", "url"} == {
        field.name for field in fields(LyricsFile)
    } - {"key"}


def test_job_after_its_deadline_has_failed() -> None:
    deadline_at = later(0)
    begun = job(deadline_at=deadline_at, stage=Stage.SEPARATING, progress=0.5)
    next_attempt = NOW + timedelta(seconds=NEXT_ATTEMPT_S)
    assert as_of(begun, next_attempt) is begun
    late = as_of(begun, next_attempt + timedelta(milliseconds=1))
    assert (late.status, late.stage, late.finished_at) == (Status.FAILED, None, deadline_at)
    assert isinstance(late.error, Failure)
    assert late.error.code == "timed_out"


def test_job_that_is_tried_again_has_not_failed() -> None:
    """Neither a killed attempt, whose song comes back 60 s later, nor a failed one."""
    assert max(60, *RETRY_DELAYS_S) < NEXT_ATTEMPT_S


def test_lyrics_after_their_deadline_have_failed() -> None:
    lyrics = Lyrics(LyricsStatus.PENDING, "transcribe", cost_usd=0.1, deadline_at=later(0))
    sung = job(status=Status.DONE, lyrics=lyrics)
    assert as_of(sung, NOW) is sung
    late = as_of(sung, NOW + timedelta(milliseconds=1))
    assert late.lyrics is not None
    assert (late.status, late.lyrics.status) == (Status.DONE, LyricsStatus.FAILED)
    assert (late.lyrics.code, late.lyrics.finished_at) == ("lyrics_timed_out", later(0))
    assert late.lyrics.reason
    assert late.lyrics.cost_usd == 0.1


@given(JOBS, st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_time_changes_late_jobs_only(given: Job, now: datetime) -> None:
    seen = as_of(given, now)
    assert as_of(seen, now) == seen
    last_attempt = now - timedelta(seconds=NEXT_ATTEMPT_S)
    is_late = given.status is Status.PROCESSING and is_past(given.deadline_at, last_attempt)
    assert (seen.status is not given.status) == is_late
    lyrics = given.lyrics
    has_late_lyrics = bool(lyrics and given.has_pending_lyrics and is_past(lyrics.deadline_at, now))
    assert (seen.lyrics != lyrics) == has_late_lyrics
    assert (seen is given) == (not is_late and not has_late_lyrics)


def is_past(deadline_at: str | None, now: datetime) -> bool:
    return deadline_at is not None and datetime.fromisoformat(deadline_at) < now


def separating(left_s: float | None) -> Job:
    """Return a job with an estimate that was made now."""
    begun = job(stage=Stage.SEPARATING, progress=0.5, seconds_left=left_s)
    return Job(**{f.name: getattr(begun, f.name) for f in fields(Job)} | {"updated_at": later(0)})


@pytest.mark.parametrize(("now_s", "left"), [(0, 10.0), (4, 6.0), (60, 0.0)])
def test_seconds_left_count_down_from_the_update(now_s: float, left: float) -> None:
    assert seconds_left(separating(10.0), NOW + timedelta(seconds=now_s)) == left


def test_seconds_left_are_known_in_a_separation_only() -> None:
    assert seconds_left(separating(None), NOW) is None
    for stage in (Stage.DOWNLOADING, Stage.UPLOADING, None):
        assert seconds_left(separating(10.0).updated(stage=stage), NOW) is None


@given(JOBS, st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_seconds_left_are_never_negative(given: Job, now: datetime) -> None:
    left = seconds_left(given, now)
    assert left is None or left >= 0


def test_results_expire_after_the_retention() -> None:
    finished = job(finished_at="2026-01-15T10:30:00.000Z")
    assert results_expire_at(finished, 3) == "2026-01-19T00:00:00.000Z"


def test_unfinished_job_does_not_expire() -> None:
    assert results_expire_at(job(), 7) is None


@pytest.mark.parametrize(
    ("filename", "key", "expected"),
    [
        ("Song.mp3", "jobs/x/vocals.wav", "Song - vocals.wav"),
        (None, "drop/live/Song/vocals.flac", "0" * 32 + " - vocals.flac"),
        ("Größe 🎵.mp3", "jobs/x/stems.zip", "Größe 🎵 - stems.zip"),
        ("a\\b\n.mp3", "jobs/x/vocals.wav", "a_b_ - vocals.wav"),
        ("Live 12.5", "jobs/x/vocals.wav", "Live 12 - vocals.wav"),
    ],
)
def test_filename_of_a_result_begins_with_the_song(
    filename: str | None, key: str, expected: str
) -> None:
    assert filename_of(job(filename=filename), key) == expected


@pytest.mark.parametrize("letter", ["x", "ü", "🎵"])
def test_long_filename_is_cut_between_letters(letter: str) -> None:
    made = filename_of(job(filename=letter * 255), "jobs/x/vocals.wav")
    title = made.removesuffix(" - vocals.wav")
    assert set(title) == {letter}
    assert MAX_FILENAME_BYTES - len(letter.encode()) < len(made.encode()) <= MAX_FILENAME_BYTES


@given(st.text(min_size=1), st.sampled_from(["vocals.wav", "accompaniment.flac", "stems.zip"]))
def test_any_song_gives_a_valid_filename(filename: str, name: str) -> None:
    made = filename_of(job(filename=filename), f"jobs/x/{name}")
    assert made.endswith(f" - {name}")
    assert len(made.encode()) <= MAX_FILENAME_BYTES
    assert not {"/", "\\", "\0", "\n", "\r"} & set(made)


@pytest.fixture
def presenter(monkeypatch: pytest.MonkeyPatch) -> JobPresenter:
    """Return a presenter whose URLs are as long as they get."""
    for name, value in (ENVIRONMENT | {"AWS_SESSION_TOKEN": "/" * 2000}).items():
        monkeypatch.setenv(name, value)
    dependencies = Dependencies.create(ApiSettings.from_env(ENVIRONMENT))
    return JobPresenter(dependencies, "https://" + "x" * 250 + "/", NOW)


def with_lyrics(song: Job) -> Job:
    """Return a job with the lyrics in all formats."""
    files = tuple(
        LyricsFile(each, f"{song.key}/results-0/{each.filename}", 2**40) for each in LyricsFormat
    )
    return song.updated(lyrics=Lyrics(LyricsStatus.DONE, "transcribe", "en", 2, files=files))


def test_links_of_lyrics_are_those_of_a_job_only(presenter: JobPresenter) -> None:
    song = with_lyrics(job(status=Status.DONE, filename="Song.mp3"))
    view = presenter.present(song)
    assert view.lyrics
    assert [file.filename for file in view.lyrics.files] == [
        f"Song - lyrics.{name}" for name in ("json", "lrc", "vtt", "srt")
    ]
    assert view.links.lyrics.keys() == set(LyricsFormat)
    assert view.links.lyrics["lrc"] == f"{view.links.self}/stems/lyrics.lrc"
    dropped = presenter.present(replace(song, key="drop/Song.mp3"))
    assert dropped.lyrics
    assert len(dropped.lyrics.files) == 4
    assert dropped.links.lyrics == {}


def test_largest_page_of_jobs_fits_into_a_lambda_response(presenter: JobPresenter) -> None:
    options = Options(model=Model.FIVE_STEMS, stems=Model.FIVE_STEMS.instruments, residual=True)
    stems = tuple(
        Stem(name, f"jobs/{'0' * 32}/{name}.flac", 2**40, 1 / 3, -1 / 3, 2**40, waveform="f" * 2048)
        for name in options.outputs
    )
    largest = job(
        filename="🎵" * 255,
        callback_url="x" * MAX_LETTERS,
        options=options.to_dict(),
        stems=stems,
        zip=ResultFile(f"jobs/{'0' * 32}/stems.zip", 2**40),
    )
    views = [presenter.present(with_lyrics(largest))] * MAX_LIMIT
    page = JobList(jobs=views, next_cursor=None)
    assert len(json.dumps({"body": page.model_dump_json()})) < 6_000_000
