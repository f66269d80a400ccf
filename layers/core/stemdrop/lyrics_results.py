"""Requests for lyrics, and how they end: files next to the stems, and the job record.

A request is a file in the stems bucket, together with the vocals. Both stay until the record has
the result, so that whoever finds the lyrics pending can continue.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace

from stemdrop.errors import ChangedError, LyricsError, StorageError
from stemdrop.job_record import Job, now
from stemdrop.keys import (
    REQUEST_NAME,
    TRANSCRIPT_NAME,
    VOCALS_NAME,
    UploadKey,
    result_key,
    transcription_key,
)
from stemdrop.lyrics import Lyrics, LyricsFile, LyricsFormat, LyricsStatus, Transcription
from stemdrop.lyrics_files import write_lyrics
from stemdrop.store import Store

MAX_WRITES = 5


@dataclass(frozen=True, slots=True)
class LyricsRequest:
    """What an engine has to know about a song.

    Attributes
    ----------
    key : Key of the upload.
    results_id : Folder of the song's results.
    engine : Name of the engine, as in the job record.
    language : ISO 639 code; None if it has to be detected.
    offset_s : Time of the vocals' first sample on the song's clock.
    duration_s : Seconds of the vocals.
    cost_usd : Price of the transcription, if it is known before.
    """

    key: str
    results_id: str
    engine: str
    language: str | None
    offset_s: float
    duration_s: float
    cost_usd: float = 0.0

    @property
    def vocals_key(self) -> str:
        """Return the key of the vocals: flac, mono, 16,000 Hz."""
        return transcription_key(self.results_id, VOCALS_NAME)

    def to_bytes(self) -> bytes:
        """Return the request as a file."""
        return json.dumps(asdict(self)).encode()


def save_request(store: Store, request: LyricsRequest) -> None:
    """Write a request."""
    key = transcription_key(request.results_id, REQUEST_NAME)
    store.write(key, request.to_bytes(), "application/json")


def load_request(store: Store, results_id: str) -> LyricsRequest | None:
    """Return a request, or None if it has ended.

    Raises
    ------
    StorageError : S3 failed, or the file is not a request.
    """
    body = store.read(transcription_key(results_id, REQUEST_NAME))
    try:
        return LyricsRequest(**json.loads(body)) if body is not None else None
    except (ValueError, TypeError) as error:
        raise StorageError(f"The request {results_id} can't be read: {error!r}.") from error


def find_pending(store: Store, request: LyricsRequest) -> Job | None:
    """Return the job of a request, or None if its lyrics are no longer awaited."""
    job, _ = store.load_job(UploadKey.parse(request.key))
    return job if _awaits(job, request) else None


def finish_lyrics(
    store: Store,
    request: LyricsRequest,
    outcome: Transcription | LyricsError,
    announce: Callable[[Job], object] = lambda _: None,
) -> Job | None:
    """Write the lyrics, or why there are none, and return the record with their end.

    Another call may have finished them meanwhile, and failed to announce them. Nothing is left of a
    request whose song was replaced or deleted, and there is no record then.

    Parameters
    ----------
    outcome : Words, or the error that ended the transcription.
    announce : Function that is called with the record. If it fails, the request stays.

    Raises
    ------
    StorageError : A request to S3 failed; call it again.
    """
    key = UploadKey.parse(request.key)
    lyrics = _describe(store, key, request, outcome)
    job = _save(store, key, request, lyrics)
    named = _named(store, key)
    all_files = (result_key(key, request.results_id, each.filename) for each in LyricsFormat)
    store.delete({file for file in all_files if file not in named})
    if job:
        announce(job)
    discard_request(store, request.results_id)
    return job


def discard_request(store: Store, results_id: str) -> None:
    """Delete a request, its vocals and its transcript, the request last."""
    for name in (TRANSCRIPT_NAME, VOCALS_NAME, REQUEST_NAME):
        store.delete({transcription_key(results_id, name)})


def _awaits(job: Job | None, request: LyricsRequest) -> bool:
    return bool(job and request.results_id in job.results_ids and job.has_pending_lyrics)


def _describe(
    store: Store, key: UploadKey, request: LyricsRequest, outcome: Transcription | LyricsError
) -> Lyrics:
    """Write the files of an outcome, and return what the record says about it."""
    ended = Lyrics(LyricsStatus.DONE, request.engine, finished_at=now())
    if isinstance(outcome, LyricsError):
        return replace(
            ended,
            status=LyricsStatus.FAILED,
            language=request.language,
            cost_usd=request.cost_usd,
            code=outcome.code,
            reason=outcome.message,
        )
    contents = write_lyrics(outcome, request.engine)
    return replace(
        ended,
        language=outcome.language if outcome.words else None,
        words=len(outcome.words),
        cost_usd=round(request.cost_usd + outcome.cost_usd, 8),
        files=tuple(_write(store, key, request.results_id, contents.items())),
    )


def _write(
    store: Store, key: UploadKey, results_id: str, contents: Iterable[tuple[LyricsFormat, bytes]]
) -> Iterable[LyricsFile]:
    for each, content in contents:
        target = result_key(key, results_id, each.filename)
        store.write(target, content, each.media_type)
        yield LyricsFile(each, target, len(content))


def _save(store: Store, key: UploadKey, request: LyricsRequest, lyrics: Lyrics) -> Job | None:
    for _ in range(MAX_WRITES):
        job, etag = store.load_job(key)
        if job is None or job.lyrics is None or request.results_id not in job.results_ids:
            return None
        if not job.has_pending_lyrics:
            return job
        finished = job.updated(lyrics=lyrics)
        try:
            store.save_job(key, finished, etag)
        except ChangedError:
            continue
        return finished
    raise StorageError(f"The record of {key} is written by too many at once.")


def _named(store: Store, key: UploadKey) -> set[str]:
    job, _ = store.load_job(key)
    return job.result_keys if job else set()
