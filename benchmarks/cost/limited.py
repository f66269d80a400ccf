"""Separations under Lambda's limits: ours and stock Spleeter's images, first and second call."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.cost.images import Images
from benchmarks.processes import CommandError
from stemdrop_containers.engine import Engine
from stemdrop_containers.function import Container
from stemdrop_local.runtime.emulator import HANDLER, Emulator
from stemdrop_local.runtime.outcome import Ending, Outcome
from stemdrop_local.runtime.place import Launch
from stemdrop_local.s3.server import S3Server
from stemdrop_local.deployment import Stack, create_stack
from stemdrop_local.template import Function, read_application

SONGS = "/songs"
KILLED = "killed"
EVENT_WAIT_S = 20
TIMEOUT_S = 900
CPUS = "--cpus="


class OutOfMemoryError(Exception):
    """A function was killed for taking more memory than it has."""


@dataclass(frozen=True, slots=True)
class Times:
    """What two calls of one execution environment took.

    Attributes
    ----------
    cold_s : of the first one, with the time to load the code.
    warm_s : of the second one.
    """

    cold_s: float
    warm_s: float


class Throttled(Container):
    """A container with another share of the processors than its memory stands for."""

    def __init__(
        self, engine: Engine, image: str, volumes: Mapping[Path, str], processors: float | None
    ) -> None:
        super().__init__(engine, image, volumes)
        self._processors = processors

    def launch(
        self,
        function: Function,
        handler: str,
        options: Sequence[str],
        variables: Mapping[str, str],
    ) -> Launch:
        """Return how to start a container; see `Container`."""
        launch = super().launch(function, handler, options, variables)
        if self._processors is None:
            return launch
        share = f"{CPUS}{self._processors:.3f}"
        command = [share if word.startswith(CPUS) else word for word in launch.command]
        return replace(launch, command=command)


class Limited:
    """Both functions in containers, and a stack for ours; see `running`.

    Parameters
    ----------
    song : an mp3.
    """

    def __init__(self, images: Images, stack: Stack, song: Path, logs: Path) -> None:
        self._images = images
        self._stack = stack
        self._song = song
        self._logs = logs

    @property
    def function(self) -> Function:
        """Return the separator, as template.yaml describes it."""
        return self._stack.application.function

    def ours(self, memory_mb: int, **metadata: str) -> Times:
        """Separate the song twice, with as much memory and so many processors.

        Parameters
        ----------
        metadata : options of the separation.

        Raises
        ------
        OutOfMemoryError : it takes more.
        """
        container = Container(self._images.engine, self._images.ours)
        function = replace(self.function, memory_mb=memory_mb)
        with self._environment(function, HANDLER, container) as emulator:
            return Times(*(self._separate(emulator, metadata) for _ in range(2)))

    def spleeter(self, memory_mb: int, processors: float | None = None) -> Times:
        """Have stock Spleeter separate the song twice, from disk to disk; see `ours`.

        Parameters
        ----------
        processors : other than what comes with the memory.
        """
        container = Throttled(self._images.engine, self._images.spleeter, self._volumes, processors)
        function = Function("spleeter", memory_mb, TIMEOUT_S, self.function.storage_mb, {})
        event = {"song": f"{SONGS}/{self._song.name}"}
        with self._environment(function, "handler.handler", container) as emulator:
            return Times(*(_call(emulator, event) for _ in range(2)))

    @property
    def _volumes(self) -> dict[Path, str]:
        return {self._song.parent: SONGS}

    @contextmanager
    def _environment(
        self, function: Function, handler: str, container: Container
    ) -> Iterator[Emulator]:
        log = self._logs / f"{function.name}-{function.memory_mb}.log"
        url = self._stack.endpoint_url
        with Emulator(function, url, log, handler=handler, place=container) as emulator:
            yield emulator

    def _separate(self, emulator: Emulator, metadata: dict[str, str]) -> float:
        self._forget()
        event = self._upload(metadata)
        took_s = _call(emulator, event)
        if not self._stems():
            raise CommandError(f"There are no stems: see {emulator.log}.")
        return took_s

    def _upload(self, metadata: dict[str, str]) -> Any:
        """Drop the song, and return the event of it."""
        stack = self._stack
        stack.s3.put_object(
            Bucket=stack.uploads_bucket,
            Key="drop/song.mp3",
            Body=self._song.read_bytes(),
            Metadata=metadata,
        )
        deadline_s = time.monotonic() + EVENT_WAIT_S
        while time.monotonic() < deadline_s:
            answer = stack.sqs.receive_message(QueueUrl=stack.event_queue_url, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                stack.sqs.delete_message(
                    QueueUrl=stack.event_queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
                event = json.loads(message["Body"])
                if "Records" in event:
                    return event
        raise CommandError("S3 sent no event.")

    def _stems(self) -> list[str]:
        stack = self._stack
        listing = stack.s3.list_objects_v2(Bucket=stack.stems_bucket, Prefix="drop/")
        keys = [found["Key"] for found in listing.get("Contents", [])]
        return [key for key in keys if not key.endswith(".json")]

    def _forget(self) -> None:
        """Delete all results, so that no song is known."""
        stack = self._stack
        for page in stack.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.stems_bucket):
            for found in page.get("Contents", []):
                stack.s3.delete_object(Bucket=stack.stems_bucket, Key=found["Key"])


@contextmanager
def running(images: Images, song: Path, folder: Path) -> Iterator[Limited]:
    """Run a stack for the separations; logs come into a folder."""
    with ExitStack() as exits:
        server = exits.enter_context(S3Server(folder / "s3.log"))
        stack = exits.enter_context(create_stack(server, read_application()))
        yield Limited(images, stack, song, folder)


def _call(emulator: Emulator, event: Any) -> float:
    """Return how long the function worked on an event."""
    started_s = time.perf_counter()
    outcome = emulator.invoke(event)
    took_s = time.perf_counter() - started_s
    if not outcome.succeeded:
        raise _failure(outcome, emulator)
    return took_s


def _failure(outcome: Outcome, emulator: Emulator) -> Exception:
    said = json.dumps(outcome.payload)
    if outcome.ending is Ending.CRASHED and KILLED in said:
        return OutOfMemoryError(f"{emulator.function.memory_mb} MB are too few: {said}")
    return CommandError(f"A function failed: {said[-1000:]}; see {emulator.log}.")
