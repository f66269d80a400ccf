"""Checkpoints read without TensorFlow: the saved values, or an error in one sentence."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from checkpoint_files import HEADER, table, write
from stemdrop_model.checkpoint import DATA, INDEX, read
from stemdrop_model.errors import CheckpointError

VARIABLES = {
    f"conv2d_{number}/{name}": np.full(shape, number, np.float32)
    for number in range(9)
    for name, shape in {"bias": (3,), "kernel": (2, 1, 3)}.items()
}
NAMES = st.text("ab/_1é", min_size=1, max_size=9)
SHAPES = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


@given(st.dictionaries(NAMES, arrays(np.float32, SHAPES), max_size=40), st.integers(1, 50))
def test_saved_variables_are_read(saved: dict[str, NDArray[Any]], entries_per_block: int) -> None:
    with TemporaryDirectory() as folder:
        found = read(write(Path(folder), {**saved, "step": np.array(3)}, entries_per_block))
    assert found.keys() == saved.keys()
    for name, values in saved.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], values)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a checkpoint, which tests restore after changes."""
    return write(tmp_path_factory.mktemp("checkpoint"), VARIABLES, entries_per_block=7)


@given(name=st.sampled_from([INDEX, DATA]), data=st.data())
def test_a_truncated_file_is_refused(folder: Path, name: str, data: st.DataObject) -> None:
    whole = (folder / name).read_bytes()
    try:
        (folder / name).write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        with pytest.raises(CheckpointError, match=r"model\.(index|data-00000-of-00001) is damaged"):
            read(folder)
    finally:
        (folder / name).write_bytes(whole)


@settings(max_examples=300)
@given(name=st.sampled_from([INDEX, DATA]), change=st.integers(1, 255), data=st.data())
def test_changed_byte_is_refused_or_has_no_effect(
    folder: Path, name: str, change: int, data: st.DataObject
) -> None:
    whole = (folder / name).read_bytes()
    changed = bytearray(whole)
    changed[data.draw(st.integers(0, len(whole) - 1))] ^= change
    (folder / name).write_bytes(changed)
    try:
        found = read(folder)
    except CheckpointError:
        return
    finally:
        (folder / name).write_bytes(whole)
    assert name == INDEX, "a byte of the values changed"
    assert {key: values.tolist() for key, values in found.items()} == {
        key: values.tolist() for key, values in VARIABLES.items()
    }


def test_a_damaged_variable_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, {"a/bias": np.zeros(2, np.float32), "b/bias": np.zeros(2, np.float32)})
    (path / DATA).write_bytes(bytes(15) + b"\1")
    with pytest.raises(CheckpointError) as failure:
        read(path)
    assert str(failure.value) == f"{DATA} is damaged, in the variable b/bias"


@pytest.mark.parametrize("name", [INDEX, DATA])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (write(tmp_path, VARIABLES) / name).unlink()
    with pytest.raises(CheckpointError, match=f"{tmp_path / name} is missing"):
        read(tmp_path)


@pytest.mark.parametrize(
    "index",
    [
        table([(b"", b"\x08\x02")]),  # two data files
        table([(b"", b"\x08\x01\x10\x01")]),  # big-endian
        table([(b"", HEADER), (b"a", b"\x18\x01")]),  # refers to a second data file
        table([(b"", HEADER), (b"a", b"\x3a\x00")]),  # in slices
        table([(b"", HEADER)], compression=1),
        table([(b"", b"\x0a\x01\x01")]),  # bytes where a number belongs
        table([(b"", HEADER), (b"a", b"\x09")]),  # an unknown field type
        table([(b"", HEADER), (b"\xff", b"")]),
        b"no table at all" * 9,
        b"",
    ],
)
def test_unsupported_index_is_refused(tmp_path: Path, index: bytes) -> None:
    (tmp_path / DATA).touch()
    (tmp_path / INDEX).write_bytes(index)
    with pytest.raises(CheckpointError, match=r"model\.index is damaged"):
        read(tmp_path)
