"""One upload's way from its event to its stems, or to a record that says why there are none."""

import time
from dataclasses import replace
from pathlib import Path

from aws_lambda_powertools import Logger

from stemdrop.dedupe import digest
from stemdrop.errors import (
    ChangedError,
    MissingError,
    RejectedError,
    StorageError,
    SupersededError,
    TimedOutError,
    UploadGoneError,
)
from stemdrop.jobs import Failure, Job, Stage, Status, now
from stemdrop.keys import Origin, UploadKey
from stemdrop.options import Options
from stemdrop.store import Upload
from stemdrop_separate.job.context import Invocation, JobContext, Outcome
from stemdrop_separate.job.job_record import Record
from stemdrop_separate.job.job_start import begin, is_same_work, is_settled, require_size, source_of
from stemdrop_separate.job.publish import Results, publish, reuse, sweep
from stemdrop_separate.job.usage import Meter
from stemdrop_separate.job.workspace import require_room, workspace
from stemdrop_separate.pipeline import Limits, separate_song

# Lambda kills without a word; this is left for the record that says so, and for cleaning up.
GUARD_S = 15.0
PROGRESS_INTERVAL_S = 2.0
UPLOAD_GONE = "The song was deleted before its turn came: upload it again."

logger = Logger(child=True)


class Attempt:
    """One delivery of the event of one upload.

    Parameters
    ----------
    anew : whether to do the work even if the record says that it is done.

    Attributes
    ----------
    ended : the record of a job that has ended, now or by an earlier delivery; None if somebody else
        works on it, or it was deleted.
    """

    def __init__(
        self, job_context: JobContext, key: UploadKey, invocation: Invocation, *, anew: bool = False
    ) -> None:
        self._workshop = job_context
        self._store = job_context.store
        self._key = key
        self._invocation = invocation
        self._anew = anew
        self._has_published = False
        self._entry: str | None = None
        self._remaining_s = invocation.remaining_s
        price = job_context.settings.usd_per_gb_second
        self._meter = Meter(invocation.memory_mb, price, invocation.trace)
        self._record = Record(self._store, key)
        self._saved_at_s = 0.0
        self.ended: Job | None = None

    @property
    def job(self) -> Job:
        """Return the record as it stands."""
        return self._record.job

    def run(self) -> Outcome:
        """Do the work, and write the record at its end.

        Raises
        ------
        StemdropError : anything that leaves the event to be delivered again.
        """
        previous = self._record.found
        if previous is None and self._key.origin is Origin.JOBS:
            return self._leave_deleted()
        upload = self._store.find_upload(self._key)
        job = begin(self._key, upload, previous, self._remaining_s())
        if is_settled(previous, job) and not self._anew:
            self.ended = previous
            return Outcome.SKIPPED
        try:
            self._record.save(job)
            return self._work_or_reject(upload)
        except (SupersededError, ChangedError) as error:
            logger.info("superseded", key=str(self._key), reason=error.message)
            return self._repair()

    def _repair(self) -> Outcome:
        """Do the work of a newer upload again if our stems may have been written over its own."""
        newest, _ = self._store.load_job(self._key)
        if not self._has_published:
            return Outcome.SKIPPED
        if newest is None:
            return self._leave_deleted()
        if is_same_work(newest, self.job):
            return Outcome.SKIPPED
        again = Attempt(self._workshop, self._key, self._invocation, anew=True)
        outcome = again.run()
        self._record, self.ended = again._record, again.ended
        return outcome

    def _leave_deleted(self) -> Outcome:
        """Remove what was published for a job that is deleted, so that nothing of it is left."""
        self._store.delete(self._store.list_results(self._key))
        if self._entry:
            self._store.forget_content(self._entry, self._key)
        return Outcome.SKIPPED

    def _work_or_reject(self, upload: Upload | None) -> Outcome:
        try:
            return self._work(upload)
        except RejectedError as error:
            return self._reject(error)

    def _work(self, upload: Upload | None) -> Outcome:
        if upload is None:
            raise UploadGoneError(UPLOAD_GONE)
        options = Options.parse(self.job.options)
        require_size(upload, self._workshop.settings.max_upload_bytes)
        engine = self._workshop.models.engine(options.model)
        with workspace(self._workshop.settings.work_dir) as folder:
            song = folder / f"song{self.job.suffix}"  # some formats are known by nothing else
            require_room(folder, upload.size_bytes, "The song")
            sha256 = self._download(upload, song)
            source = replace(source_of(upload), sha256=sha256)
            self._record.update(source=source, engine=engine, stage=Stage.SEPARATING)
            self._entry = digest(sha256, options)
            results = self._reuse(self._entry) or self._separate(song, folder, options)
        self._store.save_content(self._entry, self._key)
        self._finish(results)
        return Outcome.DONE

    def _download(self, upload: Upload, song: Path) -> str:
        try:
            with self._meter.stage("download"):
                return self._store.download(upload, song)
        except MissingError as error:
            raise UploadGoneError(UPLOAD_GONE) from error

    def _reuse(self, entry: str) -> Results | None:
        with self._meter.stage("reuse"):
            results = reuse(self._store, self._key, entry, self.job)
        self._has_published = results is not None
        return results

    def _separate(self, song: Path, folder: Path, options: Options) -> Results:
        network = self._workshop.models.load(options.model)
        ends_at_s = time.monotonic() + self._remaining_s() - GUARD_S
        limits = Limits(self._workshop.settings.max_duration_s, options.zip, ends_at_s)
        targets = {stem: folder / f"{stem}.{options.codec}" for stem in options.outputs}
        with self._meter.stage("separate"):
            result = separate_song(
                song, targets, options, network, self._workshop.ffmpeg, limits, self._on_progress
            )
        self._require_same_upload()
        self._record.update(stage=Stage.UPLOADING, progress=1.0)
        self._has_published = True
        with self._meter.stage("upload"):
            return publish(self._store, self._key, options, result)

    def _on_progress(self, progress: float) -> None:
        if self._remaining_s() < GUARD_S:
            raise TimedOutError(
                f"The separation was {progress:.0%} done when its time was up: choose a part of "
                "the song with duration_s, or give the function more time or memory."
            )
        if time.monotonic() - self._saved_at_s >= PROGRESS_INTERVAL_S:
            self._saved_at_s = time.monotonic()
            self._save_progress(progress)

    def _save_progress(self, progress: float) -> None:
        try:
            self._record.update(progress=round(progress, 3))
        except StorageError as error:
            logger.warning("progress_not_saved", reason=error.message)

    def _require_same_upload(self) -> None:
        upload = self._store.find_upload(self._key)
        if upload and self.job.source and upload.etag != self.job.source.etag:
            raise SupersededError("The song was replaced while it was being separated.")

    def _finish(self, results: Results) -> None:
        self._record.update(
            status=Status.DONE,
            stage=None,
            progress=1.0,
            sound=results.sound,
            stems=results.stems,
            zip=results.zip,
            warnings=results.warnings,
            usage=self._meter.read(),
            finished_at=now(),
        )
        self.ended = self.job
        sweep(self._store, self._key, self.job)

    def _reject(self, error: RejectedError) -> Outcome:
        self._record.update(
            status=Status.FAILED,
            stage=None,
            error=Failure.of(error),
            usage=self._meter.read(),
            finished_at=now(),
        )
        self.ended = self.job
        return Outcome.REJECTED
