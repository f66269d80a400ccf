"""A folder of a job under /tmp, which outlives invocations and crashes in a warm environment."""

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
    """Create a folder that is deleted afterwards, and delete those of killed processes.

    Parameters
    ----------
    root : Parent folder with one folder per process.

    Raises
    ------
    NoRoomError : The disk filled up.
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
