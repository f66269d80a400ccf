"""Downloads of results: those of ``drop/song.mp3`` are saved in ``stems/song.mp3/``.

Every file appears under its name once it is complete, and job.json last.
"""

from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from stemdrop.errors import StemdropError, StorageError
from stemdrop.job_record import Job, Status
from stemdrop.keys import DROP_PREFIX, PEAKS_NAME, RECORD_NAME, UploadKey, result_name
from stemdrop.store import Store
from stemdrop_local.console import Console, size
from stemdrop_local.folders.sync_state import SyncedFile, SyncState

RETRY_S = 30.0


class Exporter:
    """Downloads the results of files from the drop folder.

    Parameters
    ----------
    folder : Folder to save results in.
    store : Source of the results.
    sync_state : Record of uploads; results of other uploads are ignored.
    console : Console that shows results, and the first error of each upload.
    """

    def __init__(self, folder: Path, store: Store, sync_state: SyncState, console: Console) -> None:
        self._folder = folder
        self._store = store
        self._sync_state = sync_state
        self._console = console
        self._failed: set[str] = set()
        self._queue: SimpleQueue[str] = SimpleQueue()
        for key in sync_state.keys(returned=False):
            self._queue.put(key)

    def enqueue(self, key: str) -> None:
        """Let the next `export` check the results of an upload."""
        self._queue.put(key)

    def export(self) -> None:
        """Download the results of all uploads that are queued or have failed, and are done."""
        for key in self._failed:
            self._queue.put(key)
        with suppress(Empty):
            while True:
                self._export(self._queue.get_nowait())

    def _export(self, key: str) -> None:
        try:
            entry = self._sync_state.find(key)
            if entry is None or entry.returned:
                self._failed.discard(key)
                return
            job, _ = self._store.load_job(UploadKey.parse(key))
            if job and _is_end_of(job, entry):
                folder = self._folder / key.removeprefix(DROP_PREFIX)
                self._save(job, folder)
                # Else a redrive may still succeed, or the lyrics still come.
                if job.is_final and not job.has_pending_lyrics:
                    self._sync_state.record_export(key, entry)
                self._tell(job, folder)
            self._failed.discard(key)
        except OSError as error:
            self._report(key, f"The stems can't be saved: {error}.")
        except StemdropError as error:
            self._report(key, error.message)

    def _report(self, key: str, problem: str) -> None:
        if key not in self._failed:
            self._failed.add(key)
            self._console.say("problem", f"{key}: {problem} Retrying every {RETRY_S:.0f} seconds.")

    def _save(self, job: Job, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(".*.part*"):  # of a crash; boto3 appends letters to the name
            leftover.unlink()
        names, saved = _exported(job), _results_in(folder)
        for name, key in names.items():
            if saved.get(name) != key or not (folder / name).is_file():
                unfinished = _unfinished(folder / name)
                self._store.download_result(key, unfinished)
                unfinished.replace(folder / name)
        for stale in saved.keys() - names.keys():
            (folder / stale).unlink(missing_ok=True)
        _write(folder / RECORD_NAME, job.to_json().encode())

    def _tell(self, job: Job, folder: Path) -> None:
        if sizes := [result.size_bytes for result in (*job.stems, job.zip) if result]:
            self._console.say("saved", f"{folder}: {len(sizes)} files, {size(sum(sizes))}")


def _is_end_of(job: Job, entry: SyncedFile) -> bool:
    """Return whether a record is that of this upload, and not of an earlier or a later one.

    The same bytes again keep their stems, but a failure belongs to its own upload.
    """
    if not job.is_finished or job.source is None:
        return job.is_finished
    is_same = job.source.etag == entry.etag
    return is_same and (job.status is Status.DONE or job.source.uploaded_at == entry.uploaded_at)


def _results_in(folder: Path) -> dict[str, str]:
    """Return the names and keys of the results in a folder, according to its record."""
    try:
        return _exported(Job.from_json((folder / RECORD_NAME).read_bytes()))
    except (FileNotFoundError, StorageError):
        return {}


def _exported(job: Job) -> dict[str, str]:
    """Return the names and keys of results, without the peaks, which only the page needs."""
    keys = {result_name(key): key for key in job.result_keys}
    return {name: key for name, key in keys.items() if name != PEAKS_NAME}


def _write(path: Path, data: bytes) -> None:
    unfinished = _unfinished(path)
    unfinished.write_bytes(data)
    unfinished.replace(path)


def _unfinished(path: Path) -> Path:
    """Return the path of a file until it is complete."""
    return path.with_name(f".{path.name}.part")
