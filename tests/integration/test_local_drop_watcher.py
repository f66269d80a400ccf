"""Uploads from the drop folder."""

import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from captured_output import CapturedOutput
from fault_proxy import FaultProxy, unavailable
from stemdrop.store import Store
from stemdrop_local.console import Console
from stemdrop_local.deployment import Stack
from stemdrop_local.folders import drop_watcher as drop_watcher_module
from stemdrop_local.folders.drop_watcher import DropWatcher
from stemdrop_local.folders.sync_state import SyncState

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass
class DropFolder:
    """A drop folder, and its uploads."""

    stack: Stack
    store: Store
    folder: Path
    sync_state: SyncState
    output: CapturedOutput = field(default_factory=CapturedOutput)
    uploaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Create a new watcher, as after a restart."""
        console = Console(self.output)
        self.drop_watcher = DropWatcher(
            self.folder, self.stack, self.store, self.sync_state, console, self.uploaded.append
        )

    def put(self, name: str, data: bytes = b"song") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def scan(self, times: int = 2) -> list[str]:
        """Scan the folder, twice by default, and return the uploaded keys."""
        self.uploaded.clear()
        for _ in range(times):
            self.drop_watcher.scan()
        return list(self.uploaded)

    def in_bucket(self) -> dict[str, bytes]:
        bucket = self.stack.uploads_bucket
        listed = self.stack.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {
            entry["Key"]: self.stack.s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            for entry in listed
        }


@pytest.fixture
def drop(buckets: Stack, client: "S3Client", store: Store, tmp_path: Path) -> Iterator[DropFolder]:
    folder = tmp_path / "drop"
    folder.mkdir()
    with SyncState(tmp_path / "songs.sqlite") as sync_state:
        yield DropFolder(replace(buckets, s3=client), store, folder, sync_state)


def test_files_are_uploaded_under_their_paths(drop: DropFolder) -> None:
    names = [
        "a.mp3",
        "4stems/b.flac",
        "4stems/live/Größe + 100% 'x' 🎵?#.wav",
        "no suffix",
        "\t;\\",
    ]
    for name in names:
        drop.put(name, name.encode())
    assert set(drop.scan()) == {f"drop/{name}" for name in names}
    assert drop.in_bucket() == {f"drop/{name}": name.encode() for name in names}
    assert drop.output.count("dropped ") == len(names)


def test_file_is_uploaded_when_unchanged_for_two_scans(drop: DropFolder) -> None:
    path = drop.put("song.mp3")
    assert drop.scan(1) == []
    with path.open("ab") as file:
        file.write(b" goes on")
    assert drop.scan(1) == []
    assert drop.scan(1) == ["drop/song.mp3"]
    assert drop.in_bucket() == {"drop/song.mp3": b"song goes on"}
    assert drop.scan() == []


def test_file_open_for_writing_waits(drop: DropFolder) -> None:
    path = drop.put("slow.mp3")
    with path.open("ab") as file:
        assert drop.scan(4) == []
        file.write(b" at last")
    assert drop.output.count("waits .*drop/slow.mp3: It is open for writing") == 1
    assert drop.scan(3) == ["drop/slow.mp3"]
    assert drop.in_bucket() == {"drop/slow.mp3": b"song at last"}


def test_program_opening_a_scanned_file_is_delayed_only(
    drop: DropFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop.put("song.mp3")
    control = fcntl.fcntl

    def open_meanwhile(file: object, command: int, argument: int) -> int:
        done: int = control(file, command, argument)  # type: ignore[call-overload]
        if argument == fcntl.F_RDLCK:
            with pytest.raises(BlockingIOError):
                os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        return done

    monkeypatch.setattr(fcntl, "fcntl", open_meanwhile)
    assert drop.scan() == ["drop/song.mp3"]


def test_scans_decide_without_file_leases(
    drop: DropFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_lease(*_: object) -> int:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(fcntl, "fcntl", no_lease)
    drop.put("song.mp3")
    assert drop.scan() == ["drop/song.mp3"]


def test_empty_file_waits(drop: DropFolder) -> None:
    path = drop.put("song.mp3", b"")
    assert drop.scan(3) == []
    old_s = path.stat().st_mtime - 2 * drop_watcher_module.EMPTY_FOR_S
    os.utime(path, (old_s, old_s))
    assert drop.scan(3) == ["drop/song.mp3"]


def test_file_above_the_limit_is_reported_once_and_not_uploaded(drop: DropFolder) -> None:
    drop.stack = replace(drop.stack, parameters={**drop.stack.parameters, "MaxUploadMb": "1"})
    drop.open()
    path = drop.put("song.wav", bytes(1_000_001))
    assert drop.scan(4) == []
    assert drop.output.count("dropped ") == 0
    assert drop.output.count("waits .*drop/song.wav: It has 1.0 MB, above the limit of 1 MB: ") == 1
    path.write_bytes(bytes(1_000_000))
    assert drop.scan(4) == ["drop/song.wav"]


@pytest.mark.parametrize(
    "name", [".hidden.mp3", ".folder/a.mp3", "a.mp3.part", "A.CRDOWNLOAD", "a.tmp", "a.mp3~"]
)
def test_unfinished_files_are_ignored(drop: DropFolder, name: str) -> None:
    drop.put(name)
    assert drop.scan(3) == []
    assert drop.output.text == ""


def test_only_regular_files_are_uploaded(drop: DropFolder) -> None:
    (drop.folder / "folder.mp3").mkdir()
    os.mkfifo(drop.folder / "pipe.mp3")
    (drop.folder / "nowhere.mp3").symlink_to("nothing")
    (drop.folder / "circle.mp3").symlink_to("circle.mp3")
    outside = drop.folder.parent / "outside.mp3"
    outside.write_bytes(b"song")
    (drop.folder / "link.mp3").symlink_to(outside)
    assert drop.scan(3) == ["drop/link.mp3"]


def test_file_is_uploaded_once_across_restarts(drop: DropFolder) -> None:
    drop.put("song.mp3")
    assert drop.scan() == ["drop/song.mp3"]
    drop.open()
    assert drop.scan(3) == []


@pytest.mark.parametrize("change", [b"gnos", b"another song"])
def test_changed_file_is_uploaded_again(drop: DropFolder, change: bytes) -> None:
    drop.put("song.mp3")
    drop.scan()
    drop.put("song.mp3", change)
    assert drop.scan(3) == ["drop/song.mp3"]
    assert drop.in_bucket() == {"drop/song.mp3": change}


def test_file_dropped_again_is_uploaded_again(drop: DropFolder) -> None:
    path = drop.put("song.mp3")
    drop.scan()
    entry = drop.sync_state.find("drop/song.mp3")
    assert entry
    path.rename(drop.folder.parent / "aside")
    drop.scan()
    assert drop.sync_state.find("drop/song.mp3") == entry  # its stems aren't exported yet
    drop.sync_state.record_export("drop/song.mp3", entry)
    drop.scan()
    (drop.folder.parent / "aside").rename(path)
    assert drop.scan() == ["drop/song.mp3"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"\xff.mp3", "is no text"),
        (b"/".join([b"x" * 250] * 4) + b"/a.mp3", "shorter name"),
    ],
)
def test_invalid_key_is_reported_once_and_skipped(
    drop: DropFolder, name: bytes, reason: str
) -> None:
    path = Path(os.fsdecode(os.fsencode(drop.folder) + b"/" + name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"song")
    drop.put("zzz.mp3")
    assert drop.scan(4) == ["drop/zzz.mp3"]
    assert drop.output.count("waits ") == 1
    assert drop.output.count(reason) == 1


def test_unreadable_file_is_reported_once_and_skipped(
    drop: DropFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = drop.put("locked.mp3")
    drop.put("zzz.mp3")
    open_file: Callable[..., object] = Path.open

    def refuse(path: Path, *details: object) -> object:
        if path == locked:
            raise PermissionError(13, "Permission denied")
        return open_file(path, *details)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)  # root can read all files
        assert drop.scan(4) == ["drop/zzz.mp3"]
    assert drop.output.count("waits .*drop/locked.mp3: Permission denied.") == 1
    assert drop.scan(1) == ["drop/locked.mp3"]


def test_missing_folder_is_reported_once(drop: DropFolder) -> None:
    drop.folder.rmdir()
    assert drop.scan(3) == []
    assert drop.output.count("waits .*No such file or directory.") == 1


def test_failed_upload_is_retried(drop: DropFolder, faults: FaultProxy) -> None:
    faults.inject(unavailable, "PUT", "drop/song.mp3", times=5)
    drop.put("song.mp3")
    drop.put("zzz.mp3")
    assert drop.scan() == ["drop/zzz.mp3"]
    faults.inject(unavailable, "PUT", "drop/song.mp3", times=5)
    assert drop.scan(1) == []
    assert drop.output.count("dropped .*drop/song.mp3") == 1
    assert drop.output.count("waits .*drop/song.mp3: Could not upload") == 1
    assert drop.scan(1) == ["drop/song.mp3"]


def test_upload_is_not_repeated_while_its_record_cannot_be_written(
    drop: DropFolder, faults: FaultProxy
) -> None:
    drop.put("returned.mp3")
    drop.scan()
    entry = drop.sync_state.find("drop/returned.mp3")
    assert entry
    drop.sync_state.record_export("drop/returned.mp3", entry)
    (drop.folder / "returned.mp3").unlink()
    drop.put("song.mp3")
    drop.sync_state._run("PRAGMA query_only = TRUE")
    assert drop.scan(4) == []
    assert drop.output.count(r"waits .*drop/song.mp3: .*songs\.sqlite can't be used: ") == 1
    assert faults.count_requests("PUT", "drop/song.mp3") == 1
    drop.sync_state._run("PRAGMA query_only = FALSE")
    assert drop.scan(1) == ["drop/song.mp3"]
    assert faults.count_requests("PUT", "drop/song.mp3") == 1
    assert drop.sync_state.keys(returned=True) == []
