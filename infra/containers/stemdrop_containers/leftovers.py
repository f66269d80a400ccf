"""Containers that outlived who started them: found by the name of their owner, and removed.

A container's leash removes it, however its owner ends. This is for when the leash was killed, too.
"""

import itertools
import os
import re
from pathlib import Path

from stemdrop_containers.engine import Engine

LABEL = "stemdrop=lambda"
NAME = re.compile(r"stemdrop-lambda-(?P<pid>\d+)-(?P<started>\d+)-\d+")
_numbers = itertools.count(1)


def name_container() -> str:
    """Return a name for a container of this process that no other one has had."""
    pid = os.getpid()
    return f"stemdrop-lambda-{pid}-{_started(pid)}-{next(_numbers)}"


def removal(engine: Engine, name: str) -> list[str]:
    """Return the command that removes a container with its mounts, whether it runs or not."""
    options = ["--force", "--volumes"]
    if engine.name == "podman":
        options += ["--ignore", "--time=0"]  # Docker takes neither, and waits for nothing
    return engine.command("rm", *options, name)


def sweep(engine: Engine, *, ours_too: bool = False) -> list[str]:
    """Remove the containers whose owners have ended, and return their names.

    Parameters
    ----------
    ours_too : remove those of this process as well, which is about to end.
    """
    listing = engine.run(
        "ps", "--all", "--filter", f"label={LABEL}", "--format", "{{.Names}}"
    ).stdout
    ended = [name for name in listing.split() if _is_over(name, ours_too=ours_too)]
    for name in ended:
        engine.attempt(*removal(engine, name)[1:])
    return ended


def _is_over(name: str, *, ours_too: bool) -> bool:
    parts = NAME.fullmatch(name)
    if parts is None or (ours_too and int(parts["pid"]) == os.getpid()):
        return True
    return _started(int(parts["pid"])) != int(parts["started"])


def _started(pid: int) -> int | None:
    """Return when a process started, in the kernel's ticks; ids of processes are given again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is a name with any characters, in parentheses; this is the 22nd.
    return int(stat.rpartition(")")[2].split()[19])
