"""What a limit or anybody else kills is delivered again, and nothing is lost."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stemdrop_local.events.attempt import Attempt
from stemdrop_local.events.delivery import Delivery
from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.runtime.outcome import Ending

from integration.processes_of import descendants
from stemdrop.jobs import Job, Status
from stemdrop.keys import UploadKey
from stemdrop_containers.engine import Engine
from stemdrop_containers.function import Container
from stemdrop_local.deployment import Stack
from uploads import job_of, put, results, song, stem_names

KEY = UploadKey.parse("drop/song.wav")
# Handler and model fit, a song does not.
TOO_LITTLE_MB = 360
ENOUGH_MB = 1769
WAIT_S = 120.0
POLL_S = 0.05


@dataclass
class Watch:
    """A stack, its function in a container, and how attempts end."""

    stack: Stack
    engine: Engine
    image: str
    folder: Path
    attempts: Queue[Attempt] = field(default_factory=Queue)

    @contextmanager
    def delivering(self, memory_mb: int = ENOUGH_MB) -> Iterator[Container]:
        function = replace(self.stack.application.function, memory_mb=memory_mb)
        container = Container(self.engine, self.image)
        log = self.folder / "function.log"
        emulator = Emulator(function, self.stack.endpoint_url, log, place=container)
        with Delivery(self.stack, [emulator], 0, self.attempts.put):
            yield container

    def next(self) -> Attempt:
        return self.attempts.get(timeout=WAIT_S)

    def failed(self) -> list[dict[str, Any]]:
        answer = self.stack.sqs.receive_message(
            QueueUrl=self.stack.failure_queue_url, MaxNumberOfMessages=10
        )
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def await_work(self) -> Job:
        """Return the record of the song as soon as some of it is separated."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            try:
                job = job_of(self.stack, KEY)
            except ClientError:
                time.sleep(POLL_S)  # there is none so far
                continue
            if job.progress:
                return job
            time.sleep(POLL_S)
        raise TimeoutError("The separation doesn't get on.")


@pytest.fixture
def watch(stack: Stack, engine: Engine, image: str, tmp_path: Path) -> Watch:
    return Watch(stack, engine, image, tmp_path)


def test_a_song_that_takes_too_much_memory_is_kept_and_done_where_there_is_more(
    watch: Watch,
) -> None:
    put(watch.stack, song(12.0), KEY)
    with watch.delivering(TOO_LITTLE_MB):
        attempts = [watch.next() for _ in range(3)]
    assert [attempt.outcome.ending for attempt in attempts] == [Ending.CRASHED] * 3
    assert [attempt.is_last for attempt in attempts] == [False, False, True]
    (failure,) = watch.failed()
    assert failure["requestPayload"] == attempts[0].event
    assert failure["responsePayload"]["errorType"] == "Runtime.ExitError"
    assert "killed" in failure["responsePayload"]["errorMessage"]
    # Who was killed could not say so: the record's deadline tells, and the number of attempts.
    job = job_of(watch.stack, KEY)
    assert (job.status, job.attempt) == (Status.PROCESSING, 3)
    assert job.deadline_at is not None
    assert stem_names(watch.stack) == set()
    watch.stack.sqs.send_message(
        QueueUrl=watch.stack.event_queue_url, MessageBody=json.dumps(failure["requestPayload"])
    )
    with watch.delivering():
        assert watch.next().outcome.payload == {str(KEY): "done"}
    assert job_of(watch.stack, KEY).attempt == 4
    assert stem_names(watch.stack) == {"vocals.wav", "accompaniment.wav"}


def handler_of(container: Container) -> int:
    """Return the process of the handler: the emulator's child."""
    return min(descendants(container.pid))


def emulator_of(container: Container) -> int:
    """Return the first process, with which the container ends."""
    return container.pid


@pytest.mark.parametrize("victim", [handler_of, emulator_of])
def test_a_song_whose_function_is_killed_is_separated_again(
    watch: Watch, victim: Callable[[Container], int]
) -> None:
    put(watch.stack, song(60.0), KEY)
    with watch.delivering() as container:
        undisturbed = watch.next()
        stems = results(watch.stack, f"{KEY}/")
        # The same song anew: neither it nor its record is known.
        for key in results(watch.stack):
            watch.stack.s3.delete_object(Bucket=watch.stack.stems_bucket, Key=key)
        put(watch.stack, song(60.0), KEY)
        assert watch.await_work().attempt == 1
        os.kill(victim(container), signal.SIGKILL)
        killed, again = watch.next(), watch.next()
    assert undisturbed.outcome.payload == again.outcome.payload == {str(KEY): "done"}
    assert killed.outcome.ending is Ending.CRASHED
    assert again.number == 2
    job = job_of(watch.stack, KEY)
    assert (job.status, job.attempt) == (Status.DONE, 2)
    after = results(watch.stack, f"{KEY}/")
    assert without_record(after) == without_record(stems)
    assert watch.failed() == []


def without_record(found: dict[str, str]) -> dict[str, str]:
    return {key: etag for key, etag in found.items() if not key.endswith("job.json")}
