"""Deduplication: the stems of a song that was separated before are copied inside S3.

The content index has an entry for each song and its options, which names the upload that has the
stems.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from stemdrop.job_record import Job, Results, Status
from stemdrop.keys import UploadKey, result_key, result_name
from stemdrop.lyrics import LyricsStatus
from stemdrop.store import Store

MAX_COPIES = 6
# Increase it when equal bytes and options no longer give equal stems.
VERSION = 1


def content_digest(sha256: str, options: Mapping[str, Any]) -> str:
    """Return the name of a content index entry, in hex.

    Parameters
    ----------
    sha256 : SHA-256 digest of the song's bytes in hex.
    options : Result of `Options.to_dict`, all of which counts.
    """
    described = {"version": VERSION, "sha256": sha256, "options": options}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def find_results(
    store: Store, key: UploadKey, entry: str, accepts: Callable[[Job], bool]
) -> Job | None:
    """Return the finished job that an entry of the content index names, if its results fit.

    Parameters
    ----------
    key : Key of the upload that needs them.
    entry : Name of the entry; see `content_digest`.
    accepts : Function that checks the finished job. Its key may hold another song since the entry
        was written.

    Raises
    ------
    StorageError : A request to S3 failed.
    """
    original = store.find_content(entry)
    if original is None or original == key:
        return None
    found, _ = store.load_job(original)
    # Results without an ID are those of an earlier version, which other songs could overwrite.
    if found is None or found.status is not Status.DONE or not found.results_ids:
        return None
    if found.lyrics and found.lyrics.status is not LyricsStatus.DONE:
        return None  # its lyrics may still come, or may work another time
    return found if accepts(found) else None


def has_same_results(found: Job, job: Job, sha256: str, lyrics_engine: str | None) -> bool:
    """Return whether the results of a finished job are those of another one, by any engine.

    Parameters
    ----------
    sha256 : SHA-256 digest of the other job's song in hex.
    lyrics_engine : Name of the engine that would write its lyrics; None if there is none.
    """
    return (
        found.source is not None
        and found.source.sha256 == sha256
        and found.options == job.options
        and (found.lyrics is None or found.lyrics.engine == lyrics_engine)
        and _has_same_titles(found, job)
    )


def _has_same_titles(found: Job, job: Job) -> bool:
    """Tell whether a job's stems have the titles that those of another one need.

    Stems of a song without a title are named after its file, and that name may be private.
    """
    return found.title == job.title or found.sound is None or found.sound.has_title


def copy_results(store: Store, original: Job, key: UploadKey, results_id: str) -> Results:
    """Copy the results of a finished job to another upload.

    Nobody writes to a result again, so a copy is right even if its original is replaced meanwhile.

    Raises
    ------
    StorageError : A request to S3 failed, such as one for a result that was deleted.
    """
    copies = {old: result_key(key, results_id, result_name(old)) for old in original.result_keys}
    with ThreadPoolExecutor(MAX_COPIES) as pool:
        list(pool.map(store.copy, copies.keys(), copies.values()))
    stems = tuple(replace(stem, key=copies[stem.key]) for stem in original.stems)
    zip_file, stem_file, peaks = (
        replace(file, key=copies[file.key]) if file else None
        for file in (original.zip, original.stem_file, original.peaks)
    )
    lyrics = original.lyrics and replace(
        original.lyrics,
        cost_usd=0.0,
        files=tuple(replace(file, key=copies[file.key]) for file in original.lyrics.files),
    )
    return Results(
        sound=original.sound,
        music=original.music,
        stems=stems,
        zip=zip_file,
        stem_file=stem_file,
        peaks=peaks,
        warnings=original.warnings,
        lyrics=lyrics,
    )
