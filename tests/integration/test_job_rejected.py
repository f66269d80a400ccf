"""Invalid uploads: the record has the reason, and there are no retries."""

import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import media
from fault_proxy import Fault, FaultProxy, S3Response, run_before
from stemdrop.errors import StorageError, TransientError
from stemdrop.job_record import Job, Status
from stemdrop.keys import UploadKey, record_key
from stemdrop.options import Options
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext, Outcome
from stemdrop_separate.job.run_job import RESERVED_S
from stemdrop_separate.stem_sizes import HEADER_BYTES
from uploads import KEY, RATE_HZ, attempt, job_of, put, read, results, samples, song

SOUND = media.tones(0.2)


def nan_at_the_end(path: Path) -> Path:
    sound = SOUND.copy()
    sound[-1, 1] = np.nan
    return media.wav(path, sound)


def infinite_in_the_middle(path: Path) -> Path:
    sound = SOUND.copy()
    sound[1000] = -np.inf
    return media.wav(path, sound)


def text(path: Path) -> Path:
    path.write_text("This is not a song. " * 500)
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


Make = Callable[[Path], Path]
FILES: dict[str, tuple[Make, str]] = {
    "0 bytes": (empty, "empty_audio"),
    "no samples": (lambda path: media.wav(path, SOUND[:0]), "empty_audio"),
    "not audio": (text, "not_audio"),
    "picture": (lambda path: media.picture(path.with_suffix(".png")), "not_audio"),
    "cover art": (
        lambda path: media.cover_only(path.with_suffix(".m4a"), path.parent),
        "no_audio_stream",
    ),
    "silent video": (
        lambda path: media.silent_video(path.with_suffix(".mp4")),
        "no_audio_stream",
    ),
    "NaN": (nan_at_the_end, "not_finite"),
    "infinity": (infinite_in_the_middle, "not_finite"),
    "header only": (lambda path: media.truncate(media.wav(path, SOUND), 0.0001), "not_audio"),
}


def samples_per_second(rate_hz: int) -> Make:
    return lambda path: media.wav(path, SOUND, rate_hz=rate_hz)


FILES["2 Hz"] = (samples_per_second(2), "not_audio")
FILES["999 Hz"] = (samples_per_second(999), "not_audio")


def require_failed(buckets: Stack, job_context: JobContext, code: str, key: UploadKey = KEY) -> Job:
    """Require that a record has the failure, and that nothing else was written."""
    job = job_of(buckets, key)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.code == code
    assert job.error.message.endswith(".")
    assert len(job.error.message) < 300
    assert "/" not in job.error.message.replace(str(key), "")
    assert (job.stems, job.zip, job.stage) == ((), None, None)
    assert job.finished_at is not None
    assert job.usage is not None
    assert set(results(buckets)) == {record_key(key)}
    work_dir = job_context.settings.work_dir
    assert not work_dir.exists() or list(work_dir.iterdir()) == []
    return job


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_sound_fails(
    buckets: Stack, job_context: JobContext, faults: FaultProxy, tmp_path: Path, name: str
) -> None:
    make, code = FILES[name]
    path = make(tmp_path / "song.wav")
    key = replace(KEY, name=path.name)
    put(buckets, path.read_bytes(), key)
    if not path.stat().st_size:  # the song may follow
        with pytest.raises(TransientError):
            attempt(job_context, key)
    assert attempt(job_context, key) is Outcome.REJECTED
    job = require_failed(buckets, job_context, code, key)
    assert job.source is not None
    assert job.source.size_bytes == path.stat().st_size
    # The event is delivered again. The job is settled, so the song isn't downloaded.
    faults.reset()
    assert attempt(job_context, key) is Outcome.SKIPPED
    assert {request.method for request in faults.requests} == {"GET", "HEAD"}
    assert faults.count_requests("GET", str(key)) == 0
    assert job_of(buckets, key) == job


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"model": "3stems"}, "model can't be '3stems'"),
        ({"codec": "mp3", "bit_depth": "24"}, "bit_depth"),
        ({"duration_s": "-1"}, "duration_s can't be '-1'"),
        ({"stems": "drums"}, "vocals, accompaniment"),
    ],
    ids=str,
)
def test_a_bad_option_fails(
    buckets: Stack, job_context: JobContext, metadata: dict[str, str], words: str
) -> None:
    put(buckets, song(), metadata=metadata)
    assert attempt(job_context) is Outcome.REJECTED
    job = require_failed(buckets, job_context, "bad_option")
    assert job.error is not None
    assert words in job.error.message
    assert job.options == metadata


@pytest.mark.parametrize("model", ["4stems", "5stems-16kHz"])
def test_a_model_that_is_not_installed_fails(
    buckets: Stack, job_context: JobContext, tmp_path: Path, model: str
) -> None:
    for file in job_context.settings.model_dir.glob("2stems.*"):
        (tmp_path / file.name).symlink_to(file)
    models = replace(job_context.models, folder=tmp_path)
    put(buckets, song(), metadata={"model": model})
    assert attempt(replace(job_context, models=models)) is Outcome.REJECTED
    job = require_failed(buckets, job_context, "model_unavailable")
    assert job.error is not None
    assert "2stems" in job.error.message


def test_song_beyond_the_size_limit_is_not_downloaded(
    buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    limits = replace(job_context.settings, max_upload_bytes=len(song()) - 1)
    put(buckets, song())
    assert attempt(replace(job_context, settings=limits)) is Outcome.REJECTED
    require_failed(buckets, job_context, "too_large")
    assert faults.count_requests("GET", str(KEY)) == 0


def test_song_beyond_the_duration_limit_is_rejected(
    buckets: Stack, job_context: JobContext
) -> None:
    limits = replace(job_context.settings, max_duration_s=1)
    put(buckets, song(1.5))
    assert attempt(replace(job_context, settings=limits)) is Outcome.REJECTED
    require_failed(buckets, job_context, "too_long")


def test_part_within_the_duration_limit_is_separated(
    buckets: Stack, job_context: JobContext
) -> None:
    limits = replace(job_context.settings, max_duration_s=1)
    put(buckets, song(1.5), metadata={"offset_s": "0.5"})
    assert attempt(replace(job_context, settings=limits)) is Outcome.DONE


def test_an_offset_beyond_the_end_fails(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, song(), metadata={"offset_s": "60"})
    assert attempt(job_context) is Outcome.REJECTED
    require_failed(buckets, job_context, "empty_audio")


def test_song_deleted_before_the_job_is_rejected(buckets: Stack, job_context: JobContext) -> None:
    assert attempt(job_context) is Outcome.REJECTED
    job = require_failed(buckets, job_context, "upload_gone")
    assert job.source is None
    assert attempt(job_context) is Outcome.SKIPPED
    assert require_failed(buckets, job_context, "upload_gone") == job


def test_song_deleted_before_the_download_is_rejected(
    buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    put(buckets, song())
    delete = partial(buckets.s3.delete_object, Bucket=buckets.uploads_bucket, Key=str(KEY))
    faults.inject(run_before(delete), "GET", str(KEY))
    assert attempt(job_context) is Outcome.REJECTED
    job = require_failed(buckets, job_context, "upload_gone")
    assert job.source is not None


def test_separation_past_its_deadline_is_rejected(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, song())
    assert attempt(job_context, remaining_s=RESERVED_S - 0.1) is Outcome.REJECTED
    job = require_failed(buckets, job_context, "timed_out")
    assert job.error is not None
    assert "duration_s" in job.error.message


def test_decoder_past_its_deadline_is_rejected(
    buckets: Stack, job_context: JobContext, tmp_path: Path
) -> None:
    """The first call of ffmpeg recognizes the song; the second never ends."""
    stuck, called = tmp_path / "ffmpeg", tmp_path / "called"
    stuck.write_text(
        f"#!/bin/sh\n[ -e {called} ] && exec /bin/sleep 600\n: > {called}\n"
        f'exec {job_context.ffmpeg} "$@"\n'
    )
    stuck.chmod(0o755)
    put(buckets, song())
    assert (
        attempt(replace(job_context, ffmpeg=stuck), remaining_s=RESERVED_S + 1.0)
        is Outcome.REJECTED
    )
    assert called.exists()
    require_failed(buckets, job_context, "timed_out")


# Two stems, with space for headers and trailers.
STEMS_NEED_BYTES = 2 * len(song()) + 2 * HEADER_BYTES


def disk_with(free_bytes: int) -> SimpleNamespace:
    usage = SimpleNamespace(free=free_bytes)
    return SimpleNamespace(disk_usage=lambda _: usage)


@pytest.mark.parametrize(
    ("free_bytes", "metadata", "words"),
    [
        (len(song()) - 1, {}, "The song would take"),
        # Space for the song but not for two stems, or for the stems but not for the archive.
        (2 * len(song()) - 1000, {}, "The stems would take"),
        (STEMS_NEED_BYTES, {"zip": "true"}, "The stems would take"),
    ],
    ids=["song", "stems", "zip"],
)
def test_full_disk_is_rejected_before_the_separation(
    buckets: Stack,
    job_context: JobContext,
    monkeypatch: pytest.MonkeyPatch,
    free_bytes: int,
    metadata: dict[str, str],
    words: str,
) -> None:
    monkeypatch.setattr("stemdrop_separate.disk_space.shutil", disk_with(free_bytes))
    put(buckets, song(), metadata=metadata)
    assert attempt(job_context) is Outcome.REJECTED
    job = require_failed(buckets, job_context, "no_room")
    assert job.error is not None
    assert job.error.message.startswith(words)


def test_song_that_just_fits_on_the_disk_is_separated(
    buckets: Stack, job_context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemdrop_separate.disk_space.shutil", disk_with(STEMS_NEED_BYTES))
    put(buckets, song())
    assert attempt(job_context) is Outcome.DONE


def test_song_after_a_rejected_one_is_separated(
    buckets: Stack, job_context: JobContext, tmp_path: Path
) -> None:
    put(buckets, text(tmp_path / "song").read_bytes())
    assert attempt(job_context) is Outcome.REJECTED
    put(buckets, song())
    assert attempt(job_context) is Outcome.DONE
    job = job_of(buckets)
    assert (job.status, job.error, job.attempt) == (Status.DONE, None, 1)


ODD: dict[str, tuple[Make, int]] = {
    "1 sample": (lambda path: media.wav(path, SOUND[:1]), 1),
    "8 kHz mono": (lambda path: media.wav(path, media.tones(0.2, 1, 8000), rate_hz=8000), 8820),
    "192 kHz": (lambda path: media.wav(path, media.tones(0.2, 2, 192_000), rate_hz=192_000), 8820),
    "6 channels": (lambda path: media.wav(path, media.tones(0.2, 6), mask=0x3F), 8820),
    "silence": (lambda path: media.wav(path, np.zeros((8820, 2), np.float32)), 8820),
}


@pytest.mark.parametrize("name", ODD)
def test_unusual_song_has_stems_of_its_length(
    buckets: Stack, job_context: JobContext, tmp_path: Path, name: str
) -> None:
    make, expected = ODD[name]
    put(buckets, make(tmp_path / "song.wav").read_bytes(), metadata={"bit_depth": "32f"})
    assert attempt(job_context) is Outcome.DONE
    for stem in job_of(buckets).stems:
        sound = samples(read(buckets, stem.key))
        assert abs(len(sound) - expected) <= 2
        assert sound.shape[1] == 2
        assert np.isfinite(sound).all()
        assert (stem.peak_dbfs is None) is (name == "silence")


def test_format_known_by_suffix_is_separated(
    buckets: Stack, job_context: JobContext, tmp_path: Path
) -> None:
    key = replace(KEY, name="song.MLP")
    put(buckets, media.encode(tmp_path / "song.mlp", SOUND, "-strict", "-2").read_bytes(), key)
    assert attempt(job_context, key) is Outcome.DONE


def test_song_beyond_full_scale_has_clipping_counted(
    buckets: Stack, job_context: JobContext, tmp_path: Path
) -> None:
    loud = media.wav(tmp_path / "song.wav", 8 * SOUND)
    put(buckets, loud.read_bytes())
    assert attempt(job_context) is Outcome.DONE
    loudest = max(job_of(buckets).stems, key=lambda stem: stem.clipped_samples)
    assert loudest.clipped_samples > 100
    clipping = f"{loudest.stem} clips in {loudest.clipped_samples} samples, its peak is +"
    assert any(warning.startswith(clipping) for warning in job_of(buckets).warnings)
    assert loudest.peak_dbfs is not None
    assert loudest.peak_dbfs > 3
    assert np.abs(samples(read(buckets, loudest.key)).astype(int)).max() >= 32767
    assert loudest.gain_db == 0


def test_song_beyond_full_scale_is_scaled_with_clip_scale(
    buckets: Stack, job_context: JobContext, tmp_path: Path
) -> None:
    loud = media.wav(tmp_path / "song.wav", 8 * SOUND)
    put(buckets, loud.read_bytes(), metadata={"clip": "scale", "quality": "high"})
    assert attempt(job_context) is Outcome.DONE
    job = job_of(buckets)
    assert (job.options["clip"], job.options["quality"]) == ("scale", "high")
    assert len({stem.gain_db for stem in job.stems}) == 1
    assert job.stems[0].gain_db < -3
    peaks_dbfs = [stem.peak_dbfs for stem in job.stems if stem.peak_dbfs is not None]
    assert max(peaks_dbfs) == pytest.approx(0, abs=0.01)
    assert not any(stem.clipped_samples for stem in job.stems)


def test_truncated_song_is_separated_with_a_warning(
    buckets: Stack, job_context: JobContext, tmp_path: Path
) -> None:
    whole = media.wav(tmp_path / "song.wav", media.tones(3.0))
    put(buckets, media.truncate(whole, 0.6).read_bytes())
    assert attempt(job_context) is Outcome.DONE
    job = job_of(buckets)
    assert "announces 3.0 s" in job.warnings[0]
    assert [stem.duration_s for stem in job.stems] == pytest.approx([1.8, 1.8], abs=0.01)
    assert len(samples(read(buckets, job.stems[0].key))) == round(job.stems[0].duration_s * RATE_HZ)


def test_song_of_unknown_length_is_separated(
    buckets: Stack, job_context: JobContext, tmp_path: Path
) -> None:
    # As written by a program to a pipe.
    piped = media.wav(tmp_path / "song.wav", SOUND, announced_bytes=0xFFFFFFFF)
    assert struct.unpack("<I", piped.read_bytes()[40:44]) == (0xFFFFFFFF,)
    put(buckets, piped.read_bytes())
    assert attempt(job_context) is Outcome.DONE
    assert [stem.duration_s for stem in job_of(buckets).stems] == [0.2, 0.2]


def s3_error(status: int, code: str, message: str) -> S3Response:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return S3Response(status, (("Content-Type", "application/xml"),), body.encode())


def always(answer: S3Response) -> Fault:
    return lambda _: answer


SSE_C = "The object was stored using a form of Server Side Encryption. The correct parameters must"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (
            {"GET": s3_error(403, "InvalidObjectState", "Not valid for the storage class.")},
            "archived in S3",
        ),
        (
            {"HEAD": S3Response(400, (), b""), "GET": s3_error(400, "InvalidRequest", SSE_C)},
            "encrypted with your own key",
        ),
    ],
    ids=["archived", "SSE-C"],
)
def test_song_that_s3_keeps_to_itself_fails(
    buckets: Stack,
    job_context: JobContext,
    faults: FaultProxy,
    answers: dict[str, S3Response],
    words: str,
) -> None:
    put(buckets, song())
    for method, answer in answers.items():
        faults.inject(always(answer), method, str(KEY), times=10)
    assert attempt(job_context) is Outcome.REJECTED
    job = require_failed(buckets, job_context, "unreadable_upload")
    assert job.error is not None
    assert words in job.error.message
    # The same again is settled, and a readable song is separated.
    assert attempt(job_context) is Outcome.SKIPPED
    faults.reset()
    put(buckets, song(seed=9))
    assert attempt(job_context) is Outcome.DONE


def test_refused_look_up_without_a_reason_is_tried_again(
    buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    put(buckets, song())
    faults.inject(always(S3Response(400, (), b"")), "HEAD", str(KEY), times=10)
    with pytest.raises(StorageError):
        attempt(job_context)


def test_stems_of_a_song_do_not_outlive_it(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, song(), metadata={"zip": "true"})
    assert attempt(job_context) is Outcome.DONE
    put(buckets, b"no song")
    assert attempt(job_context) is Outcome.REJECTED
    assert set(results(buckets, f"{KEY}/")) == {record_key(KEY)}


@pytest.mark.parametrize("codec", ["mp3", "wma"])
def test_song_far_beyond_full_scale_is_too_loud_for_a_lossy_format(
    buckets: Stack, job_context: JobContext, tmp_path: Path, codec: str
) -> None:
    loud = media.wav(tmp_path / "song.wav", media.tones(0.5) * 32_768)
    put(buckets, loud.read_bytes(), metadata={"codec": codec})
    assert attempt(job_context) is Outcome.REJECTED
    require_failed(buckets, job_context, "too_loud")
    put(buckets, loud.read_bytes(), metadata={"codec": codec, "clip": "scale"})
    assert attempt(job_context) is Outcome.DONE


@pytest.mark.parametrize(
    ("metadata", "options"),
    [
        ({"stemdrop-codec": "flac", "btime": "1", "md5": "x"}, {"codec": "flac"}),
        ({"codec": "mp3", "stemdrop-codec": "flac"}, {"codec": "flac"}),
        ({"stemdrop-bit-depth": "24"}, {"bit_depth": "24"}),
        ({"stemdrop-title_format": "{stem}"}, {"title_format": "{stem}"}),
        ({"track": "of the album", "title_format": "x"}, {}),
    ],
    ids=str,
)
def test_metadata_with_the_prefix_sets_options(
    buckets: Stack, job_context: JobContext, metadata: dict[str, str], options: dict[str, str]
) -> None:
    put(buckets, song(), metadata=metadata)
    assert attempt(job_context) is Outcome.DONE
    assert job_of(buckets).options.items() >= options.items()
    assert job_of(buckets).options == Options.parse(options).to_dict()


def test_misspelled_option_behind_the_prefix_fails(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, song(), metadata={"stemdrop-modell": "4stems"})
    assert attempt(job_context) is Outcome.REJECTED
    job = require_failed(buckets, job_context, "bad_option")
    assert job.error is not None
    assert "There is no option 'modell'" in job.error.message
