"""The phases of a job: download, separate or copy, publish, finish."""

from dataclasses import replace
from pathlib import Path

from stemdrop.dedupe import content_digest
from stemdrop.errors import MissingError, RejectedError, SupersededError, UploadGoneError
from stemdrop.jobs import Failure, Stage, Status, now
from stemdrop.options import Options
from stemdrop.store import Upload
from stemdrop_separate.disk_space import require_disk_space
from stemdrop_separate.job.context import JobResult, Outcome
from stemdrop_separate.job.job_run import JobRun
from stemdrop_separate.job.job_start import require_size, source_of
from stemdrop_separate.job.progress import ProgressReporter
from stemdrop_separate.job.publish import (
    PublishedResults,
    delete_stale_results,
    publish,
    reuse_results,
)
from stemdrop_separate.job.workspace import workspace
from stemdrop_separate.pipeline import SeparatedSong, separate_song

UPLOAD_GONE = "The song was deleted before its turn came: upload it again."


def make_results(run: JobRun) -> PublishedResults:
    """Download the song, separate it or find its stems, and publish them.

    Raises
    ------
    RejectedError : The upload can't be separated.
    SupersededError : The work is no longer needed.
    """
    if run.upload is None:
        raise UploadGoneError(UPLOAD_GONE)
    options = Options.parse(run.job.options)
    require_size(run.upload, run.context.settings.max_upload_bytes)
    engine = run.context.models.engine(options.model)
    with workspace(run.context.settings.work_dir) as folder:
        song = folder / f"song{run.job.suffix}"  # ffmpeg knows some formats by their suffix only
        sha256 = _download(run, run.upload, song)
        source = replace(source_of(run.upload), sha256=sha256)
        run.record.update(source=source, engine=engine, stage=Stage.SEPARATING)
        run.content_digest = content_digest(sha256, options)
        copied = _copy_results(run, run.content_digest)
        return copied or _publish(run, options, _separate(run, song, options))


def _download(run: JobRun, upload: Upload, song: Path) -> str:
    """Write the song into a file, and return the SHA-256 digest of its bytes in hex."""
    require_disk_space(song.parent, upload.size_bytes, "The song")
    try:
        with run.meter.stage("download"):
            return run.store.download(upload, song)
    except MissingError as error:
        raise UploadGoneError(UPLOAD_GONE) from error


def _copy_results(run: JobRun, content_digest: str) -> PublishedResults | None:
    with run.meter.stage("reuse"):
        results = reuse_results(run.store, run.key, content_digest, run.job)
    run.has_published = results is not None
    return results


def _separate(run: JobRun, song: Path, options: Options) -> SeparatedSong:
    network = run.context.models.load(options.model)
    targets = {stem: song.with_name(f"{stem}.{options.codec}") for stem in options.outputs}
    with run.meter.stage("separate"):
        return separate_song(
            song,
            targets,
            options,
            network,
            run.context.ffmpeg,
            max_duration_s=run.context.settings.max_duration_s,
            deadline=run.deadline,
            on_progress=ProgressReporter(run.record, run.deadline),
        )


def _publish(run: JobRun, options: Options, song: SeparatedSong) -> PublishedResults:
    upload = run.store.find_upload(run.key)
    if upload and run.job.source and upload.etag != run.job.source.etag:
        raise SupersededError("The song was replaced while it was being separated.")
    run.record.update(stage=Stage.UPLOADING, progress=1.0)
    run.has_published = True
    with run.meter.stage("upload"):
        return publish(run.store, run.key, options, song)


def finish(run: JobRun, results: PublishedResults) -> JobResult:
    """Write the record of a job that is done."""
    if run.content_digest:
        run.store.save_content(run.content_digest, run.key)
    run.record.update(
        status=Status.DONE,
        stage=None,
        progress=1.0,
        sound=results.sound,
        stems=results.stems,
        zip=results.zip,
        warnings=results.warnings,
        usage=run.meter.read(),
        finished_at=now(),
    )
    delete_stale_results(run.store, run.key, run.job)
    return JobResult(Outcome.DONE, run.job)


def reject(run: JobRun, error: RejectedError) -> JobResult:
    """Write the record of a job that failed."""
    run.record.update(
        status=Status.FAILED,
        stage=None,
        error=Failure.of(error),
        usage=run.meter.read(),
        finished_at=now(),
    )
    return JobResult(Outcome.REJECTED, run.job)
