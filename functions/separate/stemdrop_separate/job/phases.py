"""The phases of a job: download, separate or copy, publish, finish."""

from dataclasses import replace
from pathlib import Path

from stemdrop.dedupe import content_digest
from stemdrop.errors import MissingError, RejectedError, SupersededError, UploadGoneError
from stemdrop.job_record import Failure, Stage, Status, now
from stemdrop.options import Options
from stemdrop.store import Upload
from stemdrop_separate.disk_space import require_disk_space
from stemdrop_separate.job.context import JobResult, Outcome
from stemdrop_separate.job.job_start import require_size, source_of
from stemdrop_separate.job.job_state import JobState
from stemdrop_separate.job.progress import SEPARATION_SHARE, ProgressReporter
from stemdrop_separate.job.publish import (
    PublishedResults,
    delete_stale_results,
    publish,
    reuse_results,
)
from stemdrop_separate.job.workspace import workspace
from stemdrop_separate.pipeline import SeparatedSong, separate_song

UPLOAD_GONE = "The song was deleted before its turn came: upload it again."


def make_results(state: JobState) -> PublishedResults:
    """Download the song, separate it or find its stems, and publish them.

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
        source = replace(source_of(state.upload), sha256=sha256)
        state.record.update(source=source, engine=engine, stage=Stage.SEPARATING)
        state.content_digest = content_digest(sha256, options)
        copied = _copy_results(state, state.content_digest)
        return copied or _publish(state, options, _separate(state, song, options))


def _download(state: JobState, upload: Upload, song: Path) -> str:
    """Write the song into a file, and return the SHA-256 digest of its bytes in hex."""
    require_disk_space(song.parent, upload.size_bytes, "The song")
    try:
        with state.meter.stage("download"):
            return state.store.download(upload, song)
    except MissingError as error:
        raise UploadGoneError(UPLOAD_GONE) from error


def _copy_results(state: JobState, content_digest: str) -> PublishedResults | None:
    with state.meter.stage("reuse"):
        results = reuse_results(state.store, state.key, content_digest, state.job)
    state.has_published = results is not None
    return results


def _separate(state: JobState, song: Path, options: Options) -> SeparatedSong:
    network = state.context.models.load(options.model)
    targets = {stem: song.with_name(f"{stem}.{options.codec.suffix}") for stem in options.outputs}
    with state.meter.stage("separate"):
        return separate_song(
            song,
            targets,
            options,
            network,
            state.context.ffmpeg,
            name=state.job.title,
            max_duration_s=state.context.settings.max_duration_s,
            deadline=state.deadline,
            on_progress=ProgressReporter(state.record, state.deadline),
        )


def _publish(state: JobState, options: Options, song: SeparatedSong) -> PublishedResults:
    upload = state.store.find_upload(state.key)
    if upload and state.job.source and upload.etag != state.job.source.etag:
        raise SupersededError("The song was replaced while it was being separated.")
    state.record.update(stage=Stage.UPLOADING, progress=SEPARATION_SHARE)
    state.has_published = True
    with state.meter.stage("upload"):
        return publish(state.store, state.key, options, song)


def finish(state: JobState, results: PublishedResults) -> JobResult:
    """Write the record of a job that is done."""
    if state.content_digest:
        state.store.save_content(state.content_digest, state.key)
    state.record.update(
        status=Status.DONE,
        stage=None,
        progress=1.0,
        sound=results.sound,
        stems=results.stems,
        zip=results.zip,
        warnings=results.warnings,
        usage=state.meter.read(),
        finished_at=now(),
    )
    delete_stale_results(state.store, state.key, state.job)
    return JobResult(Outcome.DONE, state.job)


def reject(state: JobState, error: RejectedError) -> JobResult:
    """Write the record of a job that failed."""
    state.record.update(
        status=Status.FAILED,
        stage=None,
        error=Failure.of(error),
        usage=state.meter.read(),
        finished_at=now(),
    )
    # Those of the song that this one replaced.
    delete_stale_results(state.store, state.key, state.job)
    return JobResult(Outcome.REJECTED, state.job)
