"""The blocked forms of a network give the estimates of the portable one, or aren't used."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import random_checkpoints
from stemdrop.models import INSTRUMENTS
from stemdrop_model import blocked_graph
from stemdrop_model.blocked_graph import block_here
from stemdrop_separate.models import onnx
from stemdrop_separate.models.network import Magnitude
from stemdrop_separate.models.onnx import MAX_PARALLEL, OnnxBackend, divide_threads


@pytest.fixture
def folder(root: Path, tmp_path: Path) -> Path:
    """Return a folder with links to the genuine 2stems model."""
    for path in (root / "build" / "models").glob("2stems.*"):
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def load(folder: Path, threads: int = 1) -> OnnxBackend:
    return OnnxBackend(folder, "2stems", INSTRUMENTS["2stems"], threads)


def magnitude(segments: int = 1, bins: int = 1024) -> Magnitude:
    return random_checkpoints.music_like(segments, bins, seed=3)


def assert_equal(actual: dict[str, Magnitude], expected: dict[str, Magnitude]) -> None:
    for name, estimate in expected.items():
        np.testing.assert_allclose(actual[name], estimate, atol=1e-5 * estimate.max())


def blocked(folder: Path, suffix: str = "onnx") -> Path:
    """Return a file of this processor's form, or of another one where it has none."""
    return folder / f"2stems.blocked{block_here() or 16}.{suffix}"


def test_the_form_is_that_of_the_processor(folder: Path) -> None:
    block = block_here()
    assert load(folder).form == (f"blocked{block}" if block else "portable")


@pytest.mark.parametrize(
    ("flags", "tried", "proven"),
    [
        ("fpu avx avx2 fma", "8", 8),
        ("fpu avx avx2 fma avx512f avx512bw", "16", 16),
        ("fp asimd", "16", None),
        (None, "16", None),
    ],
)
def test_small_blocks_are_tried_only_where_they_are_certain(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: str | None,
    tried: str,
    proven: int | None,
) -> None:
    processors = folder / "cpuinfo"
    if flags is not None:
        processors.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    loaded: list[str] = []

    def refuse(_: OnnxBackend, network: Path, *__: object) -> bool:
        """Load no form, since this processor may take other blocks."""
        loaded.append(network.name)
        return False

    monkeypatch.setattr(OnnxBackend, "_load_blocked", refuse)
    for module in (onnx, blocked_graph):
        monkeypatch.setattr(module, "PROCESSORS", processors)
    assert load(folder).form == "portable"
    assert loaded == [f"2stems.blocked{tried}.onnx"]
    assert block_here() == proven


@pytest.mark.parametrize(("segments", "bins"), [(1, 1024), (2, 192), (3, 64)])
def test_estimates_equal_those_of_the_portable_form(folder: Path, segments: int, bins: int) -> None:
    chosen = load(folder)
    blocked(folder).unlink()
    portable = load(folder)
    assert portable.form == "portable"
    given = magnitude(segments, bins)
    assert_equal(chosen.estimate(given), portable.estimate(given))


@pytest.mark.parametrize("damage", ["truncated", "of other weights", "without a check"])
def test_unusable_blocked_form_is_replaced(folder: Path, damage: str) -> None:
    given = magnitude(bins=64)
    expected = load(folder).estimate(given)
    network, check = blocked(folder), folder / "2stems.check.npz"
    if damage == "truncated":
        content = network.read_bytes()
        network.unlink()
        network.write_bytes(content[: len(content) // 2])
    elif damage == "without a check":
        check.unlink()
    else:
        with np.load(check) as arrays:
            values = dict(arrays)
        check.unlink()
        values["vocals"], values["accompaniment"] = values["accompaniment"], values["vocals"]
        np.savez(check, **values)
    backend = load(folder)
    assert backend.form == "portable"
    assert_equal(backend.estimate(given), expected)


def test_blocked_form_maps_its_kernels_from_the_disk(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    backend = load(copy)
    is_mapped = str(blocked(copy, "kernels")) in Path("/proc/self/maps").read_text()
    assert is_mapped is (backend.form != "portable")


def test_threads_are_divided_among_segments() -> None:
    assert [divide_threads(threads) for threads in (1, 2, 4, 5, 6, 8, 16)] == [
        *((1, 1), (2, 1), (4, 1), (3, 2), (3, 2), (4, 2), (4, 4))
    ]
    for threads in range(1, 200):
        parallel, each = divide_threads(threads)
        assert parallel <= MAX_PARALLEL
        assert threads <= parallel * each < threads + each


def test_threads_of_a_segment_do_not_change_its_estimates(folder: Path) -> None:
    one, several = load(folder), load(folder, 2 * MAX_PARALLEL)
    assert (several.parallel, one.parallel) == (MAX_PARALLEL, 1)
    given = magnitude(bins=192)
    assert_equal(several.estimate(given), one.estimate(given))
