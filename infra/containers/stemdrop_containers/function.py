"""The built image as Lambda runs it: a container is an execution environment.

Its limits are those of Lambda as far as an engine can set them. Two are stricter: files under /tmp
count as memory, and the time to load the handler counts toward the first event's timeout.
"""

import http.client
import json
import os
import platform
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from stemdrop.errors import StemdropError
from stemdrop_containers.engine import WITH_PARENT, Engine, EngineError
from stemdrop_local.ports import LOOPBACK, reserve_port

# Source: "Configure Lambda function memory" and "Lambda quotas" in the AWS Lambda guide.
MB_PER_PROCESSOR = 1769
MAX_PROCESSORS = 6
MAX_PROCESSES = 1024
MAX_FILES = 1024
# Lambda's own; no image's list of users has it.
USER = "993:990"
INVOCATIONS = "/2015-03-31/functions/function/invocations"
TIMED_OUT = "Task timed out"
# See the Dockerfile.
EMULATOR = "/opt/local/bin/aws-lambda-rie"
SEPARATOR = ("/opt/stemdrop/entrypoint.sh", "stemdrop_separate.handler.handler")
START_S = 60.0
POLL_S = 0.02
# The emulator ends an invocation at its timeout; this is for one that doesn't.
MARGIN_S = 60.0


class InvocationError(StemdropError):
    """An invocation raised an error, timed out, or its process ended.

    Attributes
    ----------
    kind : Lambda's `errorType`, such as Runtime.ExitError.
    """

    code = "invocation"

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a function.

    Attributes
    ----------
    processors : Share of the processors, if other than what comes with the memory.
    """

    memory_mb: int = 3008
    timeout_s: int = 300
    storage_mb: int = 4096
    processors: float | None = None


class LambdaContainer:
    """A context manager that runs an image under Lambda's limits, behind Lambda's emulator.

    Parameters
    ----------
    environment : The handler's variables, in addition to Lambda's own.
    log : File for what handler and emulator write.
    command : Runtime and handler; the separator by default.
    volumes : Paths of this machine to paths in the container, mounted read-only.

    Attributes
    ----------
    name : Name of the container.
    """

    def __init__(
        self,
        engine: Engine,
        image: str,
        limits: Limits,
        environment: Mapping[str, str],
        log: Path,
        command: Sequence[str] = SEPARATOR,
        volumes: Mapping[Path, str] | None = None,
    ) -> None:
        self.name = f"stemdrop-lambda-{uuid4().hex[:12]}"
        self.log = log
        self._engine = engine
        self._image = image
        self._limits = limits
        self._environment = environment
        self._command = command
        self._volumes = volumes or {}
        self._port = reserve_port()

    def __enter__(self) -> Self:
        if platform.system() != "Linux":
            raise EngineError("Lambda's limits can be set on Linux only: see `make sam-local`.")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*WITH_PARENT, self._engine.name, *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._engine.environment,
                start_new_session=True,
            )
        try:
            self._await_emulator()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def invoke(self, event: object) -> Any:
        """Have the handler work on an event, and return what it returned.

        Raises
        ------
        InvocationError : The handler failed.
        """
        timeout_s = self._limits.timeout_s + MARGIN_S
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=timeout_s)
        try:
            with closing(connection):
                connection.request("POST", INVOCATIONS, json.dumps(event))
                answer = connection.getresponse()
                return _read_answer(answer.status, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise InvocationError("Runtime.ExitError", f"The container ended: {error!r}") from error

    @property
    def pid(self) -> int:
        """Return the id of the container's first process, as this machine sees it."""
        inspected = self._engine.run("inspect", "--format", "{{.State.Pid}}", self.name)
        return int(inspected.stdout)

    def _arguments(self) -> list[str]:
        processors = sorted(os.sched_getaffinity(0))
        variables = {**lambda_variables(self._limits), **self._environment}
        emulator = [
            *("--runtime-interface-emulator-address", f"{LOOPBACK}:{self._port}"),
            *("--runtime-api-address", f"{LOOPBACK}:{reserve_port()}"),
        ]
        return [
            *("run", f"--name={self.name}", f"--entrypoint={EMULATOR}"),
            *isolation(self._engine.name),
            *limit_options(self._limits, processors),
            *(f"--env={name}={value}" for name, value in variables.items()),
            *(f"--volume={here}:{there}:ro" for here, there in self._volumes.items()),
            *(self._image, *emulator, *self._command),
        ]

    def _await_emulator(self) -> None:
        deadline_s = time.monotonic() + START_S
        while self._process.poll() is None and time.monotonic() < deadline_s:
            try:
                socket.create_connection((LOOPBACK, self._port), timeout=POLL_S).close()
            except OSError:
                threading.Event().wait(POLL_S)
            else:
                return
        raise EngineError(f"The container doesn't start: {self.log.read_text()[-1000:]}")

    def _stop(self) -> None:
        self._engine.attempt("rm", "--force", "--volumes", self.name)
        self._process.wait()


def _read_answer(status: int, body: bytes) -> Any:
    """Return what a handler returned.

    The emulator answers 200 to a handler that raised an error, which a JSON object describes, and
    to one that took too long, which a sentence outside of JSON says; 502 if the process ended.

    Raises
    ------
    InvocationError : It is one of these.
    """
    text = body.decode(errors="replace")
    try:
        payload = json.loads(text)
    except ValueError:
        kind = "Sandbox.Timedout" if text.startswith(TIMED_OUT) else "Runtime.ExitError"
        raise InvocationError(kind, text) from None
    if isinstance(payload, dict) and "errorType" in payload:
        raise InvocationError(payload["errorType"], payload.get("errorMessage", ""))
    if status != http.HTTPStatus.OK:
        raise InvocationError("Runtime.ExitError", text)
    return payload


def lambda_variables(limits: Limits) -> dict[str, str]:
    """Return the variables that Lambda sets, except credentials."""
    return {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_FUNCTION_NAME": "separate",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(limits.memory_mb),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(limits.timeout_s),
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def isolation(engine_name: str) -> list[str]:
    """Return the options of an engine's `run` that isolate a container as Lambda does."""
    common = [
        "--rm",
        "--pull=never",
        "--no-healthcheck",
        "--log-driver=none",  # what is written goes to the emulator's log
        "--network=host",
        "--ipc=none",  # there is no shared memory, and no /dev/shm
        "--read-only",
        f"--user={USER}",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
    ]
    if engine_name != "podman":
        return common
    # Podman's containers may write elsewhere too, inherit proxies, and get a name for the user.
    return [*common, "--read-only-tmpfs=false", "--http-proxy=false", "--passwd=false"]


def limit_options(limits: Limits, processors: Sequence[int]) -> list[str]:
    """Return a function's limits on a machine with some processors, as options of `run`."""
    share = min(limits.memory_mb / MB_PER_PROCESSOR, MAX_PROCESSORS, len(processors))
    words = [
        f"--memory={limits.memory_mb}m",
        f"--memory-swap={limits.memory_mb}m",  # of both: there is no swap
        f"--cpus={limits.processors or share:.3f}",
        f"--pids-limit={MAX_PROCESSES}",
        f"--ulimit=nofile={MAX_FILES}:{MAX_FILES}",
        f"--ulimit=nproc={MAX_PROCESSES}:{MAX_PROCESSES}",
        f"--tmpfs=/tmp:rw,exec,nosuid,nodev,mode=1777,size={limits.storage_mb}m",
    ]
    # A function sees whole processors, of which it may have a share: two at least.
    visible = max(2, ceil(share))
    if visible < len(processors):
        words.append(f"--cpuset-cpus={','.join(map(str, processors[:visible]))}")
    return words
