"""A job from its notification to its stems, or to a record that says why there are none.

The phases follow each other: start, download, separate (or copy), publish, finish. A phase raises
`RejectedError` for an upload that can't work, and `SupersededError` for work that isn't needed.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from aws_lambda_powertools import Logger

from stemdrop.dedupe import content_digest
from stemdrop.errors import (
    ChangedError,
    MissingError,
    RejectedError,
    SupersededError,
    UploadGoneError,
)
from stemdrop.jobs import Failure, Job, Stage, Status, now
from stemdrop.keys import Origin, UploadKey
from stemdrop.options import Options
from stemdrop.store import Store, Upload
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.disk_space import require_disk_space
from stemdrop_separate.job.context import Invocation, JobContext, JobResult, Outcome
from stemdrop_separate.job.job_record import JobRecord
from stemdrop_separate.job.job_start import (
    is_same_work,
    is_settled,
    require_size,
    source_of,
    start_record,
)
from stemdrop_separate.job.progress import ProgressReporter
from stemdrop_separate.job.publish import (
    PublishedResults,
    delete_stale_results,
    publish,
    reuse_results,
)
from stemdrop_separate.job.usage import UsageMeter
from stemdrop_separate.job.workspace import workspace
from stemdrop_separate.pipeline import SeparatedSong, separate_song

# Lambda ends an invocation without notice. This much time is kept for writing the record.
RESERVED_S = 15.0
UPLOAD_GONE = "The song was deleted before its turn came: upload it again."

logger = Logger(child=True)


@dataclass(slots=True)
class JobRun:
    """State of one pass through the phases.

    Attributes
    ----------
    upload : Song in the upload bucket; None if it was deleted.
    deadline : Moment by which the separation has to end.
    content_digest : Name of the content index entry, once the song's bytes are known.
    has_published : Whether stems of this run may be in the stems bucket.
    """

    context: JobContext
    key: UploadKey
    upload: Upload | None
    record: JobRecord
    deadline: Deadline
    meter: UsageMeter
    content_digest: str | None = None
    has_published: bool = False

    @property
    def store(self) -> Store:
        """Return both buckets."""
        return self.context.store

    @property
    def job(self) -> Job:
        """Return the record as it was written last."""
        return self.record.job


def run_job(context: JobContext, key: UploadKey, invocation: Invocation) -> JobResult:
    """Separate an upload, and write its record.

    Raises
    ------
    StemdropError : The job failed and may work when the notification is delivered again.
    """
    force = False
    while True:
        meter = UsageMeter(
            invocation.memory_mb, context.settings.usd_per_gb_second, invocation.trace
        )
        record = JobRecord(context.store, key)
        if record.found is None and key.origin is Origin.JOBS:
            _delete_results(context.store, key)
            return JobResult(Outcome.SKIPPED)
        upload = context.store.find_upload(key)
        job = start_record(key, upload, record.found, invocation.deadline)
        if is_settled(record.found, job) and not force:
            return JobResult(Outcome.SKIPPED, record.found)
        run = JobRun(context, key, upload, record, invocation.deadline.earlier(RESERVED_S), meter)
        try:
            record.save(job)
            return _run_phases(run)
        except (SupersededError, ChangedError) as error:
            logger.info("superseded", key=str(key), reason=error.message)
        if not _has_overwritten_newer_stems(run):
            return JobResult(Outcome.SKIPPED)
        force = True


def _run_phases(run: JobRun) -> JobResult:
    try:
        results = _make_results(run)
    except RejectedError as error:
        return _reject(run, error)
    return _finish(run, results)


def _make_results(run: JobRun) -> PublishedResults:
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


def _finish(run: JobRun, results: PublishedResults) -> JobResult:
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


def _reject(run: JobRun, error: RejectedError) -> JobResult:
    run.record.update(
        status=Status.FAILED,
        stage=None,
        error=Failure.of(error),
        usage=run.meter.read(),
        finished_at=now(),
    )
    return JobResult(Outcome.REJECTED, run.job)


def _has_overwritten_newer_stems(run: JobRun) -> bool:
    """Return whether a newer upload has to be separated again, since stems of ours replaced its.

    If the job was deleted, what was published for it is deleted too.
    """
    if not run.has_published:
        return False
    newest, _ = run.store.load_job(run.key)
    if newest is None:
        _delete_results(run.store, run.key)
        if run.content_digest:
            run.store.forget_content(run.content_digest, run.key)
        return False
    return not is_same_work(newest, run.job)


def _delete_results(store: Store, key: UploadKey) -> None:
    store.delete(store.list_results(key))
