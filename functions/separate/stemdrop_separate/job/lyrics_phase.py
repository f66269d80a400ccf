"""The phase of the lyrics: a request next to the stems, then the words, once the stems are done."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aws_lambda_powertools import Logger

from stemdrop.errors import (
    LyricsError,
    LyricsTimedOutError,
    LyricsUnavailableError,
    MissingError,
    TransientError,
)
from stemdrop.job_record import Job, now, timestamp
from stemdrop.keys import UploadKey
from stemdrop.lyrics import Lyrics, LyricsStatus, Transcription
from stemdrop.lyrics_results import (
    LyricsRequest,
    discard_request,
    find_pending,
    finish_lyrics,
    load_request,
    save_request,
)
from stemdrop.options import Options
from stemdrop_separate.job.context import Invocation, JobContext
from stemdrop_separate.job.usage import UsageMeter
from stemdrop_separate.pipeline import SeparatedSong

# Time that is kept for writing the result.
RESERVED_S = 10.0
NO_ENGINE = "This installation writes no lyrics: deploy it with an engine for them."

logger = Logger(child=True)


def request_lyrics(
    context: JobContext, key: UploadKey, results_id: str, options: Options, song: SeparatedSong
) -> Lyrics | None:
    """Upload the vocals and a request for their lyrics, and return what the record says.

    A song whose lyrics aren't possible has failed lyrics, but its stems are as good as others.
    """
    if not options.lyrics:
        return None
    transcriber = context.transcriber
    if transcriber is None or song.vocals_file is None:
        return _failed("none", options.language, LyricsUnavailableError(NO_ENGINE))
    try:
        transcriber.require_possible(options.language, song.duration_s)
    except LyricsError as error:
        return _failed(transcriber.name, options.language, error)
    request = LyricsRequest(
        key=str(key),
        results_id=results_id,
        engine=transcriber.name,
        language=options.language,
        offset_s=options.offset_s,
        duration_s=round(song.duration_s, 3),
        cost_usd=transcriber.cost_usd(song.duration_s),
    )
    context.store.upload(song.vocals_file, request.vocals_key, "audio/flac")
    save_request(context.store, request)
    return Lyrics(
        LyricsStatus.PENDING,
        transcriber.name,
        options.language,
        cost_usd=request.cost_usd,
        deadline_at=timestamp(datetime.now(UTC) + timedelta(seconds=transcriber.max_wait_s)),
    )


def _failed(engine: str, language: str | None, error: LyricsError) -> Lyrics:
    return Lyrics(
        LyricsStatus.FAILED,
        engine,
        language,
        code=error.code,
        reason=error.message,
        finished_at=now(),
    )


def write_lyrics(
    context: JobContext, job: Job, invocation: Invocation, *, had_ended: bool
) -> Job | None:
    """Write the lyrics of a job if they are pending, and return its record if they have ended.

    An attempt that was killed is repeated by the next delivery of the song's message, which finds
    the stems done and the lyrics pending.

    Parameters
    ----------
    had_ended : Whether the job had ended before this invocation, which then has its whole time for
        the lyrics.

    Raises
    ------
    TransientError : It failed and may work when the notification is delivered again.
    """
    if not job.has_pending_lyrics:
        if job.lyrics and had_ended:  # an attempt may have been killed before it did so
            discard_request(context.store, job.results_ids[0])
        return None
    request = load_request(context.store, job.results_ids[0])
    if request is None:
        return None  # another invocation has just ended it
    outcome: Transcription | LyricsError | None
    try:
        outcome = _transcribe(context, request, invocation, had_ended=had_ended)
    except MissingError:
        if find_pending(context.store, request):
            raise
        return None  # another invocation has ended it meanwhile
    except LyricsError as error:
        logger.info("lyrics_failed", key=job.key, reason=error.message)
        outcome = error
    return None if outcome is None else finish_lyrics(context.store, request, outcome)


def _transcribe(
    context: JobContext, request: LyricsRequest, invocation: Invocation, *, had_ended: bool
) -> Transcription | None:
    """Return the words, or None if they come later.

    Raises
    ------
    LyricsError : The transcription failed for good.
    TransientError : It may work the next time.
    """
    transcriber = context.transcriber
    if transcriber is None or transcriber.name != request.engine:
        raise LyricsUnavailableError(NO_ENGINE)
    if invocation.is_surplus and transcriber.runs_here:
        raise LyricsTimedOutError(
            "The transcription took too much memory or time: give the separator more, or choose a"
            " part of the song with duration_s."
        )
    meter = UsageMeter(invocation.memory_mb, context.settings.usd_per_gb_second)
    deadline = invocation.deadline.earlier(RESERVED_S)
    try:
        transcription = transcriber.transcribe(request, context.store, deadline)
    except LyricsTimedOutError as error:
        if had_ended or invocation.is_last:
            raise
        raise TransientError("The rest of the time limit was too short for the lyrics.") from error
    except LyricsError:
        raise
    except Exception as error:
        if not invocation.is_last:
            raise
        logger.exception("lyrics_attempt_failed", key=request.key)
        raise LyricsError("The transcription failed three times; the log says why.") from error
    return transcription and replace(transcription, cost_usd=meter.read().cost_usd)
