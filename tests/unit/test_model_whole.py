"""Atomic publication of model files, and the record of a model."""

import fcntl
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stemdrop_model import manifest
from stemdrop_model import weights as pins
from stemdrop_model.__main__ import main
from stemdrop_model.manifest import (
    NETWORK_FILES,
    describe,
    is_current,
    network_size_bytes,
    recipe,
)
from stemdrop_model.weights import pinned
from stemdrop_model.whole import publish, staging

PINNED = pinned("2stems")
UNPINNED = replace(PINNED, network=None)


def test_staging_folder_is_empty_and_removed_at_the_end(tmp_path: Path) -> None:
    left_over = tmp_path / "into" / ".2stems.partial" / "half"
    left_over.parent.mkdir(parents=True)
    left_over.write_bytes(b"of a process that was killed")
    with staging(tmp_path / "into", "2stems") as partial:
        assert list(partial.iterdir()) == []
        (partial / "done").write_bytes(b"whole")
        (partial / "done").rename(tmp_path / "into" / "done")
        (partial / "half").write_bytes(b"ha")
    assert sorted(path.name for path in (tmp_path / "into").iterdir()) == [".2stems.lock", "done"]


def test_error_removes_the_staging_folder(tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with staging(tmp_path, "2stems") as partial:
            (partial / "half").write_bytes(b"ha")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert [path.name for path in tmp_path.iterdir()] == [".2stems.lock"]


def test_only_one_process_stages_a_model(tmp_path: Path) -> None:
    with staging(tmp_path, "2stems"):
        with (tmp_path / ".2stems.lock").open("w") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with staging(tmp_path, "4stems"):
            pass
    with (tmp_path / ".2stems.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_failed_publication_leaves_no_record(tmp_path: Path) -> None:
    names = ("2stems.onnx", "2stems.pb", "2stems.json")
    with staging(tmp_path, "2stems") as partial:
        for folder, content in ((tmp_path, "old"), (partial, "new")):
            for name in names:
                (folder / name).write_text(content)
        staged = [partial / name for name in names]
        staged[1].unlink()  # so that publishing fails halfway
        with pytest.raises(FileNotFoundError):
            publish(staged, tmp_path)
        assert not (tmp_path / "2stems.json").exists()
        staged[1].write_text("new")
        staged[0].write_text("new")
        publish(staged, tmp_path)
    assert {(tmp_path / name).read_text() for name in names} == {"new"}


SUFFIXES = (*NETWORK_FILES, ".check.npz", ".pb")


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Return a folder with a built model for both backends."""
    networks = [tmp_path / f"2stems{suffix}" for suffix in SUFFIXES]
    for path in networks:
        path.write_bytes(path.name.encode())
    record = {
        "recipe": recipe(),
        "source": {"files": PINNED.files},
        "files": {path.name: describe(path) for path in networks},
    }
    (tmp_path / "2stems.json").write_text(json.dumps(record))
    return tmp_path


def test_complete_model_of_these_weights_is_current(built: Path) -> None:
    assert is_current(UNPINNED, built)
    assert network_size_bytes(UNPINNED, built) == sum(len(f"2stems{end}") for end in SUFFIXES)


@pytest.mark.parametrize(
    "name", ["2stems.onnx", "2stems.blocked8.kernels", "2stems.pb", "2stems.json"]
)
def test_model_with_a_missing_or_damaged_file_is_rebuilt(built: Path, name: str) -> None:
    path = built / name
    path.write_bytes(path.read_bytes()[:-3])
    assert not is_current(UNPINNED, built)
    path.unlink()
    assert not is_current(UNPINNED, built)


@pytest.mark.parametrize("name", ["2stems.onnx", "2stems.blocked8.kernels", "2stems.json"])
def test_missing_or_truncated_network_has_no_size(built: Path, name: str) -> None:
    path = built / name
    path.write_bytes(path.read_bytes()[:-3])
    assert network_size_bytes(UNPINNED, built) == 0
    path.unlink()
    assert network_size_bytes(UNPINNED, built) == 0


def test_frozen_graph_is_required_only_on_request(built: Path) -> None:
    assert is_current(UNPINNED, built, frozen=True)
    record = json.loads((built / "2stems.json").read_text())
    del record["files"]["2stems.pb"]
    (built / "2stems.json").write_text(json.dumps(record))
    assert is_current(UNPINNED, built)
    assert not is_current(UNPINNED, built, frozen=True)


def test_model_of_fewer_files_is_rebuilt(built: Path) -> None:
    record = json.loads((built / "2stems.json").read_text())
    del record["files"]["2stems.blocked8.onnx"]
    (built / "2stems.json").write_text(json.dumps(record))
    assert not is_current(PINNED, built)
    assert network_size_bytes(PINNED, built) == 0


def test_model_of_other_weights_is_rebuilt(built: Path) -> None:
    other = replace(UNPINNED, files=PINNED.files | {"model.index": "0" * 64})
    assert not is_current(other, built)


def test_other_code_rebuilds_only_an_unpinned_network(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "recipe", lambda: "of another commit")
    assert not is_current(UNPINNED, built)
    files = {f"2stems{end}": describe(built / f"2stems{end}") for end in NETWORK_FILES}
    sha256 = manifest.network_sha256("2stems", files)
    assert is_current(replace(PINNED, network=sha256), built)
    assert not is_current(replace(PINNED, network=sha256), built, frozen=True)
    assert not is_current(PINNED, built)


def test_current_model_is_not_rebuilt(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "weights.toml"
    weights.write_text(pins.PINNED.read_text().replace(f'network = "{PINNED.network}"', ""))
    assert main(["build", "2stems", f"--into={built}", f"--weights={weights}"]) == 0
    assert capsys.readouterr().out == f"2stems: there already, in {built}\n"


def test_build_does_not_import_tensorflow() -> None:
    modules = "stemdrop_model.__main__, stemdrop_model.build, sys"
    code = f"import {modules}; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
