"""Folders that another process writes to at the same time."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any


def names_below(folder: Path) -> list[str]:
    """Return the names of all files below a folder.

    Unlike `Path.rglob` of Python 3.11, it passes over folders that are deleted meanwhile.
    """
    return [name for _, _, names in os.walk(folder) for name in names]


def wait_for_name(folder: Path, suffix: str, process: "subprocess.Popen[Any]") -> None:
    """Wait until a running process has begun to write a file with a suffix."""
    while not any(name.endswith(suffix) for name in names_below(folder)):
        assert process.poll() is None
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
