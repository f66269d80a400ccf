"""The deployed application behind proxies that record every request."""

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cost.recording_proxy import RecordingProxy
from benchmarks.cost.traffic import Request, Requester, RequestKind, Traffic
from benchmarks.local_aws import run_local_aws
from benchmarks.process_usage import CommandError, measure_process
from stemdrop.codecs import Codec
from stemdrop_local.deployment import ROOT, Deployment, Stack, deploy

BIN = Path(sys.executable).parent
MODELS = ROOT / "build" / "models"
# The log lines of an invocation appear together after its response and end with Lambda's report.
REPORT, ENDED, FAILED = "REPORT ", '"message":"attempt_ended"', '"message":"attempt_failed"'
LOGS_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class DeployedApplication:
    """The deployed application.

    Attributes
    ----------
    url : URL of the API.
    logs : Client of CloudWatch Logs.
    requests : Requests since the start of the song.
    """

    url: str
    token: str
    stack: Stack
    logs: Any
    requests: list[Request]

    def separate(self, song: Path, codec: Codec) -> Traffic:
        """Submit a song, and return its traffic.

        Raises
        ------
        CommandError : The first attempt failed.
        """
        self._delete_known_songs()
        self.requests.clear()
        began_ms = time.time_ns() // 1_000_000
        with tempfile.TemporaryDirectory(prefix="stemdrop-cost-") as out:
            command = [str(BIN / "stemdrop"), "submit", str(song), "-o", out, "-c", codec]
            measure_process(
                [*command, "--url", self.url, "--token", self.token], {"PATH": os.defpath}
            )
            sizes = [path.stat().st_size for path in Path(out).rglob(f"*.{codec}")]
        lines = self._await_lines(began_ms)
        return Traffic(tuple(self.requests), song.stat().st_size, sum(sizes), lines)

    def _delete_known_songs(self) -> None:
        """Delete the content index, so that no song is known."""
        bucket, prefix = self.stack.stems_bucket, "content/"
        listing = self.stack.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        for found in listing.get("Contents", []):
            self.stack.s3.delete_object(Bucket=bucket, Key=found["Key"])

    def _await_lines(self, began_ms: int) -> tuple[str, ...]:
        """Return the log lines after the separation and all API requests have ended.

        Raises
        ------
        CommandError : The separation failed or timed out.
        """
        calls = sum(request.kind is RequestKind.CALL for request in self.requests)
        deadline_s = time.monotonic() + LOGS_TIMEOUT_S
        while time.monotonic() < deadline_s:
            separator, api = (
                self._lines(group, began_ms) for group in ("SeparateLogGroup", "ApiLogGroup")
            )
            if any(FAILED in line for line in separator):
                break
            is_separated = any(ENDED in line for line in separator)
            if is_separated and sum(line.startswith(REPORT) for line in api) == calls:
                return (*separator, *api)
        raise CommandError("The song wasn't separated at the first attempt.")

    def _lines(self, group: str, began_ms: int) -> list[str]:
        found = self.logs.filter_log_events(
            logGroupName=self.stack.outputs[group], startTime=began_ms
        )
        return [event["message"] for event in found["events"]]


@contextmanager
def run_application(folder: Path, models: Path = MODELS) -> Iterator[DeployedApplication]:
    """Deploy the application to a local AWS until the context ends.

    Parameters
    ----------
    folder : Folder for objects and logs.
    models : Folder of the models.
    """
    token, seen = secrets.token_hex(16), list[Request]()
    with ExitStack() as exits:
        emulator = exits.enter_context(run_local_aws(folder))
        separator, api = (
            exits.enter_context(RecordingProxy(emulator.endpoint_url, function, seen))
            for function in (Requester.SEPARATOR, Requester.API)
        )
        environment = {
            "SeparateFunction": {
                "MODEL_DIR": str(models),
                "AWS_ENDPOINT_URL": separator.url,
            },
            "ApiFunction": {"AWS_ENDPOINT_URL": api.url},
        }
        stack = deploy(emulator, Deployment({"AccessToken": token}, environment))
        # Presigned URLs of the API use its proxy, so clients need no other.
        yield DeployedApplication(api.url, token, stack, emulator.client("logs"), seen)
