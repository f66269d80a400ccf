"""The Lambda function: one S3 event in, every record of it on its own."""

import os
from functools import partial
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import S3Event
from aws_lambda_powertools.utilities.typing import LambdaContext

from stemdrop.errors import BadKeyError, SetupError, TransientError
from stemdrop.jobs import Job
from stemdrop.keys import UploadKey
from stemdrop.store import Store
from stemdrop.topic import Topic
from stemdrop_separate.audio.ffmpeg import find_ffmpeg
from stemdrop_separate.job import Attempt
from stemdrop_separate.models import Models
from stemdrop_separate.settings import Settings
from stemdrop_separate.workshop import Invocation, Outcome, Workshop

logger = Logger()
metrics = Metrics()
tracer = Tracer()


def _open_workshop() -> Workshop:
    """Load what every job needs, while Lambda still counts it as start-up."""
    settings = Settings.from_env(os.environ)
    models = Models(settings.model_dir, settings.backend)
    if not models.available():
        raise SetupError(f"MODEL_DIR has no models: {settings.model_dir}.")
    models.load(models.available()[0])
    return Workshop(
        settings=settings,
        store=Store(settings.uploads_bucket, settings.stems_bucket),
        models=models,
        ffmpeg=find_ffmpeg(settings.ffmpeg),
        topic=Topic(settings.completion_topic_arn) if settings.completion_topic_arn else None,
    )


workshop = _open_workshop()


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, object], context: LambdaContext) -> dict[str, str]:
    """Separate the songs that an S3 event tells of.

    Returns
    -------
    Upload key to how its attempt ended.

    Raises
    ------
    TransientError : at least one of them has to be tried again. The others are finished, and will
        be recognised as such when the event is delivered again.
    """
    outcomes: dict[str, str] = {}
    failures: dict[str, Exception] = {}
    for record in S3Event(event).records if "Records" in event else ():
        key = unquote_plus(record.s3.get_object.key)  # Powertools leaves it as S3 quotes it
        try:
            outcomes[key] = _separate(key, context)
        except Exception as error:
            logger.exception("attempt_failed", key=key)
            failures[key] = error
            _count("failed")
    if failures:
        # Lambda logs this as it is: a key must not look like another line.
        reasons = "; ".join(f"{key!r}: {error!r}" for key, error in failures.items())
        raise TransientError(f"{len(failures)} of the event's songs failed: {reasons}")
    return outcomes


def _separate(key: str, context: LambdaContext) -> str:
    try:
        upload_key = UploadKey.parse(key)
    except BadKeyError as error:
        logger.error("key_rejected", key=key, reason=error.message)
        return _count(Outcome.REJECTED)
    if upload_key.is_folder:
        return _count(Outcome.SKIPPED)
    invocation = Invocation(
        memory_mb=int(context.memory_limit_in_mb),
        remaining_s=lambda: context.get_remaining_time_in_millis() / 1000,
        trace=partial(tracer.provider.in_subsegment, namespace="local"),
    )
    attempt = Attempt(workshop, upload_key, invocation)
    outcome = attempt.run()
    logger.info("attempt_ended", key=key, outcome=outcome)
    if outcome is not Outcome.SKIPPED:
        _measure(attempt.job)
    _count(outcome)
    # Last of all: if this fails the event is delivered again, finds the job ended, and gets here.
    if workshop.topic and attempt.ended:
        workshop.topic.publish(attempt.ended)
    return outcome


def _count(ending: str) -> str:
    metrics.add_metric(f"Jobs{ending.capitalize()}", MetricUnit.Count, 1)
    if ending == Outcome.DONE:
        # So its average is the share of the songs that were rejected; see infra/monitoring.yaml.
        metrics.add_metric("JobsRejected", MetricUnit.Count, 0)
    return ending


def _measure(job: Job) -> None:
    if job.usage is None:
        return
    metrics.add_metric("CostUsd", MetricUnit.NoUnit, job.usage.cost_usd)
    if "separate" in job.usage.timings_s and job.stems:
        metrics.add_metric("AudioSeconds", MetricUnit.Seconds, job.stems[0].duration_s)
        seconds = job.usage.timings_s["separate"]
        metrics.add_metric("SeparationSeconds", MetricUnit.Seconds, seconds)
