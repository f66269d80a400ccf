"""A job from its notification to its stems, or to a record that says why there are none."""

from aws_lambda_powertools import Logger

from stemdrop.errors import (
    ChangedError,
    KilledError,
    NoAttemptLeftError,
    OptionError,
    RejectedError,
    SetupError,
    StemdropError,
    StorageError,
    SupersededError,
)
from stemdrop.job_record import Failure, Job, Status
from stemdrop.keys import Origin, UploadKey
from stemdrop.options import Options
from stemdrop.s3 import describe_cause
from stemdrop.store import Store
from stemdrop_separate.job.context import Invocation, JobContext, JobResult, Outcome
from stemdrop_separate.job.job_start import is_settled, start_record
from stemdrop_separate.job.job_state import JobState
from stemdrop_separate.job.phases import reject, separate_and_publish
from stemdrop_separate.job.record_writer import RecordWriter
from stemdrop_separate.job.stale_results import delete_stale_results
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
    record = RecordWriter(context.store, key)
    try:
        if invocation.is_surplus:
            if _is_of_another_upload(record.found, invocation.etag):
                return JobResult(Outcome.SKIPPED)  # that one has a notification of its own
            _require_attempt(record.found)
        state = _start(context, record, invocation)
        return _run_phases(state) if isinstance(state, JobState) else state
    except NoAttemptLeftError:
        delete_stale_results(context.store, key)  # the last attempt may have failed to
        raise
    except Exception as error:
        if invocation.is_last:
            _give_up(context.store, record, error)
        raise


def _is_of_another_upload(job: Job | None, etag: str | None) -> bool:
    """Return whether the record is of an upload that has replaced the announced one."""
    return job is not None and job.source is not None and etag not in {None, job.source.etag}


def _require_attempt(job: Job | None) -> None:
    """Require that a song has ended, or that no attempt at it was begun.

    Raises
    ------
    KilledError : The last attempt has not recorded its end.
    NoAttemptLeftError : It has, and failed for a reason that may pass.
    """
    if job and job.status is Status.PROCESSING:
        raise KilledError(
            "Lambda ended it, as it took too much memory or time. Choose a part of the song with "
            "duration_s, or give the function more."
        )
    if job and job.is_finished and not job.is_final:
        raise NoAttemptLeftError(f"All attempts at {job.key} failed.")


def _start(
    context: JobContext, record: RecordWriter, invocation: Invocation
) -> JobState | JobResult:
    """Return the state of a job, or its result if there is nothing to do."""
    meter = UsageMeter(invocation.memory_mb, context.settings.usd_per_gb_second)
    key = record.key
    if record.found is None and key.origin is Origin.JOBS:
        return JobResult(Outcome.SKIPPED, is_clean=delete_stale_results(context.store, key))
    upload = context.store.find_upload(key)
    job = start_record(key, upload, record.found, invocation.deadline)
    if is_settled(record.found, job) and _has_current_results(context, key, record.found, job):
        # Those of an attempt that was killed, or could not delete them.
        is_clean = delete_stale_results(context.store, key)
        return JobResult(Outcome.SKIPPED, record.found, is_clean)
    return JobState(
        context=context,
        upload=upload,
        first_record=job,
        record=record,
        deadline=invocation.deadline.earlier(RESERVED_S),
        meter=meter,
        is_last=invocation.is_last,
    )


def _has_current_results(context: JobContext, key: UploadKey, found: Job | None, job: Job) -> bool:
    """Return whether a song that was sent again still has its stems, and of this engine.

    S3 deletes the stems a while before the record if the lyrics were later, or in any order. Stems
    of a model that is no longer installed, or with options that this version doesn't know, are the
    best that there are.
    """
    if not (found and found.source and job.source) or found.status is not Status.DONE:
        return True
    if found.source.is_same_as(job.source):
        return True
    if not found.result_keys <= context.store.list_results(key):
        return False
    try:
        model = Options.parse(job.options).model
    except OptionError:
        return True
    return model not in context.models.available() or found.engine == context.models.engine(model)


def _run_phases(state: JobState) -> JobResult:
    try:
        state.record.save(state.first_record)
        try:
            return separate_and_publish(state)
        except RejectedError as error:
            return reject(state, error)
    except (SupersededError, ChangedError) as error:
        logger.info("superseded", key=str(state.key), reason=error.message)
        is_clean = delete_stale_results(state.store, state.key, state.record.begun_ids)
        return JobResult(Outcome.SKIPPED, is_clean=is_clean)


def _give_up(store: Store, record: RecordWriter, error: Exception) -> None:
    """Record that the last attempt failed, unless another one has succeeded or was rejected.

    One that is still at work continues, and replaces this record.
    """
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
    except StemdropError as other:
        logger.warning("failure_not_recorded", key=str(record.key), reason=other.message)
    delete_stale_results(store, record.key, record.begun_ids)
