"""Run the tasks of `stemdrop submit`."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from stemdrop.errors import LyricsUnavailableError
from stemdrop.job_record import Status
from stemdrop.keys import ZIP_NAME
from stemdrop.lyrics import LyricsFormat, LyricsStatus
from stemdrop.options import STEM_FILE, Options
from stemdrop_cli.display import Row
from stemdrop_cli.job_client import JobClient, Session
from stemdrop_cli.names import describe_replacement
from stemdrop_cli.responses import JobResponse
from stemdrop_cli.results import LyricsResult, SongReporter, SongResult
from stemdrop_cli.tasks import Layout, Task
from stemdrop_separate.output_paths import take_lyrics


class Runner:
    """Runs tasks. Threads may share it.

    Parameters
    ----------
    layout : Paths of the files.
    options : Options of songs; a resumed job has its own.
    """

    def __init__(
        self, session: Session, reporter: SongReporter, layout: Layout, options: Options
    ) -> None:
        self._session = session
        self._reporter = reporter
        self._layout = layout
        self._options = options

    def run(self, task: Task) -> None:
        """Get a song's stems, print the result, and set the task's status."""
        result = SongResult(str(task.song or task.name), job_id=task.job_id)
        if task.song:
            result.model = self._options.model
        task.status = self._reporter.run(result, partial(self._get_stems, task, result))

    def _get_stems(self, task: Task, result: SongResult, row: Row) -> None:
        def keep_job_id(job_id: str) -> None:
            task.job_id = result.job_id = job_id

        client, job = JobClient(self._session, row), None
        if task.song:
            job = client.submit(task.song, self._options, keep_job_id)
        if job is None or job.status is not Status.DONE:
            job = client.wait(str(task.job_id))
        paths = self._layout.paths(task, job)
        replacement = describe_replacement(paths.values())
        lyrics_paths = take_lyrics(paths)
        client.download(job, paths)
        result.model = job.options.model
        result.zip, result.stem_file = paths.pop(ZIP_NAME, None), paths.pop(STEM_FILE, None)
        result.stems = paths
        result.duration_s, result.gain_db = job.duration_s, job.gain_db
        result.music = job.music
        result.warnings = (*job.warnings, *replacement)
        if lyrics_paths:
            result.lyrics = _get_lyrics(client, job, lyrics_paths)


def _get_lyrics(
    client: JobClient, job: JobResponse, paths: Mapping[LyricsFormat, Path]
) -> LyricsResult:
    """Wait for the lyrics of a job that is done, and download their files."""
    if job.has_pending_lyrics:
        job = client.wait(job.id, for_lyrics=True)
    if job.lyrics is None:
        return LyricsResult(
            LyricsStatus.FAILED,
            "none",
            code=LyricsUnavailableError.code,
            reason="The server wrote none.",
        )
    files = {kind: path for kind, path in paths.items() if kind.filename in job.downloads}
    if files:
        client.download(job, {kind.filename: path for kind, path in files.items()})
    lyrics = job.lyrics
    return LyricsResult(
        lyrics.status,
        lyrics.engine,
        lyrics.language,
        lyrics.words,
        files,
        lyrics.code,
        lyrics.reason,
    )
