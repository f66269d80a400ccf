"""A build that is interrupted leaves no process, container, mount, or file anywhere else."""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from stemdrop_containers.engine import Engine
from stemdrop_containers.image import provide_base
from stemdrop_containers.offline import FOLDER
from transcript import Transcript

COMMAND = [sys.executable, "-m", "stemdrop_containers.image"]
BEGUN = "the step has begun"
OUTSIDE = [Path(name) for name in ("/dev/shm", "/etc", "/run", "/var/tmp")]  # noqa: S108
ENDS_S = 60.0


def mounts() -> set[str]:
    """Return where the engine has something mounted."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return {line.split()[4] for line in lines if str(FOLDER) in line}


def files() -> set[Path]:
    return {path for folder in OUTSIDE if folder.is_dir() for path in folder.iterdir()}


def containers(engine: Engine) -> set[str]:
    external = ["--external"] if engine.name == "podman" else []
    listing = engine.run("ps", "--all", *external, "--format", "{{.ID}}").stdout
    return set(listing.split())


def commands(marker: str) -> Iterator[str]:
    """Yield the command lines of all processes that have a word in them."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has just ended
        if marker in line:
            yield line


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_of_an_interrupted_build(
    how: signal.Signals, engine: Engine, tmp_path: Path
) -> None:
    if engine.is_offline:
        provide_base(engine)
    marker = f"300.{random.randrange(10**9):09}"
    steps = ["FROM debian:bookworm-slim", f"RUN echo '{BEGUN}'; sleep {marker}"]
    (tmp_path / "Dockerfile").write_text("\n".join([*steps, ""]))
    before = mounts(), files(), containers(engine)
    with subprocess.Popen(
        [*COMMAND, "--context", str(tmp_path), *(["--offline"] if engine.is_offline else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as building:
        transcript = Transcript()
        reader = Thread(target=lambda: [transcript.write(line) for line in building.stdout or ()])
        reader.start()
        transcript.wait(f"^{BEGUN}", timeout_s=120)
        assert list(commands(marker))
        building.send_signal(how)
        assert building.wait(ENDS_S) == 130
        reader.join()
    assert not list(commands(marker))
    assert mounts() <= before[0]
    assert files() <= before[1]
    assert containers(engine) <= before[2]
    assert "Traceback" not in transcript.text
