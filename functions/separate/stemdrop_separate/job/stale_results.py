"""Deletion of stale results once a job has ended."""

from aws_lambda_powertools import Logger

from stemdrop.errors import StorageError
from stemdrop.keys import UploadKey
from stemdrop.store import Store
from stemdrop.unnamed_results import delete_unnamed_results

logger = Logger(child=True)


def delete_stale_results(store: Store, key: UploadKey, begun_ids: tuple[str, ...] = ()) -> bool:
    """Delete the results that the record doesn't name; see `delete_unnamed_results`.

    Returns
    -------
    Whether S3 worked. Otherwise the event has to be delivered again; see `JobResult.is_clean`.
    """
    try:
        delete_unnamed_results(store, key, begun_ids)
    except StorageError as error:
        logger.warning("stale_results_not_deleted", key=str(key), reason=error.message)
        return False
    return True
