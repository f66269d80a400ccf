"""Names of songs, as they can be shown, sent, and made paths of."""

import re
from pathlib import PurePosixPath, PureWindowsPath

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def showable(name: str) -> str:
    """Return a name without what would do something to a terminal."""
    return CONTROLS.sub("?", name)


def sendable(filename: str) -> str:
    """Return a filename without what JSON and the API can't take."""
    return CONTROLS.sub("_", filename.encode(errors="replace").decode())


def last_part(filename: str) -> str:
    """Return what of a filename may be a part of a path here: nothing if it is all dots."""
    name = CONTROLS.sub("_", PurePosixPath(PureWindowsPath(filename).name).name)
    return name if name.strip(". ") else ""
