"""Objects of S3 in files: one file for each, which is there whole or not at all.

    <folder>/lock                        held by who uses the folder
    <folder>/buckets/<bucket>/<sha256>   an object, named by the hash of its key
    <folder>/unfinished/<number>         a file that is being written

A file is one line of JSON, what there is to say of the object, and then its body. Renaming puts it
in its place, so body and properties never come apart, and a reader or a crash at any moment finds
the old object or the new one. Nothing is flushed to the disk by force: this outlives the process,
not the machine.
"""

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

from stemdrop.errors import SetupError

VERSION = 1
LOCK_NAME = "lock"
CHUNK_BYTES = 1 << 20
# A server that lost its parent a moment ago is about to go, too.
LOCK_TIMEOUT_S = 3.0
POLL_S = 0.05


class DataFolderError(SetupError):
    """The folder can't be used."""

    code = "data_folder"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file says of its object.

    Attributes
    ----------
    etag : without quotes.
    last_modified : UTC, ISO 8601.
    metadata : headers to answer with, names in lower case.
    properties : whatever else there is to keep.
    """

    key: str
    etag: str
    last_modified: str
    size_bytes: int
    metadata: dict[str, str]
    properties: dict[str, Any]


class Body:
    """The body of an object, where it lies in its file; looks like an open file.

    Nothing is open between two reads, so there may be any number of these.
    """

    def __init__(self, path: Path, offset: int) -> None:
        self._path = path
        self._offset = offset
        self._position = 0

    def seek(self, position: int) -> None:
        """Read from there the next time."""
        self._position = position

    def read(self, size_bytes: int = -1) -> bytes:
        """Return the bytes that follow."""
        with self._path.open("rb") as file:
            file.seek(self._offset + self._position)
            read = file.read(size_bytes)
        self._position += len(read)
        return read

    def close(self) -> None:
        """Do nothing."""


def lock(folder: Path) -> int:
    """Take a folder for this process, and return what to hand on to one that shall hold it, too.

    Raises
    ------
    DataFolderError : another process has it, or it can't be made.
    """
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataFolderError(f"The data folder {folder} can't be used: {error}.") from error
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                os.close(fd)
                raise DataFolderError(
                    f"The data folder {folder} is in use: end the other stack, or take another one."
                ) from error
            time.sleep(POLL_S)
        else:
            return fd


class Keeper:
    """Writes objects into a folder that nobody else writes to."""

    def __init__(self, folder: Path) -> None:
        self._buckets = folder / "buckets"
        self._unfinished = folder / "unfinished"
        for needed in (self._buckets, self._unfinished):
            needed.mkdir(parents=True, exist_ok=True)
        for left in self._unfinished.iterdir():
            left.unlink()
        self._numbers = itertools.count()

    def write(self, bucket: str, kept: Kept, content: BinaryIO) -> Body:
        """Put an object in the place of the one that has the key now, if any.

        Parameters
        ----------
        content : the body; it is read from where it stands to its end.

        Raises
        ------
        OSError : it could not be written; the old object is still there.
        """
        path = self._path(bucket, kept.key)
        path.parent.mkdir(exist_ok=True)
        head = json.dumps({"version": VERSION, **asdict(kept)}).encode() + b"\n"
        unfinished = self._unfinished / str(next(self._numbers))
        try:
            with unfinished.open("xb") as file:
                file.write(head)
                while chunk := content.read(CHUNK_BYTES):
                    file.write(chunk)
            unfinished.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
        return Body(path, len(head))

    def remove(self, bucket: str, key: str) -> None:
        """Remove an object, if it is there.

        Raises
        ------
        OSError : it is still there.
        """
        self._path(bucket, key).unlink(missing_ok=True)

    def find(self, bucket: str, key: str) -> tuple[Kept, Body] | None:
        """Return what is kept under a key."""
        path = self._path(bucket, key)
        return _read(path) if path.exists() else None

    def contents(self) -> Iterator[tuple[str, Kept, Body]]:
        """Return all objects with their buckets; files that make no sense are left alone."""
        for folder in self._buckets.iterdir():
            for path in folder.iterdir():
                if found := _read(path):
                    yield unquote(folder.name), *found

    def _path(self, bucket: str, key: str) -> Path:
        return self._buckets / quote(bucket, safe="") / hashlib.sha256(key.encode()).hexdigest()


def _read(path: Path) -> tuple[Kept, Body] | None:
    with path.open("rb") as file:
        head = file.readline()
        size_bytes = file.seek(0, os.SEEK_END) - len(head)
    try:
        fields = json.loads(head)
        if fields.pop("version") != VERSION:
            return None
        kept = Kept(**fields)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return (kept, Body(path, len(head))) if kept.size_bytes == size_bytes else None
