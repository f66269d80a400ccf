"""Free space on the disk, checked before it is needed."""

import shutil
from pathlib import Path

from stemdrop.errors import NoRoomError


def require_disk_space(folder: Path, needed_bytes: int, what: str) -> None:
    """Reject files that would not fit on the disk.

    Parameters
    ----------
    what : Subject of the message, such as "The stems".

    Raises
    ------
    NoRoomError : Less space is free than needed.
    """
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes > free_bytes:
        raise NoRoomError(
            f"{what} would take {needed_bytes / 1e6:.0f} MB, and {free_bytes / 1e6:.0f} MB are "
            "free: choose a smaller codec such as mp3, fewer stems, or a part of the song."
        )
