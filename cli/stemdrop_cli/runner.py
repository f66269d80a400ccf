"""Run the tasks of `stemdrop submit`."""

from functools import partial

from stemdrop.keys import ZIP_NAME
from stemdrop.options import STEM_FILE, Options
from stemdrop_cli.display import Row
from stemdrop_cli.job_client import JobClient, Session
from stemdrop_cli.names import describe_replacement
from stemdrop_cli.results import SongReporter, SongResult
from stemdrop_cli.tasks import Layout, Task


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
        if job is None or not job.is_finished:
            job = client.wait(str(task.job_id))
        paths = self._layout.paths(task, job)
        replacement = describe_replacement(paths.values())
        client.download(job, paths)
        result.model = job.options.model
        result.zip, result.stem_file = paths.pop(ZIP_NAME, None), paths.pop(STEM_FILE, None)
        result.stems = paths
        result.duration_s, result.gain_db = job.duration_s, job.gain_db
        result.music = job.music
        result.warnings = (*job.warnings, *replacement)
