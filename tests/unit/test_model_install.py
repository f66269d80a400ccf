"""Installing a model: the network stays, the weights go."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import checkpoint_files
from stemdrop_model import unet
from stemdrop_model.errors import FetchError, ProofError
from stemdrop_model.install import install, remove
from stemdrop_model.manifest import NETWORK_FILES, network_size_bytes
from stemdrop_model.sources import OnProgress
from stemdrop_model.weights import Weights
from stemdrop_model.whole import sha256

FILTERS = (16, 32, 16, 32, 16, 32)


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with weights of a small 2stems."""
    monkeypatch.setattr(unet, "FILTERS", FILTERS)
    return checkpoint_files.write(
        tmp_path / "checkpoint", checkpoint_files.variables(FILTERS, unets=2)
    )


@pytest.fixture
def weights(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """Return these weights, pinned, with a source that copies them."""
    pinned = Weights("2stems", {path.name: sha256(path) for path in checkpoint.iterdir()}, ())

    def copy(_: Weights, into: Path, on_progress: OnProgress) -> Path:
        on_progress(1, 1)
        folder = into / "2stems"
        folder.mkdir()
        for path in checkpoint.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        return folder

    monkeypatch.setattr("stemdrop_model.install.fetch", copy)
    return pinned


def test_installed_model_has_no_weights_left(weights: Weights, tmp_path: Path) -> None:
    models = tmp_path / "cache" / "models"
    reports: list[tuple[int, int | None]] = []
    assert install(weights, models, lambda *report: reports.append(report))
    assert reports
    visible = {path.name for path in models.rglob("*") if path.suffix != ".lock"}
    names = {f"2stems{end}" for end in (*NETWORK_FILES, ".check.npz")}
    assert visible == {"2stems.json", *names}
    size_bytes = sum((models / name).stat().st_size for name in names)
    assert network_size_bytes(weights, models) == size_bytes
    assert not install(weights, models)


def test_copied_weights_are_used_and_kept(
    weights: Weights, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Path:
        raise FetchError("There is no network.")

    monkeypatch.setattr("stemdrop_model.install.fetch", fail)
    models = tmp_path / "cache" / "models"
    with pytest.raises(FetchError):
        install(weights, models)
    copied = tmp_path / "cache" / "weights" / "2stems"
    copied.parent.mkdir()
    checkpoint.rename(copied)
    assert install(weights, models)
    assert (copied / "model.index").is_file()


def test_simultaneous_installations_build_once(weights: Weights, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        built = pool.map(lambda _: install(weights, tmp_path / "models"), range(3))
    assert sorted(built) == [False, False, True]


def test_network_other_than_the_pinned_one_is_refused(weights: Weights, tmp_path: Path) -> None:
    with pytest.raises(ProofError, match="isn't the one that was compared"):
        install(replace(weights, network="0" * 64), tmp_path / "models")
    assert not [path for path in (tmp_path / "models").iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize("times", [1, 2])
def test_removed_model_leaves_nothing(weights: Weights, tmp_path: Path, times: int) -> None:
    models = tmp_path / "cache" / "models"
    install(weights, models)
    copied = tmp_path / "cache" / "weights" / "2stems"
    copied.mkdir(parents=True)
    (copied / "model.index").write_bytes(b"copied")
    freed = [remove("2stems", models) for _ in range(times)]
    assert freed[0] > network_size_bytes(weights, models) == 0
    assert freed[1:] == [0] * (times - 1)
    assert not copied.exists()
    assert not list(models.glob("2stems*"))


def test_removal_keeps_linked_weights_and_folders_among_the_weights(tmp_path: Path) -> None:
    models, weights = tmp_path / "cache" / "models", tmp_path / "cache" / "weights"
    mine = tmp_path / "mine"
    for folder in (models, mine, weights / "4stems" / "folder"):
        folder.mkdir(parents=True)
    for path in (mine / "model.index", weights / "4stems" / "model.index"):
        path.write_bytes(b"weights")
    (weights / "2stems").symlink_to(mine)
    (weights / "4stems" / "link").symlink_to(mine)
    assert remove("2stems", models) == 0
    assert not (weights / "2stems").is_symlink()
    remove("4stems", models)
    assert [path.name for path in (weights / "4stems").iterdir()] == ["folder"]
    assert [path.name for path in mine.iterdir()] == ["model.index"]
