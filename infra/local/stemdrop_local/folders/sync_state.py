"""Which files of the drop folder were uploaded, and whose stems are back: kept over a restart."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

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


@dataclass(frozen=True, slots=True)
class FileVersion:
    """A file as it is at one time, told by what changes with every change."""

    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class SyncedFile:
    """A file that was uploaded.

    Attributes
    ----------
    etag, uploaded_at : of the object that it became, as `Store.find_upload` tells them.
    returned : whether its stems, or the record that says why there are none, have come back.
    """

    version: FileVersion
    etag: str
    uploaded_at: str
    returned: bool


class SyncState:
    """A context manager that has a database open, for all threads.

    Parameters
    ----------
    path : of the database; it is made if it isn't there.
    """

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute(SCHEMA)

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
        """Return what is known of a file, by the key of its upload."""
        for _, size_bytes, mtime_ns, etag, uploaded_at, returned in self._run(
            "SELECT * FROM songs WHERE key = ?", key
        ):
            return SyncedFile(FileVersion(size_bytes, mtime_ns), etag, uploaded_at, bool(returned))
        return None

    def keys(self, *, returned: bool) -> list[str]:
        """Return the keys of all files whose stems are back, or those of all others."""
        return [key for (key,) in self._run("SELECT key FROM songs WHERE returned = ?", returned)]

    def record_upload(self, key: str, version: FileVersion, etag: str, uploaded_at: str) -> None:
        """Remember that a version of a file was uploaded, and that its stems aren't back."""
        values = (key, version.size_bytes, version.mtime_ns, etag, uploaded_at)
        self._run("INSERT OR REPLACE INTO songs VALUES (?, ?, ?, ?, ?, FALSE)", *values)

    def record_export(self, key: str, entry: SyncedFile) -> None:
        """Remember that the stems of a file are back, unless it was uploaded again since."""
        self._run(
            "UPDATE songs SET returned = TRUE WHERE key = ? AND mtime_ns = ? AND etag = ?",
            key,
            entry.version.mtime_ns,
            entry.etag,
        )

    def forget(self, key: str) -> None:
        """Forget a file."""
        self._run("DELETE FROM songs WHERE key = ?", key)

    def _run(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()
