"""Folders that another process writes to at the same time."""

import os
from pathlib import Path


def names_below(folder: Path) -> list[str]:
    """Return the names of all files below a folder.

    Unlike `Path.rglob` of Python 3.11, it passes over folders that are deleted meanwhile.
    """
    return [name for _, _, names in os.walk(folder) for name in names]
