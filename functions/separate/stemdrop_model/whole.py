"""Files that are there as a whole or not at all, even if the process is killed."""

import hashlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def staging(folder: Path, name: str) -> Iterator[Path]:
    """Give an empty folder next to the final one, from which finished files are renamed.

    Only one process at a time has it; a killed one lets go of the lock, and what it left is removed
    by the next.

    Parameters
    ----------
    folder : the final place; it is made if need be.
    name : what is being made; others may be made at the same time.

    Yields
    ------
    The empty folder, on the file system of the final place; it is removed in the end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.partial"
    with (folder / f".{name}.lock").open("w") as lock:
        _acquire(lock)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _acquire(lock: IO[str]) -> None:
    """Wait for a lock, which the file's closing or the process's end releases."""
    if sys.platform == "win32":
        while True:
            with suppress(OSError):  # it gives up after 10 s
                msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
                return
    else:
        fcntl.flock(lock, fcntl.LOCK_EX)


def publish(files: Sequence[Path], into: Path) -> None:
    """Put staged files in their place; the last of them is there only if all the others are."""
    (into / files[-1].name).unlink(missing_ok=True)
    for file in files:
        file.replace(into / file.name)
