"""The real handler, a share of whose invocations are killed after one of their requests to S3.

SOAK_FOLDER   folder with the files below
SOAK_SEED     seed that chooses invocations and moments

invocations   a line for each start, end and killing
names/ID      name of the song of a job of the API, whose ID is another one in each run
calm          while this file exists, no invocation is killed
"""

import json
import os
import random
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from botocore.retries import standard

from listener import Listener
from soak.plan import REQUESTS
from stemdrop_separate import handler as real

FOLDER = Path(os.environ["SOAK_FOLDER"])
LOG = FOLDER / "invocations"
KILLED_SHARE = 0.2
# About as long as a short song is separated for.
LONGEST_DELAY_S = 0.4
# Less waiting between two tries of a request: a run has thousands of faults.
BACKOFF_SHARE = 0.05


class Killer:
    """Kills this process after a number of requests to S3, and a delay."""

    def __init__(self) -> None:
        self._left: int | None = None
        self._delay_s = 0.0
        self._key = ""
        self._receipt = ""

    def arm(self, key: str, receipt: str, requests: int, delay_s: float) -> None:
        """Choose the moment of the current invocation."""
        self._key, self._receipt = key, receipt
        self._left, self._delay_s = requests, delay_s

    def count(self, **_: Any) -> None:
        """Count a request."""
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                threading.Timer(self._delay_s, self.kill).start()

    def finish(self) -> None:
        """Kill this process after the work, before Lambda knows, if the moment has not come."""
        if self._left is not None:
            self.kill()

    def kill(self) -> None:
        """Kill this process as the kernel does when memory is exhausted.

        Its message is delivered again soon, and not when its visibility ends: with a visibility
        that is short enough for a test, messages of slow invocations are delivered again, too.
        """
        report("killed", self._key)
        try:
            if real.queue:
                real.queue.retry(self._receipt, 1)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)


def report(event: str, key: str, **details: Any) -> None:
    """Write a line into the log of invocations; one write, so that lines stay whole."""
    line = {"event": event, "key": key, "pid": os.getpid(), **details}
    with LOG.open("ab", buffering=0) as log:
        log.write(json.dumps(line).encode() + b"\n")


def _patient(delay_amount: Any) -> Any:
    return lambda *arguments: delay_amount(*arguments) * BACKOFF_SHARE


real.job_context = replace(real.job_context, transcriber=Listener(FOLDER / "heard"))
killer = Killer()
events = real.job_context.store._s3.meta.events
events.register("before-send.s3", killer.count)
vars(standard)["ExponentialBackoff"].delay_amount = _patient(
    standard.ExponentialBackoff.delay_amount
)


def handler(event: Any, context: Any) -> Any:
    """Handle a message of the song queue, or be killed meanwhile."""
    (message,) = event["Records"]
    records = json.loads(message["body"]).get("Records")
    if not records:
        return real.handler(event, context)
    key = unquote_plus(records[0]["s3"]["object"]["key"])
    received = int(message["attributes"]["ApproximateReceiveCount"])
    chooser = random.Random(f"{os.environ['SOAK_SEED']} {_name(key)} {_starts(key)}")
    report("started", key, received=received)
    if chooser.random() < KILLED_SHARE and not (FOLDER / "calm").exists():
        killer.arm(
            key,
            message["receiptHandle"],
            chooser.randint(1, REQUESTS),
            chooser.uniform(0, LONGEST_DELAY_S),
        )
    answer = real.handler(event, context)
    killer.finish()
    report("ended", key)
    return answer


def _name(key: str) -> str:
    name = FOLDER / "names" / key.rpartition("/")[2]
    return name.read_text() if name.exists() else key


def _starts(key: str) -> int:
    """Return the number of earlier invocations for a song."""
    lines = LOG.read_text().splitlines() if LOG.exists() else []
    return sum((line["event"], line["key"]) == ("started", key) for line in map(json.loads, lines))
