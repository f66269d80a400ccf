"""The Lambda function: separates the songs of S3 notifications, from SQS or direct."""

import gc
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from stemdrop.errors import (
    BadKeyError,
    SetupError,
    StemdropError,
    StorageError,
    TransientError,
)
from stemdrop.job_record import Job
from stemdrop.keys import UploadKey
from stemdrop.message_queue import MessageQueue, handle_messages
from stemdrop.notifications import Notifier
from stemdrop.store import Store
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.heap import keep_freed_memory
from stemdrop_separate.job.context import Invocation, JobContext, JobResult, Outcome
from stemdrop_separate.job.lyrics_phase import write_lyrics
from stemdrop_separate.job.run_job import run_job
from stemdrop_separate.lyrics.transcriber import load_transcriber
from stemdrop_separate.models.catalog import Models
from stemdrop_separate.s3_event import announced_uploads
from stemdrop_separate.settings import Settings

logger = Logger()
metrics = Metrics()


def _load_job_context() -> JobContext:
    """Load the resources of all jobs during Lambda's initialization."""
    keep_freed_memory()
    settings = Settings.from_env(os.environ)
    models = Models(settings.model_dir, settings.backend)
    if not models.available():
        raise SetupError(f"MODEL_DIR has no models: {settings.model_dir}.")
    models.load(models.available()[0])
    ffmpeg = find_ffmpeg(settings.ffmpeg)
    return JobContext(
        settings=settings,
        store=Store(settings.uploads_bucket, settings.stems_bucket),
        models=models,
        ffmpeg=ffmpeg,
        transcriber=load_transcriber(
            settings.lyrics,
            settings.model_dir,
            settings.stems_bucket,
            settings.lyrics_queue_url,
            ffmpeg,
            settings.work_dir,
        ),
        notifier=Notifier(settings.completion_topic_arn) if settings.completion_topic_arn else None,
    )


def _open_queue(settings: Settings) -> MessageQueue | None:
    if settings.song_queue_url is None:
        return None
    return MessageQueue(settings.song_queue_url, settings.retry_delays_s)


job_context = _load_job_context()
queue = _open_queue(job_context.settings)
gc.freeze()  # nothing that is loaded becomes garbage


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Separate the songs of an event.

    Parameters
    ----------
    event : Messages of the song queue, or one direct S3 notification, as for `sam local invoke`.

    Returns
    -------
    For messages, those that SQS delivers again, as Lambda's partial batch response. An error would
    make Lambda poll more slowly, which delays other songs. For a direct notification, upload key to
    outcome.

    Raises
    ------
    TransientError : A song of a direct notification failed and may work the next time.
    SetupError : The event is something else.
    """
    match event:
        case {"Records": [{"eventSource": "aws:sqs"}, *_]}:

            def handle(body: str, received: int) -> None:
                # What is no S3 notification fails, too, and ends in the failure queue: deleting it
                # would lose songs if the notifications were changed and this code were not.
                _separate_all(announced_uploads(json.loads(body)), context, received)

            return handle_messages(event, handle, queue, logger)
        case _:
            return _separate_all(announced_uploads(event), context)


def _separate_all(
    uploads: Mapping[str, str | None], context: LambdaContext, received: int | None = None
) -> dict[str, str]:
    """Separate songs independently, and return upload key to outcome.

    Parameters
    ----------
    uploads : Upload key to the ETag in the notification.
    received : How often the message was received; None for a direct notification.

    Raises
    ------
    TransientError : At least one has to be tried again. The others are finished, and are skipped
        when the notification is delivered again.
    """
    outcomes: dict[str, str] = {}
    failures: dict[str, Exception] = {}
    for key, etag in uploads.items():
        try:
            outcomes[key] = _separate(key, etag, context, received)
        except Exception as error:
            logger.exception("attempt_failed", key=key)
            failures[key] = error
            _count("failed")
    if failures:
        # Lambda logs this as it is: a key must not look like another line.
        reasons = "; ".join(f"{key!r}: {error!r}" for key, error in failures.items())
        raise TransientError(f"{len(failures)} of the event's songs failed: {reasons}")
    return outcomes


def _separate(key: str, etag: str | None, context: LambdaContext, received: int | None) -> Outcome:
    try:
        upload_key = UploadKey.parse(key)
    except BadKeyError as error:
        logger.error("key_rejected", key=key, reason=error.message)
        _count(Outcome.REJECTED)
        return Outcome.REJECTED
    if upload_key.is_system_file or (upload_key.is_folder and _is_empty(upload_key)):
        _count(Outcome.SKIPPED)
        return Outcome.SKIPPED
    invocation = Invocation(
        memory_mb=int(context.memory_limit_in_mb),
        deadline=Deadline.after(context.get_remaining_time_in_millis() / 1000),
        is_last=received is None or (queue is not None and received >= queue.attempts),
        is_surplus=received is not None and queue is not None and received > queue.attempts,
        etag=etag,
    )
    try:
        result = run_job(job_context, upload_key, invocation)
    except Exception:
        if invocation.is_last:
            _announce_failure(upload_key)
        raise
    logger.info("attempt_ended", key=key, outcome=result.outcome)
    if result.job and not result.had_ended:
        _measure(result.job)
    _count(result.outcome)
    _follow_up(upload_key, result, invocation)
    return result.outcome


def _follow_up(key: UploadKey, result: JobResult, invocation: Invocation) -> None:
    """Announce a job that has ended, and write its lyrics.

    A failure has the event delivered again. That invocation finds the job ended, and gets here.

    Raises
    ------
    TransientError : One of these failed, or results that the record doesn't name are left.
    """
    if result.job:
        _publish(result.job)
        _write_lyrics(result.job, invocation, had_ended=result.had_ended)
    if not result.is_clean:
        raise StorageError(f"S3 failed when {key} had ended: its old results are left.")


def _write_lyrics(job: Job, invocation: Invocation, *, had_ended: bool) -> None:
    ended = write_lyrics(job_context, job, invocation, had_ended=had_ended)
    if ended and ended.lyrics:
        metrics.add_metric(f"Lyrics{ended.lyrics.status.capitalize()}", MetricUnit.Count, 1)
        metrics.add_metric("CostUsd", MetricUnit.NoUnit, ended.lyrics.cost_usd)
        _publish(ended)


def _publish(job: Job) -> None:
    if job_context.notifier:
        job_context.notifier.publish(job)


def _is_empty(key: UploadKey) -> bool:
    """Tell whether a key that ends in a slash is a folder: other songs are rare, but have bytes."""
    upload = job_context.store.find_upload(key)
    return upload is None or upload.size_bytes == 0


def _announce_failure(key: UploadKey) -> None:
    """Publish the end of a job whose attempts all failed, unless the record says that it was.

    What the last attempt doesn't publish, the surplus delivery of its message does.
    """
    store = job_context.store
    try:
        job, etag = store.load_job(key)
        if job and job.error and job.error.is_transient and not job.error.is_announced:
            announced = replace(job, error=replace(job.error, is_announced=True))
            _publish(announced)
            store.save_job(key, announced, etag)
    except StemdropError as error:  # the failure itself is what matters
        logger.warning("announcement_failed", key=str(key), reason=error.message)


def _count(ending: str) -> None:
    metrics.add_metric(f"Jobs{ending.capitalize()}", MetricUnit.Count, 1)
    if ending == Outcome.DONE:
        # The metric's average is then the share of rejected songs; see the alarms in template.yaml.
        metrics.add_metric("JobsRejected", MetricUnit.Count, 0)


def _measure(job: Job) -> None:
    if job.usage is None:
        return
    metrics.add_metric("CostUsd", MetricUnit.NoUnit, job.usage.cost_usd)
    if "separate" in job.usage.timings_s and job.stems:
        metrics.add_metric("AudioSeconds", MetricUnit.Seconds, job.stems[0].duration_s)
        seconds = job.usage.timings_s["separate"]
        metrics.add_metric("SeparationSeconds", MetricUnit.Seconds, seconds)
