"""Events on the console: a line for each, without credentials."""

import shlex
from http import HTTPStatus
from pathlib import Path

from stemdrop.job_record import Job, Status
from stemdrop_local.console import Console, duration
from stemdrop_local.deployment import STACK_NAME
from stemdrop_local.emulator_process import UnsignedRequest
from stemdrop_local.tool_files import SHELL_FILE


class EventLog:
    """Writes events to a console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def log_request(self, call: UnsignedRequest) -> None:
        """Show a request, unless its response is 304 Not Modified."""
        if call.status != HTTPStatus.NOT_MODIFIED:
            service = "S3" if call.is_for_s3 else "API"
            took = duration(call.elapsed_s)
            self._console.say(service, f"{call.method} {call.path}: {call.status}, {took}")

    def log_job(self, job: Job) -> None:
        """Show the result of a job."""
        if job.status is Status.FAILED and job.error:
            self._console.say("failed", f"{job.key}: {job.error.message}")
            return
        details = [", ".join(stem.stem for stem in job.stems)]
        if job.usage:
            copied = [] if "separate" in job.usage.timings_s else ["copied"]
            details += [*copied, duration(job.usage.timings_s["total"])]
        self._console.say("done", f"{job.key}: {', '.join(details)}")

    def log_expired(self, objects: int) -> None:
        """Show the number of expired objects, unless it is zero."""
        if objects:
            self._console.say("expired", f"{objects} old objects")

    def log_failures(self, messages: int, data: Path) -> None:
        """Show the number of messages in the failure queue, and how to redrive them.

        Parameters
        ----------
        data : Folder of the log and of the tools' environment file.
        """
        source = f"`source {shlex.quote(str(data / SHELL_FILE))}`"
        self._console.say(
            "gave up",
            f"{messages} in the failure queue: see {data / 'emulator.log'}, then {source} and "
            f"`make redrive STACK={STACK_NAME}`",
        )
