"""One song on the server: upload, wait, download."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stemdrop.job_record import Failure, Status
from stemdrop.options import Options
from stemdrop_cli.api_client import ApiClient, JobSubmission
from stemdrop_cli.display import Phase, Row
from stemdrop_cli.errors import (
    DownloadExpiredError,
    FailedJobError,
    ServerError,
    UploadExpiredError,
)
from stemdrop_cli.names import api_filename
from stemdrop_cli.responses import JobResponse
from stemdrop_cli.retries import Retries, StopEvent
from stemdrop_cli.transfers import Transfers, file_size, hash_file
from stemdrop_separate.atomic_files import unfinished

# If new URLs have expired already, a clock is wrong. Downloads count only those without progress.
MAX_RENEWALS = 3


@dataclass(frozen=True, slots=True)
class Session:
    """Connections and limits that all songs share."""

    api: ApiClient
    transfers: Transfers
    stop: StopEvent
    give_up_after_s: float


class JobClient:
    """Get the stems of one song; errors.py lists what its methods raise.

    Parameters
    ----------
    row : Row of the display for this song.
    """

    def __init__(self, session: Session, row: Row) -> None:
        self._api = session.api
        self._transfers = session.transfers
        self._stop = session.stop
        self._row = row
        self._retries = Retries(session.stop, session.give_up_after_s, row.note)
        self._furthest = 0

    def submit(
        self, song: Path, options: Options, on_accepted: Callable[[str], object]
    ) -> JobResponse:
        """Upload a song, unless the server has its stems, and return its job.

        Parameters
        ----------
        on_accepted : Function that is called with the job's ID once nothing is left to upload.
        """
        self._start(Phase.READING, file_size(song))
        size_bytes, sha256 = hash_file(song, self._update)
        request = JobSubmission(api_filename(song.name), size_bytes, sha256, options)
        for _ in range(MAX_RENEWALS):
            with suppress(UploadExpiredError):
                return self._submit_once(song, request, on_accepted)
        return self._submit_once(song, request, on_accepted)

    def _submit_once(
        self, song: Path, request: JobSubmission, on_accepted: Callable[[str], object]
    ) -> JobResponse:
        job, upload = self._retries.run(partial(self._api.create_job, request))
        if upload:
            size_bytes = request.size_bytes
            self._start(Phase.UPLOADING, size_bytes)
            send = partial(self._transfers.upload, upload, song, size_bytes, self._update)
            self._retries.run(send)
        on_accepted(job.id)
        if upload:
            self._row.note(f"uploaded as job {job.id}")
        return job

    def wait(self, job_id: str, *, for_lyrics: bool = False) -> JobResponse:
        """Return a job once it is done, and its lyrics have ended if they are waited for.

        Raises
        ------
        FailedJobError : The job failed.
        SongError : The job doesn't exist.
        """
        etag, phase = None, Phase.QUEUED
        while True:
            poll = self._retries.run(partial(self._api.poll_job, job_id, etag))
            etag = poll.etag
            if poll.job and poll.job.status is Status.DONE:
                if not (for_lyrics and poll.job.has_pending_lyrics):
                    return poll.job
                phase = Phase.TRANSCRIBING
            if poll.job and poll.job.status is Status.FAILED:
                raise FailedJobError(poll.job.failure or Failure("job", "The job failed."))
            if poll.job and poll.job.status is Status.PROCESSING:
                phase = Phase.SEPARATING
                self._start(phase, 1.0)
                self._row.update(poll.job.progress, poll.job.seconds_left)
            self._start(phase, None)
            self._stop.wait(poll.retry_after_s)

    def download(self, job: JobResponse, paths: Mapping[str, Path]) -> None:
        """Download a job's files; they appear under their paths once all of them are complete."""
        if missing := paths.keys() - job.downloads.keys():
            raise ServerError(f"The server's job has no {', '.join(sorted(missing))}.")
        self._start(Phase.DOWNLOADING, sum(job.downloads[name].size_bytes for name in paths))
        base = 0
        with unfinished(paths) as parts:
            for name, part in parts.items():
                job = self._download(job, name, part, base)
                base += job.downloads[name].size_bytes

    def _download(self, job: JobResponse, name: str, part: Path, base: int) -> JobResponse:
        """Download a file, and return the job with URLs that work."""
        renewals, before = 0, self._furthest
        while True:
            try:
                self._download_once(job, name, part, base)
            except DownloadExpiredError:
                if self._furthest > before:  # the URL worked before it expired
                    renewals, before = 0, self._furthest
                if renewals == MAX_RENEWALS:
                    raise
            else:
                return job
            renewals += 1
            job = self.wait(job.id)

    def _download_once(self, job: JobResponse, name: str, part: Path, base: int) -> None:
        def on_progress(size_bytes: int) -> None:
            self._update(base + size_bytes)

        download = self._transfers.download
        self._retries.run(partial(download, job.downloads[name], part, on_progress))

    def _start(self, phase: Phase, total: float | None) -> None:
        self._furthest = 0
        self._row.start(phase, total)

    def _update(self, completed: int) -> None:
        """Show the progress of a transfer; new progress resets the retries."""
        self._stop.check()
        self._row.update(completed)
        if completed > self._furthest:
            self._furthest = completed
            self._retries.reset()
