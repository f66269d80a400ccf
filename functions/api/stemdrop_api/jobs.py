"""Jobs: made, found, deleted."""

import secrets
from dataclasses import replace

from aws_lambda_powertools import Logger

from stemdrop.dedupe import CopiedResults, content_digest, copy_results
from stemdrop.errors import BadKeyError, ModelUnavailableError, StorageError, TooLargeError
from stemdrop.jobs import Job, Status, now
from stemdrop.keys import ZIP_NAME, Origin, UploadKey, record_key
from stemdrop.options import Options
from stemdrop.presigned import PresignedUpload
from stemdrop.store import Store
from stemdrop_api.dependencies import Service
from stemdrop_api.errors import JobFailedError, NotFoundError, NotReadyError
from stemdrop_api.schemas import JobRequest
from stemdrop_api.settings import Settings

ID_BYTES = 16
ZIP = "zip"
NOT_FOUND = {
    Origin.JOBS: "There is no such job, or no longer.",
    Origin.DROP: "There is no record of such a song in the drop folder, or not yet.",
}

logger = Logger(child=True)


def create_job(
    service: Service, request: JobRequest, owner: str | None
) -> tuple[Job, PresignedUpload | None]:
    """Make a job, and an upload URL for its song unless the song is known.

    Parameters
    ----------
    owner : who may see the job; None for everybody who is let in.

    Raises
    ------
    OptionError, ModelUnavailableError, TooLargeError : the job could never be done.
    """
    options = request.options()
    _require_possible(request, options, service.settings)
    key = UploadKey(Origin.JOBS, secrets.token_hex(ID_BYTES))
    created_at = now()
    job = Job(
        key=str(key),
        status=Status.AWAITING_UPLOAD,
        created_at=created_at,
        updated_at=created_at,
        filename=request.filename,
        owner=owner,
        options=options.to_json(),
    )
    done = _done_before(service.store, key, job, request)
    # The separator finds the options here, so the record is there before the song.
    service.store.save_job(key, done or job, None)
    logger.info("job_created", job=key.name, is_known=done is not None)
    if done:
        return done, None
    return job, service.signer.upload_url(key, request.size_bytes, request.sha256)


def _require_possible(request: JobRequest, options: Options, settings: Settings) -> None:
    if options.model not in settings.models:
        raise ModelUnavailableError(
            f"The model {options.model} is not installed here: use one of these: "
            f"{', '.join(settings.models)}."
        )
    if request.size_bytes > settings.max_upload_bytes:
        raise TooLargeError(
            f"The file has {request.size_bytes} bytes, and at most {settings.max_upload_bytes} are "
            "taken: send it compressed, as mp3 or flac, or in parts."
        )


def _done_before(store: Store, key: UploadKey, job: Job, request: JobRequest) -> Job | None:
    """Return the job as done if its owner has had the same song separated in the same way.

    To know a song's hash is no proof of having the song: nobody gets another owner's stems.
    """
    if request.sha256 is None:
        return None
    song = request.sha256, request.size_bytes

    def accepts(found: Job) -> bool:
        is_same_work = (found.owner, found.options) == (job.owner, job.options)
        source = found.source
        return is_same_work and source is not None and (source.sha256, source.size_bytes) == song

    try:
        reused = copy_results(
            store, key, content_digest(request.sha256, request.options()), accepts
        )
    except StorageError as error:
        logger.warning("not_reused", job=key.name, reason=error.message)
        return None
    return _finished(job, reused) if reused else None


def _finished(job: Job, reused: CopiedResults) -> Job:
    """Return a job that is done with the results of another one."""
    original = reused.original
    return job.updated(
        status=Status.DONE,
        progress=1.0,
        source=original.source and replace(original.source, key=job.key),
        sound=original.sound,
        stems=reused.stems,
        zip=reused.zip,
        warnings=original.warnings,
        engine=original.engine,
        started_at=job.created_at,
        finished_at=now(),
    )


def key_of(origin: Origin, name: str) -> UploadKey:
    """Return the key of an upload.

    Parameters
    ----------
    name : the rest of the key, as it stands in a path.

    Raises
    ------
    NotFoundError : there can't be such a key.
    """
    try:
        return UploadKey.parse(f"{origin}/{name}")
    except BadKeyError as error:
        raise NotFoundError(NOT_FOUND[origin]) from error


def find(store: Store, key: UploadKey, owner: str | None = None) -> tuple[Job, str]:
    """Return the job of an upload, and the etag of its record.

    Raises
    ------
    NotFoundError : it isn't there, or it is somebody else's.
    """
    job, etag = store.load_job(key)
    if job is None or etag is None or job.owner != owner:
        raise NotFoundError(NOT_FOUND[key.origin])
    return job, etag


def result_key(job: Job, name: str) -> str:
    """Return the key of a stem, or of the zip of all stems.

    Raises
    ------
    NotReadyError : the job isn't done yet.
    JobFailedError : it never will be.
    NotFoundError : it has no such stem.
    """
    if job.error is not None:
        raise JobFailedError(job.error.message)
    if job.status is not Status.DONE:
        raise NotReadyError("The stems are not ready: ask again.")
    keys = {stem.stem: stem.key for stem in job.stems}
    if job.zip is not None:
        keys |= {ZIP: job.zip.key, ZIP_NAME: job.zip.key}
    if name not in keys:
        raise NotFoundError(f"The job has no {name!r}: there are {', '.join(keys)}.")
    return keys[name]


def delete_job(store: Store, key: UploadKey, owner: str | None) -> None:
    """Delete a job: its record, its results, its song, and its entry of the content index.

    The record goes first: a separation that is at work sees by this that it is in vain. If S3
    fails after that, the next call finds no job, but deletes what was left.

    Raises
    ------
    NotFoundError : it isn't there, or it is somebody else's.
    """
    job, _ = store.load_job(key)
    if job is not None and job.owner != owner:
        raise NotFoundError(NOT_FOUND[key.origin])
    store.delete({record_key(key)})
    store.delete(store.list_results(key))
    store.delete_upload(key)
    if job is None:
        raise NotFoundError(NOT_FOUND[key.origin])
    _forget(store, key, job)
    logger.info("job_deleted", job=key.name)


def _forget(store: Store, key: UploadKey, job: Job) -> None:
    """Have the content index no longer point at what is gone."""
    if job.source is not None and job.source.sha256 is not None:
        store.forget_content(content_digest(job.source.sha256, Options.parse(job.options)), key)
