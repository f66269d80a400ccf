"""Deleted jobs leave no objects, regardless of the time of the deletion."""

from hashlib import sha256

import pytest

from fault_proxy import FaultProxy, run_before
from stemdrop.dedupe import content_digest
from stemdrop.job_record import Job, Status, now
from stemdrop.keys import UploadKey, content_key, record_key, result_key
from stemdrop.options import Options
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext, Outcome
from uploads import RESULTS_ID, attempt, put, results, song

KEY = UploadKey.parse("jobs/" + "a" * 32)
SONG = song(0.5, seed=4)
ENTRY = content_key(content_digest(sha256(SONG).hexdigest(), Options().to_dict()))
# The requests of an attempt in order: method, key, number of earlier equal requests.
STEPS: dict[str, tuple[str, str, int]] = {
    "record read": ("GET", record_key(KEY), 0),
    "song looked up": ("HEAD", str(KEY), 0),
    "record begun": ("PUT", record_key(KEY), 0),
    "song downloaded": ("GET", str(KEY), 0),
    "index read": ("GET", ENTRY, 0),
    "record of the upload": ("PUT", record_key(KEY), 3),
    "stem uploaded": ("PUT", result_key(KEY, "*", "vocals.wav"), 0),
    "record finished": ("PUT", record_key(KEY), 4),
    "stale results listed": ("GET", "", 0),
    "index written": ("PUT", ENTRY, 0),
    "record read after that": ("GET", record_key(KEY), 2),
}
AFTER_THE_END = {"stale results listed", "index written", "record read after that"}


def create(job_context: JobContext) -> None:
    """Write the record that the API writes before it returns the upload URL."""
    options = Options().to_dict()
    job = Job(str(KEY), Status.AWAITING_UPLOAD, now(), now(), options=options)
    job_context.store.save_job(KEY, job, None)


def delete(buckets: Stack) -> None:
    """Delete a job as the API does."""
    for key in (record_key(KEY), *results(buckets, f"{KEY}/")):
        buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=key)
    buckets.s3.delete_object(Bucket=buckets.uploads_bucket, Key=str(KEY))


@pytest.mark.parametrize("step", STEPS)
def test_job_deleted_during_separation_leaves_nothing(
    buckets: Stack, job_context: JobContext, faults: FaultProxy, step: str
) -> None:
    create(job_context)
    put(buckets, SONG, KEY)
    deletions: list[str] = []

    def delete_once() -> None:
        deletions.append(step)
        delete(buckets)

    method, key, after = STEPS[step]
    faults.inject(run_before(delete_once), method, key, after=after)
    expected = Outcome.DONE if step in AFTER_THE_END else Outcome.SKIPPED
    assert attempt(job_context, KEY) is expected
    assert deletions == [step]
    assert results(buckets) == {}
    assert attempt(job_context, KEY) is Outcome.SKIPPED
    assert results(buckets) == {}


def test_upload_after_the_deletion_is_skipped(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, SONG, KEY)
    stray = result_key(KEY, RESULTS_ID, "vocals.wav")
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=stray, Body=b"left by a killed attempt")
    assert attempt(job_context, KEY) is Outcome.SKIPPED
    assert results(buckets) == {}
