"""Uploads of the files that appear in the drop folder.

The path of a file becomes its key, so ``drop/4stems/song.mp3`` names its model. A file is uploaded
once it is complete: two scans see the same version, and no program has it open for writing.
"""

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from stemdrop.errors import StemdropError, TooLargeError
from stemdrop.keys import DROP_PREFIX, UploadKey
from stemdrop.s3 import storage_errors
from stemdrop.store import Store, Upload
from stemdrop_local.console import Console, size
from stemdrop_local.deployment import Stack
from stemdrop_local.folders.sync_state import FileVersion, SyncState, SyncStateError

# Suffixes of unfinished files of browsers, rsync, wget and editors.
UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp", "~")
# Many programs create a file some time before they write to it.
EMPTY_FOR_S = 10.0


class DropWatcher:
    """Uploads new and changed files of a folder.

    Parameters
    ----------
    folder : Drop folder.
    stack, store : Target of the uploads.
    sync_state : Record of earlier uploads.
    console : Console that shows each upload, and once each file that can't be uploaded.
    uploaded : Function that is called with the key of each upload.
    """

    def __init__(
        self,
        folder: Path,
        stack: Stack,
        store: Store,
        sync_state: SyncState,
        console: Console,
        uploaded: Callable[[str], object],
    ) -> None:
        self._folder = folder
        self._stack = stack
        self._store = store
        self._sync_state = sync_state
        self._console = console
        self._uploaded = uploaded
        self._max_mb = int(stack.parameters["MaxUploadMb"])
        self._seen: dict[str, FileVersion] = {}
        self._unrecorded: dict[tuple[str, FileVersion], Upload] = {}
        self._told: dict[tuple[str, str], str] = {}

    def scan(self) -> None:
        """Upload the files that are complete since the last scan."""
        seen: dict[str, FileVersion] = {}
        for path in self._files():
            key = DROP_PREFIX + path.relative_to(self._folder).as_posix()
            try:
                UploadKey.parse(key)
                seen[key] = version = _version(path)
                if self._seen.get(key) == version and self._is_wanted(path, key, version):
                    self._upload(path, key, version)
            except FileNotFoundError:
                continue  # it was deleted meanwhile
            except OSError as error:
                self._tell("waits", key, f"{error.strerror}.")
            except StemdropError as error:
                self._tell("waits", key, error.message)
        self._seen = seen
        for key in set(self._sync_state.keys(returned=True)) - seen.keys():
            try:
                self._sync_state.forget(key)  # a file that is dropped again is uploaded again
            except SyncStateError as error:
                self._tell("waits", key, error.message)

    def _files(self) -> Iterator[Path]:
        """Return the files that may be songs, by name."""

        def tell(error: OSError) -> None:
            self._tell("waits", str(error.filename), f"{error.strerror}.")

        for folder, folders, names in os.walk(self._folder, onerror=tell):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if not name.startswith(".") and not name.lower().endswith(UNFINISHED):
                    yield Path(folder, name)

    def _is_wanted(self, path: Path, key: str, version: FileVersion) -> bool:
        known = self._sync_state.find(key)
        if (known and known.version == version) or not path.is_file():
            return False
        if version.size_bytes == 0 and time.time() - version.mtime_ns / 1e9 < EMPTY_FOR_S:
            return False
        if version.size_bytes > self._max_mb * 1_000_000:
            raise TooLargeError(
                f"It has {size(version.size_bytes)}, above the limit of {self._max_mb} MB: "
                "compress it to mp3 or flac, or split it."
            )
        if _is_being_written(path):
            self._tell("waits", key, "It is open for writing: close it to upload it.")
            return False
        return True

    def _upload(self, path: Path, key: str, version: FileVersion) -> None:
        """Upload a file, unless only the record of its upload failed."""
        upload = self._unrecorded.get((key, version)) or self._send(path, key, version)
        if upload is None:
            return  # it was deleted at once, so the next scan uploads it again
        self._unrecorded[key, version] = upload
        self._sync_state.record_upload(key, version, upload.etag, upload.uploaded_at)
        del self._unrecorded[key, version]
        for what in ("dropped", "waits"):
            self._told.pop((what, key), None)
        self._uploaded(key)

    def _send(self, path: Path, key: str, version: FileVersion) -> Upload | None:
        self._tell("dropped", key, size(version.size_bytes))
        with storage_errors(f"upload {key}"):
            self._stack.s3.upload_file(str(path), self._stack.uploads_bucket, key)
        return self._store.find_upload(UploadKey.parse(key))

    def _tell(self, what: str, name: str, details: str) -> None:
        """Show a message once, until the file is uploaded."""
        if self._told.get((what, name)) != details:
            self._told[what, name] = details
            self._console.say(what, f"{name}: {details}")


def _version(path: Path) -> FileVersion:
    status = path.stat()
    return FileVersion(status.st_size, status.st_mtime_ns)


def _is_being_written(path: Path) -> bool:
    """Return whether a program has a file open for writing, or False if that can't be known."""
    with path.open("rb") as file:
        # A program that opens the file at this moment waits, and the kernel sends a signal: not
        # SIGIO, which would end this process, but one that is ignored by default.
        try:
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False
