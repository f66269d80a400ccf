"""What speaks Docker's protocol to SAM: Docker's own daemon, or Podman's service."""

import os
import socket
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from stemdrop_local.runtime.processes import Companion
from stemdrop_local.template import ROOT

from stemdrop_containers.engine import Engine, EngineError
from stemdrop_containers.offline import FOLDER
from stemdrop_containers.sam.guard import SOCKET

GUARD = [sys.executable, "-m", "stemdrop_containers.sam.guard"]
# In a mount namespace of its own, so that nothing stays mounted however it ends.
ALONE = ["unshare", "--mount", "--propagation", "slave"]
# Source: sun_path in linux/un.h, and its final zero.
MAX_ADDRESS_BYTES = 107
START_TIMEOUT_S = 30.0
# Of the guard, which removes containers first.
END_TIMEOUT_S = 60.0
POLL_S = 0.05
GATEWAYS = {
    "docker": ("bridge", "{{(index .IPAM.Config 0).Gateway}}"),
    "podman": ("podman", "{{(index .Subnets 0).Gateway}}"),
}


def find_gateway(engine: Engine) -> str:
    """Return the address at which containers reach this machine, and programs on it, too.

    Raises
    ------
    EngineError : there is none.
    """
    if engine.name == "podman" and os.geteuid() != 0:
        message = "Without root, Podman's containers can't reach this machine: use Docker, or root."
        raise EngineError(message)
    network, where = GATEWAYS[engine.name]
    return engine.run("network", "inspect", "--format", where, network).stdout.strip()


class Service:
    """A context manager: an engine's socket, and nothing left behind at the end.

    Parameters
    ----------
    engine : whose containers.
    mark : an environment variable, ``NAME=value``, that all containers of this run have.
    log : the file for what the service writes.
    folder : where the socket is, in a folder of its own that goes with it.
    """

    def __init__(
        self, engine: Engine, mark: str, log: Path, folder: Path = FOLDER / "services"
    ) -> None:
        self._engine = engine
        self._mark = mark
        self._log = log
        self._parent = self._folder = folder
        self._guard: Companion | None = None
        self._writing_fd = -1

    @property
    def variables(self) -> dict[str, str]:
        """Return what leads programs to the engine; they have to run in the project's folder."""
        if self._engine.name == "docker":
            return {"DOCKER_HOST": os.environ.get("DOCKER_HOST") or self._daemon()}
        path = self._folder / SOCKET
        if len(os.fsencode(path)) > MAX_ADDRESS_BYTES:
            path = "/proc/self/cwd" / path.relative_to(ROOT)
        return {**self._engine.variables, "DOCKER_HOST": f"unix://{path}"}

    @property
    def client_fds(self) -> list[int]:
        """Return what a program inherits that has to end before the engine's socket does."""
        return [self._writing_fd]

    def __enter__(self) -> Self:
        reading_fd, self._writing_fd = os.pipe()
        command = [*GUARD, self._mark, str(reading_fd), self._engine.name]
        if self._engine.name == "podman":
            self._parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(dir=self._parent))
            command = [*ALONE, *command, str(self._folder)]
        try:
            self._guard = Companion(
                command, self._log, self._engine.environment, [reading_fd], END_TIMEOUT_S
            )
        finally:
            os.close(reading_fd)
        if self._engine.name == "podman":
            self._wait(self._guard)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._writing_fd)
        if self._guard:
            self._guard.stop()

    def _daemon(self) -> str:
        return self._engine.run(
            "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"
        ).stdout.strip()

    def _wait(self, guard: Companion) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        folder_fd = os.open(self._folder, os.O_PATH)
        try:
            while guard.is_running and time.monotonic() < deadline:
                with closing(socket.socket(socket.AF_UNIX)) as client:
                    if client.connect_ex(f"/proc/self/fd/{folder_fd}/{SOCKET}") == 0:
                        return
                time.sleep(POLL_S)
        finally:
            os.close(folder_fd)
        guard.stop()
        raise EngineError(f"Podman's service does not start: see {self._log}.")
