from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_store import MemoryStore
from stemdrop.errors import ChangedError, StorageError, SupersededError
from stemdrop.job_record import Failure, Job, Stage, Status, now
from stemdrop.keys import UploadKey
from stemdrop.store import Upload
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.job.job_start import is_settled, start_record
from stemdrop_separate.job.record_writer import MAX_WRITES, RecordWriter
from step_scheduler import StepScheduler

KEY = UploadKey.parse("drop/song.mp3")
FIRST = Upload(str(KEY), "etag-1", 1000, "2026-01-01T12:00:00.000Z", {})
SECOND = replace(FIRST, etag="etag-2", uploaded_at="2026-01-01T12:00:01.000Z")
SECOND_WITHIN_A_SECOND = replace(FIRST, etag="etag-2")
# The same bytes with other options.
SECOND_WITH_OPTIONS = replace(
    FIRST, uploaded_at="2026-01-01T12:00:01.000Z", metadata={"codec": "mp3"}
)


class AttemptResult(StrEnum):
    """Outcome of an attempt. After a storage error, the event is delivered again."""

    DONE = "done"
    SKIPPED = "skipped"
    SUPERSEDED = "superseded"
    RAISED = "raised"


def work(store: MemoryStore, name: str, record: RecordWriter | None = None) -> AttemptResult:
    """Write the record as an attempt does, with a name as the warning."""
    record = record or RecordWriter(store, KEY)
    job = replace(
        start_record(KEY, store.find_upload(KEY), record.found, Deadline.after(900)),
        warnings=(name,),
    )
    if is_settled(record.found, job):
        return AttemptResult.SKIPPED
    try:
        record.save(job)
        record.update(progress=0.5)
        record.update(status=Status.DONE, progress=1.0, finished_at=now())
    except SupersededError:
        return AttemptResult.SUPERSEDED
    except StorageError:
        return AttemptResult.RAISED
    return AttemptResult.DONE


def deliver(store: MemoryStore, name: str) -> None:
    """Repeat the work until the event is processed."""
    while work(store, name) is AttemptResult.RAISED:
        pass


def is_same_work(one: Job, other: Job) -> bool:
    return (one.source, one.options) == (other.source, other.options)


def chosen_by(data: st.DataObject) -> Callable[[list[str]], str]:
    return lambda names: data.draw(st.sampled_from(names))


LOST = st.sets(st.integers(0, 8), max_size=3)


@given(st.data(), LOST)
def test_finished_record_does_not_change(data: st.DataObject, lost: set[int]) -> None:
    scheduler = StepScheduler()
    store = MemoryStore(KEY, scheduler.step)
    store.song, store.lost = FIRST, lost
    names = ("one", "two", "three")
    scheduler.run({name: partial(deliver, store, name) for name in names}, chosen_by(data))
    for before, after in store.writes:
        if before is not None and before.is_finished and is_same_work(before, after):
            assert before == after  # a response was lost, and the record was written again
    assert store.job is not None
    assert store.job.status is Status.DONE


@pytest.mark.parametrize("second", [SECOND, SECOND_WITHIN_A_SECOND, SECOND_WITH_OPTIONS])
@given(st.data(), LOST)
def test_newer_upload_replaces_older_upload(
    second: Upload, data: st.DataObject, lost: set[int]
) -> None:
    scheduler = StepScheduler()
    store = MemoryStore(KEY, scheduler.step)
    store.song, store.lost = FIRST, lost

    def replace_and_work() -> None:
        scheduler.step()
        store.song = second
        deliver(store, "second")

    first = partial(deliver, store, "first")
    scheduler.run({"first": first, "second": replace_and_work}, chosen_by(data))
    assert store.job is not None
    assert store.job.source is not None
    assert store.job.source.etag == second.etag
    assert store.job.options["codec"] == second.metadata.get("codec", "wav")
    assert store.job.status is Status.DONE


@given(st.data(), st.booleans())
def test_a_deleted_job_does_not_come_back(data: st.DataObject, has_begun: bool) -> None:
    scheduler = StepScheduler()
    store = MemoryStore(KEY, scheduler.step)
    store.song = FIRST
    status = Status.PROCESSING if has_begun else Status.AWAITING_UPLOAD
    store.text = Job(str(KEY), status, now(), now()).to_json()
    records = [RecordWriter(store, KEY), RecordWriter(store, KEY)]

    def delete() -> None:
        scheduler.step()
        store.text = None
        store.writes.clear()

    works = {f"{n}": partial(work, store, f"{n}", record) for n, record in enumerate(records)}
    scheduler.run({"delete": delete, **works}, chosen_by(data))
    assert store.text is None
    assert not store.writes


@given(st.sets(st.integers(0, 5), max_size=MAX_WRITES - 1), st.booleans())
def test_write_with_a_lost_response_is_retried(lost: set[int], found: bool) -> None:
    store = MemoryStore(KEY)
    store.song, store.lost = FIRST, lost
    if found:
        store.text = Job(str(KEY), Status.AWAITING_UPLOAD, now(), now()).to_json()
    assert work(store, "only") is AttemptResult.DONE
    assert store.job is not None
    assert (store.job.status, store.job.warnings) == (Status.DONE, ("only",))
    assert store.job.attempt == 1


def begun() -> tuple[MemoryStore, RecordWriter, Job]:
    store = MemoryStore(KEY)
    store.song = FIRST
    record = RecordWriter(store, KEY)
    job = start_record(KEY, FIRST, None, Deadline.after(900))
    record.save(job)
    return store, record, job


def test_next_write_after_an_error_succeeds() -> None:
    class FailingStore(MemoryStore):
        def save_job(self, key: UploadKey, job: Job, replaced_etag: str | None) -> str:
            etag = super().save_job(key, job, replaced_etag)
            if len(self.writes) == 2:
                raise StorageError("The connection was cut.")
            return etag

    store = FailingStore(KEY)
    store.song = FIRST
    record = RecordWriter(store, KEY)
    record.save(start_record(KEY, FIRST, None, Deadline.after(900)))
    with pytest.raises(StorageError):
        record.update(progress=0.5)
    record.update(status=Status.DONE)
    assert store.job is not None
    assert store.job.status is Status.DONE


def test_record_replaces_what_it_wrote_last() -> None:
    store, record, job = begun()
    record.update(progress=0.25)
    record.update(warnings=("short",))
    assert record.found is None
    assert (record.job.progress, record.job.warnings) == (0.25, ("short",))
    assert store.job == record.job
    assert record.job.started_at == job.started_at


def test_found_is_the_stored_record() -> None:
    store, record, _ = begun()
    assert RecordWriter(store, KEY).found == record.job


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED])
def test_work_finished_by_another_invocation_is_superseded(status: Status) -> None:
    store, record, job = begun()
    store.text = job.updated(status=status, attempt=2).to_json()
    with pytest.raises(SupersededError, match="finished"):
        record.update(progress=0.5)
    assert store.job is not None
    assert store.job.status is status


def test_work_that_another_invocation_gave_up_continues() -> None:
    store, record, job = begun()
    given_up = Failure("storage", "All attempts failed.", is_transient=True)
    store.text = job.updated(status=Status.FAILED, error=given_up, attempt=2).to_json()
    record.update(progress=0.5)
    assert store.job is not None
    assert (store.job.status, store.job.error) == (Status.PROCESSING, None)


def test_same_work_started_by_another_invocation_continues() -> None:
    store, record, job = begun()
    store.text = job.updated(attempt=2, progress=0.1).to_json()
    record.update(progress=0.5)
    assert store.job is not None
    assert (store.job.attempt, store.job.progress) == (1, 0.5)


def test_the_same_song_with_other_options_is_other_work() -> None:
    store, record, job = begun()
    store.text = job.updated(status=Status.DONE, options={"codec": "mp3"}).to_json()
    record.update(progress=0.5)
    assert store.job == record.job


def test_write_without_conflict_is_one_call() -> None:
    calls: list[None] = []
    store = MemoryStore(KEY, lambda: calls.append(None))
    store.song = FIRST
    assert work(store, "only") is AttemptResult.DONE
    assert len(calls) == len(["find_upload", "load_job"]) + 3


@pytest.mark.parametrize("status", [Status.PROCESSING, Status.DONE, Status.FAILED])
def test_older_upload_is_superseded(status: Status) -> None:
    store, record, _ = begun()
    store.text = (
        start_record(KEY, SECOND, None, Deadline.after(900)).updated(status=status).to_json()
    )
    with pytest.raises(SupersededError):
        record.update(status=Status.DONE)


@pytest.mark.parametrize("status", [Status.PROCESSING, Status.DONE, Status.FAILED])
def test_a_newer_upload_takes_over(status: Status) -> None:
    store = MemoryStore(KEY)
    store.song = SECOND
    record = RecordWriter(store, KEY)
    store.text = (
        start_record(KEY, FIRST, None, Deadline.after(900)).updated(status=status).to_json()
    )
    record.save(start_record(KEY, SECOND, None, Deadline.after(900)))
    assert store.job == record.job


@pytest.mark.parametrize(
    ("source", "status"),
    [(FIRST, Status.DONE), (None, Status.FAILED)],
    ids=["with an upload", "without one"],
)
def test_job_without_upload_is_superseded_by_an_ended_one(
    source: Upload | None, status: Status
) -> None:
    store = MemoryStore(KEY)
    record = RecordWriter(store, KEY)
    store.text = (
        start_record(KEY, source, None, Deadline.after(900)).updated(status=status).to_json()
    )
    with pytest.raises(SupersededError):
        record.save(start_record(KEY, None, None, Deadline.after(900)))


def test_results_that_another_invocation_has_begun_stay_named() -> None:
    store, record, job = begun()
    mine = record.begin_results(stage=Stage.UPLOADING)
    other = RecordWriter(store, KEY)
    other.save(job.updated(attempt=2, results_ids=(mine,)))
    others = other.begin_results()
    record.update(progress=0.98)
    assert store.job is not None
    assert list(store.job.results_ids) == [mine, others]
    other.update(status=Status.DONE, results_ids=(others,))
    assert list(store.job.results_ids) == [others]


def test_job_whose_results_are_no_longer_named_is_not_done() -> None:
    store, record, job = begun()
    mine = record.begin_results()
    store.text = job.updated(attempt=2).to_json()
    with pytest.raises(ChangedError, match="gone"):
        record.update(status=Status.DONE, results_ids=(mine,))
    again = record.begin_results()
    record.update(status=Status.DONE, results_ids=(again,))
    assert store.job == record.job


def test_failure_without_a_record_is_recorded_for_the_drop_folder_only() -> None:
    failure = Failure("storage", "All attempts failed.", is_transient=True)
    store = MemoryStore(KEY)
    RecordWriter(store, KEY).fail(failure)
    assert store.job is not None
    assert (store.job.status, store.job.error) == (Status.FAILED, failure)
    deleted = UploadKey.parse("jobs/" + "0" * 32)
    store = MemoryStore(deleted)
    with pytest.raises(SupersededError):
        RecordWriter(store, deleted).fail(failure)
    assert store.job is None


def test_results_that_are_no_longer_named_are_not_named_again() -> None:
    store, record, _ = begun()
    record.begin_results()
    late = RecordWriter(store, KEY)
    assert late.found is not None
    RecordWriter(store, KEY).fail(Failure("killed", "All attempts failed.", is_transient=True))
    late.save(start_record(KEY, FIRST, late.found, Deadline.after(900)))
    assert store.job is not None
    assert store.job.results_ids == ()
    fresh = late.begin_results()
    assert list(store.job.results_ids) == [fresh]


def test_failed_job_names_no_results() -> None:
    store, record, _ = begun()
    record.begin_results(seconds_left=8.0)
    RecordWriter(store, KEY).fail(Failure("killed", "All attempts failed.", is_transient=True))
    assert store.job is not None
    assert (store.job.results_ids, store.job.seconds_left) == ((), None)


def test_too_many_writers_are_a_storage_error() -> None:
    calls: list[Job] = []

    def write_first() -> None:
        calls.append(
            start_record(KEY, FIRST, None, Deadline.after(900)).updated(progress=len(calls) / 100)
        )
        store.text = calls[-1].to_json()

    store = MemoryStore(KEY, write_first)
    store.song = FIRST
    with pytest.raises(StorageError, match="too many"):
        RecordWriter(store, KEY).save(start_record(KEY, FIRST, None, Deadline.after(900)))
    assert len(calls) == 1 + 2 * MAX_WRITES
    assert not store.writes


def test_job_that_was_created_again_is_another_one() -> None:
    """A POST with the same idempotency key creates the job again after it was deleted."""
    key = UploadKey.parse("jobs/" + "a" * 32)
    store = MemoryStore(key)
    first = Job(str(key), Status.PROCESSING, "2026-01-01T12:00:00.000Z", now())
    store.save_job(key, first, None)
    record = RecordWriter(store, key)
    record.save(first.updated(attempt=1))
    again = Job(str(key), Status.AWAITING_UPLOAD, "2026-01-01T13:00:00.000Z", now())
    store.text = again.to_json()
    with pytest.raises(SupersededError, match="created again"):
        record.update(progress=0.5)
    with pytest.raises(SupersededError, match="created again"):
        record.fail(Failure("internal", "It failed.", is_transient=True))
    assert store.job == again
