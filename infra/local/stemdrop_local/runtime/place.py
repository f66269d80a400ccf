"""Where a function runs: as a process of this machine; a container is another place.

The runtime interface emulator comes with the AWS SAM command line, which has an environment of its
own; the image has it beside Python. It runs on Linux only.
"""

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stemdrop.errors import SetupError
from stemdrop_local.template import ROOT, Function

BESIDE_PYTHON = Path(sys.prefix, "bin")
BINARIES = ".venv-sam/lib/python3*/site-packages/samcli/local/rapid"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
LEASH = (sys.executable, "-m", "stemdrop_local.runtime.leash")


class EmulatorError(SetupError):
    """The emulator isn't there, or doesn't start."""

    code = "emulator"


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start an emulator with a function's handler behind it.

    Attributes
    ----------
    command : ends as soon as its standard input closes, and nothing stays of it.
    environment : all of the command's.
    """

    command: Sequence[str]
    environment: Mapping[str, str]


class Place(Protocol):
    """Tells how a function is started in it."""

    def launch(
        self,
        function: Function,
        handler: str,
        options: Sequence[str],
        variables: Mapping[str, str],
    ) -> Launch:
        """Return how to start a function.

        Parameters
        ----------
        handler : its dotted name.
        options : of the emulator.
        variables : the environment of the handler.

        Raises
        ------
        SetupError : it can't be started here.
        """
        ...


class HostProcess:
    """A process of this machine, with the code of this checkout, and no limit but that of time."""

    def launch(
        self,
        function: Function,  # noqa: ARG002 - its limits are not enforced here
        handler: str,
        options: Sequence[str],
        variables: Mapping[str, str],
    ) -> Launch:
        """Return how to start a function; see `Place`."""
        runtime = [sys.executable, "-m", "awslambdaric", handler]
        return Launch([*LEASH, str(find_emulator()), *options, *runtime], variables)


def find_emulator() -> Path:
    """Return the emulator's binary for this machine.

    Raises
    ------
    EmulatorError : there is none.
    """
    name = f"aws-lambda-rie-{ARCHITECTURES.get(platform.machine(), platform.machine())}"
    for binary in (*ROOT.glob(f"{BINARIES}/{name}"), *BESIDE_PYTHON.glob("aws-lambda-rie")):
        return binary
    raise EmulatorError(f"There is no {name} under {ROOT / '.venv-sam'}: run `make setup`.")
