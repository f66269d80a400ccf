"""What a path names: a job of its owner's, a song of the drop folder, a result."""

from stemdrop.errors import BadKeyError
from stemdrop.jobs import Job, Status
from stemdrop.keys import ZIP_NAME, Origin, UploadKey
from stemdrop.store import Store
from stemdrop_api.errors import JobFailedError, NotFoundError, NotReadyError

ZIP = "zip"
NOT_FOUND = {
    Origin.JOBS: "There is no such job, or no longer.",
    Origin.DROP: "There is no record of such a song in the drop folder, or not yet.",
}


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
