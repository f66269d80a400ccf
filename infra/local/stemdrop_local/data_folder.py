"""Lock of the data folder, which one stack uses at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemdrop.errors import SetupError


class DataFolderError(SetupError):
    """Another stack uses the data folder."""

    code = "data_folder"


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Lock the folder until the context or the process ends.

    Raises
    ------
    DataFolderError : Another process has locked it.
    """
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataFolderError(
                f"The data folder {folder} is in use: stop the stack that uses it."
            ) from error
        yield
