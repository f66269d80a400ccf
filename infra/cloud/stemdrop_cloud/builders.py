"""The container engine, as SAM reaches it: at a socket that speaks Docker's language."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from stemdrop_cloud.errors import CloudError
from stemdrop_containers.engine import Engine

SOCKET = "podman.sock"
START_S = 60.0
POLL_S = 0.05
GRACE_S = 10.0
# Podman ends by itself after so long without a question, should we be killed.
IDLE_S = 300


@contextmanager
def served(engine: Engine, folder: Path) -> Iterator[Mapping[str, str]]:
    """Have an engine answer SAM, and yield the variables that lead there.

    Parameters
    ----------
    folder : for the socket, if Podman has to be started.

    Raises
    ------
    CloudError : it doesn't answer.
    """
    variables = dict(engine.variables)
    if os.environ.get("DOCKER_HOST"):
        yield variables
        return
    address = _docker_address(engine) if engine.name == "docker" else _podman_address(engine)
    if address or engine.name == "docker":
        yield variables | ({"DOCKER_HOST": address} if address else {})
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _service(engine, folder / SOCKET) as started:
        yield variables | {"DOCKER_HOST": started}


def _docker_address(engine: Engine) -> str:
    """Return where the context that is in use answers, which SAM doesn't ask for."""
    told = engine.attempt("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    return told.stdout.strip() if told.returncode == 0 else ""


def _podman_address(engine: Engine) -> str:
    """Return where Podman answers, if its service runs."""
    told = engine.attempt("info", "--format", "{{.Host.RemoteSocket.Path}}")
    path = told.stdout.strip().removeprefix("unix://")
    return f"unix://{path}" if path and _listens(Path(path)) else ""


@contextmanager
def _service(engine: Engine, path: Path) -> Iterator[str]:
    """Run Podman's service."""
    address = f"unix://{path}"
    path.unlink(missing_ok=True)
    # In a session of its own, since Ctrl-C is for us to pass on.
    process = subprocess.Popen(
        [engine.name, "system", "service", f"--time={IDLE_S}", address],
        env=engine.environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until_s = time.monotonic() + START_S
        while not _listens(path):
            if process.poll() is not None or time.monotonic() > until_s:
                raise CloudError("Podman's service doesn't start: run `podman system service`.")
            threading.Event().wait(POLL_S)
        yield address
    finally:
        end(process)
        path.unlink(missing_ok=True)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, and return when it has ended."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    if process.poll() is None:
        process.kill()
    process.wait()


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
        except OSError:  # not there, nobody behind it, or too long a name
            return False
    return True
