"""The persistent state of the drop folder's files."""

from pathlib import Path

import pytest

from stemdrop_local.folders.sync_state import FileVersion, SyncedFile, SyncState

KEY = "drop/4stems/Größe 'x' 🎵.mp3"
OLD, NEW = FileVersion(10, 1), FileVersion(10, 1_700_000_000_123_456_789)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "songs.sqlite"


def test_sync_state_persists(path: Path) -> None:
    with SyncState(path) as sync_state:
        assert sync_state.find(KEY) is None
        sync_state.record_upload(KEY, NEW, "abc-2", "2026-01-01T00:00:00.000Z")
    with SyncState(path) as sync_state:
        entry = SyncedFile(NEW, "abc-2", "2026-01-01T00:00:00.000Z", returned=False)
        assert sync_state.find(KEY) == entry
        assert sync_state.keys(returned=False) == [KEY]
        sync_state.record_export(KEY, entry)
    with SyncState(path) as sync_state:
        assert sync_state.find(KEY) == SyncedFile(
            NEW, "abc-2", "2026-01-01T00:00:00.000Z", returned=True
        )
        assert sync_state.keys(returned=False) == []
        sync_state.forget(KEY)
    with SyncState(path) as sync_state:
        assert sync_state.find(KEY) is None


@pytest.mark.parametrize(("version", "etag"), [(NEW, "a"), (OLD, "b")])
def test_export_of_an_earlier_version_is_ignored(
    path: Path, version: FileVersion, etag: str
) -> None:
    with SyncState(path) as sync_state:
        sync_state.record_upload(KEY, OLD, "a", "")
        earlier = sync_state.find(KEY)
        assert earlier
        sync_state.record_upload(KEY, version, etag, "")
        sync_state.record_export(KEY, earlier)
        assert sync_state.keys(returned=False) == [KEY]
