"""Sees to one order after another, and says what came of each."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from stemdrop.errors import StemdropError
from stemdrop.options import Options
from stemdrop_cli.display import Display, Row
from stemdrop_cli.errors import DONE, SONG_FAILED, ClientError
from stemdrop_cli.job_client import Errand, Means
from stemdrop_cli.responses import JobView
from stemdrop_cli.tasks import Layout, Order
from stemdrop_separate.atomic_files import describe_clipping, describe_scaling


class Desk:
    """Gets orders done. Threads may share it.

    Parameters
    ----------
    layout : where files go.
    options : of songs; a job that is resumed has its own.
    """

    def __init__(self, means: Means, display: Display, layout: Layout, options: Options) -> None:
        self._means = means
        self._display = display
        self._layout = layout
        self._options = options

    def fulfill(self, order: Order) -> None:
        """Get a song's stems, and set the order's status."""
        began_s = time.monotonic()
        try:
            with self._display.row(order.name) as row:
                job, paths = self._get(order, row)
        except StemdropError as error:
            order.status = error.exit_status if isinstance(error, ClientError) else SONG_FAILED
            self._display.complain(f"{order.name}: {error.message}")
        else:
            order.status = DONE
            self._summarise(order, job, paths.values(), time.monotonic() - began_s)

    def _get(self, order: Order, row: Row) -> tuple[JobView, Mapping[str, Path]]:
        errand = Errand(self._means, row)
        job = errand.send(order.song, self._options) if order.song else None
        order.job_id = job.id if job else order.job_id
        if job is None or not job.is_finished:
            job = errand.wait(str(order.job_id))
        paths = self._layout.paths(order, job)
        errand.fetch(job, paths)
        return job, paths

    def _summarise(self, order: Order, job: JobView, paths: Iterable[Path], took_s: float) -> None:
        files = ", ".join(map(str, paths))
        self._display.say(f"{order.name}: done in {took_s:.1f} s: {files}")
        for warning in job.warnings:
            self._display.complain(f"{order.name}: {warning}")
        if job.gain_db:
            self._display.complain(f"{order.name}: {describe_scaling(job.gain_db)}")
        for clipping in job.clippings:
            said = describe_clipping(clipping.stem, clipping.samples, clipping.peak_dbfs)
            self._display.complain(f"{order.name}: {said}")
