"""The application under SAM, as `make sam-local` starts it, and what it may not leave behind."""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from local_stack import TOKEN, Started
from stemdrop_containers.engine import Engine
from stemdrop_containers.sam.guard import LABEL
from stemdrop_local.deployment import ROOT

RUNS = r"runs (?:under SAM )?at (http://localhost:\d+)"
# From nothing but the image: the API's packages, a stand-in for Lambda's own image, containers.
START_S = 240.0
END_S = 90.0
NETWORKS = [Path("/run/netns"), Path("/run/containers/networks")]


class SamProgram(Started):
    """All of it, or by hand only S3; it has a home and a folder for temporary files of its own."""

    def __init__(self, folder: Path, engine: Engine, *options: str) -> None:
        self.folder = folder
        self.own = [folder / "home", folder / "tmp"]
        for path in self.own:
            path.mkdir(exist_ok=True)
        places = [f"--{name}={folder / name}" for name in ("data", "drop", "stems")]
        given = ["--port=0", *places, *(["--offline"] if engine.is_offline else []), *options]
        variables = {
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "STEMDROP_TOKEN": TOKEN,
            # pip asks a Rust compiler for its version, and rustup's writes settings then.
            "RUSTUP_HOME": str(folder / "rustup"),
        }
        command = [sys.executable, "-m", "stemdrop_containers.sam.local", *given]
        super().__init__(command, ROOT, {**os.environ, **variables})

    def url(self) -> str:
        """Wait until it runs, and return its address."""
        self.transcript.wait(RUNS, timeout_s=START_S)
        (found,) = re.findall(RUNS, self.transcript.text)
        return str(found)

    def written(self) -> list[Path]:
        """Return what it has written where others write, too."""
        return [found for path in self.own for found in path.rglob("*")]


@dataclass(frozen=True)
class Traces:
    """What is there before a program starts, and has to be all that is there after its end."""

    containers: str
    steps_of_builds: set[str]
    mounts: set[str]
    networks: set[Path]

    @classmethod
    def now(cls, engine: Engine) -> "Traces":
        """Look at this machine, outside of the folders of others."""
        mounts = {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()}
        ours = {mount for mount in mounts if mount.startswith(("/run", str(ROOT)))}
        found = {entry for folder in NETWORKS if folder.exists() for entry in folder.iterdir()}
        listed = engine.run("ps", "--all", "--quiet", "--filter", LABEL).stdout
        every = engine.run("ps", "--all", "--external", "--format", "{{.Names}}").stdout
        steps = {name for name in every.split() if name.endswith("-working-container")}
        return cls(listed, steps, ours, found)
