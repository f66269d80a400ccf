"""File names that are safe to display, to send, and to use in a path."""

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

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


def describe_replacement(paths: Iterable[Path]) -> tuple[str, ...]:
    """Return a note about files of an earlier run that stems will replace, if there are any."""
    replaced = sorted(str(path) for path in paths if os.path.exists(path))
    if not replaced:
        return ()
    more = f" and {len(replaced) - 1} more" if len(replaced) > 1 else ""
    return (f"It replaced {displayable(replaced[0])}{more} of an earlier run.",)
