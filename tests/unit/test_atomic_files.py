from pathlib import Path

import pytest

from stemdrop.errors import OptionError
from stemdrop_separate.atomic_files import unfinished


def test_files_appear_together_in_folders_of_their_own(tmp_path: Path) -> None:
    paths = {name: tmp_path / "out" / name / "song.wav" for name in ("vocals", "drums")}
    with unfinished(paths) as parts:
        for name, part in parts.items():
            part.write_text(name)
            # A rename, unlike a copy, needs both on one file system.
            assert part.parent.parent == paths[name].parent
        assert not [path for path in paths.values() if path.exists()]
    assert {name: path.read_text() for name, path in paths.items()} == {
        name: name for name in paths
    }
    assert len(list(tmp_path.rglob("*"))) == 5


def test_folder_in_place_of_a_file_is_refused_before_the_work(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.wav" for name in ("vocals", "drums")}
    paths["drums"].mkdir()
    with pytest.raises(OptionError, match=r"drums\.wav is a folder"), unfinished(paths):
        pytest.fail("the work began")
    assert list(tmp_path.iterdir()) == [paths["drums"]]


def test_file_that_can_not_be_moved_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vocals.wav"

    def write() -> None:
        with unfinished({"vocals": path}) as parts:
            parts["vocals"].touch()
            path.mkdir()

    with pytest.raises(OptionError, match=r"to .*vocals\.wav"):
        write()


def test_failure_removes_the_folders_that_it_created_and_no_others(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    used = tmp_path / "used/vocals.wav"
    paths = {"vocals": there / "a/b/vocals.wav", "drums": tmp_path / "c/drums.wav", "bass": used}

    def fail() -> None:
        with unfinished(paths) as parts:
            parts["vocals"].touch()
            (used.parent / "of another song.wav").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["there", "used", "used/of another song.wav"]
