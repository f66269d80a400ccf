"""A container of the built image, as an execution environment of Lambda."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from benchmarks.lambda_limits import ISOLATION, PODMAN_ISOLATION, LambdaLimits
from stemdrop.errors import StemdropError
from stemdrop_containers.engine import ContainerEngine, EngineError, run_server
from stemdrop_local.ports import LOOPBACK, reserve_port

INVOCATIONS = "/2015-03-31/functions/function/invocations"
TIMED_OUT = "Task timed out"
# Paths in the Dockerfile.
EMULATOR = "/opt/aws-lambda-rie"
SEPARATOR = ("/opt/entrypoint.sh", "stemdrop_separate.handler.handler")
# The emulator ends an invocation at its timeout. This is for a container that hangs.
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
class LambdaContainer:
    """A function in a running container, behind Lambda's emulator."""

    engine: ContainerEngine
    name: str
    url: str
    timeout_s: float

    def invoke(self, event: object) -> Any:
        """Invoke the handler with an event, and return its result.

        Raises
        ------
        InvocationError : The handler failed.
        """
        try:
            answer = httpx.post(f"{self.url}{INVOCATIONS}", json=event, timeout=self.timeout_s)
        except httpx.HTTPError as error:
            raise InvocationError("Runtime.ExitError", f"The container ended: {error!r}") from error
        return read_answer(answer.status_code, answer.text)

    @property
    def pid(self) -> int:
        """Return the ID of the container's first process on this machine."""
        return int(self.engine.run("inspect", "--format", "{{.State.Pid}}", self.name).stdout)


@contextmanager
def run_function(
    engine: ContainerEngine,
    image: str,
    limits: LambdaLimits,
    environment: Mapping[str, str],
    log: Path,
    command: Sequence[str] = SEPARATOR,
    volumes: Mapping[Path, str] | None = None,
) -> Iterator[LambdaContainer]:
    """Run an image under Lambda's limits, behind Lambda's emulator.

    Parameters
    ----------
    environment : The handler's variables, in addition to those that Lambda sets.
    log : File for the output of handler and emulator.
    command : Runtime and handler.
    volumes : Paths of this machine to paths in the container, mounted read-only.

    Raises
    ------
    EngineError : The container doesn't start.
    """
    name, port = f"stemdrop-lambda-{uuid4().hex[:12]}", reserve_port()
    if not hasattr(os, "sched_getaffinity"):
        raise EngineError("Lambda's limits can be set on Linux only.")
    run = [
        *(engine.name, "run", "--rm", f"--name={name}", f"--entrypoint={EMULATOR}"),
        *ISOLATION,
        *(PODMAN_ISOLATION if engine.name == "podman" else ()),
        *limits.options(sorted(os.sched_getaffinity(0))),
        *(f"--env={key}={value}" for key, value in {**limits.variables, **environment}.items()),
        *(f"--volume={here}:{there}:ro" for here, there in (volumes or {}).items()),
        *(image, "--runtime-interface-emulator-address", f"{LOOPBACK}:{port}"),
        *("--runtime-api-address", f"{LOOPBACK}:{reserve_port()}", *command),
    ]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output, run_server(run, (LOOPBACK, port), engine.environment, output):
        try:
            url = f"http://{LOOPBACK}:{port}"
            yield LambdaContainer(engine, name, url, limits.timeout_s + MARGIN_S)
        finally:
            engine.try_run("rm", "--force", "--volumes", name)


def read_answer(status: int, text: str) -> Any:
    """Return a handler's result.

    The emulator responds with 200 if the handler raised an error, described by a JSON object, or
    timed out, described by plain text, and with 502 if the process ended.

    Raises
    ------
    InvocationError : The response describes an error.
    """
    try:
        payload = json.loads(text)
    except ValueError:
        kind = "Sandbox.Timedout" if text.startswith(TIMED_OUT) else "Runtime.ExitError"
        raise InvocationError(kind, text) from None
    if isinstance(payload, dict) and "errorType" in payload:
        raise InvocationError(payload["errorType"], payload.get("errorMessage", ""))
    if status != HTTPStatus.OK:
        raise InvocationError("Runtime.ExitError", text)
    return payload
