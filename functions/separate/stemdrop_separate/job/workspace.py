"""The folder of a job under /tmp, which outlives invocations and crashes in a warm environment."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemdrop.errors import NoRoomError


@contextmanager
def workspace(root: Path) -> Iterator[Path]:
    """Make a folder that is gone afterwards, and remove what killed processes left.

    Parameters
    ----------
    root : holds one folder per process.

    Raises
    ------
    NoRoomError : the disk filled up within.
    """
    own = root / str(os.getpid())
    for folder in root.glob("*"):
        if folder == own or not Path("/proc", folder.name).exists():
            shutil.rmtree(folder, ignore_errors=True)
    own.mkdir(parents=True, exist_ok=True)
    try:
        yield Path(tempfile.mkdtemp(dir=own))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise NoRoomError("The disk is full: choose a smaller codec, or a shorter song.") from error
    finally:
        shutil.rmtree(own, ignore_errors=True)


def require_room(folder: Path, needed_bytes: int, what: str) -> None:
    """Refuse what would not fit on the disk.

    Raises
    ------
    NoRoomError : fewer bytes are free than needed.
    """
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes > free_bytes:
        raise NoRoomError(
            f"{what} would take {needed_bytes / 1e6:.0f} MB, and {free_bytes / 1e6:.0f} MB are "
            "free: choose a smaller codec such as mp3, fewer stems, or a part of the song."
        )
