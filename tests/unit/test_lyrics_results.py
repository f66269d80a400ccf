"""The end of a request for lyrics: files and record, or nothing at all."""

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from memory_s3 import MemoryS3
from stemdrop.errors import ChangedError, LyricsTimedOutError, StorageError
from stemdrop.job_record import Job, Status
from stemdrop.keys import TRANSCRIPTIONS_PREFIX, UploadKey, result_key, transcription_key
from stemdrop.lyrics import Lyrics, LyricsFormat, LyricsStatus, Transcription, Word
from stemdrop.lyrics_results import (
    LyricsRequest,
    find_pending,
    finish_lyrics,
    load_request,
    save_request,
)
from stemdrop.store import Store

KEY = UploadKey.parse("drop/song.mp3")
RESULTS_ID, LATER_ID = "0123456789abcdef", "fedcba9876543210"
TIME = "2026-01-01T12:00:00.000Z"
PENDING = Lyrics(LyricsStatus.PENDING, "transcribe", cost_usd=0.072, deadline_at=TIME)
REQUEST = LyricsRequest(str(KEY), RESULTS_ID, "transcribe", None, 10.0, 180.0, cost_usd=0.072)
WORDS = Transcription((Word("Hello", 11.0, 11.5, 0.9), Word("world.", 12.0, 12.5, 0.8)), "en")
JOB = Job(str(KEY), Status.DONE, TIME, TIME, results_ids=(RESULTS_ID,), lyrics=PENDING)


@pytest.fixture
def s3() -> MemoryS3:
    return MemoryS3()


@pytest.fixture
def store(s3: MemoryS3) -> Store:
    """Return a store with the request and the vocals."""
    store = Store("uploads", "stems", cast(Any, s3))
    store.write(REQUEST.vocals_key, b"vocals", "audio/flac")
    save_request(store, REQUEST)
    return store


def keys(s3: MemoryS3) -> set[str]:
    return {key for _, key in s3.objects}


def test_request_is_read_as_it_was_written(store: Store) -> None:
    assert load_request(store, RESULTS_ID) == REQUEST
    assert load_request(store, LATER_ID) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"key": 1}', b"\xff"])
def test_damaged_request_is_a_storage_error(store: Store, body: bytes) -> None:
    store.write(transcription_key(RESULTS_ID, "request.json"), body, "application/json")
    with pytest.raises(StorageError, match="request"):
        load_request(store, RESULTS_ID)


def test_words_are_written_and_named_in_the_record(store: Store, s3: MemoryS3) -> None:
    store.save_job(KEY, JOB, None)
    assert find_pending(store, REQUEST) == JOB
    job = finish_lyrics(store, REQUEST, WORDS)
    assert store.load_job(KEY)[0] == job
    assert job is not None
    assert job.lyrics is not None
    assert (job.lyrics.status, job.lyrics.language, job.lyrics.words) == ("done", "en", 2)
    assert (job.lyrics.cost_usd, job.lyrics.deadline_at) == (0.072, None)
    assert [file.format for file in job.lyrics.files] == [*LyricsFormat]
    for file in job.lyrics.files:
        assert file.key == result_key(KEY, RESULTS_ID, f"lyrics.{file.format}")
        assert file.size_bytes == len(store.read(file.key) or b"")
    assert json.loads(store.read(job.lyrics.files[0].key) or b"")["language"] == "en"
    assert keys(s3) == {"drop/song.mp3/job.json", *job.result_keys}


def test_song_without_words_has_no_files(store: Store, s3: MemoryS3) -> None:
    store.save_job(KEY, JOB, None)
    job = finish_lyrics(store, REQUEST, Transcription((), "en"))
    assert job is not None
    assert job.lyrics is not None
    assert (job.lyrics.status, job.lyrics.words, job.lyrics.language) == ("done", 0, None)
    assert keys(s3) == {"drop/song.mp3/job.json"}


def test_failure_says_why(store: Store, s3: MemoryS3) -> None:
    store.save_job(KEY, JOB, None)
    job = finish_lyrics(store, REQUEST, LyricsTimedOutError("It took too long."))
    assert job is not None
    assert job.lyrics is not None
    assert (job.lyrics.status, job.lyrics.code) == ("failed", "lyrics_timed_out")
    assert job.lyrics.reason == "It took too long."
    assert job.lyrics.cost_usd == 0.072
    assert job.status is Status.DONE
    assert keys(s3) == {"drop/song.mp3/job.json"}


@pytest.mark.parametrize(
    "job",
    [
        None,
        replace(JOB, lyrics=None),
        replace(JOB, results_ids=(LATER_ID,)),
    ],
    ids=["deleted", "without lyrics", "of another song"],
)
@pytest.mark.parametrize("outcome", [WORDS, LyricsTimedOutError("Too late.")], ids=["words", "no"])
def test_lyrics_that_are_no_longer_awaited_leave_nothing(
    store: Store, s3: MemoryS3, job: Job | None, outcome: Any
) -> None:
    if job:
        store.save_job(KEY, job, None)
    announced: list[Job] = []
    assert find_pending(store, REQUEST) is None
    assert finish_lyrics(store, REQUEST, outcome, announced.append) is None
    assert announced == []
    assert store.load_job(KEY)[0] == job
    assert keys(s3) == ({"drop/song.mp3/job.json"} if job else set())


@pytest.mark.parametrize("status", [LyricsStatus.FAILED, LyricsStatus.DONE])
@pytest.mark.parametrize("outcome", [WORDS, LyricsTimedOutError("Too late.")], ids=["words", "no"])
def test_lyrics_that_another_call_has_ended_are_announced_again(
    store: Store, s3: MemoryS3, status: LyricsStatus, outcome: Any
) -> None:
    """The other call may have been killed before it announced them."""
    job, announced = replace(JOB, lyrics=replace(PENDING, status=status)), list[Job]()
    store.save_job(KEY, job, None)
    assert finish_lyrics(store, REQUEST, outcome, announced.append) == job
    assert announced == [job]
    assert store.load_job(KEY)[0] == job
    assert keys(s3) == {"drop/song.mp3/job.json"}


def test_end_that_was_saved_without_an_answer_is_announced(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 repeats such a request, and S3 answers that the record has changed."""
    store.save_job(KEY, JOB, None)
    save_job, announced = store.save_job, list[Job]()

    def lose_the_answer(key: UploadKey, job: Job, etag: str | None) -> str:
        save_job(key, job, etag)
        raise ChangedError("The record has changed.")

    monkeypatch.setattr(store, "save_job", lose_the_answer)
    job = finish_lyrics(store, REQUEST, WORDS, announced.append)
    assert job is not None
    assert announced == [job] == [store.load_job(KEY)[0]]


def test_the_same_words_twice_are_kept(store: Store, s3: MemoryS3) -> None:
    store.save_job(KEY, JOB, None)
    job = finish_lyrics(store, REQUEST, WORDS)
    assert finish_lyrics(store, REQUEST, WORDS) == job
    assert finish_lyrics(store, REQUEST, LyricsTimedOutError("Too late.")) == job
    assert store.load_job(KEY)[0] == job
    assert job is not None
    assert keys(s3) == {"drop/song.mp3/job.json", *job.result_keys}


def test_record_that_changes_meanwhile_is_not_overwritten(
    store: Store, s3: MemoryS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save_job(KEY, JOB, None)
    save_job, changed = store.save_job, replace(JOB, warnings=("changed",))

    def change_first(key: UploadKey, job: Job, etag: str | None) -> str:
        monkeypatch.undo()
        save_job(KEY, changed, store.load_job(KEY)[1])
        return save_job(key, job, etag)

    monkeypatch.setattr(store, "save_job", change_first)
    job = finish_lyrics(store, REQUEST, WORDS)
    assert job is not None
    assert job.warnings == ("changed",)
    assert job.lyrics is not None
    assert job.lyrics.words == 2
    assert not any(key.startswith(TRANSCRIPTIONS_PREFIX) for key in keys(s3))
