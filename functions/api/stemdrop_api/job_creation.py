"""Create jobs."""

from dataclasses import replace

from aws_lambda_powertools import Logger

from stemdrop.dedupe import content_digest, copy_results, find_results, has_same_results
from stemdrop.errors import (
    ChangedError,
    LyricsUnavailableError,
    ModelUnavailableError,
    StorageError,
    TooLargeError,
)
from stemdrop.job_record import Job, Status, now
from stemdrop.keys import Origin, UploadKey, new_results_id
from stemdrop.lyrics import engine_languages, engine_name, require_language
from stemdrop.options import Options
from stemdrop.presigned import PresignedUpload
from stemdrop.s3 import describe_cause
from stemdrop.store import Store
from stemdrop.unnamed_results import delete_unnamed_results
from stemdrop_api.dependencies import Dependencies
from stemdrop_api.idempotency import job_id, request_digest, require_same_request
from stemdrop_api.schemas import JobRequest
from stemdrop_api.settings import ApiSettings

logger = Logger(child=True)


def create_job(
    dependencies: Dependencies,
    request: JobRequest,
    owner: str | None,
    idempotency_key: str | None = None,
) -> tuple[Job, PresignedUpload | None]:
    """Create a job, and an upload URL for its song unless the song is known.

    Parameters
    ----------
    owner : User who may see the job; None for every holder of the access token.
    idempotency_key : Key of the request; with that of an earlier one, its job is returned.

    Raises
    ------
    OptionError, ModelUnavailableError, TooLargeError : The job can never be finished.
    LyricsUnavailableError, LanguageUnavailableError : Its lyrics can't be written.
    CallbackUrlError : No webhook may be sent to the callback URL.
    IdempotencyKeyReusedError : The earlier request with the key was another one.
    """
    options = request.options()
    _require_possible(request, options, dependencies.settings)
    key = UploadKey(Origin.JOBS, job_id(owner, idempotency_key))
    created_at = now()
    job = Job(
        key=str(key),
        status=Status.AWAITING_UPLOAD,
        created_at=created_at,
        updated_at=created_at,
        filename=request.filename,
        owner=owner,
        request_sha256=request_digest(request),
        callback_url=request.callback_url,
        options=options.to_dict(),
    )
    engine = engine_name(dependencies.settings.lyrics)
    store = dependencies.store
    original = _find_original(store, key, job, request, engine)
    if original:  # the record names the results before they are written; see delete_unnamed_results
        job = replace(job, results_ids=(new_results_id(),))
    job, etag = _save(store, key, job, may_exist=idempotency_key is not None)
    dependencies.index.add(job)
    if original and etag:
        job = _copy_stems(store, key, job, etag, original) or job
    logger.info("job_created", job=key.name, status=job.status)
    if job.status is not Status.AWAITING_UPLOAD:
        return job, None
    return job, dependencies.signer.upload_url(key, request.size_bytes, request.sha256)


def _save(store: Store, key: UploadKey, job: Job, *, may_exist: bool) -> tuple[Job, str | None]:
    """Save a new job, and return it with the ETag of its record.

    If it exists already, and it may, it is returned as it is, without an ETag.
    """
    try:
        # The separator reads the options from the record, so the record precedes the song.
        return job, store.save_job(key, job, None)
    except ChangedError:
        found = store.load_job(key)[0] if may_exist else None
        if found is None:
            raise
        require_same_request(found, job)
        return found, None


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
    if options.lyrics:
        _require_lyrics(settings.lyrics, options.language)
    if request.callback_url is not None:
        settings.webhook_hosts.require(request.callback_url)


def _require_lyrics(engine: str, language: str | None) -> None:
    if not engine_languages(engine):
        raise LyricsUnavailableError("This installation writes no lyrics: leave lyrics out.")
    require_language(language, engine, "use a language of GET /options, or leave lyrics out")


def _find_original(
    store: Store, key: UploadKey, job: Job, request: JobRequest, lyrics_engine: str
) -> Job | None:
    """Return a finished job of the same owner with the same song and options, if there is one.

    Stems of other owners are not reused: a hash does not prove possession of the song. With a
    callback URL, the separator reuses the stems: it alone announces the end of jobs.
    """
    sha256 = request.sha256
    if sha256 is None or request.callback_url is not None:
        return None

    def accepts(found: Job) -> bool:
        if found.owner != job.owner or not has_same_results(found, job, sha256, lyrics_engine):
            return False
        return found.source is not None and found.source.size_bytes == request.size_bytes

    try:
        return find_results(store, key, content_digest(sha256, job.options), accepts)
    except StorageError as error:
        logger.warning("not_reused", job=key.name, reason=describe_cause(error))
        return None


def _copy_stems(store: Store, key: UploadKey, job: Job, etag: str, original: Job) -> Job | None:
    """Finish a new job with copies of the stems of another one; None if that fails."""
    try:
        done = _finished(store, key, job, original)
        store.save_job(key, done, etag)
    except StorageError as error:
        logger.warning("not_reused", job=key.name, reason=describe_cause(error))
        _delete_copies(store, key, job)
        return None
    return done


def _delete_copies(store: Store, key: UploadKey, job: Job) -> None:
    """Delete copies of stems, unless the record names them.

    With a repeated request, the job may have been deleted meanwhile, or its song uploaded.
    """
    try:
        delete_unnamed_results(store, key, job.results_ids)
    except StorageError as error:
        logger.warning("copies_not_deleted", job=key.name, reason=describe_cause(error))


def _finished(store: Store, key: UploadKey, job: Job, original: Job) -> Job:
    results = copy_results(store, original, key, job.results_ids[0])
    return job.updated(
        status=Status.DONE,
        progress=1.0,
        source=original.source and replace(original.source, key=job.key),
        **results.to_fields(),
        engine=original.engine,
        started_at=job.created_at,
        finished_at=now(),
    )
