"""Files that appear at their paths only when all of them are complete."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from stemdrop.errors import OptionError


@contextmanager
def unfinished(paths: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """Yield temporary paths for files, and move them to their paths at the end without an error.

    Raises
    ------
    OptionError : The folder is not writable.
    """
    first = next(iter(paths.values())).parent
    try:
        for path in paths.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix=".stemdrop-", dir=first)
    except OSError as error:
        raise _not_writable(error) from error
    remove = partial(shutil.rmtree, folder, ignore_errors=True)
    # A daemon thread with a dead connection doesn't reach the end of this block.
    atexit.register(remove)
    try:
        parts = {name: Path(folder, f"{name}{path.suffix}") for name, path in paths.items()}
        yield parts
        _move(parts, paths)
    finally:
        remove()
        atexit.unregister(remove)


def _move(parts: Mapping[str, Path], paths: Mapping[str, Path]) -> None:
    try:
        for name, part in parts.items():
            part.replace(paths[name])
    except OSError as error:
        raise _not_writable(error) from error


def _not_writable(error: OSError) -> OptionError:
    return OptionError(f"The stems can't be written: {error.strerror}.")
