"""Lyrics of a job: stems first, then words, whatever comes of them; with ffmpeg and S3."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from listener import Listener
from stemdrop.errors import (
    LyricsTimedOutError,
    StorageError,
    TransientError,
)
from stemdrop.job_record import Job, Status
from stemdrop.keys import TRANSCRIPTIONS_PREFIX, UploadKey, result_name
from stemdrop.lyrics import Lyrics, LyricsStatus
from stemdrop_local.deployment import Stack
from stemdrop_separate.audio.vocals_blend import VocalsBlend
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.job.context import Invocation, JobContext, JobResult, Outcome
from stemdrop_separate.job.lyrics_phase import write_lyrics
from stemdrop_separate.job.run_job import run_job
from uploads import KEY, job_of, put, read, results, samples, song

SONG = song(1.0, seed=5)
LYRICS = {"stemdrop-lyrics": "true"}
OTHER_KEY = UploadKey.parse("drop/the same song.wav")


@pytest.fixture
def listener(tmp_path: Path) -> Listener:
    return Listener(tmp_path)


@pytest.fixture
def context(job_context: JobContext, listener: Listener) -> JobContext:
    return replace(job_context, transcriber=listener)


def separate(context: JobContext, *, key: UploadKey = KEY, **invocation: Any) -> JobResult:
    """Deliver the event of an upload, up to the end of its stems."""
    return run_job(context, key, Invocation(3008, Deadline.after(900), **invocation))


def write(context: JobContext, result: JobResult, **invocation: Any) -> Job | None:
    """Continue the invocation with the lyrics."""
    assert result.job is not None
    called = Invocation(3008, Deadline.after(900), **invocation)
    return write_lyrics(context, result.job, called, had_ended=result.had_ended)


def lyrics_of(buckets: Stack, key: UploadKey = KEY) -> Lyrics:
    job = job_of(buckets, key)
    assert job.status is Status.DONE
    assert job.lyrics is not None
    return job.lyrics


def test_stems_are_done_before_the_words(
    buckets: Stack, context: JobContext, listener: Listener
) -> None:
    put(buckets, SONG, metadata=LYRICS)
    result = separate(context)
    pending = lyrics_of(buckets)
    assert (pending.status, pending.engine, pending.files) == ("pending", "whisper test", ())
    assert pending.deadline_at is not None
    assert len(job_of(buckets).stems) == 2
    assert listener.requests == []
    job = write(context, result)
    assert job == job_of(buckets)
    lyrics = lyrics_of(buckets)
    assert (lyrics.status, lyrics.language, lyrics.words) == ("done", "en", 2)
    assert 0 < lyrics.cost_usd < 0.01  # of the separator's own time
    names = {result_name(file.key) for file in lyrics.files}
    assert names == {"lyrics.json", "lyrics.lrc", "lyrics.vtt", "lyrics.srt"}
    lines = json.loads(read(buckets, lyrics.files[0].key))["lines"]
    assert [line["text"] for line in lines] == ["Hello you."]
    assert not results(buckets, TRANSCRIPTIONS_PREFIX)


def test_engine_hears_the_vocals_with_a_little_of_the_mix_at_16_khz(
    buckets: Stack, context: JobContext, listener: Listener
) -> None:
    put(buckets, SONG, metadata=LYRICS)
    write(context, separate(context))
    assert listener.heard is not None
    assert (listener.sample_rate_hz, listener.heard.shape) == (16_000, (16_000,))
    (vocals,) = (stem for stem in job_of(buckets).stems if stem.stem == "vocals")
    stem, mix = (samples(data) / np.float32(32768) for data in (read(buckets, vocals.key), SONG))
    mono = VocalsBlend().add(stem, mix).mean(axis=1)
    # As spectra below 7 kHz: the resampler's filter is not part of the bargain.
    heard, expected = (np.abs(np.fft.rfft(sound))[:7000] for sound in (listener.heard, mono))
    heard *= 44_100 / 16_000
    error = np.sqrt(np.mean((heard - expected) ** 2) / np.mean(expected**2))
    assert error < 0.02


@pytest.mark.parametrize(
    "wanted",
    [
        {"codec": "flac"},
        {"stems": "accompaniment"},
        {"stems": "accompaniment", "residual": "true"},
    ],
)
def test_stems_are_the_same_with_lyrics(
    buckets: Stack, context: JobContext, listener: Listener, wanted: dict[str, str]
) -> None:
    put(buckets, SONG, OTHER_KEY, wanted)
    separate(context, key=OTHER_KEY)
    put(buckets, SONG, metadata=LYRICS | wanted)
    write(context, separate(context))
    assert listener.heard is not None
    assert np.abs(listener.heard).max() > 0.01
    with_lyrics, without = (
        [(stem.stem, read(buckets, stem.key)) for stem in job_of(buckets, key).stems]
        for key in (KEY, OTHER_KEY)
    )
    assert with_lyrics == without


def test_times_are_those_of_the_song(
    buckets: Stack, context: JobContext, listener: Listener
) -> None:
    put(buckets, SONG, metadata=LYRICS | {"offset_s": "0.5", "stemdrop-language": "de"})
    write(context, separate(context))
    (request,) = listener.requests
    assert (request.offset_s, request.duration_s, request.language) == (0.5, 0.5, "de")


@pytest.mark.parametrize(
    ("has_engine", "metadata", "code"),
    [
        (False, {}, "lyrics_unavailable"),
        (True, {"stemdrop-language": "zu"}, "language_unavailable"),
    ],
)
def test_song_whose_lyrics_are_not_possible_has_its_stems(
    buckets: Stack, context: JobContext, has_engine: bool, metadata: dict[str, str], code: str
) -> None:
    if not has_engine:
        context = replace(context, transcriber=None)
    put(buckets, SONG, metadata=LYRICS | metadata)
    result = separate(context)
    lyrics = lyrics_of(buckets)
    assert (lyrics.status, lyrics.code) == ("failed", code)
    assert len(job_of(buckets).stems) == 2
    assert write(context, result) is None
    assert not results(buckets, TRANSCRIPTIONS_PREFIX)


def test_killed_transcription_is_continued_by_the_next_delivery(
    buckets: Stack, context: JobContext, listener: Listener
) -> None:
    put(buckets, SONG, metadata=LYRICS)
    separate(context)
    stems = job_of(buckets).stems
    result = separate(context)
    assert result.outcome is Outcome.SKIPPED
    write(context, result)
    assert lyrics_of(buckets).status is LyricsStatus.DONE
    assert job_of(buckets).stems == stems
    assert len(listener.requests) == 1


def test_transcription_that_is_always_killed_fails(
    buckets: Stack, context: JobContext, listener: Listener
) -> None:
    put(buckets, SONG, metadata=LYRICS)
    for _ in range(3):
        separate(context)
    write(context, separate(context, is_last=True, is_surplus=True), is_last=True, is_surplus=True)
    lyrics = lyrics_of(buckets)
    assert (lyrics.status, lyrics.code) == ("failed", "lyrics_timed_out")
    assert listener.requests == []
    assert not results(buckets, TRANSCRIPTIONS_PREFIX)


def test_surplus_delivery_does_not_end_a_transcription_elsewhere(
    buckets: Stack, context: JobContext, listener: Listener
) -> None:
    listener.runs_here = False
    put(buckets, SONG, metadata=LYRICS)
    separate(context)
    write(context, separate(context, is_last=True, is_surplus=True), is_last=True, is_surplus=True)
    assert len(listener.requests) == 1
    assert lyrics_of(buckets).status is LyricsStatus.DONE


def test_transcription_that_runs_out_of_time_gets_a_whole_invocation(
    buckets: Stack, context: JobContext, listener: Listener
) -> None:
    put(buckets, SONG, metadata=LYRICS)
    listener.errors = [LyricsTimedOutError("Too long."), LyricsTimedOutError("Much too long.")]
    with pytest.raises(TransientError):
        write(context, separate(context))
    assert lyrics_of(buckets).status is LyricsStatus.PENDING
    write(context, separate(context))
    assert lyrics_of(buckets).reason == "Much too long."


@pytest.mark.parametrize("error", [StorageError("S3 failed."), ValueError("a bug")])
def test_failed_transcription_is_tried_again_and_never_fails_the_job(
    buckets: Stack, context: JobContext, listener: Listener, error: Exception
) -> None:
    put(buckets, SONG, metadata=LYRICS)
    listener.errors = [error, error]
    with pytest.raises(type(error)):
        write(context, separate(context))
    assert lyrics_of(buckets).status is LyricsStatus.PENDING
    write(context, separate(context, is_last=True), is_last=True)
    assert lyrics_of(buckets).status is LyricsStatus.FAILED
    assert "failed three times" in (lyrics_of(buckets).reason or "")
    assert len(job_of(buckets).stems) == 2


def test_lyrics_of_the_same_song_are_copied(
    buckets: Stack, context: JobContext, listener: Listener
) -> None:
    put(buckets, SONG, metadata=LYRICS)
    write(context, separate(context))
    put(buckets, SONG, OTHER_KEY, LYRICS)
    separate(context, key=OTHER_KEY)
    original, copy = lyrics_of(buckets), lyrics_of(buckets, OTHER_KEY)
    assert copy.status is LyricsStatus.DONE
    assert [read(buckets, file.key) for file in copy.files] == [
        read(buckets, file.key) for file in original.files
    ]
    assert all(file.key.startswith(str(OTHER_KEY)) for file in copy.files)
    assert len(listener.requests) == 1


@pytest.mark.parametrize("change", ["pending", "failed", "other engine"])
def test_lyrics_that_are_not_there_are_not_copied(
    buckets: Stack, context: JobContext, listener: Listener, change: str
) -> None:
    put(buckets, SONG, metadata=LYRICS)
    result = separate(context)
    if change == "failed":
        listener.errors = [LyricsTimedOutError("Too long.")]
    if change != "pending":
        write(context, result, is_last=True)
    if change == "other engine":
        listener.name = "transcribe"
    put(buckets, SONG, OTHER_KEY, LYRICS)
    write(context, separate(context, key=OTHER_KEY))
    assert lyrics_of(buckets, OTHER_KEY).status is LyricsStatus.DONE
    assert job_of(buckets, OTHER_KEY).usage is not None


def test_replaced_song_leaves_nothing_of_the_first_ones_lyrics(
    buckets: Stack, context: JobContext
) -> None:
    put(buckets, SONG, metadata=LYRICS)
    result = separate(context)
    put(buckets, song(0.7, seed=6), metadata=LYRICS)
    write(context, separate(context))
    done = lyrics_of(buckets)
    assert write(context, result) is None
    assert lyrics_of(buckets) == done
    job = job_of(buckets)
    assert {*results(buckets, f"{KEY}/results-")} == job.result_keys
    assert not results(buckets, TRANSCRIPTIONS_PREFIX)
