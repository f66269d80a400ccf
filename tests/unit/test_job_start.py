from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from stemdrop.job_record import Failure, Job, Stage, Status, UploadSource, now
from stemdrop.keys import UploadKey
from stemdrop.lyrics import Lyrics, LyricsStatus
from stemdrop.options import Options
from stemdrop.store import Upload
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.job.job_start import BARE_NAMES, is_settled, start_record
from strategies import OPTIONS, as_text

DROP = UploadKey.parse("drop/song.mp3")
API = UploadKey.parse("jobs/" + "a" * 32)
DEFAULTS = Options().to_dict()


def upload(
    metadata: dict[str, str] | None = None,
    key: UploadKey = DROP,
    etag: str = "etag",
    second: int = 0,
) -> Upload:
    return Upload(str(key), etag, 1000, f"2026-01-01T12:00:0{second}.000Z", metadata or {})


def record(
    status: Status,
    song: Upload | None,
    options: dict[str, Any] | None = None,
    key: UploadKey = DROP,
) -> Job:
    return Job(
        key=str(key),
        status=status,
        created_at="2026-01-01T11:00:00.000Z",
        updated_at=now(),
        options=DEFAULTS if options is None else options,
        source=song.source if song else None,
        attempt=1,
    )


@pytest.mark.parametrize(
    ("lyrics", "second", "settled"),
    [
        (LyricsStatus.DONE, 1, True),
        (LyricsStatus.PENDING, 1, True),
        (LyricsStatus.FAILED, 0, True),
        # A new upload of the same song gives the lyrics another chance.
        (LyricsStatus.FAILED, 1, False),
    ],
)
def test_song_whose_lyrics_failed_is_separated_when_uploaded_again(
    lyrics: LyricsStatus, second: int, settled: bool
) -> None:
    metadata = {"stemdrop-lyrics": "true"}
    options = Options.parse({"lyrics": True}).to_dict()
    previous = replace(
        record(Status.DONE, upload(metadata), options), lyrics=Lyrics(lyrics, "transcribe")
    )
    job = start_record(DROP, upload(metadata, second=second), previous, Deadline.after(900))
    assert is_settled(previous, job) is settled


@pytest.mark.parametrize(
    ("status", "etag", "second", "options", "settled"),
    [
        # Repeated event of a finished job.
        (Status.DONE, "etag", 0, {}, True),
        (Status.FAILED, "etag", 0, {}, True),
        # Repeated event of a killed or running job.
        (Status.PROCESSING, "etag", 0, {}, False),
        (Status.AWAITING_UPLOAD, "etag", 0, {}, False),
        # New upload of the same song: stems are reused, but failures are tried again.
        (Status.DONE, "etag", 1, {}, True),
        (Status.FAILED, "etag", 1, {}, False),
        # Upload of another song.
        (Status.DONE, "other", 1, {}, False),
        (Status.FAILED, "other", 1, {}, False),
        (Status.DONE, "other", 0, {}, False),
        # Upload of the same song with other options.
        (Status.DONE, "etag", 1, {"codec": "mp3"}, False),
        (Status.FAILED, "etag", 1, {"codec": "mp3"}, False),
        (Status.DONE, "etag", 1, {"codec": "nonsense"}, False),
    ],
)
def test_finished_work_is_settled(
    status: Status, etag: str, second: int, options: dict[str, str], settled: bool
) -> None:
    previous = record(status, upload())
    job = start_record(
        DROP, upload(options, etag=etag, second=second), previous, Deadline.after(900)
    )
    assert is_settled(previous, job) is settled
    # The same after a round trip of the record.
    assert is_settled(Job.from_json(previous.to_json()), job) is settled


def test_first_event_is_not_settled() -> None:
    assert not is_settled(None, start_record(DROP, upload(), None, Deadline.after(900)))
    waiting = record(Status.AWAITING_UPLOAD, None, key=API)
    assert not is_settled(waiting, start_record(API, upload(key=API), waiting, Deadline.after(900)))


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED])
def test_a_finished_job_is_settled_after_its_song_was_deleted(status: Status) -> None:
    previous = record(status, upload())
    assert is_settled(previous, start_record(DROP, None, previous, Deadline.after(900)))


def test_a_failure_for_a_bad_option_is_settled_too() -> None:
    bad = upload({"codec": "nonsense"})
    previous = start_record(DROP, bad, None, Deadline.after(900)).updated(status=Status.FAILED)
    assert is_settled(previous, start_record(DROP, bad, previous, Deadline.after(900)))


def test_first_attempt_starts_a_new_record() -> None:
    before = datetime.now(UTC)
    job = start_record(DROP, upload(), None, Deadline.after(900))
    assert (job.key, job.status, job.stage) == (str(DROP), Status.PROCESSING, Stage.DOWNLOADING)
    assert job.source == UploadSource(str(DROP), "etag", 1000, "2026-01-01T12:00:00.000Z", None)
    assert (job.attempt, job.progress, job.options) == (1, 0.0, DEFAULTS)
    assert job.created_at == job.started_at == job.updated_at
    assert job.finished_at is None
    assert job.deadline_at is not None
    remaining = datetime.fromisoformat(job.deadline_at) - before
    assert timedelta(seconds=899) < remaining < timedelta(seconds=930)


def test_attempt_number_counts_attempts_of_the_same_upload() -> None:
    previous = replace(record(Status.PROCESSING, upload()), attempt=2)
    assert start_record(DROP, upload(), previous, Deadline.after(900)).attempt == 3
    assert start_record(DROP, upload(second=1), previous, Deadline.after(900)).attempt == 1
    assert start_record(DROP, upload(etag="other"), previous, Deadline.after(900)).attempt == 1
    assert start_record(DROP, None, previous, Deadline.after(900)).attempt == 3


@pytest.mark.parametrize(
    ("status", "second", "kept"),
    [(Status.PROCESSING, 0, True), (Status.PROCESSING, 1, False), (Status.DONE, 0, False)],
)
def test_only_results_of_attempts_at_work_stay_named(
    status: Status, second: int, kept: bool
) -> None:
    previous = replace(record(status, upload()), results_ids=("0" * 16,))
    job = start_record(DROP, upload(second=second), previous, Deadline.after(900))
    assert bool(job.results_ids) is kept


def test_attempt_keeps_only_creation_time_and_count() -> None:
    previous = record(Status.FAILED, upload()).updated(
        error=Failure("too_long", "Too long."), progress=0.7, warnings=("old",), finished_at="then"
    )
    job = start_record(DROP, upload(second=1), previous, Deadline.after(900))
    assert (job.error, job.progress, job.warnings, job.finished_at) == (None, 0.0, (), None)
    assert job.created_at == previous.created_at


@given(OPTIONS)
def test_metadata_sets_the_options(options: Options) -> None:
    metadata = {
        name if name in BARE_NAMES else f"stemdrop-{name}": value
        for name, value in as_text(options.to_dict()).items()
    }
    assert (
        Options.parse(start_record(DROP, upload(metadata), None, Deadline.after(900)).options)
        == options
    )


def test_metadata_overrides_the_folder() -> None:
    key = UploadKey.parse("drop/4stems/song.mp3")
    assert (
        start_record(key, upload(key=key), None, Deadline.after(900)).options["model"] == "4stems"
    )
    both = upload({"model": "5stems", "codec": "mp3"}, key)
    options = start_record(key, both, None, Deadline.after(900)).options
    assert (options["model"], options["codec"]) == ("5stems", "mp3")


def test_metadata_of_other_tools_is_ignored() -> None:
    theirs = {"mtime": "1700000000.5", "btime": "x", "s3cmd-attrs": "uid:0", "privilege": "x"}
    assert start_record(DROP, upload(theirs), None, Deadline.after(900)).options == DEFAULTS


@pytest.mark.parametrize("metadata", [{"codec": "mp4"}, {"stems": "drums"}])
def test_invalid_options_are_kept_as_given(metadata: dict[str, str]) -> None:
    # So that the attempt can report the error, and users can read it.
    assert start_record(DROP, upload(metadata), None, Deadline.after(900)).options == metadata


WANTED = Options.parse({"model": "4stems", "codec": "mp3"}).to_dict()


@pytest.mark.parametrize("status", Status)
def test_a_job_of_the_api_keeps_its_options_through_every_delivery(status: Status) -> None:
    # Also after a killed attempt or a repeated event, because only the record has the options.
    waiting = record(Status.AWAITING_UPLOAD, None, WANTED, API)
    first = start_record(API, upload(key=API), waiting, Deadline.after(900))
    assert first.options == WANTED
    again = start_record(API, upload(key=API), first.updated(status=status), Deadline.after(900))
    assert again.options == WANTED
    assert again.created_at == waiting.created_at


def test_a_new_upload_to_the_drop_folder_does_not_inherit_options() -> None:
    previous = record(Status.DONE, upload(), WANTED)
    assert start_record(DROP, upload(second=1), previous, Deadline.after(900)).options == DEFAULTS


def test_deleted_upload_keeps_its_source() -> None:
    assert start_record(DROP, None, None, Deadline.after(900)).source is None
    previous = record(Status.PROCESSING, upload(), WANTED)
    job = start_record(DROP, None, previous, Deadline.after(900))
    assert (job.source, job.options) == (previous.source, WANTED)
