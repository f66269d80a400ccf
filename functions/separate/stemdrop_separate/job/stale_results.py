"""Deletion of results that no record names."""

from aws_lambda_powertools import Logger

from stemdrop.errors import StorageError
from stemdrop.keys import UploadKey, results_id_of
from stemdrop.lyrics_results import discard_request
from stemdrop.store import Store

logger = Logger(child=True)


def delete_stale_results(store: Store, key: UploadKey, begun_ids: tuple[str, ...] = ()) -> bool:
    """Delete the results in all folders that the record doesn't name, and requests for lyrics.

    Safe at any time, whoever else is at work: an attempt names its folder in the record before it
    writes into it, and is done only if the record still names it. The results are listed before the
    record is read, so the name of a folder that is missing was removed, and doesn't come back.

    Parameters
    ----------
    begun_ids : Folders of this attempt, whose results another one may have deleted.

    Returns
    -------
    Whether S3 worked. Otherwise the event has to be delivered again; see `JobResult.is_clean`.
    """
    try:
        found = store.list_results(key)
        job, _ = store.load_job(key)
        named = {*job.results_ids} if job else set()
        stale = {result for result in found if results_id_of(result) not in named}
        for results_id in {*map(results_id_of, stale), *begun_ids} - named:
            discard_request(store, results_id)
        store.delete(stale)
    except StorageError as error:
        logger.warning("stale_results_not_deleted", key=str(key), reason=error.message)
        return False
    return True
