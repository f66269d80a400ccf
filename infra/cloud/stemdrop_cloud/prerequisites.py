"""What a deployment needs on this machine."""

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from stemdrop_cloud.configuration import ROOT, Environment

SAM = ROOT / ".venv-sam" / "bin" / "sam"
PYTHONS = ROOT / ".venv" / "bin"
ANSWER_S = 60
# template.yaml makes the names of buckets from it, which have 63 signs at most.
STACK = re.compile(r"[a-z][a-z0-9-]{0,26}")
# Lambda's name of a processor to those that machines give it, and to its emulator in Linux.
PROCESSORS = {
    "x86_64": ({"x86_64", "amd64"}, "qemu-x86_64"),
    "arm64": ({"aarch64", "arm64"}, "qemu-aarch64"),
}
EMULATORS = Path("/proc/sys/fs/binfmt_misc")


def stack_problems(name: str) -> Iterator[str]:
    """Yield what is wrong with a stack's name."""
    if not STACK.fullmatch(name):
        yield (
            f"A stack can't be called {name!r}: use lower-case letters, digits and dashes, a letter"
            " first, at most 27 in all."
        )


def sam_problems(
    environment: Environment, sam: Path = SAM, pythons: Path = PYTHONS
) -> Iterator[str]:
    """Yield what keeps the SAM command line from working."""
    if not (pythons / "python").exists():
        yield "The Python environment .venv is missing: run `make setup`."
    if not sam.exists():
        yield "The SAM command line is missing: run `make setup`."
    elif not _answers(sam):
        yield "The SAM command line doesn't start: delete .venv-sam and run `make setup`."
    if environment.deploy.get("debug"):
        yield "samconfig.toml has SAM debug, and it would write the token into its log: end that."


def processor_problems(
    architecture: str,
    variables: Mapping[str, str] = os.environ,
    emulators: Path = EMULATORS,
    machine: str | None = None,
) -> Iterator[str]:
    """Yield why an image for a processor can't be built on this machine."""
    if architecture not in PROCESSORS:  # which is a problem of another kind
        return
    ours, emulator = PROCESSORS[architecture]
    machine = machine or platform.machine()
    is_elsewhere = variables.get("DOCKER_HOST", "unix:").partition(":")[0] not in {"unix", "npipe"}
    # On other systems the engines bring an emulator along.
    if is_elsewhere or machine.lower() in ours or platform.system() != "Linux":
        return
    if not (emulators / emulator).exists():
        yield (
            f"This machine is {machine} and can't build an image for {architecture}: as root,"
            " install the package qemu-user-static, or use the other ARCHITECTURE."
        )


def _answers(sam: Path) -> bool:
    try:
        run = subprocess.run([sam, "--version"], check=False, capture_output=True, timeout=ANSWER_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0
