"""Publication of stems: uploads of local files, or copies of another upload's results."""

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aws_lambda_powertools import Logger

from stemdrop.dedupe import copy_results, find_results, has_same_results
from stemdrop.errors import StorageError
from stemdrop.job_record import Job, ResultFile, Results, Sound, Stem
from stemdrop.keys import PEAKS_NAME, ZIP_NAME, UploadKey, result_key
from stemdrop.options import Options
from stemdrop.store import Store
from stemdrop_separate.audio.encode import EncodedStem
from stemdrop_separate.audio.tracks import MAX_NAMED
from stemdrop_separate.audio.waveform_peaks import write_peaks_file
from stemdrop_separate.job.context import JobContext
from stemdrop_separate.pipeline import SeparatedSong
from stemdrop_separate.separation.stft import SAMPLE_RATE_HZ

MAX_TRANSFERS = 6

logger = Logger(child=True)


class NotReusableError(Exception):
    """The results of an earlier job can't be copied."""


def publish(
    store: Store, key: UploadKey, results_id: str, options: Options, song: SeparatedSong
) -> Results:
    """Upload a song's stems, their peaks, and what else the options say."""

    def upload(item: tuple[str, EncodedStem]) -> Stem:
        stem, file = item
        target = result_key(key, results_id, file.path.name)
        store.upload(file.path, target, options.codec.spec.media_type)
        return _describe_stem(stem, target, file, song.gain_db)

    files = [file.path for file in song.stems.values()]
    peaks_path = files[0].with_name(PEAKS_NAME)
    write_peaks_file(peaks_path, [song.mix_peaks, *(file.peaks for file in song.stems.values())])
    peaks = _upload_file(store, key, results_id, peaks_path, "application/octet-stream")
    with ThreadPoolExecutor(MAX_TRANSFERS) as pool:
        stems = tuple(pool.map(upload, song.stems.items()))
    zip_file = _upload_zip(store, key, results_id, files) if options.zip else None
    stem_file = None
    if song.stem_file:
        stem_file = _upload_file(store, key, results_id, song.stem_file, "audio/mp4")
    source = song.source
    sound = Sound(
        source.duration_s,
        source.sample_rate_hz,
        source.channels,
        bool(source.tags.title),
        source.track.number,
        source.tracks[:MAX_NAMED],
    )
    return Results(
        sound=sound,
        music=song.music,
        stems=stems,
        zip=zip_file,
        stem_file=stem_file,
        peaks=peaks,
        warnings=song.warnings,
    )


def find_reusable(
    context: JobContext, key: UploadKey, entry: str, job: Job, sha256: str
) -> Job | None:
    """Return a finished job of the same song with the same options and engine, if there is one.

    Parameters
    ----------
    entry : Name of the entry in the content index.
    sha256 : SHA-256 digest of the song in hex.
    """
    lyrics_engine = context.transcriber.name if context.transcriber else None

    def accepts(found: Job) -> bool:
        return found.engine == job.engine and has_same_results(found, job, sha256, lyrics_engine)

    try:
        return find_results(context.store, key, entry, accepts)
    except StorageError as error:
        logger.warning("content_index_entry_is_stale", reason=error.message)
        return None


def reuse_results(store: Store, original: Job, key: UploadKey, results_id: str) -> Results:
    """Copy the results of a finished job.

    Raises
    ------
    NotReusableError : Some of them are gone, or S3 failed.
    """
    try:
        return copy_results(store, original, key, results_id)
    except StorageError as error:
        raise NotReusableError(error.message) from error


def _describe_stem(stem: str, key: str, file: EncodedStem, gain_db: float) -> Stem:
    return Stem(
        stem=stem,
        key=key,
        size_bytes=file.size_bytes,
        duration_s=round(file.samples / SAMPLE_RATE_HZ, 6),
        peak_dbfs=None if file.peak_dbfs is None else round(file.peak_dbfs, 2),
        clipped_samples=file.clipped_samples,
        gain_db=round(gain_db, 2),
        waveform=file.waveform,
    )


def _upload_zip(store: Store, key: UploadKey, results_id: str, files: list[Path]) -> ResultFile:
    """Upload a zip of some files; audio doesn't get any smaller, so it is only stored."""
    path = files[0].with_name(ZIP_NAME)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, file.name)
    return _upload_file(store, key, results_id, path, "application/zip")


def _upload_file(
    store: Store, key: UploadKey, results_id: str, path: Path, media_type: str
) -> ResultFile:
    target = result_key(key, results_id, path.name)
    store.upload(path, target, media_type)
    return ResultFile(target, path.stat().st_size)
