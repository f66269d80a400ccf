"""Deletion of results that no record names."""

from stemdrop.errors import StorageError
from stemdrop.keys import UploadKey, results_id_of
from stemdrop.lyrics_results import discard_request
from stemdrop.store import Store


def delete_unnamed_results(store: Store, key: UploadKey, begun_ids: tuple[str, ...] = ()) -> None:
    """Delete the results in all folders that the record doesn't name, and requests for lyrics.

    Safe at any time, whoever else is at work: an attempt names its folder in the record before it
    writes into it, and is done only if the record still names it. The results are listed before the
    record is read, so the name of a folder that is missing was removed, and doesn't come back.

    Parameters
    ----------
    begun_ids : Folders of the caller, whose results another one may have deleted.

    Raises
    ------
    StorageError : A request to S3 failed, or S3 refuses to show the record.
    """
    found = store.list_results(key)
    job, _ = store.load_job(key)
    if job is None and store.has_record(key):
        raise StorageError(f"The record of {key} can't be read.")
    named = {*job.results_ids} if job else set()
    stale = {result for result in found if results_id_of(result) not in named}
    for results_id in {*map(results_id_of, stale), *begun_ids} - named:
        discard_request(store, results_id)
    store.delete(stale)
