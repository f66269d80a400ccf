"""Find and delete jobs."""

from aws_lambda_powertools import Logger

from stemdrop.dedupe import content_digest
from stemdrop.errors import BadKeyError
from stemdrop.job_record import Job, Status
from stemdrop.keys import ZIP_NAME, Origin, UploadKey, record_key
from stemdrop.lyrics import Lyrics, LyricsFormat, LyricsStatus
from stemdrop.options import STEM_FILE
from stemdrop.store import Store
from stemdrop.unnamed_results import delete_unnamed_results
from stemdrop_api.dependencies import Dependencies
from stemdrop_api.errors import (
    JobFailedError,
    LyricsFailedError,
    NotFoundError,
    NotReadyError,
)

ZIP = "zip"
LYRICS_NAMES = frozenset(each.filename for each in LyricsFormat)
NOT_FOUND = {
    Origin.JOBS: "There is no such job; it may have expired.",
    Origin.DROP: "The drop folder has no record of this song yet.",
}

logger = Logger(child=True)


def parse_key(origin: Origin, name: str) -> UploadKey:
    """Return the key of an upload.

    Parameters
    ----------
    name : Rest of the key, as in the path.

    Raises
    ------
    NotFoundError : The key is invalid.
    """
    try:
        return UploadKey.parse(f"{origin}/{name}")
    except BadKeyError as error:
        raise NotFoundError(NOT_FOUND[origin]) from error


def find_job(store: Store, key: UploadKey, owner: str | None = None) -> tuple[Job, str]:
    """Return the job of an upload, and the ETag of its record.

    Raises
    ------
    NotFoundError : The job does not exist, or belongs to another user.
    """
    job, etag = store.load_job(key)
    if job is None or etag is None or job.owner != owner:
        raise NotFoundError(NOT_FOUND[key.origin])
    return job, etag


def find_song(store: Store, name: str) -> tuple[Job, str]:
    """Return the job of a song of the drop folder, and the ETag of its record.

    API Gateway decodes a path, but some HTTP APIs leave ``%25`` as it is. Neither is known from the
    event, so a name that isn't found is looked up with its percent signs decoded, too.
    Sources: "Create routes for HTTP APIs" in the API Gateway developer guide; an event of AWS in
    hotsock/voker, vokerhttp/testdata; ministack 1.5.33, decode_http_api_path.

    Parameters
    ----------
    name : Rest of the key, as in the path.

    Raises
    ------
    NotFoundError : The drop folder has no such song.
    """
    try:
        return find_job(store, parse_key(Origin.DROP, name))
    except NotFoundError:
        if "%25" not in name:
            raise
        return find_job(store, parse_key(Origin.DROP, name.replace("%25", "%")))


def result_key(job: Job, name: str) -> str:
    """Return the key of a stem, of the zip, of the stem file or of a file with the lyrics.

    Raises
    ------
    NotReadyError : The job is not finished yet, or its lyrics are pending.
    JobFailedError, LyricsFailedError : The job failed, or its lyrics did.
    NotFoundError : The job has no such stem.
    """
    if job.error is not None:
        raise JobFailedError(job.error.message)
    if job.status is not Status.DONE:
        raise NotReadyError("The stems are not ready: try again later.")
    keys = {stem.stem: stem.key for stem in job.stems}
    if job.zip is not None:
        keys |= {ZIP: job.zip.key, ZIP_NAME: job.zip.key}
    if job.stem_file is not None:
        keys |= {STEM_FILE: job.stem_file.key}
    if job.lyrics is not None:
        keys |= {file.format.filename: file.key for file in job.lyrics.files}
        if name in LYRICS_NAMES:
            _require_done(job.lyrics)
    if name not in keys:
        raise NotFoundError(f"The job has no {name!r}: there are {', '.join(keys)}.")
    return keys[name]


def _require_done(lyrics: Lyrics) -> None:
    if lyrics.status is LyricsStatus.PENDING:
        raise NotReadyError("The lyrics are not ready: try again later.")
    if lyrics.status is LyricsStatus.FAILED:
        raise LyricsFailedError(lyrics.reason or "The lyrics failed.")


def delete_job(dependencies: Dependencies, key: UploadKey, owner: str | None) -> None:
    """Delete a job: its entries in both indexes, its record, its results, vocals and song.

    The record goes before the rest, so that a running separation stops. If S3 fails after that, the
    next call finds no job, but deletes the rest.

    Raises
    ------
    NotFoundError : The job does not exist, belongs to another user, or S3 doesn't say to whom.
    """
    store = dependencies.store
    job, _ = store.load_job(key)
    if store.has_record(key) if job is None else job.owner != owner:
        raise NotFoundError(NOT_FOUND[key.origin])
    if job is not None:
        dependencies.index.remove(job)
    store.delete({record_key(key)})
    if job is not None:  # the next call wouldn't know the entry
        _forget(store, key, job)
    delete_unnamed_results(store, key, job.results_ids if job else ())
    store.delete_upload(key)
    if job is None:
        raise NotFoundError(NOT_FOUND[key.origin])
    logger.info("job_deleted", job=key.name)


def _forget(store: Store, key: UploadKey, job: Job) -> None:
    """Remove the job's entry from the content index."""
    if job.source is not None and job.source.sha256 is not None:
        store.forget_content(content_digest(job.source.sha256, job.options), key)
