"""Whoever is killed, no container, process, control group, mount or file is left."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.processes_of import descendants, ends
from stemdrop_containers.engine import Engine
from stemdrop_containers.lambda_run import INTERRUPTED, SCRATCH
from stemdrop_containers.leftovers import LABEL, sweep

OWNER = Path(__file__).with_name("lambda_owner.py")
END_S = 30


@dataclass
class Traces:
    """What there is of a container beside its own processes."""

    name: str
    processes: dict[int, str]
    mount: str
    groups: list[Path]

    def left(self, engine: Engine) -> list[str]:
        """Return all that is still there, once the processes have ended."""
        found = [command for pid, command in self.processes.items() if not ends(pid)]
        found += [self.name] if self.name in names(engine) else []
        found += [self.mount] if self.mount in Path("/proc/self/mountinfo").read_text() else []
        return found + [str(group) for group in self.groups if group.exists()]


def names(engine: Engine) -> list[str]:
    listing = ["ps", "--all", "--filter", f"label={LABEL}", "--format", "{{.Names}}"]
    return engine.run(*listing).stdout.split()


def traces(engine: Engine, name: str, owner: int) -> Traces:
    (container,) = json.loads(engine.run("inspect", name).stdout)
    pid = container["State"]["Pid"]
    groups = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    folders = [Path(f"/sys/fs/cgroup/{kind}{group}") for _, kind, group in groups]
    found = Traces(
        name,
        {**descendants(owner), pid: "the container"},
        container["GraphDriver"]["Data"]["MergedDir"],
        [folder for folder in folders if folder.exists()],
    )
    assert found.mount in Path("/proc/self/mountinfo").read_text()
    assert found.groups
    return found


@dataclass
class Owner:
    """A program with a container, and the process that its own are on the leash of."""

    process: subprocess.Popen[str]
    leash: int
    traces: Traces


@contextmanager
def owning(engine: Engine, image: str, folder: Path) -> Iterator[Owner]:
    folder.mkdir()
    command = [sys.executable, str(OWNER), image, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            name, leash = process.stdout.readline().split()
            yield Owner(process, int(leash), traces(engine, name, process.pid))
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_an_owner_that_is_killed(
    engine: Engine, image: str, tmp_path: Path, how: signal.Signals
) -> None:
    with owning(engine, image, tmp_path / "owner") as owner:
        owner.process.send_signal(how)
        assert owner.traces.left(engine) == []


def test_nothing_is_left_of_an_engine_that_hangs(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    with owning(engine, image, tmp_path / "owner") as owner:
        (run,) = [
            pid
            for pid, command in owner.traces.processes.items()
            if command.startswith(f"{engine.name} run ")
        ]
        os.kill(run, signal.SIGSTOP)
        owner.process.kill()
        assert owner.traces.left(engine) == []


def test_what_outlives_its_leash_goes_with_the_next_start_and_nothing_else(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    with (
        owning(engine, image, tmp_path / "living") as living,
        owning(engine, image, tmp_path / "dead") as dead,
    ):
        os.kill(dead.leash, signal.SIGKILL)
        dead.process.kill()
        dead.process.wait()
        assert dead.traces.name in names(engine)
        assert sweep(engine) == [dead.traces.name]
        assert dead.traces.left(engine) == []
        assert living.traces.name in names(engine)
        assert living.process.poll() is None
    assert living.traces.left(engine) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_script_can_be_interrupted(engine: Engine, image: str, how: signal.Signals) -> None:
    command = [sys.executable, "-m", "stemdrop_containers.lambda_run", "--times", "99"]
    command += ["--offline"] if engine.is_offline else []
    assert image
    before = set(SCRATCH.glob("*"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as script:
        try:
            assert script.stdout
            assert "cold" in script.stdout.readline()
            (name,) = [found for found in names(engine) if f"-{script.pid}-" in found]
            found = traces(engine, name, script.pid)
            script.send_signal(how)
            assert script.wait(END_S) == INTERRUPTED
        finally:
            script.kill()
    assert found.left(engine) == []
    assert set(SCRATCH.glob("*")) == before
