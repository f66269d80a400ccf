"""The Lambda function: writes the lyrics of songs that Amazon Transcribe has transcribed."""

import json
import logging
import os
import time
from typing import Any

from stemdrop.errors import NotificationError, StorageError
from stemdrop.job_record import Job
from stemdrop.lyrics_checks import CHECK_DELAY_S
from stemdrop.message_queue import MessageQueue, handle_messages
from stemdrop.notifications import Notifier
from stemdrop.s3 import describe_cause
from stemdrop.store import Store
from stemdrop.transcription_jobs import TranscriptionJobs
from stemdrop_lyrics.messages import is_check, results_ids
from stemdrop_lyrics.metrics import embedded_metrics
from stemdrop_lyrics.settings import LyricsSettings
from stemdrop_lyrics.transcription import LyricsContext, finish_transcription

logger = logging.getLogger("stemdrop_lyrics")
logger.setLevel(logging.INFO)
settings = LyricsSettings.from_env(os.environ)
queue = MessageQueue(settings.queue_url, settings.retry_delays_s)
notifier = Notifier(settings.completion_topic_arn)


def _announce(job: Job) -> None:
    """Publish the end of a job's lyrics, and count it."""
    notifier.publish(job)
    if job.lyrics:
        metrics = embedded_metrics(job.lyrics, settings.metrics_namespace, int(time.time() * 1000))
        print(metrics, flush=True)  # noqa: T201 - into the log


context = LyricsContext(
    store=Store("", settings.stems_bucket),  # it has no access to songs
    jobs=TranscriptionJobs(settings.stems_bucket),
    announce=_announce,
)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Write lyrics.

    Parameters
    ----------
    event : Messages of the lyrics queue.

    Returns
    -------
    Messages that SQS delivers again, as Lambda's partial batch response.
    """
    return handle_messages(event, _finish, queue, logger)


def _finish(text: str, _receive_count: int) -> None:
    """Write the lyrics that a message is about.

    A check whose transcription is running is sent again, since SQS moves messages that it delivers
    too often to the failure queue.

    Raises
    ------
    StorageError, NotificationError : It may work the next time; the message has no key of a song.
    """
    body = json.loads(text)
    for results_id in results_ids(body):
        try:
            has_ended = finish_transcription(context, results_id)
        except (StorageError, NotificationError) as error:
            # Its message is logged, and may have the key of a song.
            raise type(error)(f"{results_id}: {describe_cause(error)}.") from error
        logger.info("transcription_checked", extra={"results_id": results_id, "ended": has_ended})
        if not has_ended and is_check(body):
            queue.send(text, CHECK_DELAY_S)
