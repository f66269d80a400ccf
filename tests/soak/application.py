"""The deployed application of a soak run: the emulator, the proxy before S3, and its queues."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from soak.faults import SoakProxy
from soak.song_files import MODELS
from stemdrop_local.deployment import ROOT, Deployment, Stack, deploy
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.ports import LOOPBACK, listen
from stemdrop_local.unfinished import notification
from subscribers import Subscriber, subscribe

TOKEN = "a-token-of-the-soak-run-with-32-characters"  # noqa: S105 - only of this stack
# More than there are processors, so that invocations overlap.
SONGS_AT_A_TIME = 3
POLL_S = 0.2
API_TRIES = 10


class SoakError(Exception):
    """The run can't go on, or takes too long."""


@dataclass(frozen=True)
class Application:
    """The running application.

    Attributes
    ----------
    folder : Folder of the log of invocations, and of the function's temporary files.
    api : Client of the API.
    """

    folder: Path
    stack: Stack
    emulator: EmulatorProcess
    proxy: SoakProxy
    completions: Subscriber
    api: httpx.Client

    @property
    def invocations(self) -> list[dict[str, Any]]:
        """Return the lines of the log of invocations."""
        log = self.folder / "invocations"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> None:
        """Upload a song past the proxy."""
        bucket = self.stack.uploads_bucket
        self.stack.s3.put_object(Bucket=bucket, Key=key, Body=data, Metadata=metadata)

    def notify(self, key: str, delay_s: int = 0) -> None:
        """Send S3's notification of a song once more."""
        body = json.dumps(notification("uploads", {"Key": key, "Size": 1, "ETag": ""}))
        queue = self.stack.song_queue_url
        self.stack.sqs.send_message(QueueUrl=queue, MessageBody=body, DelaySeconds=delay_s)

    def call(self, method: str, url: str, **request: Any) -> httpx.Response:
        """Call the API or a presigned URL, again while S3 fails."""
        for _ in range(API_TRIES):
            try:
                answer = self.api.request(method, url, **request)
            except httpx.TransportError:
                continue
            if answer.status_code < 500:
                return answer
        raise SoakError(f"{method} failed {API_TRIES} times.")

    def calm(self, *, is_calm: bool) -> None:
        """Switch faults and killing off or on."""
        self.proxy.is_calm = is_calm
        mark = self.folder / "calm"
        if is_calm:
            mark.touch()
        else:
            mark.unlink(missing_ok=True)

    def drain(self, deadline_s: float) -> None:
        """Wait until all messages of the song queue are handled, or in the failure queue."""
        while self._waiting() or self._running():
            self.emulator.check()
            if time.monotonic() > deadline_s:
                raise SoakError(f"{self._waiting()} messages are left: the run takes too long.")
            time.sleep(POLL_S)

    def redrive(self) -> None:
        """Move the messages of the failure queue back to the song queue."""
        self.stack.sqs.start_message_move_task(SourceArn=self.stack.outputs["FailureQueueArn"])

    def failed_keys(self) -> set[str]:
        """Return the songs that the messages in the failure queue name."""
        url, found = self.stack.failure_queue_url, set()
        while messages := self.stack.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60
        ).get("Messages"):
            for message in messages:
                for record in json.loads(message["Body"])["Records"]:
                    found.add(record["s3"]["object"]["key"])
        return found

    def _waiting(self) -> int:
        counted = self.stack.sqs.get_queue_attributes(
            QueueUrl=self.stack.song_queue_url, AttributeNames=["All"]
        )["Attributes"]
        return sum(
            int(count)
            for name, count in counted.items()
            if name.startswith("ApproximateNumberOfMessages")
        )

    def _running(self) -> bool:
        """Return whether an invocation is at work whose message may be visible again."""
        at_work: dict[int, str] = {}
        for line in self.invocations:
            at_work[line["pid"]] = line["event"]
        return any(
            event == "started" and Path("/proc", str(pid)).exists()
            for pid, event in at_work.items()
        )


@contextmanager
def run_application(folder: Path, seed: int) -> Iterator[Application]:
    """Run the application in a folder."""
    for name in ("heard", "names", "tmp"):
        (folder / name).mkdir()
    with (
        closing(listen(LOOPBACK, 0)) as listening,
        EmulatorProcess(listening, folder / "data", "s" * 40, SONGS_AT_A_TIME) as emulator,
        SoakProxy(emulator.endpoint_url, seed) as proxy,
    ):
        s3 = {"AWS_ENDPOINT_URL_S3": proxy.url}
        separator = {
            **s3,
            "MODEL_DIR": str(MODELS),
            "RETRY_DELAYS_S": "1 1",
            "PYTHONPATH": os.pathsep.join((str(ROOT / "tests"), str(ROOT))),
            "TMPDIR": str(folder / "tmp"),
            "SOAK_FOLDER": str(folder),
            "SOAK_SEED": str(seed),
        }
        stack = deploy(
            emulator,
            Deployment(
                {"AccessToken": TOKEN, "SeparateTimeoutS": "60", "Lyrics": "test"},
                {"SeparateFunction": separator, "ApiFunction": s3},
                {"SeparateFunction": "soak.function.handler"},
            ),
        )
        headers = {"authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=stack.endpoint_url, headers=headers, timeout=60) as api:
            yield Application(folder, stack, emulator, proxy, subscribe(emulator, stack), api)
