"""Songs through the built image, from S3's event to the stems, and what they take."""

import queue
import re
import time
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Self

from stemdrop_local.events.attempt import Attempt
from stemdrop_local.events.delivery import Delivery
from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.s3.server import S3Server
from stemdrop_local.stack import Stack, create_stack
from stemdrop_local.template import Application

from stemdrop.errors import StemdropError
from stemdrop.jobs import Job, Status
from stemdrop.keys import UploadKey, record_key
from stemdrop.prices import USD_PER_GB_SECOND
from stemdrop_containers.engine import Engine
from stemdrop_containers.function import Container

MB_PER_GB = 1024
# Beyond Lambda's own limit of time: to start the container, and to load the handler.
STARTUP_S = 120.0
INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
KNOWN_SONGS = "content/"


class TrialError(StemdropError):
    """The function has failed, not the song."""

    code = "trial"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a song took in an execution environment.

    Attributes
    ----------
    song : its path.
    memory_mb, backend : of the function.
    is_cold : whether the environment was new.
    start_s : from asking the engine for a container to one that takes events; Lambda doesn't ask
        money for this, nor is it like Lambda's. 0 if it was warm.
    init_s : to load handler and model; 0 if it was warm.
    elapsed_s : of the whole invocation, `init_s` included.
    duration_s : seconds of sound in each stem; None if there are none.
    timings_s : of the stages, as the job's record has them.
    peak_rss_bytes : of the handler's process since it started.
    peak_bytes : of the container since it started, with its files under /tmp and in memory.
    gb_seconds, cost_usd : what AWS asks for `elapsed_s`.
    error : code and sentence, if the song was refused.
    """

    song: str
    memory_mb: int
    backend: str
    is_cold: bool
    start_s: float
    init_s: float
    elapsed_s: float
    duration_s: float | None
    timings_s: dict[str, float]
    peak_rss_bytes: int
    peak_bytes: int
    gb_seconds: float
    cost_usd: float
    error: str | None


class Trial:
    """A context manager: an application on this machine whose function runs in a container.

    Parameters
    ----------
    application : the function's limits among it.
    folder : takes the logs.

    Attributes
    ----------
    stack : its buckets and queues, empty at first.
    container, emulator : the execution environment.
    """

    stack: Stack
    emulator: Emulator

    def __init__(self, engine: Engine, image: str, application: Application, folder: Path) -> None:
        self.container = Container(engine, image)
        self._application = application
        self._folder = folder
        self._attempts: queue.SimpleQueue[Attempt] = queue.SimpleQueue()
        self._running = ExitStack()
        self._start_s = 0.0
        self._songs = 0

    def __enter__(self) -> Self:
        with self._running:
            server = self._running.enter_context(S3Server(self._folder / "s3.log"))
            self.stack = self._running.enter_context(create_stack(server, self._application))
            log = self._folder / "function.log"
            function, url = self._application.function, self.stack.endpoint_url
            self.emulator = Emulator(function, url, log, place=self.container)
            began_s = time.monotonic()
            delivery = Delivery(self.stack, [self.emulator], 1, self._attempts.put)
            self._running.enter_context(delivery)
            self._start_s = time.monotonic() - began_s
            self._running = self._running.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.__exit__(kind, error, traceback)

    def separate(self, song: Path, options: dict[str, str] | None = None) -> Measured:
        """Put a song into the drop folder, wait for its end, and return what it took.

        Parameters
        ----------
        options : of the separation.

        Raises
        ------
        TrialError : the function failed, as often as it is tried; a song that it refuses is none.
        """
        self._forget_songs()
        self._songs += 1
        key = UploadKey.parse(f"drop/{self._songs}/{song.name}")
        extra = {"Metadata": options or {}}
        self.stack.s3.upload_file(str(song), self.stack.uploads_bucket, str(key), ExtraArgs=extra)
        attempt = self._wait(key)
        record = self.stack.s3.get_object(Bucket=self.stack.stems_bucket, Key=record_key(key))
        return self._measured(song, Job.from_json(record["Body"].read()), attempt.elapsed_s)

    def _forget_songs(self) -> None:
        """Have every song separated, also one that was here before."""
        bucket = self.stack.stems_bucket
        known = self.stack.s3.list_objects_v2(Bucket=bucket, Prefix=KNOWN_SONGS)
        for entry in known.get("Contents", []):
            self.stack.s3.delete_object(Bucket=bucket, Key=entry["Key"])

    def _wait(self, key: UploadKey) -> Attempt:
        while True:
            attempt = self._attempts.get(timeout=STARTUP_S + self._application.function.timeout_s)
            if str(key) not in attempt.keys or not attempt.is_last:
                continue
            if attempt.outcome.succeeded:
                return attempt
            log = self.emulator.log.read_text(errors="replace")
            raise TrialError(f"The function failed: {attempt.outcome.payload}\n{log[-4000:]}")

    def _measured(self, song: Path, job: Job, elapsed_s: float) -> Measured:
        function, is_cold = self._application.function, self._songs == 1
        gb_seconds = function.memory_mb / MB_PER_GB * ceil(elapsed_s * 1000) / 1000
        price = USD_PER_GB_SECOND[function.environment["ARCHITECTURE"]]
        refused = job.error if job.status is Status.FAILED else None
        return Measured(
            song=str(song),
            memory_mb=function.memory_mb,
            backend=function.environment["BACKEND"],
            is_cold=is_cold,
            start_s=round(self._start_s, 3) if is_cold else 0.0,
            init_s=self._init_s() if is_cold else 0.0,
            elapsed_s=round(elapsed_s, 3),
            duration_s=job.stems[0].duration_s if job.stems else None,
            timings_s=dict(job.usage.timings_s) if job.usage else {},
            peak_rss_bytes=job.usage.peak_rss_bytes if job.usage else 0,
            peak_bytes=self.container.peak_bytes(),
            gb_seconds=round(gb_seconds, 3),
            cost_usd=round(gb_seconds * price, 8),
            error=f"{refused.code}: {refused.message}" if refused else None,
        )

    def _init_s(self) -> float:
        found = INIT.findall(self.emulator.log.read_text(errors="replace"))
        return round(float(found[-1]) / 1000, 3) if found else 0.0
