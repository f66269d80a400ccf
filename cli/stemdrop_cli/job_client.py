"""One song's way: read, upload, wait, download."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stemdrop.jobs import Status
from stemdrop.options import Options
from stemdrop_cli.display import Phase, Row
from stemdrop_cli.errors import LinkExpiredError, ServerError, SongError, UploadExpiredError
from stemdrop_cli.names import sendable
from stemdrop_cli.responses import JobView
from stemdrop_cli.retries import Retries, Stop
from stemdrop_cli.server import NewJob, Server
from stemdrop_cli.transfers import Transfers, hash_file, size_of
from stemdrop_separate.atomic_files import unfinished

# A URL that is new and already too old means that a clock is wrong.
MOST_RENEWALS = 3


@dataclass(frozen=True, slots=True)
class Means:
    """What all errands share."""

    server: Server
    transfers: Transfers
    stop: Stop
    give_up_after_s: float


class Errand:
    """Gets the stems of one song; see errors.py for what its methods raise.

    Parameters
    ----------
    row : where it is shown.
    """

    def __init__(self, means: Means, row: Row) -> None:
        self._server = means.server
        self._transfers = means.transfers
        self._stop = means.stop
        self._row = row
        self._retries = Retries(means.stop, means.give_up_after_s, row.note)
        self._furthest = 0

    def send(self, song: Path, options: Options) -> JobView:
        """Upload a song, unless the server has its stems already, and return its job."""
        self._enter(Phase.READING, size_of(song))
        size_bytes, sha256 = hash_file(song, self._reach)
        new = NewJob(sendable(song.name), size_bytes, sha256, options)
        for _ in range(MOST_RENEWALS):
            with suppress(UploadExpiredError):
                return self._send(song, new)
        return self._send(song, new)

    def _send(self, song: Path, new: NewJob) -> JobView:
        job, upload = self._retries.run(partial(self._server.create_job, new))
        if upload:
            self._enter(Phase.UPLOADING, new.size_bytes)
            send = partial(self._transfers.upload, upload, song, new.size_bytes, self._reach)
            self._retries.run(send)
            self._row.note(f"uploaded as job {job.id}")
        return job

    def wait(self, job_id: str) -> JobView:
        """Return a job once it is done.

        Raises
        ------
        SongError : it failed, or isn't there.
        """
        etag, phase = None, Phase.QUEUED
        while True:
            look = self._retries.run(partial(self._server.look_at_job, job_id, etag))
            etag = look.etag
            if look.job and look.job.status is Status.DONE:
                return look.job
            if look.job and look.job.status is Status.FAILED:
                raise SongError(look.job.failure or "The job failed.")
            if look.job and look.job.status is Status.PROCESSING:
                phase = Phase.SEPARATING
                self._enter(phase, 1.0)
                self._row.reach(look.job.progress, look.job.seconds_left)
            self._enter(phase, None)
            self._stop.pause(look.retry_after_s)

    def fetch(self, job: JobView, paths: Mapping[str, Path]) -> None:
        """Download a job's files; they appear under their paths once all of them are whole."""
        if missing := paths.keys() - job.downloads.keys():
            raise ServerError(f"The server's job has no {', '.join(sorted(missing))}.")
        self._enter(Phase.DOWNLOADING, sum(job.downloads[name].size_bytes for name in paths))
        base = 0
        with unfinished(paths) as parts:
            for name, part in parts.items():
                job = self._download(job, name, part, base)
                base += job.downloads[name].size_bytes

    def _download(self, job: JobView, name: str, part: Path, base: int) -> JobView:
        """Download a file, and return the job with links that work."""
        for _ in range(MOST_RENEWALS):
            with suppress(LinkExpiredError):
                self._download_once(job, name, part, base)
                return job
            job = self.wait(job.id)
        self._download_once(job, name, part, base)
        return job

    def _download_once(self, job: JobView, name: str, part: Path, base: int) -> None:
        def position(size_bytes: int) -> None:
            self._reach(base + size_bytes)

        download = self._transfers.download
        self._retries.run(partial(download, job.downloads[name], part, position))

    def _enter(self, phase: Phase, total: float | None) -> None:
        self._furthest = 0
        self._row.enter(phase, total)

    def _reach(self, position: int) -> None:
        """Show how far a transfer is; patience starts anew where none has been before."""
        self._stop.check()
        self._row.reach(position)
        if position > self._furthest:
            self._furthest = position
            self._retries.start_anew()
