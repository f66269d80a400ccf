"""Run the tasks of `stemdrop submit`, and print what came of each."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from stemdrop.errors import StemdropError
from stemdrop.options import Options
from stemdrop_cli.display import Display, Row
from stemdrop_cli.errors import DONE, SONG_FAILED, ClientError
from stemdrop_cli.job_client import JobClient, Session
from stemdrop_cli.responses import JobResponse
from stemdrop_cli.tasks import Layout, Task
from stemdrop_separate.atomic_files import describe_clipping, describe_scaling


class Runner:
    """Runs tasks. Threads may share it.

    Parameters
    ----------
    layout : Paths of the files.
    options : Options of songs; a resumed job has its own.
    """

    def __init__(
        self, session: Session, display: Display, layout: Layout, options: Options
    ) -> None:
        self._session = session
        self._display = display
        self._layout = layout
        self._options = options

    def run(self, task: Task) -> None:
        """Get a song's stems, and set the task's status."""
        began_s = time.monotonic()
        try:
            with self._display.row(task.name) as row:
                job, paths = self._get_stems(task, row)
        except StemdropError as error:
            task.status = error.exit_status if isinstance(error, ClientError) else SONG_FAILED
            self._display.print_error(f"{task.name}: {error.message}")
        else:
            task.status = DONE
            self._print_summary(task, job, paths.values(), time.monotonic() - began_s)

    def _get_stems(self, task: Task, row: Row) -> tuple[JobResponse, Mapping[str, Path]]:
        def keep_job_id(job_id: str) -> None:
            task.job_id = job_id

        client, job = JobClient(self._session, row), None
        if task.song:
            job = client.submit(task.song, self._options, keep_job_id)
        if job is None or not job.is_finished:
            job = client.wait(str(task.job_id))
        paths = self._layout.paths(task, job)
        client.download(job, paths)
        return job, paths

    def _print_summary(
        self, task: Task, job: JobResponse, paths: Iterable[Path], took_s: float
    ) -> None:
        files = ", ".join(map(str, paths))
        self._display.print_result(f"{task.name}: done in {took_s:.1f} s: {files}")
        for warning in job.warnings:
            self._display.print_error(f"{task.name}: {warning}")
        if job.gain_db:
            self._display.print_error(f"{task.name}: {describe_scaling(job.gain_db)}")
        for clipping in job.clippings:
            said = describe_clipping(clipping.stem, clipping.samples, clipping.peak_dbfs)
            self._display.print_error(f"{task.name}: {said}")
