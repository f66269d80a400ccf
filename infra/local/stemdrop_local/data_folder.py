"""The data folder belongs to one stack at a time."""

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
    """Have the folder for this process alone, until it ends in whatever way.

    Raises
    ------
    DataFolderError : Another process has it.
    """
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataFolderError(
                f"The data folder {folder} is in use: stop the stack that uses it, or choose "
                "another folder with --data."
            ) from error
        yield
