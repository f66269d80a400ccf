"""Helpers that upload songs, run their jobs and read the results."""

import io
import struct
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import soundfile
from numpy.typing import NDArray

import media
from benchmarks.songs.wav import write_wav
from stemdrop.dedupe import content_digest
from stemdrop.job_record import Job, Status, Stem, UploadSource
from stemdrop.keys import UploadKey, record_key, result_key, result_name
from stemdrop.options import Options
from stemdrop.store import Store
from stemdrop_local.deployment import Stack
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.job.context import Invocation, JobContext, JobResult, Outcome
from stemdrop_separate.job.run_job import run_job

KEY = UploadKey.parse("drop/song.wav")
RESULTS_ID = "0123456789abcdef"
RATE_HZ = 44_100
TITLE = "Generated song"


@cache
def song(duration_s: float = 0.5, seed: int = 0) -> bytes:
    """Return chords as a wav file with a title."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "song.wav")
        write_wav(path, [media.tones(duration_s, seed=seed)])
        data = path.read_bytes()
    # With a title: the stems of a song without one are named after its file.
    tagged = data[8:] + media.chunk(b"LIST", b"INFO" + media.chunk(b"INAM", TITLE.encode()))
    return struct.pack("<4sI", data[:4], len(tagged)) + tagged


def put(
    buckets: Stack, data: bytes, key: UploadKey = KEY, metadata: dict[str, str] | None = None
) -> None:
    """Upload a song."""
    buckets.s3.put_object(
        Bucket=buckets.uploads_bucket, Key=str(key), Body=data, Metadata=metadata or {}
    )


def attempt(job_context: JobContext, key: UploadKey = KEY, remaining_s: float = 900.0) -> Outcome:
    """Deliver the event of an upload."""
    return result_of(job_context, key, remaining_s).outcome


def result_of(
    job_context: JobContext, key: UploadKey = KEY, remaining_s: float = 900.0
) -> JobResult:
    """Deliver the event of an upload, and return the job's result."""
    return run_job(job_context, key, Invocation(3008, Deadline.after(remaining_s)))


def save_done(
    buckets: Stack, key: UploadKey, source: UploadSource, options: Options, **fields: Any
) -> None:
    """Write a completed job with a stem, and its entry in the content index."""
    stem = Stem("vocals", result_key(key, RESULTS_ID, "vocals.mp3"), 1, 1.0, None, 0)
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=stem.key, Body=b"x")
    store = Store(buckets.uploads_bucket, buckets.stems_bucket, buckets.s3)
    now = "2026-01-15T10:30:00.000Z"
    job = Job(
        str(key),
        Status.DONE,
        now,
        now,
        options=options.to_dict(),
        source=replace(source, key=str(key)),
        results_ids=(RESULTS_ID,),
        stems=(stem,),
        **fields,
    )
    store.save_job(key, job, store.load_job(key)[1])
    store.save_content(content_digest(str(source.sha256), options.to_dict()), key)


def job_of(buckets: Stack, key: UploadKey = KEY) -> Job:
    """Return the record of an upload."""
    return Job.from_json(read(buckets, record_key(key)))


def result_named(job: Job, name: str) -> str:
    """Return the key of a result by its name."""
    (key,) = (key for key in job.result_keys if result_name(key) == name)
    return key


def read(buckets: Stack, key: str) -> bytes:
    """Return an object of the stems bucket."""
    return buckets.s3.get_object(Bucket=buckets.stems_bucket, Key=key)["Body"].read()


def results(buckets: Stack, prefix: str = "") -> dict[str, str]:
    """Return the keys of the stems bucket, with their etags."""
    listed = buckets.s3.list_objects_v2(Bucket=buckets.stems_bucket, Prefix=prefix)
    return {entry["Key"]: entry["ETag"] for entry in listed.get("Contents", [])}


def stem_names(buckets: Stack, key: UploadKey = KEY) -> set[str]:
    """Return the names of an upload's results, without its record and its peaks."""
    names = {found.rpartition("/")[2] for found in results(buckets, f"{key}/")}
    return names - {"job.json", "peaks.dat"}


def samples(data: bytes) -> NDArray[Any]:
    """Return the samples of a wav file, shape (samples, channels), without conversion."""
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        assert file.samplerate == RATE_HZ
        types = {"PCM_16": "int16", "PCM_24": "int32", "FLOAT": "float32"}
        sound: NDArray[Any] = file.read(dtype=types[file.subtype])
        return sound
