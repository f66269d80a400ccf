import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stemdrop.errors import NoRoomError
from stemdrop_separate.disk_space import require_disk_space
from stemdrop_separate.workspace import workspace


def test_workspace_is_empty_and_deleted_afterwards(tmp_path: Path) -> None:
    root = tmp_path / "not" / "there"
    with workspace(root) as folder:
        assert list(folder.iterdir()) == []
        assert root in folder.parents
        (folder / "song").write_bytes(b"x")
        (folder / "deeper").mkdir()
    assert list(root.iterdir()) == []


def test_workspace_is_deleted_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), workspace(tmp_path) as folder:
        folder.write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


def test_folder_of_a_killed_process_is_deleted(tmp_path: Path) -> None:
    # A process that has ended, so that its ID is unused.
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / str(ended.pid) / "x"
    left.mkdir(parents=True)
    (left / "song").write_bytes(b"x")
    with workspace(tmp_path):
        assert not left.exists()


def test_earlier_folder_of_this_process_is_deleted(tmp_path: Path) -> None:
    # A timed-out invocation leaves its files for the next one in the same process.
    left = tmp_path / str(os.getpid()) / "x"
    left.mkdir(parents=True)
    with workspace(tmp_path):
        assert not left.exists()


def test_folder_of_a_running_process_is_kept(tmp_path: Path) -> None:
    used = tmp_path / str(os.getppid()) / "x"
    used.mkdir(parents=True)
    with workspace(tmp_path):
        pass
    assert used.exists()


def test_a_full_disk_is_a_rejection(tmp_path: Path) -> None:
    with pytest.raises(NoRoomError, match="full"), workspace(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_other_file_error_is_not_a_rejection(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), workspace(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_insufficient_disk_space_is_a_rejection(tmp_path: Path) -> None:
    require_disk_space(tmp_path, 0, "The stems")
    require_disk_space(tmp_path, 1000, "The stems")
    with pytest.raises(NoRoomError) as raised:
        require_disk_space(tmp_path, 10**18, "The stems")
    assert raised.value.code == "no_room"
    assert "The stems would take 1000000000000 MB" in raised.value.message
