"""The callback URL of a job is in its record and its notification however the job ends."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from memory_s3 import MemoryS3
from stemdrop.errors import KilledError, StorageError
from stemdrop.job_record import Job, Status, UploadSource, now
from stemdrop.keys import UploadKey, record_key
from stemdrop.notifications import message_attributes
from stemdrop.options import Options
from stemdrop.store import Store
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.job.context import Invocation, JobContext, Outcome
from stemdrop_separate.job.run_job import run_job
from stemdrop_separate.settings import Settings

KEY = UploadKey.parse("jobs/" + "0" * 32)
CALLBACK_URL = "https://hooks.example.org/?secret"


@pytest.fixture
def s3() -> MemoryS3:
    return MemoryS3()


@pytest.fixture
def context(s3: MemoryS3, tmp_path: Path) -> JobContext:
    """Return a context whose models refuse to load."""
    settings = Settings(
        uploads_bucket="uploads",
        stems_bucket="stems",
        model_dir=tmp_path,
        backend=cast(Any, "onnx"),
        max_upload_bytes=100,
        max_duration_s=100,
        architecture="x86_64",
        ffmpeg=None,
        work_dir=tmp_path,
    )
    store = Store("uploads", "stems", cast(Any, s3))
    job = Job(str(KEY), Status.AWAITING_UPLOAD, now(), now(), callback_url=CALLBACK_URL)
    store.save_job(KEY, job.updated(options=Options().to_dict()), None)
    return JobContext(settings, store, cast(Any, SimpleNamespace()), tmp_path)


def invocation(*, is_last: bool = False, is_surplus: bool = False) -> Invocation:
    return Invocation(3008, Deadline.after(900), is_last, is_surplus)


def announced(context: JobContext) -> tuple[str, str | None]:
    """Return the code of the job's failure, and the URL that its notification has."""
    job, _ = context.store.load_job(KEY)
    assert job
    assert job.status is Status.FAILED
    assert job.error
    return job.error.code, message_attributes(job).get("callback_url")


def test_rejected_job_keeps_its_callback_url(s3: MemoryS3, context: JobContext) -> None:
    s3.put_song("uploads", str(KEY), b"x" * 101)
    assert run_job(context, KEY, invocation()).outcome is Outcome.REJECTED
    assert announced(context) == ("too_large", CALLBACK_URL)


def test_job_that_was_killed_keeps_its_callback_url(s3: MemoryS3, context: JobContext) -> None:
    s3.put_song("uploads", str(KEY), b"song")
    job, etag = context.store.load_job(KEY)
    assert job
    source = UploadSource(str(KEY), "etag", 4, now())
    context.store.save_job(KEY, job.updated(status=Status.PROCESSING, source=source), etag)
    with pytest.raises(KilledError):
        run_job(context, KEY, invocation(is_last=True, is_surplus=True))
    assert announced(context) == ("killed", CALLBACK_URL)


def test_job_that_was_given_up_keeps_its_callback_url(s3: MemoryS3, context: JobContext) -> None:
    s3.put_song("uploads", str(KEY), b"song")
    s3.refuses = lambda key: key == record_key(KEY) and next(refusals)
    refusals = iter([True, False])
    with pytest.raises(StorageError):
        run_job(context, KEY, invocation(is_last=True))
    assert announced(context) == ("storage", CALLBACK_URL)
