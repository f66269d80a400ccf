"""The container engine: Docker or Podman, whichever is running."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from stemdrop.errors import SetupError

ROOT = Path(__file__).resolve().parents[3]
OFFLINE = ROOT / "infra" / "containers" / "offline.sh"
FOLDER = ROOT / "build" / "containers"  # data of the offline engine
VARIABLES = {
    "CONTAINERS_CONF": str(FOLDER / "containers.conf"),
    "CONTAINERS_STORAGE_CONF": str(FOLDER / "storage.conf"),
    "BUILDAH_FORMAT": "docker",  # OCI's format has no health checks
    "DISABLE_HC_SYSTEMD": "true",  # systemd timers would run them
    "TMPDIR": str(FOLDER / "tmp"),
}
Address = str | tuple[str, int]
ANSWER_S = 60
POLL_S = 0.02
# Ends a command when its parent ends.
WITH_PARENT = ("setpriv", "--pdeathsig", "TERM")
MISSING = (
    "No container engine answers: start Docker, install Podman, or, as root on Debian, run `make"
    " containers` and add OFFLINE=1."
)


class EngineError(SetupError):
    """No container engine is running, or it failed."""

    code = "engine"


@dataclass(frozen=True, slots=True)
class ContainerEngine:
    """A program that builds and runs containers.

    Attributes
    ----------
    name : docker or podman.
    is_offline : Whether its data is in `build/containers` and it uses no image registry.
    variables : Environment variables in addition to ours.
    """

    name: str
    is_offline: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Return all of its environment."""
        return {**os.environ, **self.variables}

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command, and return its output.

        Parameters
        ----------
        options : Arguments of subprocess.run, such as `timeout`.

        Raises
        ------
        EngineError : It failed; the message ends in its last lines.
        """
        run = self.try_run(*arguments, **options)
        if run.returncode == 0:
            return run
        lines = (run.stderr or run.stdout or "").strip().splitlines()
        said = "\n".join(lines[-12:]) or "see above."
        raise EngineError(f"`{self.name} {arguments[0]}` ended with {run.returncode}: {said}")

    def try_run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command, and return its output even if it failed."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.run(
            [self.name, *arguments],
            check=False,
            text=True,
            env=self.environment,
            **({"stdin": subprocess.DEVNULL} | pipes | options),
        )

    def build(self, image: str, context: Path, *options: str) -> None:
        """Build an image; the engine prints its progress to standard error.

        Raises
        ------
        EngineError : It failed.
        """
        if self.name == "podman":
            options = ("--format", "docker", "--layers", *options)
        self.run("build", *options, "--tag", image, str(context), stdout=2, stderr=None)

    def has_image(self, image: str) -> bool:
        """Return whether an image exists."""
        return self.try_run("image", "inspect", image).returncode == 0

    def ensure_base(self, image: str, release: str, *packages: str) -> None:
        """Build a base image of a Debian release on this machine, if it doesn't exist.

        Raises
        ------
        EngineError : This isn't Debian, or not root, or a package can't be fetched.
        """
        if not self.has_image(image):
            print(f"Making {image} from Debian's packages ...", flush=True)
            _run_offline(self.environment, "base", image, release, *packages)


def _run_offline(environment: Mapping[str, str], *words: str) -> None:
    run = subprocess.run(
        [OFFLINE, *words], check=False, env=environment, stderr=subprocess.PIPE, text=True
    )
    if run.returncode != 0:
        raise EngineError(run.stderr.strip())


def find_engine(*, is_offline: bool = False) -> ContainerEngine:
    """Return the first engine that is running.

    Parameters
    ----------
    is_offline : Whether to use Podman, with base images built here from Debian's packages.

    Raises
    ------
    EngineError : No engine is running.
    """
    if is_offline:
        engine = ContainerEngine("podman", is_offline=True, variables=VARIABLES)
        _run_offline(engine.environment, "configure")
        if not _answers(engine):
            raise EngineError("Podman is not installed: run `make containers` as root on Debian.")
        return engine
    for engine in (ContainerEngine("docker"), ContainerEngine("podman")):
        if _answers(engine):
            return engine
    raise EngineError(MISSING)


@contextmanager
def run_server(
    command: Sequence[str], address: Address, environment: Mapping[str, str], log: IO[Any]
) -> Iterator[None]:
    """Run a server until the context or this process ends, once it listens.

    Parameters
    ----------
    address : Path of a socket, or host and port.
    log : File for its output.

    Raises
    ------
    EngineError : The server failed to start.
    """
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    process = subprocess.Popen(
        [*WITH_PARENT, *command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        deadline_s = time.monotonic() + ANSWER_S
        while not _listens(family, address):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise EngineError(f"`{' '.join(command[:3])}` doesn't start.")
            threading.Event().wait(POLL_S)
        yield
    finally:
        process.terminate()
        process.wait()


def _listens(family: int, address: Address) -> bool:
    with socket.socket(family) as asking:
        return asking.connect_ex(address) == 0


def _answers(engine: ContainerEngine) -> bool:
    if not shutil.which(engine.name):
        return False
    try:
        return engine.try_run("info", timeout=ANSWER_S).returncode == 0
    except subprocess.TimeoutExpired:
        return False
