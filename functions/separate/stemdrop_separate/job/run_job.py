"""A job from its notification to its stems, or to a record that says why there are none."""

from aws_lambda_powertools import Logger

from stemdrop.errors import (
    ChangedError,
    RejectedError,
    SetupError,
    StemdropError,
    StorageError,
    SupersededError,
)
from stemdrop.job_record import Failure
from stemdrop.keys import Origin, UploadKey
from stemdrop.s3 import describe_cause
from stemdrop.store import Store
from stemdrop_separate.job.context import Invocation, JobContext, JobResult, Outcome
from stemdrop_separate.job.job_start import is_same_work, is_settled, start_record
from stemdrop_separate.job.job_state import JobState
from stemdrop_separate.job.phases import finish, make_results, reject
from stemdrop_separate.job.publish import delete_stale_results
from stemdrop_separate.job.record_writer import RecordWriter
from stemdrop_separate.job.usage import UsageMeter

# Lambda ends an invocation without notice. This much time is kept for writing the record.
RESERVED_S = 15.0

logger = Logger(child=True)


def run_job(context: JobContext, key: UploadKey, invocation: Invocation) -> JobResult:
    """Separate an upload, and write its record.

    Raises
    ------
    StemdropError : The job failed and may work when the notification is delivered again.
    """
    force = False
    record = RecordWriter(context.store, key)
    while True:
        state: JobState | None = None
        try:
            started = _start(context, record, invocation, force=force)
            if isinstance(started, JobResult):
                return started
            state = started
            return _run_phases(state)
        except (SupersededError, ChangedError) as error:
            logger.info("superseded", key=str(key), reason=error.message)
        except Exception as error:
            if invocation.is_last:
                _give_up(context.store, record, error)
            raise
        if state is None or not _has_overwritten_newer_stems(state):
            return JobResult(Outcome.SKIPPED)
        force = True
        record = RecordWriter(context.store, key)


def _start(
    context: JobContext, record: RecordWriter, invocation: Invocation, *, force: bool
) -> JobState | JobResult:
    """Return the state of a job, or its result if there is nothing to do.

    Parameters
    ----------
    force : Whether to run a job whose record says that it is done.
    """
    meter = UsageMeter(invocation.memory_mb, context.settings.usd_per_gb_second)
    key = record.key
    if record.found is None and key.origin is Origin.JOBS:
        _delete_results(context.store, key)
        return JobResult(Outcome.SKIPPED)
    upload = context.store.find_upload(key)
    job = start_record(key, upload, record.found, invocation.deadline)
    if is_settled(record.found, job) and not force:
        return JobResult(Outcome.SKIPPED, record.found)
    return JobState(
        context=context,
        key=key,
        upload=upload,
        first_record=job,
        record=record,
        deadline=invocation.deadline.earlier(RESERVED_S),
        meter=meter,
        is_last=invocation.is_last,
    )


def _run_phases(state: JobState) -> JobResult:
    state.record.save(state.first_record)
    try:
        results = make_results(state)
    except RejectedError as error:
        return reject(state, error)
    return finish(state, results)


def _give_up(store: Store, record: RecordWriter, error: Exception) -> None:
    """Record that the last attempt failed, unless another attempt is at work or has succeeded."""
    code, reason = "internal", "something unexpected happened; the log says what."
    if isinstance(error, SetupError):
        code, reason = error.code, "the installation is incomplete; the log says what is missing."
    elif isinstance(error, StorageError):
        code, reason = error.code, f"S3 failed ({describe_cause(error)})."
    elif isinstance(error, StemdropError):
        code, reason = error.code, error.message
    failure = Failure(code, f"All attempts failed. In the last one: {reason}", is_transient=True)
    try:
        record.fail(failure)
        delete_stale_results(store, record.key, record.job)
    except StemdropError as other:
        logger.warning("failure_not_recorded", key=str(record.key), reason=other.message)


def _has_overwritten_newer_stems(state: JobState) -> bool:
    """Return whether a newer upload has to be separated again, since stems of ours replaced its.

    If the job was deleted, what was published for it is deleted too.
    """
    if not state.has_published:
        return False
    newest, _ = state.store.load_job(state.key)
    if newest is None:
        _delete_results(state.store, state.key)
        if state.content_digest:
            state.store.forget_content(state.content_digest, state.key)
        return False
    return not is_same_work(newest, state.job)


def _delete_results(store: Store, key: UploadKey) -> None:
    store.delete(store.list_results(key))
