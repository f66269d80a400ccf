"""Successful jobs, with ffmpeg, and with the real 2stems model where it is about the stems."""

import io
import json
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import media
import stemdrop
from fault_proxy import FaultProxy
from stemdrop.codecs import Codec
from stemdrop.job_record import Job, Stage, Status, now
from stemdrop.keys import UploadKey, record_key, result_name
from stemdrop.options import Options
from stemdrop_local.deployment import ROOT, Stack
from stemdrop_separate.job.context import JobContext, Outcome
from stemdrop_separate.models.catalog import Models
from uploads import (
    KEY,
    RATE_HZ,
    attempt,
    job_of,
    put,
    read,
    result_named,
    results,
    samples,
    song,
    stem_names,
)


@pytest.fixture(scope="module")
def real_models() -> Models:
    """Return the real models, loaded once."""
    return Models(ROOT / "build" / "models")


@pytest.fixture
def real_context(job_context: JobContext, real_models: Models) -> JobContext:
    settings = replace(job_context.settings, model_dir=real_models.folder)
    return replace(job_context, settings=settings, models=real_models)


def separate(buckets: Stack, job_context: JobContext, key: UploadKey = KEY, **metadata: str) -> Job:
    assert attempt(job_context, key) is Outcome.DONE, metadata
    job = job_of(buckets, key)
    assert job.status is Status.DONE
    return job


def test_song_is_separated_into_stems(buckets: Stack, real_context: JobContext) -> None:
    put(buckets, song())
    job = separate(buckets, real_context)
    assert stem_names(buckets) == {"vocals.wav", "accompaniment.wav"}
    mix = samples(song())
    for stem in job.stems:
        data = read(buckets, stem.key)
        sound = samples(data)
        assert sound.shape == mix.shape
        assert sound.dtype == np.int16
        assert (stem.size_bytes, stem.duration_s) == (len(data), 0.5)
        assert int.from_bytes(data[4:8], "little") == len(data) - 8
        peak_dbfs = 20 * np.log10(np.abs(sound.astype(float)).max() / 32768)
        assert stem.peak_dbfs == pytest.approx(peak_dbfs, abs=0.01)
        assert stem.clipped_samples == 0
    assert [stem.stem for stem in job.stems] == ["vocals", "accompaniment"]


def test_record_names_some_of_many_tracks(
    buckets: Stack, job_context: JobContext, tmp_path: Path
) -> None:
    sound, path = tmp_path / "song.wav", tmp_path / "song.mkv"
    sound.write_bytes(song())
    media.run("-i", f"file:{sound}", *("-map", "0:a") * 60, "-c:a", "copy", f"file:{path}")
    put(buckets, path.read_bytes(), metadata={"stemdrop-track": "60"})
    described = separate(buckets, job_context).sound
    assert described is not None
    assert described.track == 60
    assert [track.number for track in described.tracks] == list(range(1, 51))


def test_record_describes_the_whole_job(buckets: Stack, job_context: JobContext) -> None:
    before = now()
    put(buckets, song())
    separate(buckets, job_context)
    record = json.loads(read(buckets, record_key(KEY)))
    assert record["version"] == 1
    assert (record["key"], record["status"], record["stage"]) == (str(KEY), "done", None)
    assert record["options"] == Options().to_dict()
    head = buckets.s3.head_object(Bucket=buckets.uploads_bucket, Key=str(KEY))
    source = record["source"]
    assert source["etag"] == head["ETag"].strip('"')
    assert (source["key"], source["size_bytes"]) == (str(KEY), len(song()))
    assert len(source["sha256"]) == 64
    track = {"number": 1, "language": None, "title": None, "is_default": False}
    assert record["sound"] == {
        "duration_s": 0.5,
        "sample_rate_hz": RATE_HZ,
        "channels": 2,
        "has_title": True,
        "track": 1,
        "tracks": [track],
    }
    assert (record["progress"], record["attempt"]) == (1.0, 1)
    assert (record["error"], record["warnings"], record["zip"]) == (None, [], None)
    card = json.loads((job_context.settings.model_dir / "2stems.json").read_text())
    engine = record["engine"]
    assert (engine["backend"], engine["model"]) == ("onnx", "2stems")
    assert engine["weights_sha256"] == card["files"]["2stems.blocked8.kernels"]["sha256"]
    assert engine["versions"]["stemdrop"] == stemdrop.__version__
    usage = record["usage"]
    timings_s = usage["timings_s"]
    assert timings_s.keys() == {"download", "reuse", "separate", "upload", "total"}
    assert timings_s["total"] >= timings_s["separate"] > 0
    assert usage["peak_rss_bytes"] > 1e8
    assert usage["gb_seconds"] == pytest.approx(3008 / 1024 * timings_s["total"], abs=0.01)
    assert usage["cost_usd"] == pytest.approx(usage["gb_seconds"] * 0.0000166667, abs=1e-7)
    times = [record[f"{name}_at"] for name in ("created", "started", "updated", "deadline")]
    assert times == sorted(times)
    assert before[:19] <= times[0][:19]
    assert datetime.fromisoformat(record["finished_at"]).utcoffset() is not None


# Names whose suffix or media type is another.
@pytest.mark.parametrize(
    ("codec", "start"), [(Codec.OPUS, b"OggS"), (Codec.ALAC, b"\0\0\0\x1cftypM4A")]
)
def test_stems_have_the_format_of_the_codec(
    buckets: Stack, job_context: JobContext, codec: Codec, start: bytes
) -> None:
    put(buckets, song(), metadata={"codec": codec.value, "stems": "vocals"})
    job = separate(buckets, job_context)
    assert stem_names(buckets) == {f"vocals.{codec.suffix}"}
    data = read(buckets, job.stems[0].key)
    assert data.startswith(start)
    head = buckets.s3.head_object(Bucket=buckets.stems_bucket, Key=job.stems[0].key)
    assert head["ContentType"] == codec.spec.media_type


def test_stems_and_residual_add_up_to_the_mix(buckets: Stack, real_context: JobContext) -> None:
    put(buckets, song(), metadata={"residual": "true", "bit_depth": "32f"})
    job = separate(buckets, real_context)
    assert [stem.stem for stem in job.stems] == ["vocals", "accompaniment", "residual"]
    total = sum(samples(read(buckets, stem.key)) for stem in job.stems)
    np.testing.assert_allclose(total, samples(song()) / 32768, atol=1e-6)
    assert max(abs(samples(read(buckets, job.stems[2].key)).ravel())) > 1e-4


def test_residual_of_one_stem_is_the_sum_of_the_others(
    buckets: Stack, real_context: JobContext
) -> None:
    put(buckets, song(), metadata={"residual": "true", "bit_depth": "32f", "stems": "vocals"})
    job = separate(buckets, real_context)
    assert [stem.stem for stem in job.stems] == ["vocals", "residual"]
    total = sum(samples(read(buckets, stem.key)) for stem in job.stems)
    np.testing.assert_allclose(total, samples(song()) / 32768, atol=1e-6)


def test_zip_has_exactly_the_stems(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, song(), metadata={"zip": "true", "residual": "true"})
    job = separate(buckets, job_context)
    assert job.zip is not None
    data = read(buckets, job.zip.key)
    assert (result_name(job.zip.key), job.zip.size_bytes) == ("stems.zip", len(data))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["vocals.wav", "accompaniment.wav", "residual.wav"]
        for name in archive.namelist():
            assert archive.read(name) == read(buckets, result_named(job, name))
    assert stem_names(buckets) == {"stems.zip", *archive.namelist()}


def test_part_of_a_song_is_separated(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, song(), metadata={"offset_s": "0.2", "duration_s": "0.1"})
    job = separate(buckets, job_context)
    assert [stem.duration_s for stem in job.stems] == [0.1, 0.1]
    assert job.sound is not None
    assert job.sound.duration_s == 0.5
    assert len(samples(read(buckets, job.stems[0].key))) == 4410


def test_folder_sets_the_model(buckets: Stack, real_context: JobContext) -> None:
    key = UploadKey.parse("drop/2stems-16kHz/song.wav")
    put(buckets, song(), key)
    job = separate(buckets, real_context, key)
    assert job.options["model"] == "2stems-16kHz"
    assert job.engine is not None
    assert job.engine.model == "2stems-16kHz"


@pytest.mark.parametrize(
    "text",
    [
        "drop/with space + plus 100% %20 'q' \"q\".wav",
        "drop/🎵/Größe 曲.wav",
        "drop/../up/..wav",
        "drop/" + "x" * 891 + ".wav",
        "drop/no suffix",
    ],
    ids=ascii,
)
def test_song_with_unusual_key_is_separated(
    buckets: Stack, job_context: JobContext, text: str
) -> None:
    key = UploadKey.parse(text)
    put(buckets, song(), key)
    job = separate(buckets, job_context, key)
    assert job.key == text
    folder = f"{text}/results-{job.results_ids[0]}"
    names = ("vocals.wav", "accompaniment.wav", "peaks.dat")
    assert job.result_keys == {f"{folder}/{name}" for name in names}
    assert all(len(samples(read(buckets, stem.key))) == RATE_HZ // 2 for stem in job.stems)


def test_api_job_has_the_options_of_its_record(buckets: Stack, job_context: JobContext) -> None:
    key = UploadKey.parse("jobs/" + "a" * 32)
    options = Options.parse({"codec": "flac", "stems": "vocals"}).to_dict()
    waiting = Job(str(key), Status.AWAITING_UPLOAD, now(), now(), options=options)
    job_context.store.save_job(key, waiting, None)
    put(buckets, song(), key)
    job = separate(buckets, job_context, key)
    assert stem_names(buckets, key) == {"vocals.flac"}
    assert (job.options, job.created_at) == (options, waiting.created_at)
    # The event is delivered again, and nothing changes, including the options.
    written = results(buckets)
    assert attempt(job_context, key) is Outcome.SKIPPED
    assert results(buckets) == written


def test_song_is_not_affected_by_the_previous_one(buckets: Stack, real_context: JobContext) -> None:
    # In one process, as in a warm execution environment, with an empty index.
    stems = []
    for seed in (1, 2, 1):
        for key in results(buckets, "content/"):
            buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=key)
        put(buckets, song(0.5, seed))
        job = separate(buckets, real_context)
        assert job.usage is not None
        assert "separate" in job.usage.timings_s
        stems.append([read(buckets, stem.key) for stem in job.stems])
    assert stems[0] == stems[2]
    assert stems[0] != stems[1]


def progress_of(records: list[Job]) -> list[float]:
    return [job.progress for job in records if job.stage is Stage.SEPARATING]


class AdvancingClock:
    """A clock that advances by 1.5 s whenever it is read."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        self.seconds += 1.5
        return self.seconds


@pytest.fixture
def written(job_context: JobContext, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Record all written records."""
    jobs: list[Job] = []
    save = type(job_context.store).save_job

    def noting(*arguments: object) -> str:
        jobs.append(arguments[2])  # type: ignore[arg-type]
        return save(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(job_context.store), "save_job", noting)
    return jobs


def test_progress_is_written_every_two_seconds_at_most(
    buckets: Stack, job_context: JobContext, written: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three segments, at 1.5 s each.
    put(buckets, song(24.5), metadata={"codec": "mp3", "bitrate": "64k"})
    monkeypatch.setattr("stemdrop_separate.job.progress.time", AdvancingClock())
    assert attempt(job_context) is Outcome.DONE
    shares = progress_of(written)
    assert shares[0] == 0.0
    assert shares == sorted(shares)
    assert len(shares) == 1 + 2  # after the first segment, and 3 s later
    assert 0 < shares[1] < shares[2] < 1
    stages = [(job.status, job.stage) for job in written]
    assert stages[0] == (Status.PROCESSING, Stage.DOWNLOADING)
    assert stages[-2:] == [(Status.PROCESSING, Stage.UPLOADING), (Status.DONE, None)]


def test_work_folder_is_empty_after_a_job(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, song())
    separate(buckets, job_context)
    assert list(job_context.settings.work_dir.iterdir()) == []


def test_stems_are_uploaded_before_the_record_says_so(
    buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    put(buckets, song(), metadata={"zip": "true"})
    job = separate(buckets, job_context)
    puts = [request.key for request in faults.requests if request.method == "PUT"]
    *_, record, entry = puts
    assert record == record_key(KEY)
    assert entry.startswith("content/")
    assert set(puts[-6:-2]) == job.result_keys


def test_song_at_the_limits_is_separated(buckets: Stack, job_context: JobContext) -> None:
    limits = replace(job_context.settings, max_upload_bytes=len(song(1.0)), max_duration_s=1)
    put(buckets, song(1.0))
    separate(buckets, replace(job_context, settings=limits))
