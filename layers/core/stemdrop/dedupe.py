"""Deduplication: the stems of a song that was separated before are copied inside S3.

The content index has an entry for each song and its options, which names the upload that has the
stems.
"""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from stemdrop.errors import ChangedError
from stemdrop.job_record import Job, Status, Stem, StemArchive
from stemdrop.keys import UploadKey, parse_result_key, result_key
from stemdrop.options import Options
from stemdrop.store import Store

MAX_COPIES = 6
# Increase it when equal bytes and options no longer give equal stems.
VERSION = 1


@dataclass(frozen=True, slots=True)
class CopiedResults:
    """Results that were copied.

    Attributes
    ----------
    original : Record of the job that made them.
    stems, zip : Results under the new key.
    """

    original: Job
    stems: tuple[Stem, ...]
    zip: StemArchive | None


def content_digest(sha256: str, options: Options) -> str:
    """Return the name of a content index entry, in hex.

    Parameters
    ----------
    sha256 : SHA-256 digest of the song's bytes in hex.
    options : Options, all of which count.
    """
    described = {"version": VERSION, "sha256": sha256, "options": options.to_json()}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def has_same_titles(found: Job, job: Job) -> bool:
    """Tell whether a job's stems have the titles that those of another one need.

    Stems of a song without a title are named after its file, and that name may be private.
    """
    return found.title == job.title or found.sound is None or found.sound.has_title


def copy_results(
    store: Store, key: UploadKey, entry: str, accepts: Callable[[Job], bool]
) -> CopiedResults | None:
    """Copy the results that an entry of the content index names, if there are any.

    Parameters
    ----------
    key : Key of the upload that receives them.
    entry : Name of the entry; see `content_digest`.
    accepts : Function that checks the finished job. Its key may hold another song since the entry
        was written.

    Raises
    ------
    ChangedError : Another song replaced the original while its results were copied.
    StorageError : A request to S3 failed.
    """
    original = store.find_content(entry)
    if original is None or original == key:
        return None
    found, etag = store.load_job(original)
    if found is None or found.status is not Status.DONE or not accepts(found):
        return None
    moved = {old: result_key(key, parse_result_key(old)[1]) for old in found.result_keys}
    with ThreadPoolExecutor(MAX_COPIES) as pool:
        list(pool.map(store.copy, moved.keys(), moved.values()))
    if store.load_job(original)[1] != etag:
        raise ChangedError("Another song came to the same key meanwhile.")
    stems = tuple(replace(stem, key=moved[stem.key]) for stem in found.stems)
    archive = replace(found.zip, key=moved[found.zip.key]) if found.zip else None
    return CopiedResults(found, stems, archive)
