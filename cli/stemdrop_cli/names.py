"""File names that are safe to display, to send, and to use in a path."""

import re
from pathlib import PurePosixPath, PureWindowsPath

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def displayable(name: str) -> str:
    """Return a name without control characters, which could change the terminal."""
    return CONTROLS.sub("?", name)


def api_filename(filename: str) -> str:
    """Return a filename without the characters that JSON or the API reject."""
    return CONTROLS.sub("_", filename.encode(errors="replace").decode())


def safe_basename(filename: str) -> str:
    """Return the last part of a filename, safe to use in a path; empty if it is only dots."""
    name = CONTROLS.sub("_", PurePosixPath(PureWindowsPath(filename).name).name)
    return name if name.strip(". ") else ""
