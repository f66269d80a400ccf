"""Cold and warm invocations of both images under Lambda's limits."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.cost.durations import InvocationDurations, OutOfMemoryError
from benchmarks.cost.images import Images
from benchmarks.lambda_container import InvocationError, LambdaContainer, run_function
from benchmarks.lambda_limits import LambdaLimits
from benchmarks.lambda_run import separate, separator_variables
from benchmarks.local_s3 import LocalS3, run_local_s3
from benchmarks.process_usage import CommandError
from stemdrop.job_record import Status
from stemdrop.keys import UploadKey

SONGS = "/songs"
KILLED = "killed"
KEY = UploadKey.parse("drop/song.mp3")
TIMEOUT_S = 900
# Command of stock Spleeter's image, behind the emulator.
HANDLER = ("/opt/venv/bin/python", "-m", "awslambdaric", "handler.handler")


class LimitedFunctions:
    """Both functions in containers, with an S3 for stemdrop. See `run_functions`.

    Parameters
    ----------
    song : An mp3 file.
    """

    def __init__(self, images: Images, s3: LocalS3, song: Path, logs: Path) -> None:
        self._images = images
        self._s3 = s3
        self._song = song
        self._logs = logs

    def ours(self, memory_mb: int, **metadata: str) -> InvocationDurations:
        """Separate the song twice with a memory size and its share of processors.

        Parameters
        ----------
        metadata : Options of the separation.

        Raises
        ------
        OutOfMemoryError : The function was killed.
        """
        engine, image = self._images.engine, self._images.ours
        variables = {**separator_variables(), **self._s3.environment}
        log = self._logs / f"separate-{memory_mb}.log"
        limits = LambdaLimits(memory_mb, TIMEOUT_S)
        with run_function(engine, image, limits, variables, log) as function:
            return _twice(lambda: self._separate(function, metadata))

    def spleeter(self, memory_mb: int, processors: float | None = None) -> InvocationDurations:
        """Separate the song twice with stock Spleeter, from disk to disk. See `ours`.

        Parameters
        ----------
        processors : Number of processors, instead of the share of the memory size.
        """
        engine, image = self._images.engine, self._images.spleeter
        limits = LambdaLimits(memory_mb, TIMEOUT_S, processors=processors)
        log = self._logs / f"spleeter-{memory_mb}.log"
        volumes = {self._song.parent: SONGS}
        event = {"song": f"{SONGS}/{self._song.name}"}
        with run_function(engine, image, limits, {}, log, HANDLER, volumes) as function:
            return _twice(lambda: _timed(lambda: function.invoke(event)))

    def _separate(self, function: LambdaContainer, metadata: Mapping[str, str]) -> float:
        job, elapsed_s = separate(function, self._s3, self._song, KEY, metadata)
        if job.status is not Status.DONE:
            raise CommandError(f"There are no stems: {job.error}.")
        return elapsed_s


@contextmanager
def run_functions(images: Images, song: Path, folder: Path) -> Iterator[LimitedFunctions]:
    """Run an S3 for the functions, and write logs to a folder."""
    with run_local_s3() as s3:
        yield LimitedFunctions(images, s3, song, folder)


def _twice(call: Callable[[], float]) -> InvocationDurations:
    try:
        return InvocationDurations(call(), call())
    except InvocationError as error:
        if KILLED in error.message:
            raise OutOfMemoryError(f"It has too little memory: {error.message}") from error
        raise CommandError(f"A function failed: {error.message}") from error


def _timed(call: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    call()
    return time.perf_counter() - started_s
