"""Failures of S3 at each step: the attempt succeeds, or the next delivery does."""

from collections.abc import Callable

import pytest

from fault_proxy import Fault, FaultProxy, drop_response, forbidden, truncate_body, unavailable
from stemdrop.dedupe import content_digest
from stemdrop.errors import StorageError
from stemdrop.job_record import Status
from stemdrop.keys import UploadKey, content_key, record_key
from stemdrop.options import Options
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext, Outcome
from uploads import KEY, attempt, job_of, put, read, result_named, results, song, stem_names

OTHER_KEY = UploadKey.parse("drop/other.wav")
SONG = song(0.5, seed=3)
BOTH = {"vocals.wav", "accompaniment.wav"}


@pytest.fixture(scope="module")
def entry() -> str:
    """Return the key of the song's index entry."""
    from hashlib import sha256

    return content_key(content_digest(sha256(SONG).hexdigest(), Options().to_dict()))


# The requests of an attempt in order: name, method, key, number of earlier equal requests.
STEPS: dict[str, tuple[str, str, int]] = {
    "record read": ("GET", record_key(KEY), 0),
    "song looked up": ("HEAD", str(KEY), 0),
    "record begun": ("PUT", record_key(KEY), 0),
    "song downloaded": ("GET", str(KEY), 0),
    "record of the song": ("PUT", record_key(KEY), 1),
    "song looked up again": ("HEAD", str(KEY), 1),
    "record of the upload": ("PUT", record_key(KEY), 3),
    "stem uploaded": ("PUT", f"{KEY}/results-*/vocals.wav", 0),
    "record finished": ("PUT", record_key(KEY), 4),
}


@pytest.mark.parametrize("step", STEPS)
def test_failed_step_is_completed_by_the_next_delivery(
    buckets: Stack, job_context: JobContext, faults: FaultProxy, step: str
) -> None:
    method, key, after = STEPS[step]
    put(buckets, SONG)
    faults.inject(unavailable, method, key, after=after, times=100)
    with pytest.raises(StorageError):
        attempt(job_context)
    if record_key(KEY) in results(buckets):
        job = job_of(buckets)
        assert job.status is Status.PROCESSING
        assert job.stems == ()
    assert not any(job_context.settings.work_dir.glob("*"))
    faults.reset()
    assert attempt(job_context) is Outcome.DONE
    job = job_of(buckets)
    assert job.status is Status.DONE
    assert job.attempt == (1 if step in {"record read", "song looked up", "record begun"} else 2)
    assert stem_names(buckets) == BOTH


def test_busy_s3_is_retried_at_every_step(
    buckets: Stack, job_context: JobContext, faults: FaultProxy, entry: str
) -> None:
    put(buckets, SONG)
    for method, key, after in [*STEPS.values(), ("PUT", entry, 0)]:
        faults.inject(unavailable, method, key, after=2 * after, times=2)
    assert attempt(job_context) is Outcome.DONE
    assert entry in results(buckets)
    assert stem_names(buckets) == BOTH
    assert job_of(buckets).attempt == 1


@pytest.mark.parametrize("fault", [unavailable, forbidden, drop_response])
def test_unsaved_progress_is_ignored(
    buckets: Stack, job_context: JobContext, faults: FaultProxy, fault: Fault
) -> None:
    put(buckets, SONG)
    # The third write, with five attempts, or one attempt for a 403.
    times = 1 if fault is forbidden else 5
    faults.inject(fault, "PUT", record_key(KEY), after=2, times=times)
    assert attempt(job_context) is Outcome.DONE
    assert job_of(buckets).status is Status.DONE


def test_job_is_done_before_its_stale_results_are_deleted(
    buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    put(buckets, SONG)
    faults.inject(unavailable, "GET", "", times=100)
    assert attempt(job_context) is Outcome.DONE
    assert job_of(buckets).status is Status.DONE


def test_job_is_done_without_its_index_entry(
    buckets: Stack, job_context: JobContext, faults: FaultProxy, entry: str
) -> None:
    put(buckets, SONG)
    faults.inject(unavailable, "PUT", entry, times=100)
    assert attempt(job_context) is Outcome.DONE
    assert job_of(buckets).status is Status.DONE
    assert entry not in results(buckets)


@pytest.mark.parametrize("step", ["index read", "stem copied"])
def test_stems_with_a_failed_copy_are_separated_again(
    buckets: Stack, job_context: JobContext, faults: FaultProxy, entry: str, step: str
) -> None:
    failing = {
        "index read": ("GET", entry),
        "stem copied": ("HEAD", f"{KEY}/results-*/vocals.wav"),
    }[step]
    put(buckets, SONG)
    assert attempt(job_context) is Outcome.DONE
    right = read(buckets, result_named(job_of(buckets), "vocals.wav"))
    put(buckets, SONG, OTHER_KEY)
    faults.inject(unavailable, *failing, times=100)
    assert attempt(job_context, OTHER_KEY) is Outcome.DONE
    job = job_of(buckets, OTHER_KEY)
    assert job.usage is not None
    assert "separate" in job.usage.timings_s
    assert read(buckets, result_named(job_of(buckets, OTHER_KEY), "vocals.wav")) == right


@pytest.mark.parametrize("write", range(5))
def test_record_with_a_lost_response_is_kept(
    buckets: Stack, job_context: JobContext, faults: FaultProxy, write: int
) -> None:
    put(buckets, SONG)
    faults.inject(drop_response, "PUT", record_key(KEY), after=write)
    assert attempt(job_context) is Outcome.DONE
    job = job_of(buckets)
    assert (job.status, job.attempt) == (Status.DONE, 1)
    assert stem_names(buckets) == BOTH


def test_truncated_download_does_not_shorten_the_song(
    buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    put(buckets, SONG)
    faults.inject(truncate_body, "GET", str(KEY))
    with pytest.raises(StorageError):
        attempt(job_context)
    assert stem_names(buckets) == set()
    assert attempt(job_context) is Outcome.DONE
    assert {stem.duration_s for stem in job_of(buckets).stems} == {0.5}


def test_truncated_record_is_not_taken_for_a_missing_one(
    buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    put(buckets, SONG)
    assert attempt(job_context) is Outcome.DONE
    written = results(buckets)
    faults.inject(truncate_body, "GET", record_key(KEY))
    with pytest.raises(StorageError):
        attempt(job_context)
    assert results(buckets) == written


def unreadable(record: bytes) -> bytes:
    return record[: len(record) // 2]


def newer(record: bytes) -> bytes:
    return record.replace(b'"version": 1', b'"version": 2')


@pytest.mark.parametrize("change", [unreadable, newer])
def test_unreadable_record_is_not_overwritten(
    buckets: Stack, job_context: JobContext, change: Callable[[bytes], bytes]
) -> None:
    put(buckets, SONG)
    assert attempt(job_context) is Outcome.DONE
    changed = change(read(buckets, record_key(KEY)))
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=record_key(KEY), Body=changed)
    with pytest.raises(StorageError):
        attempt(job_context)
    assert read(buckets, record_key(KEY)) == changed
