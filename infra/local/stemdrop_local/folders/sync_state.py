"""State of the drop folder's files, which persists: uploads, and whether results were saved."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from stemdrop.errors import StemdropError

SCHEMA = """
CREATE TABLE IF NOT EXISTS songs (
    key TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    etag TEXT NOT NULL,
    uploaded_at TEXT NOT NULL,
    returned INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
"""


class SyncStateError(StemdropError):
    """The database can't be read or written, for example because the disk is full."""

    code = "sync_state"


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A version of a file, identified by its size and modification time."""

    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class SyncedFile:
    """A file that was uploaded.

    Attributes
    ----------
    etag, uploaded_at : ETag and time of its object, as in `Store.find_upload`.
    returned : Whether its results, or the record of a failure, are saved.
    """

    version: FileVersion
    etag: str
    uploaded_at: str
    returned: bool


class SyncState:
    """A context manager that holds a database open. Threads may share it.

    Every method raises a `SyncStateError` if the database can't be read or written.

    Parameters
    ----------
    path : Path of the database, which is created if it doesn't exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._run(SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._database.close()

    def find(self, key: str) -> SyncedFile | None:
        """Return the state of a file by the key of its upload, or None."""
        for _, size_bytes, mtime_ns, etag, uploaded_at, returned in self._run(
            "SELECT * FROM songs WHERE key = ?", key
        ):
            return SyncedFile(FileVersion(size_bytes, mtime_ns), etag, uploaded_at, bool(returned))
        return None

    def keys(self, *, returned: bool) -> list[str]:
        """Return the keys of all files whose results are saved, or aren't."""
        return [key for (key,) in self._run("SELECT key FROM songs WHERE returned = ?", returned)]

    def record_upload(self, key: str, version: FileVersion, etag: str, uploaded_at: str) -> None:
        """Record that a version of a file was uploaded."""
        values = (key, version.size_bytes, version.mtime_ns, etag, uploaded_at)
        self._run("INSERT OR REPLACE INTO songs VALUES (?, ?, ?, ?, ?, FALSE)", *values)

    def record_export(self, key: str, entry: SyncedFile) -> None:
        """Record that the results of a file are saved, unless it was uploaded again since."""
        self._run(
            "UPDATE songs SET returned = TRUE WHERE key = ? AND mtime_ns = ? AND etag = ?",
            key,
            entry.version.mtime_ns,
            entry.etag,
        )

    def forget(self, key: str) -> None:
        """Delete the state of a file."""
        self._run("DELETE FROM songs WHERE key = ?", key)

    def _run(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise SyncStateError(
                f"{self._path} can't be used: {error}. Check the folder's free space and owner."
            ) from error
