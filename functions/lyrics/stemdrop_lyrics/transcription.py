"""The end of a transcription: files with the lyrics, or a record that says why it failed."""

from collections.abc import Callable
from dataclasses import dataclass

from stemdrop.errors import LyricsError, LyricsTimedOutError
from stemdrop.job_record import Job, now
from stemdrop.keys import TRANSCRIPT_NAME, UploadKey, transcription_key
from stemdrop.lyrics import Transcription
from stemdrop.lyrics_results import LyricsRequest, discard_request, finish_lyrics, load_request
from stemdrop.store import Store
from stemdrop.transcription_jobs import CHECK_NAME, TranscriptionJobs
from stemdrop_lyrics.transcript import language_of, parse_transcript

# Reasons of Amazon Transcribe: there is no speech to identify the language of, or no half second.
NO_SPEECH = ("must have a speech segment long enough", "media file length is too small")
NOTHING = Transcription((), None)


@dataclass(frozen=True, slots=True)
class LyricsContext:
    """Resources that an execution environment keeps from message to message.

    Attributes
    ----------
    announce : Function that publishes the record of a job whose lyrics have ended.
    """

    store: Store
    jobs: TranscriptionJobs
    announce: Callable[[Job], None]


def finish_transcription(context: LyricsContext, results_id: str) -> bool:
    """Write the lyrics of a request if its transcription has ended, and return whether it has.

    It does the same for each message about the request, however many there are. A request stays
    until its end is announced. Nothing is left of one whose song was replaced or deleted: the
    transcript may come later.

    Raises
    ------
    TransientError : It may work the next time.
    """
    store = context.store
    request = load_request(store, results_id)
    job = store.load_job(UploadKey.parse(request.key))[0] if request else None
    store.delete({transcription_key(results_id, CHECK_NAME)})
    if request is None or job is None or job.lyrics is None or results_id not in job.results_ids:
        discard_request(store, results_id)
        return True
    if not job.has_pending_lyrics:
        context.announce(job)
        discard_request(store, results_id)
        return True
    outcome = _find_outcome(context, request, job.lyrics.deadline_at or "")
    if outcome is not None:
        finish_lyrics(store, request, outcome, context.announce)
    return outcome is not None


def _find_outcome(
    context: LyricsContext, request: LyricsRequest, deadline_at: str
) -> Transcription | LyricsError | None:
    """Return the words, or why there are none, or None while the transcription is running."""
    try:
        outcome = _read_outcome(context, request)
    except LyricsError as error:
        return error
    if outcome is None and deadline_at <= now():
        return LyricsTimedOutError(
            "Amazon Transcribe has written no transcript within its time limit: submit the song"
            " again."
        )
    return outcome


def _read_outcome(context: LyricsContext, request: LyricsRequest) -> Transcription | None:
    """Return the words, or None if there is no transcript yet.

    Raises
    ------
    LyricsError : The transcription failed.
    """
    body = context.store.read(transcription_key(request.results_id, TRANSCRIPT_NAME))
    if body is not None:
        transcript = parse_transcript(body, request.offset_s)
        return Transcription(
            transcript.words,
            _language(context, request, transcript.language_code) if transcript.words else None,
        )
    job = context.jobs.find(request.results_id)
    if job is None or job.failure_reason is None:
        return None
    if any(reason in job.failure_reason for reason in NO_SPEECH):
        return NOTHING
    raise LyricsError(f"Amazon Transcribe failed: {job.failure_reason}")


def _language(context: LyricsContext, request: LyricsRequest, code: str | None) -> str | None:
    if request.language or code:
        return request.language or language_of(code or "")
    job = context.jobs.find(request.results_id)
    return language_of(job.language_code) if job and job.language_code else None
