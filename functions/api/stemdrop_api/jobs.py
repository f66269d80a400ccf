"""Create, find and delete jobs."""

import secrets
from dataclasses import replace

from aws_lambda_powertools import Logger

from stemdrop.dedupe import (
    CopiedResults,
    content_digest,
    copy_results,
    find_results,
    has_same_titles,
)
from stemdrop.errors import BadKeyError, ModelUnavailableError, StorageError, TooLargeError
from stemdrop.job_record import Job, Status, now
from stemdrop.keys import ZIP_NAME, Origin, UploadKey, new_results_id, record_key
from stemdrop.options import Options
from stemdrop.presigned import PresignedUpload
from stemdrop.s3 import describe_cause
from stemdrop.store import Store
from stemdrop_api.dependencies import Dependencies
from stemdrop_api.errors import JobFailedError, NotFoundError, NotReadyError
from stemdrop_api.schemas import JobRequest
from stemdrop_api.settings import ApiSettings

ID_BYTES = 16
ZIP = "zip"
NOT_FOUND = {
    Origin.JOBS: "There is no such job; it may have expired.",
    Origin.DROP: "The drop folder has no record of this song yet.",
}

logger = Logger(child=True)


def create_job(
    dependencies: Dependencies, request: JobRequest, owner: str | None
) -> tuple[Job, PresignedUpload | None]:
    """Create a job, and an upload URL for its song unless the song is known.

    Parameters
    ----------
    owner : User who may see the job; None for every holder of the access token.

    Raises
    ------
    OptionError, ModelUnavailableError, TooLargeError : The job can never be finished.
    """
    options = request.options()
    _require_possible(request, options, dependencies.settings)
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
    done = _reuse_stems(dependencies.store, key, job, request)
    # The separator reads the options from the record, so the record precedes the song.
    dependencies.store.save_job(key, done or job, None)
    dependencies.index.add(job)
    logger.info("job_created", job=key.name, is_known=done is not None)
    if done:
        return done, None
    return job, dependencies.signer.upload_url(key, request.size_bytes, request.sha256)


def _require_possible(request: JobRequest, options: Options, settings: ApiSettings) -> None:
    if options.model not in settings.models:
        raise ModelUnavailableError(
            f"The model {options.model} is not installed here: use one of these: "
            f"{', '.join(settings.models)}."
        )
    if request.size_bytes > settings.max_upload_bytes:
        raise TooLargeError(
            f"The file has {request.size_bytes} bytes, above the limit of "
            f"{settings.max_upload_bytes}: compress it to mp3 or flac, or split it."
        )


def _reuse_stems(store: Store, key: UploadKey, job: Job, request: JobRequest) -> Job | None:
    """Return the finished job if its owner has separated the same song with the same options.

    Stems of other owners are not reused: a hash does not prove possession of the song.
    """
    if request.sha256 is None:
        return None
    song = request.sha256, request.size_bytes

    def accepts(found: Job) -> bool:
        is_same_work = (found.owner, found.options) == (job.owner, job.options)
        source = found.source
        is_same_song = source is not None and (source.sha256, source.size_bytes) == song
        return is_same_work and is_same_song and has_same_titles(found, job)

    entry = content_digest(request.sha256, request.options())
    results_id = new_results_id()
    try:
        original = find_results(store, key, entry, accepts)
        if original is None:
            return None
        copied = copy_results(store, original, key, results_id)
    except StorageError as error:
        logger.warning("not_reused", job=key.name, reason=describe_cause(error))
        return None
    return _finished(job, original, results_id, copied)


def _finished(job: Job, original: Job, results_id: str, copied: CopiedResults) -> Job:
    """Return the job with copies of the results of another one."""
    return job.updated(
        status=Status.DONE,
        progress=1.0,
        source=original.source and replace(original.source, key=job.key),
        sound=original.sound,
        results_ids=(results_id,),
        stems=copied.stems,
        zip=copied.zip,
        warnings=original.warnings,
        engine=original.engine,
        started_at=job.created_at,
        finished_at=now(),
    )


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
    """Return the key of a stem, or of the zip of all stems.

    Raises
    ------
    NotReadyError : The job is not finished yet.
    JobFailedError : The job failed.
    NotFoundError : The job has no such stem.
    """
    if job.error is not None:
        raise JobFailedError(job.error.message)
    if job.status is not Status.DONE:
        raise NotReadyError("The stems are not ready: try again later.")
    keys = {stem.stem: stem.key for stem in job.stems}
    if job.zip is not None:
        keys |= {ZIP: job.zip.key, ZIP_NAME: job.zip.key}
    if name not in keys:
        raise NotFoundError(f"The job has no {name!r}: there are {', '.join(keys)}.")
    return keys[name]


def delete_job(dependencies: Dependencies, key: UploadKey, owner: str | None) -> None:
    """Delete a job: its entries in both indexes, its record, its results and its song.

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
    store.delete(store.list_results(key))
    store.delete_upload(key)
    if job is None:
        raise NotFoundError(NOT_FOUND[key.origin])
    _forget(store, key, job)
    logger.info("job_deleted", job=key.name)


def _forget(store: Store, key: UploadKey, job: Job) -> None:
    """Remove the job's entry from the content index."""
    if job.source is not None and job.source.sha256 is not None:
        store.forget_content(content_digest(job.source.sha256, Options.parse(job.options)), key)
