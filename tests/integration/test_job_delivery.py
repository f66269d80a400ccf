"""Repeated, concurrent and out-of-order events, and replaced songs: the stems are always right."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import media
from fault_proxy import FaultProxy, run_before
from stemdrop.dedupe import content_digest
from stemdrop.job_record import Job, Status, now
from stemdrop.keys import UploadKey, record_key, result_key, result_name
from stemdrop.options import Options
from stemdrop_local.deployment import Stack
from stemdrop_separate.job.context import JobContext, Outcome
from stemdrop_separate.models.catalog import Models
from uploads import KEY, RESULTS_ID, attempt, job_of, put, read, results, song, stem_names

OTHER_KEY = UploadKey.parse("drop/live/the same song.wav")
SHORT, LONG = song(0.5, seed=1), song(0.7, seed=2)


def stems_of(buckets: Stack, key: UploadKey = KEY) -> list[bytes]:
    return [read(buckets, stem.key) for stem in job_of(buckets, key).stems]


@pytest.fixture(scope="module")
def known() -> dict[bytes, list[bytes]]:
    """Return the stems of songs that were separated so far."""
    return {}


@pytest.fixture
def expected(
    buckets: Stack, job_context: JobContext, known: dict[bytes, list[bytes]]
) -> Callable[[bytes], list[bytes]]:
    """Return the expected stems of a song, which are separated once under another key."""

    def separate(data: bytes) -> list[bytes]:
        if data not in known:
            key = UploadKey.parse(f"drop/expected {len(known)}.wav")
            put(buckets, data, key)
            attempt(job_context, key)
            known[data] = stems_of(buckets, key)
            for result in results(buckets, "content/"):
                buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=result)
        return known[data]

    return separate


def was_separated(job: Job) -> bool:
    assert job.usage is not None
    return "separate" in job.usage.timings_s


# --- the same event again


def test_the_same_event_twice_only_looks_for_stale_results(
    buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    written = results(buckets)
    faults.reset()
    assert attempt(job_context) is Outcome.SKIPPED
    assert [(request.method, request.key) for request in faults.requests] == [
        ("GET", record_key(KEY)),
        ("HEAD", str(KEY)),
        ("GET", ""),
        ("GET", record_key(KEY)),
    ]
    assert results(buckets) == written


def test_the_same_event_after_the_song_was_deleted_does_no_work(
    buckets: Stack, job_context: JobContext
) -> None:
    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    written = results(buckets)
    buckets.s3.delete_object(Bucket=buckets.uploads_bucket, Key=str(KEY))
    assert attempt(job_context) is Outcome.SKIPPED
    assert results(buckets) == written


def test_the_same_song_sent_again_keeps_its_stems(buckets: Stack, job_context: JobContext) -> None:
    for outcome in (Outcome.DONE, Outcome.SKIPPED):
        put(buckets, SHORT)
        assert attempt(job_context) is outcome
    assert stem_names(buckets) == {"vocals.wav", "accompaniment.wav"}


def backdate_upload(buckets: Stack) -> None:
    """Let the song be a later upload than that of the record."""
    job = job_of(buckets)
    assert job.source is not None
    earlier = replace(job.source, uploaded_at="2026-01-01T12:00:00.000Z")
    body = replace(job, source=earlier).to_json().encode()
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=record_key(KEY), Body=body)


def test_the_same_song_sent_again_without_its_stems_is_separated(
    buckets: Stack, job_context: JobContext
) -> None:
    """S3 may delete the stems of a job before its record."""
    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    expired = job_of(buckets).stems[0].key
    buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=expired)
    assert attempt(job_context) is Outcome.SKIPPED  # the same event
    backdate_upload(buckets)
    assert attempt(job_context) is Outcome.DONE
    assert job_of(buckets).result_keys <= set(results(buckets))


def test_the_same_song_sent_again_is_separated_by_another_engine(
    buckets: Stack, job_context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    monkeypatch.setattr("stemdrop.__version__", "9.9.9")
    assert attempt(job_context) is Outcome.SKIPPED  # the same event
    backdate_upload(buckets)
    assert attempt(job_context) is Outcome.DONE
    job = job_of(buckets)
    assert was_separated(job)
    assert job.engine is not None
    assert job.engine.versions["stemdrop"] == "9.9.9"


def test_the_same_song_sent_again_keeps_stems_of_a_model_that_is_gone(
    buckets: Stack, job_context: JobContext, tmp_path: Path
) -> None:
    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    backdate_upload(buckets)
    before = job_of(buckets)
    without_models = replace(job_context, models=Models(tmp_path, job_context.settings.backend))
    assert attempt(without_models) is Outcome.SKIPPED
    assert job_of(buckets) == before
    assert before.result_keys <= set(results(buckets))


def test_song_of_the_api_sent_again_keeps_stems_with_options_of_a_later_version(
    buckets: Stack, job_context: JobContext
) -> None:
    key = UploadKey.parse("jobs/" + "0" * 32)
    job = Job(str(key), Status.AWAITING_UPLOAD, now(), now(), options=Options().to_dict())
    job_context.store.save_job(key, job, None)
    put(buckets, SHORT, key)
    assert attempt(job_context, key) is Outcome.DONE
    before, etag = job_context.store.load_job(key)
    assert before is not None
    assert before.source is not None
    later = replace(
        before,
        options=before.options | {"later": True},
        source=replace(before.source, uploaded_at="2026-01-01T12:00:00.000Z"),
    )
    job_context.store.save_job(key, later, etag)
    assert attempt(job_context, key) is Outcome.SKIPPED
    assert job_of(buckets, key) == later
    assert later.result_keys <= set(results(buckets))


def test_events_out_of_order_end_with_the_newer_song(
    buckets: Stack, job_context: JobContext, expected: Callable[[bytes], list[bytes]]
) -> None:
    right = expected(LONG)
    put(buckets, SHORT)
    put(buckets, LONG)
    # Regardless of the order of events, S3 has only the newer song.
    assert attempt(job_context) is Outcome.DONE
    assert attempt(job_context) is Outcome.SKIPPED
    assert stems_of(buckets) == right


# --- another song, or other options, under the same key


def test_other_options_replace_the_stems(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, SHORT, metadata={"zip": "true", "residual": "true"})
    assert attempt(job_context) is Outcome.DONE
    put(buckets, SHORT, metadata={"codec": "flac", "stems": "vocals"})
    assert attempt(job_context) is Outcome.DONE
    assert stem_names(buckets) == {"vocals.flac"}
    job = job_of(buckets)
    assert [result_name(stem.key) for stem in job.stems] == ["vocals.flac"]
    assert job.zip is None


def test_results_of_other_keys_are_not_deleted(buckets: Stack, job_context: JobContext) -> None:
    folder = f"results-{RESULTS_ID}"
    neighbors = [f"{KEY}/deeper/song.wav/{folder}/a.wav", f"{KEY}x/{folder}/a.wav", "drop/a.wav"]
    for key in neighbors:
        buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=key, Body=b"x")
    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    assert set(neighbors) <= set(results(buckets))


def test_another_song_replaces_the_stems(
    buckets: Stack, job_context: JobContext, expected: Callable[[bytes], list[bytes]]
) -> None:
    right = expected(LONG)
    for data in (SHORT, LONG):
        put(buckets, data)
        assert attempt(job_context) is Outcome.DONE
    assert stems_of(buckets) == right
    assert job_of(buckets).attempt == 1


# --- a song is replaced while it is being separated


def elsewhere(job_context: JobContext, folder: Path) -> JobContext:
    """Return another execution environment with its own disk."""
    return replace(job_context, settings=replace(job_context.settings, work_dir=folder))


MOMENTS = {
    "before the download": ("GET", str(KEY), 0),
    "after the download": ("PUT", record_key(KEY), 1),
    "while separating": ("PUT", record_key(KEY), 2),
    "before the upload": ("HEAD", str(KEY), 1),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_song_replaced_during_the_job_is_skipped(
    buckets: Stack,
    job_context: JobContext,
    faults: FaultProxy,
    expected: Callable[[bytes], list[bytes]],
    moment: str,
) -> None:
    right = expected(LONG)
    method, key, after = MOMENTS[moment]
    put(buckets, SHORT)
    faults.reset()
    faults.inject(run_before(lambda: put(buckets, LONG)), method, key, after=after)
    assert attempt(job_context) is Outcome.SKIPPED
    assert stem_names(buckets) == set()
    assert attempt(job_context) is Outcome.DONE
    assert stems_of(buckets) == right


@pytest.mark.parametrize("moment", ["after the download", "while separating", "before the upload"])
def test_newer_song_separated_meanwhile_is_kept(
    buckets: Stack,
    job_context: JobContext,
    faults: FaultProxy,
    expected: Callable[[bytes], list[bytes]],
    tmp_path: Path,
    moment: str,
) -> None:
    right = expected(LONG)
    method, key, after = MOMENTS[moment]
    outcomes = []

    def replace_and_separate() -> None:
        put(buckets, LONG)
        outcomes.append(attempt(elsewhere(job_context, tmp_path / "elsewhere")))

    put(buckets, SHORT)
    faults.reset()
    faults.inject(run_before(replace_and_separate), method, key, after=after)
    assert attempt(job_context) is Outcome.SKIPPED
    assert outcomes == [Outcome.DONE]
    assert job_of(buckets).status is Status.DONE
    assert stems_of(buckets) == right


@pytest.mark.parametrize(
    ("is_known", "metadata"),
    [(False, {"codec": "flac", "zip": "true"}), (True, {})],
    ids=["uploaded", "copied"],
)
def test_newer_song_published_meanwhile_is_kept(
    buckets: Stack,
    job_context: JobContext,
    faults: FaultProxy,
    tmp_path: Path,
    is_known: bool,
    metadata: dict[str, str],
) -> None:
    """A long song is uploaded and separated during the upload of a short song's stems."""

    def replace_and_separate() -> None:
        put(buckets, LONG, metadata=metadata)
        assert attempt(elsewhere(job_context, tmp_path / "elsewhere")) is Outcome.DONE
        right.extend(stems_of(buckets))

    right: list[bytes] = []
    if is_known:
        put(buckets, SHORT, OTHER_KEY)
        assert attempt(job_context, OTHER_KEY) is Outcome.DONE
    put(buckets, SHORT)
    faults.inject(run_before(replace_and_separate), "PUT", f"{KEY}/results-*/vocals.wav")
    assert attempt(job_context) is Outcome.SKIPPED
    job = job_of(buckets)
    assert job.status is Status.DONE
    assert set(results(buckets, f"{KEY}/")) == {record_key(KEY), *job.result_keys}
    assert stems_of(buckets) == right


def test_same_stems_written_twice_are_kept(
    buckets: Stack, job_context: JobContext, faults: FaultProxy, tmp_path: Path
) -> None:
    def separate_too() -> None:
        assert attempt(elsewhere(job_context, tmp_path / "elsewhere")) is Outcome.DONE

    put(buckets, SHORT)
    faults.inject(run_before(separate_too), "PUT", f"{KEY}/results-*/vocals.wav")
    assert attempt(job_context) is Outcome.SKIPPED
    assert job_of(buckets).status is Status.DONE


def test_job_deleted_meanwhile_stays_deleted(
    buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    def delete() -> None:
        buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=record_key(KEY))

    put(buckets, SHORT)
    faults.inject(run_before(delete), "PUT", record_key(KEY), after=1)
    assert attempt(job_context) is Outcome.SKIPPED
    assert results(buckets) == {}


def test_concurrent_failures_are_recorded_once(
    buckets: Stack, job_context: JobContext, faults: FaultProxy, tmp_path: Path
) -> None:
    outcomes = []

    def fail_too() -> None:
        outcomes.append(attempt(elsewhere(job_context, tmp_path / "elsewhere")))

    put(buckets, b"no song")
    # The second write of the record is the last one and has the reason.
    faults.inject(run_before(fail_too), "PUT", record_key(KEY), after=2)
    assert attempt(job_context) is Outcome.SKIPPED
    assert outcomes == [Outcome.REJECTED]
    assert job_of(buckets).status is Status.FAILED


# --- the same song under two keys


def entry_of(job: Job) -> str:
    assert job.source is not None
    assert job.source.sha256 is not None
    return content_digest(job.source.sha256, job.options)


def test_the_same_song_under_another_key_is_copied(
    buckets: Stack, job_context: JobContext, faults: FaultProxy
) -> None:
    metadata = {"zip": "true", "codec": "flac"}
    put(buckets, SHORT, metadata=metadata)
    put(buckets, SHORT, OTHER_KEY, metadata)
    assert attempt(job_context) is Outcome.DONE
    faults.reset()
    assert attempt(job_context, OTHER_KEY) is Outcome.DONE
    one, other = job_of(buckets), job_of(buckets, OTHER_KEY)
    assert was_separated(one)
    assert not was_separated(other)
    assert stem_names(buckets, OTHER_KEY) == {"vocals.flac", "accompaniment.flac", "stems.zip"}
    assert stems_of(buckets, OTHER_KEY) == stems_of(buckets)
    (results_id,) = other.results_ids
    assert [stem.key for stem in other.stems] == [
        result_key(OTHER_KEY, results_id, "vocals.flac"),
        result_key(OTHER_KEY, results_id, "accompaniment.flac"),
    ]
    assert other.zip is not None
    assert one.zip is not None
    assert read(buckets, other.zip.key) == read(buckets, one.zip.key)
    assert (other.sound, other.engine, other.warnings) == (one.sound, one.engine, one.warnings)
    assert one.music is not None
    assert other.music == one.music
    assert [replace(stem, key="") for stem in other.stems] == [
        replace(stem, key="") for stem in one.stems
    ]
    # Inside S3, without a download of the stem.
    assert faults.count_requests("GET", one.stems[0].key) == 0
    # Newer copies expire later, so the index refers to the newest one.
    assert entry_of(one) == entry_of(other)
    assert job_context.store.find_content(entry_of(one)) == OTHER_KEY


def test_the_same_song_with_other_options_is_separated(
    buckets: Stack, job_context: JobContext
) -> None:
    others: list[dict[str, str]] = [
        {"codec": "flac"}, {"model": "2stems-16kHz"}, {"offset_s": "0.1"}
    ]  # fmt: skip
    for number, metadata in enumerate([{}, *others]):
        key = UploadKey.parse(f"drop/{number}.wav")
        put(buckets, SHORT, key, metadata)
        assert attempt(job_context, key) is Outcome.DONE
        assert was_separated(job_of(buckets, key))


def separated_again(buckets: Stack, job_context: JobContext, right: list[bytes]) -> None:
    put(buckets, SHORT, OTHER_KEY)
    assert attempt(job_context, OTHER_KEY) is Outcome.DONE
    assert was_separated(job_of(buckets, OTHER_KEY))
    assert stems_of(buckets, OTHER_KEY) == right


def test_name_of_another_file_does_not_get_into_the_tags(
    buckets: Stack, job_context: JobContext, tmp_path: Path
) -> None:
    untitled = media.wav(tmp_path / "song.wav", media.tones(0.5)).read_bytes()
    secret = UploadKey.parse("drop/secret.wav")
    for key in (secret, KEY):
        put(buckets, untitled, key)
        assert attempt(job_context, key) is Outcome.DONE
    assert was_separated(job_of(buckets))
    assert b"song (vocals)" in stems_of(buckets)[0]
    assert b"secret (vocals)" in stems_of(buckets, secret)[0]


def test_index_entry_of_deleted_stems_is_ignored(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    right = stems_of(buckets)
    gone = job_of(buckets).stems[1].key
    buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=gone)
    separated_again(buckets, job_context, right)


def test_index_entry_of_a_deleted_job_is_ignored(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    right = stems_of(buckets)
    for key in results(buckets, f"{KEY}/"):
        buckets.s3.delete_object(Bucket=buckets.stems_bucket, Key=key)
    separated_again(buckets, job_context, right)


def test_index_entry_of_another_song_is_ignored(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    right = stems_of(buckets)
    put(buckets, LONG)
    assert attempt(job_context) is Outcome.DONE
    separated_again(buckets, job_context, right)


def test_index_entry_of_other_options_is_ignored(buckets: Stack, job_context: JobContext) -> None:
    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    right = stems_of(buckets)
    put(buckets, SHORT, metadata={"offset_s": "0.1"})
    assert attempt(job_context) is Outcome.DONE
    separated_again(buckets, job_context, right)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ('"weights_sha256": "', '"weights_sha256": "0'),
        ('"version": 1', '"version": 2'),
        ('"status": "done"', '"status": "processing"'),
        ("{", ""),
    ],
    ids=["other weights", "newer record", "not done", "garbled"],
)
def test_index_entry_of_other_work_is_ignored(
    buckets: Stack, job_context: JobContext, part: str, value: str
) -> None:
    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    right = stems_of(buckets)
    record = read(buckets, record_key(KEY)).decode()
    assert part in record
    changed = record.replace(part, value, 1).encode()
    buckets.s3.put_object(Bucket=buckets.stems_bucket, Key=record_key(KEY), Body=changed)
    separated_again(buckets, job_context, right)


def test_stems_replaced_during_the_copy_are_not_used(
    buckets: Stack, job_context: JobContext, faults: FaultProxy, tmp_path: Path
) -> None:
    def replace_original() -> None:
        put(buckets, LONG)
        assert attempt(elsewhere(job_context, tmp_path / "elsewhere")) is Outcome.DONE

    put(buckets, SHORT)
    assert attempt(job_context) is Outcome.DONE
    right = stems_of(buckets)
    faults.inject(run_before(replace_original), "PUT", f"{OTHER_KEY}/results-*/accompaniment.wav")
    separated_again(buckets, job_context, right)
