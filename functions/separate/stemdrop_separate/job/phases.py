"""The phases of a job: download, separate or copy, publish, finish."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from aws_lambda_powertools import Logger

from stemdrop.dedupe import content_digest
from stemdrop.errors import (
    ChangedError,
    MissingError,
    RejectedError,
    StorageError,
    SupersededError,
    UploadGoneError,
)
from stemdrop.job_record import Failure, Results, Stage, Status, now
from stemdrop.keys import STEM_FILE_NAME, VOCALS_NAME, UploadKey
from stemdrop.options import STEM_FILE, Options
from stemdrop.store import Store, Upload
from stemdrop_separate.disk_space import require_disk_space
from stemdrop_separate.job.context import JobResult, Outcome
from stemdrop_separate.job.job_start import require_size
from stemdrop_separate.job.job_state import JobState
from stemdrop_separate.job.lyrics_phase import request_lyrics
from stemdrop_separate.job.progress import SEPARATION_SHARE, ProgressReporter
from stemdrop_separate.job.publish import (
    NotReusableError,
    find_reusable,
    publish,
    reuse_results,
)
from stemdrop_separate.job.record_writer import MAX_WRITES
from stemdrop_separate.job.stale_results import delete_stale_results
from stemdrop_separate.pipeline import SeparatedSong, separate_song
from stemdrop_separate.workspace import workspace

UPLOAD_GONE = "The song was deleted before its turn came: upload it again."

logger = Logger(child=True)


def separate_and_publish(state: JobState) -> JobResult:
    """Download the song, separate it or find its stems, publish them, and finish the record.

    Raises
    ------
    RejectedError : The upload can't be separated.
    SupersededError : The work is no longer needed.
    """
    if state.upload is None:
        raise UploadGoneError(UPLOAD_GONE)
    options = Options.parse(state.job.options)
    may_come = state.job.attempt == 1 and not state.is_last
    require_size(state.upload, state.context.settings.max_upload_bytes, may_come=may_come)
    engine = state.context.models.engine(options.model)
    with workspace(state.context.settings.work_dir) as folder:
        song = folder / f"song{state.job.suffix}"  # ffmpeg knows some formats by their suffix only
        sha256 = _download(state, state.upload, song)
        source = replace(state.upload.source, sha256=sha256)
        state.record.update(source=source, engine=engine, stage=Stage.SEPARATING)
        digest = content_digest(sha256, state.job.options)
        result = _copy_stems(state, sha256, digest) or _separate(state, song, options)
    _save_content(state.store, state.key, digest)
    return result


def _download(state: JobState, upload: Upload, song: Path) -> str:
    """Write the song into a file, and return the SHA-256 digest of its bytes in hex."""
    require_disk_space(song.parent, upload.size_bytes, "The song")
    try:
        with state.meter.stage("download"):
            return state.store.download(upload, song)
    except MissingError as error:
        raise UploadGoneError(UPLOAD_GONE) from error


def _copy_stems(state: JobState, sha256: str, digest: str) -> JobResult | None:
    """Publish copies of the stems of the same song; None if there are none."""
    with state.meter.stage("reuse"):
        original = find_reusable(state.context, state.key, digest, state.job, sha256)
    if original is None:
        return None

    def copy(results_id: str) -> Results:
        with state.meter.stage("reuse"):
            return reuse_results(state.store, original, state.key, results_id)

    try:
        return _publish(state, copy)
    except NotReusableError as error:
        logger.warning("content_index_entry_is_stale", reason=str(error))
        state.record.update(stage=Stage.SEPARATING, progress=0.0)
        return None


def _separate(state: JobState, path: Path, options: Options) -> JobResult:
    song = _separate_song(state, path, options)
    newest = state.store.find_upload(state.key)
    if newest and state.job.source and newest.etag != state.job.source.etag:
        raise SupersededError("The song was replaced while it was being separated.")

    def upload(results_id: str) -> Results:
        with state.meter.stage("upload"):
            results = publish(state.store, state.key, results_id, options, song)
            lyrics = request_lyrics(state.context, state.key, results_id, options, song)
            return replace(results, lyrics=lyrics)

    return _publish(state, upload)


def _separate_song(state: JobState, path: Path, options: Options) -> SeparatedSong:
    network = state.context.models.load(options.model)
    targets = {stem: path.with_name(f"{stem}.{options.codec.suffix}") for stem in options.outputs}
    targets[STEM_FILE] = path.with_name(STEM_FILE_NAME)
    vocals_file = None
    if options.lyrics and state.context.transcriber:
        vocals_file = path.with_name(f"transcription-{VOCALS_NAME}")  # a stem may be vocals.flac
    with state.meter.stage("separate"):
        return separate_song(
            path,
            targets,
            options,
            network,
            state.context.ffmpeg,
            name=state.job.title,
            max_duration_s=state.context.settings.max_duration_s,
            deadline=state.deadline,
            vocals_file=vocals_file,
            on_progress=ProgressReporter(state.record, state.deadline, network.backend.parallel),
        )


def _publish(state: JobState, write_results: Callable[[str], Results]) -> JobResult:
    """Publish results, and finish the record if it still names them.

    Otherwise they may have been deleted, so they are published again, in a new folder.

    Parameters
    ----------
    write_results : Function that writes the results to the folder with an ID.
    """
    for _ in range(MAX_WRITES):
        results_id = state.record.begin_results(
            stage=Stage.UPLOADING, progress=SEPARATION_SHARE, seconds_left=None
        )
        results = write_results(results_id)
        try:
            return _finish(state, results_id, results)
        except ChangedError:
            logger.info("published_again", key=str(state.key))
    raise StorageError(f"The record of {state.key} is written by too many at once.")


def _finish(state: JobState, results_id: str, results: Results) -> JobResult:
    """Write the record of a job that is done.

    Raises
    ------
    ChangedError : The record no longer names the results.
    """
    state.record.update(
        status=Status.DONE,
        stage=None,
        progress=1.0,
        results_ids=(results_id,),
        **results.to_fields(),
        usage=state.meter.read(),
        finished_at=now(),
    )
    is_clean = delete_stale_results(state.store, state.key, state.record.begun_ids)
    return JobResult(Outcome.DONE, state.job, is_clean)


def _save_content(store: Store, key: UploadKey, digest: str) -> None:
    """Write a done job's entry in the content index, unless the job is deleted meanwhile.

    Without the entry, the next upload of the song is separated instead of copied.
    """
    try:
        store.save_content(digest, key)
        if store.load_job(key)[0] is None:
            store.forget_content(digest, key)
    except StorageError:
        logger.warning("content_index_entry_not_written", key=str(key), exc_info=True)


def reject(state: JobState, error: RejectedError) -> JobResult:
    """Write the record of a job that failed."""
    state.record.update(
        status=Status.FAILED,
        stage=None,
        results_ids=(),
        seconds_left=None,
        error=Failure.of(error),
        usage=state.meter.read(),
        finished_at=now(),
    )
    is_clean = delete_stale_results(state.store, state.key, state.record.begun_ids)
    return JobResult(Outcome.REJECTED, state.job, is_clean)
