"""What is known of the drop folder's files, also by who opens the ledger again."""

from pathlib import Path

import pytest

from stemdrop_local.folders.sync_state import Entry, Ledger, Version

KEY = "drop/4stems/Größe 'x' 🎵.mp3"
OLD, NEW = Version(10, 1), Version(10, 1_700_000_000_123_456_789)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "songs.sqlite"


def test_what_was_noted_is_there_after_a_restart(path: Path) -> None:
    with Ledger(path) as ledger:
        assert ledger.find(KEY) is None
        ledger.note_upload(KEY, NEW, "abc-2", "2026-01-01T00:00:00.000Z")
    with Ledger(path) as ledger:
        entry = Entry(NEW, "abc-2", "2026-01-01T00:00:00.000Z", returned=False)
        assert ledger.find(KEY) == entry
        assert ledger.keys(returned=False) == [KEY]
        ledger.note_return(KEY, entry)
    with Ledger(path) as ledger:
        assert ledger.find(KEY) == Entry(NEW, "abc-2", "2026-01-01T00:00:00.000Z", returned=True)
        assert ledger.keys(returned=False) == []
        ledger.forget(KEY)
    with Ledger(path) as ledger:
        assert ledger.find(KEY) is None


@pytest.mark.parametrize(("version", "etag"), [(NEW, "a"), (OLD, "b")])
def test_stems_of_an_earlier_version_are_not_those_of_the_file(
    path: Path, version: Version, etag: str
) -> None:
    with Ledger(path) as ledger:
        ledger.note_upload(KEY, OLD, "a", "")
        earlier = ledger.find(KEY)
        assert earlier
        ledger.note_upload(KEY, version, etag, "")
        ledger.note_return(KEY, earlier)
        assert ledger.keys(returned=False) == [KEY]
