"""Files that appear at their paths only when all of them are complete."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from stemdrop.errors import OptionError

# Threads share folders: one must not remove a folder that another is about to use.
_FOLDERS = Lock()


@contextmanager
def unfinished(paths: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """Yield temporary paths for files, and move them to their paths at the end without an error.

    Raises
    ------
    OptionError : A folder is not writable, or there is a folder at one of the paths.
    """
    folders = _Folders()
    # A daemon thread with a dead connection doesn't reach the end of this block.
    atexit.register(folders.remove)
    try:
        parts = {}
        for name, path in paths.items():
            if os.path.isdir(path):
                raise OptionError(
                    f"{path} is a folder: rename it, or choose another output folder."
                )
            parts[name] = folders.temporary(path.parent) / f"{name}{path.suffix}"
        yield parts
        _move(parts, paths)
    finally:
        folders.remove()
        atexit.unregister(folders.remove)


class _Folders:
    """Temporary folders, one per folder of files, so that a move stays in its file system."""

    def __init__(self) -> None:
        self._temporary: dict[Path, Path] = {}
        self._created: list[Path] = []

    def temporary(self, folder: Path) -> Path:
        """Return the temporary folder in a folder, which is created if it is missing."""
        if folder not in self._temporary:
            try:
                with _FOLDERS:
                    missing = [
                        each for each in (folder, *folder.parents) if not os.path.exists(each)
                    ]
                    self._created = missing + self._created
                    folder.mkdir(parents=True, exist_ok=True)
                    self._temporary[folder] = Path(
                        tempfile.mkdtemp(prefix=".stemdrop-", dir=folder)
                    )
            except OSError as error:
                raise _not_writable(folder, error) from error
        return self._temporary[folder]

    def remove(self) -> None:
        """Remove the temporary folders, and the created ones that are empty."""
        with _FOLDERS:
            for temporary in self._temporary.values():
                shutil.rmtree(temporary, ignore_errors=True)
            for folder in self._created:
                with suppress(OSError):
                    folder.rmdir()


def _move(parts: Mapping[str, Path], paths: Mapping[str, Path]) -> None:
    for name, part in parts.items():
        try:
            part.replace(paths[name])
        except OSError as error:
            raise _not_writable(paths[name], error) from error


def _not_writable(path: Path, error: OSError) -> OptionError:
    return OptionError(f"The stems can't be written to {path}: {error.strerror}.")
