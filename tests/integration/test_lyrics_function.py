"""The lyrics function's work on records and files in S3: once, and nothing stale is left."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fault_proxy import FaultProxy, run_before, unavailable
from stemdrop.errors import NotificationError, StorageError
from stemdrop.job_record import Job, Status, timestamp
from stemdrop.keys import (
    REQUEST_NAME,
    TRANSCRIPT_NAME,
    TRANSCRIPTIONS_PREFIX,
    UploadKey,
    record_key,
    result_key,
    transcription_key,
)
from stemdrop.lyrics import Lyrics, LyricsStatus
from stemdrop.lyrics_results import LyricsRequest, save_request
from stemdrop.store import Store
from stemdrop.transcription_jobs import CHECK_NAME, TranscriptionJob, TranscriptionJobs
from stemdrop_local.deployment import Stack
from stemdrop_lyrics.transcription import LyricsContext, finish_transcription
from uploads import job_of, read, results

KEY = UploadKey.parse("drop/4stems/Lied von gestern.mp3")
ID = "0123456789abcdef"
OTHER_ID = "f" * 16
RUNNING = TranscriptionJob(None, None)
NO_SPEECH = (
    "Your audio file must have a speech segment long enough in duration to perform automatic"
    " language identification. Provide an audio file with someone speaking for a longer period of"
    " time and try your request again."
)
TOO_SHORT = "The input media file length is too small. Minimum audio duration is 0.500000 seconds."


def transcript(language_code: str | None = "de-DE", words: int = 2) -> bytes:
    items: list[dict[str, Any]] = [
        {
            "type": "pronunciation",
            "alternatives": [{"confidence": "0.9", "content": f"wort{number}"}],
            "start_time": f"{number}.1",
            "end_time": f"{number}.6",
        }
        for number in range(words)
    ]
    found: dict[str, Any] = {"items": items}
    if language_code:
        found["language_code"] = language_code
    return json.dumps({"results": found}).encode()


class FakeTranscriptionJobs(TranscriptionJobs):
    """A job in some state."""

    def __init__(self) -> None:
        self.job: TranscriptionJob | None = RUNNING

    def find(self, results_id: str) -> TranscriptionJob | None:
        assert results_id == ID
        return self.job


@dataclass
class Lyricist:
    """The function's resources, a request, and what was announced."""

    store: Store
    jobs: FakeTranscriptionJobs = field(default_factory=FakeTranscriptionJobs)
    announced: list[Job] = field(default_factory=list)
    announcement_error: NotificationError | None = None

    def ask(self, language: str | None = None, wait_s: float = 60.0, **fields: Any) -> None:
        """Write a request, and a record that awaits its lyrics."""
        cost_usd = 0.0123
        request = LyricsRequest(str(KEY), ID, "transcribe", language, 10.0, 30.0, cost_usd)
        self.store.write(request.vocals_key, b"flac", "audio/flac")
        self.store.write(transcription_key(ID, CHECK_NAME), b"", "application/octet-stream")
        save_request(self.store, request)
        deadline_at = timestamp(datetime.now(UTC) + timedelta(seconds=wait_s))
        lyrics = Lyrics(
            LyricsStatus.PENDING, "transcribe", language, cost_usd=cost_usd, deadline_at=deadline_at
        )
        job = Job(str(KEY), Status.DONE, "then", "then", results_ids=(ID,), lyrics=lyrics)
        self.save(replace(job, **fields))

    def save(self, job: Job) -> None:
        self.store.save_job(KEY, job, self.store.load_job(KEY)[1])

    def write_transcript(self, body: bytes | None = None) -> None:
        key = transcription_key(ID, TRANSCRIPT_NAME)
        self.store.write(key, transcript() if body is None else body, "application/json")

    def finish(self) -> bool:
        return finish_transcription(LyricsContext(self.store, self.jobs, self._announce), ID)

    def _announce(self, job: Job) -> None:
        if self.announcement_error:
            raise self.announcement_error
        self.announced.append(job)


@pytest.fixture
def lyricist(store: Store) -> Lyricist:
    return Lyricist(store)


def lyrics_of(buckets: Stack) -> Lyrics:
    lyrics = job_of(buckets, KEY).lyrics
    assert lyrics is not None
    return lyrics


def test_transcript_becomes_files_next_to_the_stems(lyricist: Lyricist, buckets: Stack) -> None:
    stems_done_at = "2020-01-01T00:00:00.000Z"
    lyricist.ask(updated_at=stems_done_at)
    lyricist.write_transcript()
    assert lyricist.finish()
    lyrics = lyrics_of(buckets)
    assert (lyrics.status, lyrics.language, lyrics.words) == (LyricsStatus.DONE, "de", 2)
    assert (lyrics.engine, lyrics.cost_usd) == ("transcribe", 0.0123)
    assert {file.key for file in lyrics.files} == {
        result_key(KEY, ID, f"lyrics.{suffix}") for suffix in ("json", "lrc", "vtt", "srt")
    }
    (line,) = json.loads(read(buckets, result_key(KEY, ID, "lyrics.json")))["lines"]
    assert (line["text"], line["start_s"], line["end_s"]) == ("wort0 wort1", 10.1, 11.6)
    assert not results(buckets, TRANSCRIPTIONS_PREFIX)
    assert lyricist.announced == [job_of(buckets, KEY)]
    assert lyricist.announced[0].updated_at > stems_done_at


def test_messages_after_the_end_change_nothing(lyricist: Lyricist, buckets: Stack) -> None:
    lyricist.ask()
    lyricist.write_transcript()
    assert lyricist.finish()
    before = results(buckets)
    assert lyricist.finish()
    assert lyricist.finish()
    assert results(buckets) == before
    assert len(lyricist.announced) == 1


def test_messages_at_the_same_time_write_the_same(
    lyricist: Lyricist, buckets: Stack, faults: FaultProxy
) -> None:
    lyricist.ask()
    lyricist.write_transcript()
    faults.inject(run_before(lyricist.finish), "PUT", record_key(KEY))
    assert lyricist.finish()
    lyrics = lyrics_of(buckets)
    # The second one can't know whether the first got as far as announcing them.
    assert lyricist.announced == [job_of(buckets, KEY)] * 2
    assert {file.key for file in lyrics.files} <= results(buckets).keys()
    assert not results(buckets, TRANSCRIPTIONS_PREFIX)


@pytest.mark.parametrize(
    ("method", "key"),
    [
        ("GET", transcription_key(ID, REQUEST_NAME)),
        ("GET", record_key(KEY)),
        ("GET", transcription_key(ID, TRANSCRIPT_NAME)),
        ("PUT", result_key(KEY, ID, "lyrics.lrc")),
        ("PUT", record_key(KEY)),
        ("DELETE", transcription_key(ID, TRANSCRIPT_NAME)),
        ("DELETE", transcription_key(ID, REQUEST_NAME)),
    ],
)
def test_function_that_failed_is_repeated(
    lyricist: Lyricist, buckets: Stack, faults: FaultProxy, method: str, key: str
) -> None:
    lyricist.ask()
    lyricist.write_transcript()
    faults.inject(unavailable, method, key, times=5)
    with pytest.raises(StorageError):
        lyricist.finish()
    assert lyricist.finish()
    assert lyrics_of(buckets).status is LyricsStatus.DONE
    assert {file.key for file in lyrics_of(buckets).files} <= results(buckets).keys()
    assert lyricist.announced
    assert not results(buckets, TRANSCRIPTIONS_PREFIX)


def test_end_that_is_not_announced_is_announced_by_the_next_message(
    lyricist: Lyricist, buckets: Stack
) -> None:
    lyricist.ask()
    lyricist.write_transcript()
    lyricist.announcement_error = NotificationError("No.")
    with pytest.raises(NotificationError):
        lyricist.finish()
    assert lyrics_of(buckets).status is LyricsStatus.DONE
    lyricist.announcement_error = None
    assert lyricist.finish()
    assert lyricist.announced == [job_of(buckets, KEY)]
    assert not results(buckets, TRANSCRIPTIONS_PREFIX)


@pytest.mark.parametrize("job", [RUNNING, None, TranscriptionJob("en-US", None)])
def test_transcription_that_is_running_is_left_alone(
    lyricist: Lyricist, buckets: Stack, job: TranscriptionJob | None
) -> None:
    lyricist.ask()
    lyricist.jobs.job = job
    lyricist.store.delete({transcription_key(ID, CHECK_NAME)})
    before = results(buckets)
    assert not lyricist.finish()
    assert results(buckets) == before
    assert not lyricist.announced


def test_transcription_past_its_deadline_has_failed(lyricist: Lyricist, buckets: Stack) -> None:
    lyricist.ask(wait_s=-1)
    assert lyricist.finish()
    lyrics = lyrics_of(buckets)
    assert (lyrics.status, lyrics.code) == (LyricsStatus.FAILED, "lyrics_timed_out")
    assert "submit the song again" in str(lyrics.reason)
    assert not results(buckets, TRANSCRIPTIONS_PREFIX)
    assert len(lyricist.announced) == 1


def test_transcript_past_the_deadline_is_taken(lyricist: Lyricist, buckets: Stack) -> None:
    lyricist.ask(wait_s=-1)
    lyricist.write_transcript()
    assert lyricist.finish()
    assert lyrics_of(buckets).status is LyricsStatus.DONE


def test_failed_job_says_why(lyricist: Lyricist, buckets: Stack) -> None:
    lyricist.ask("de")
    lyricist.jobs.job = TranscriptionJob(None, "Unsupported media format.")
    assert lyricist.finish()
    lyrics = lyrics_of(buckets)
    assert (lyrics.status, lyrics.code) == (LyricsStatus.FAILED, "lyrics")
    assert lyrics.reason == "Amazon Transcribe failed: Unsupported media format."
    assert lyrics.language == "de"
    assert not lyrics.files


def test_malformed_transcript_is_a_failure(lyricist: Lyricist, buckets: Stack) -> None:
    lyricist.ask()
    lyricist.write_transcript(b"{}")
    assert lyricist.finish()
    assert lyrics_of(buckets).reason == "The transcript of Amazon Transcribe is malformed."


@pytest.mark.parametrize("reason", [None, NO_SPEECH, TOO_SHORT])
def test_song_without_singing_has_no_words(
    lyricist: Lyricist, buckets: Stack, reason: str | None
) -> None:
    lyricist.ask()
    if reason:
        lyricist.jobs.job = TranscriptionJob(None, reason)
    else:
        lyricist.write_transcript(transcript("en-US", words=0))
    assert lyricist.finish()
    lyrics = lyrics_of(buckets)
    assert (lyrics.status, lyrics.words, lyrics.language) == (LyricsStatus.DONE, 0, None)
    assert set(results(buckets)) == {record_key(KEY)}


@pytest.mark.parametrize(
    ("wanted", "written", "of_job", "language"),
    [
        ("yue", None, "zh-HK", "yue"),
        (None, "en-AB", None, "en"),
        (None, None, "zh-HK", "yue"),
        (None, None, None, None),
    ],
)
def test_language_is_the_given_or_the_identified_one(
    lyricist: Lyricist,
    buckets: Stack,
    wanted: str | None,
    written: str | None,
    of_job: str | None,
    language: str | None,
) -> None:
    lyricist.ask(wanted)
    lyricist.write_transcript(transcript(written))
    lyricist.jobs.job = TranscriptionJob(of_job, None)
    assert lyricist.finish()
    assert lyrics_of(buckets).language == language


@pytest.mark.parametrize(
    "change",
    [
        {"results_ids": (OTHER_ID,)},
        {
            "results_ids": (OTHER_ID,),
            "lyrics": Lyrics(LyricsStatus.DONE, "transcribe", finished_at="then"),
        },
        {"lyrics": None},
        {"status": Status.PROCESSING, "results_ids": (), "lyrics": None},
    ],
)
def test_record_of_a_replaced_song_is_not_touched(
    lyricist: Lyricist, buckets: Stack, change: dict[str, Any]
) -> None:
    lyricist.ask(**change)
    lyricist.write_transcript()
    record = results(buckets, record_key(KEY))
    assert lyricist.finish()
    assert results(buckets) == record
    assert not lyricist.announced


@pytest.mark.parametrize("is_early", [True, False])
def test_nothing_is_left_of_a_deleted_song(
    lyricist: Lyricist, buckets: Stack, faults: FaultProxy, is_early: bool
) -> None:
    lyricist.ask()
    lyricist.write_transcript()

    def delete() -> None:
        buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=record_key(KEY))

    if is_early:
        delete()
    else:
        faults.inject(run_before(delete), "PUT", record_key(KEY))
    assert lyricist.finish()
    assert not results(buckets)
    assert not lyricist.announced


def test_transcript_after_the_request_has_ended_is_deleted(
    lyricist: Lyricist, buckets: Stack
) -> None:
    lyricist.write_transcript()
    assert lyricist.finish()
    assert not results(buckets)
