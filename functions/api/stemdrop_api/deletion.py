"""The end of a job before S3 ends it."""

from aws_lambda_powertools import Logger

from stemdrop.content import digest
from stemdrop.jobs import Job
from stemdrop.keys import UploadKey, record_key
from stemdrop.options import Options
from stemdrop.store import Store
from stemdrop_api.errors import NotFoundError
from stemdrop_api.lookup import NOT_FOUND

logger = Logger(child=True)


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
        store.forget_content(digest(job.source.sha256, Options.parse(job.options)), key)
