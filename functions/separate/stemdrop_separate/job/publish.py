"""Publication of stems: uploads of local files, or copies of another upload's results."""

import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from aws_lambda_powertools import Logger

from stemdrop.codecs import Codec
from stemdrop.dedupe import copy_results, has_same_titles
from stemdrop.errors import StorageError
from stemdrop.job_record import Job, Sound, Stem, StemArchive
from stemdrop.keys import ZIP_NAME, UploadKey, result_key
from stemdrop.options import Options
from stemdrop.store import Store
from stemdrop_separate.audio.encode import EncodedStem
from stemdrop_separate.pipeline import SeparatedSong
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

MAX_TRANSFERS = 6

logger = Logger(child=True)
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class PublishedResults:
    """Results in the stems bucket, as the record describes them."""

    sound: Sound | None
    stems: tuple[Stem, ...]
    zip: StemArchive | None
    warnings: tuple[str, ...]


def publish(
    store: Store, key: UploadKey, options: Options, song: SeparatedSong
) -> PublishedResults:
    """Upload a song's stems, and their zip if the options say so."""

    def upload(item: tuple[str, EncodedStem]) -> Stem:
        stem = _upload_stem(store, key, options.codec, *item)
        return replace(stem, gain_db=round(song.gain_db, 2))

    stems = _in_parallel(upload, song.stems.items())
    files = [file.path for file in song.stems.values()]
    archive = _upload_zip(store, key, files) if options.zip else None
    source = song.source
    sound = Sound(
        source.duration_s,
        source.sample_rate_hz,
        source.channels,
        bool(source.tags.title),
        source.track.number,
        source.tracks,
    )
    return PublishedResults(sound, stems, archive, song.warnings)


def reuse_results(store: Store, key: UploadKey, entry: str, job: Job) -> PublishedResults | None:
    """Copy the results of the same song with the same options and engine, if there are any.

    Parameters
    ----------
    entry : Name of the entry in the content index.
    """

    def is_same_work(found: Job) -> bool:
        if not found.source or not job.source or found.source.sha256 != job.source.sha256:
            return False
        if not has_same_titles(found, job):
            return False
        return (found.options, found.engine) == (job.options, job.engine)

    try:
        reused = copy_results(store, key, entry, is_same_work)
    except StorageError as error:
        logger.warning("content_index_entry_is_stale", reason=error.message)
        return None
    if reused is None:
        return None
    return PublishedResults(
        reused.original.sound, reused.stems, reused.zip, reused.original.warnings
    )


def delete_stale_results(store: Store, key: UploadKey, job: Job) -> None:
    """Delete results of an earlier upload under the same key that this one has not replaced.

    A failure is only logged: the job is done already.
    """
    try:
        store.delete(store.list_results(key) - job.result_keys)
    except StorageError as error:
        logger.warning("stale_results_not_deleted", key=str(key), reason=error.message)


def _upload_stem(store: Store, key: UploadKey, codec: Codec, stem: str, file: EncodedStem) -> Stem:
    target = result_key(key, file.path.name)
    store.upload(file.path, target, codec.spec.media_type)
    return Stem(
        stem=stem,
        key=target,
        size_bytes=file.size_bytes,
        duration_s=round(file.samples / SAMPLE_RATE_HZ, 6),
        peak_dbfs=None if file.peak_dbfs is None else round(file.peak_dbfs, 2),
        clipped_samples=file.clipped_samples,
        waveform=file.waveform,
    )


def _upload_zip(store: Store, key: UploadKey, files: list[Path]) -> StemArchive:
    """Upload a zip of some files; audio doesn't get any smaller, so it is only stored."""
    path = files[0].with_name(ZIP_NAME)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, file.name)
    target = result_key(key, ZIP_NAME)
    store.upload(path, target, "application/zip")
    return StemArchive(target, path.stat().st_size)


def _in_parallel(function: Callable[[Item], Result], items: Iterable[Item]) -> tuple[Result, ...]:
    with ThreadPoolExecutor(MAX_TRANSFERS) as pool:
        return tuple(pool.map(function, items))
