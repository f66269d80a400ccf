"""The container engine: Docker or Podman, whichever answers."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stemdrop.errors import SetupError
from stemdrop_containers import offline

NAMES = ("docker", "podman")
ANSWER_S = 60
MISSING = (
    "No container engine answers: start Docker, install Podman, or, as root on Debian, have `make"
    " containers` install it and add OFFLINE=1."
)


class EngineError(SetupError):
    """There is no container engine, or it failed."""

    code = "engine"


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that builds and runs containers.

    Attributes
    ----------
    name : docker or podman.
    is_offline : whether it is kept under `build/containers`, and reaches no image registry.
    variables : of its environment, in addition to ours.
    """

    name: str
    is_offline: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Return all of its environment."""
        return {**os.environ, **self.variables}

    def command(self, *arguments: str) -> list[str]:
        """Return a command line."""
        return [self.name, *arguments]

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, and return what it said.

        Parameters
        ----------
        options : of subprocess.run, such as `timeout`.

        Raises
        ------
        EngineError : it failed; the message ends in its last lines.
        """
        run = self.attempt(*arguments, **options)
        if run.returncode == 0:
            return run
        lines = (run.stderr or run.stdout or "").strip().splitlines()
        said = "\n".join(lines[-12:])
        raise EngineError(f"`{self.name} {arguments[0]}` ended with {run.returncode}: {said}")

    def attempt(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever that is."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.run(
            self.command(*arguments),
            check=False,
            text=True,
            env=self.environment,
            **({"stdin": subprocess.DEVNULL} | pipes | options),
        )

    def has_image(self, image: str) -> bool:
        """Return whether an image is there already."""
        return self.attempt("image", "inspect", image).returncode == 0


def find_engine(*, is_offline: bool = False, names: Sequence[str] = NAMES) -> Engine:
    """Return the first engine that answers.

    Parameters
    ----------
    is_offline : Podman by itself, with the base image made on this machine from Debian's packages.

    Raises
    ------
    EngineError : none does.
    """
    if is_offline:
        engine = Engine("podman", is_offline=True, variables=offline.prepare())
        if not _answers(engine):
            raise EngineError("Podman is not installed: as root on Debian, `make containers`.")
        return engine
    for name in names:
        engine = Engine(name)
        if _answers(engine):
            return engine
    raise EngineError(MISSING)


def _answers(engine: Engine) -> bool:
    if not shutil.which(engine.name):
        return False
    try:
        return engine.attempt("info", timeout=ANSWER_S).returncode == 0
    except subprocess.TimeoutExpired:
        return False
