"""Networks built without TensorFlow equal Spleeter's own graph."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

import checkpoint_files
import random_checkpoints
from stemdrop.models import INSTRUMENTS
from stemdrop_model.architecture import ARCHITECTURES, BINS, CHANNELS, FRAMES
from stemdrop_model.errors import CheckpointError, ProofError
from stemdrop_model.fetch import fetch
from stemdrop_model.manifest import NETWORK_FILES, describe, network_sha256
from stemdrop_model.weights import pinned
from stemdrop_model.whole import sha256

Estimates = dict[str, NDArray[np.float32]]
Run = Callable[[NDArray[np.float32]], Estimates]
# Two float32 implementations of the same 25 layers; measured: 1e-5 to 8e-5.
ROUNDING = 1e-4
# The smallest input of a network.
SMALL = (1, 64)


@pytest.fixture(scope="module")
def models(root: Path) -> Path:
    """Return the folder of the genuine 2stems model."""
    return root / "build" / "models"


@pytest.fixture(scope="module")
def checkpoint(root: Path) -> Path:
    """Return the folder of the genuine 2stems weights."""
    return fetch(pinned("2stems"), root / "build" / "weights")


def by_onnx(path: Path, instruments: tuple[str, ...]) -> Run:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda magnitude: dict(
        zip(instruments, session.run(instruments, {"magnitude": magnitude}), strict=True)
    )


def difference(expected: Estimates, actual: Estimates) -> float:
    """Return the largest difference relative to the largest value of the instrument."""
    assert list(expected) == list(actual)
    return max(
        float(np.abs(actual[name] - estimate).max() / np.abs(estimate).max())
        for name, estimate in expected.items()
    )


def assert_described(record: dict[str, Any], model: str, checkpoint: Path, folder: Path) -> None:
    """Assert that <model>.json describes the files."""
    files = {name: sha256(checkpoint / name) for name in pinned(model).files}
    assert record["model"] == model
    assert record["instruments"] == list(INSTRUMENTS[model])
    assert (record["T"], record["F"]) == (512, {"11kHz": 1024, "16kHz": 1536})
    assert record["source"] == {"sha256": files["model.data-00000-of-00001"], "files": files}
    names = [f"{model}{suffix}" for suffix in (*NETWORK_FILES, ".check.npz", ".pb")]
    assert record["files"] == {name: describe(folder / name) for name in names}
    assert 0 < record["max_relative_difference"] < ROUNDING
    assert set(record["versions"]) == {"numpy", "opset"}


@pytest.mark.parametrize("bandwidth", ["", "-16kHz"])
@pytest.mark.parametrize("model", ARCHITECTURES)
def test_architectures_are_those_of_spleeters_configurations(model: str, bandwidth: str) -> None:
    from stemdrop_model import spleeter_graph

    parameters = spleeter_graph.configuration(f"{model}{bandwidth}")
    ours, network = ARCHITECTURES[model], parameters["model"]
    assert list(ours.instruments) == parameters["instrument_list"]
    assert network["type"] == ("unet.softmax_unet" if ours.softmax else "unet.unet")
    activations = {
        "conv_activation": ours.encoder_activation,
        "deconv_activation": ours.decoder_activation,
    }
    defaults = {"conv_activation": "LeakyReLU", "deconv_activation": "ReLU"}
    assert activations == defaults | network["params"]
    assert (parameters["T"], parameters["n_channels"]) == (FRAMES, CHANNELS)
    assert parameters["F"] == BINS["16kHz" if bandwidth else "11kHz"]


@pytest.fixture(scope="module")
def genuine(checkpoint: Path) -> Iterator[Any]:
    """Return a session on Spleeter's graph with the genuine 2stems weights."""
    from stemdrop_model import spleeter_graph

    with spleeter_graph.restored("2stems", checkpoint) as session:
        yield session


def test_genuine_model_equals_tensorflow(models: Path, checkpoint: Path, genuine: Any) -> None:
    from stemdrop_model import spleeter_graph

    # The build compares the networks with Spleeter's restored graph, at both bandwidths.
    record = json.loads((models / "2stems.json").read_text())
    assert_described(record, "2stems", checkpoint, models)
    instruments = INSTRUMENTS["2stems"]
    magnitude = random_checkpoints.music_like(1, 512, seed=9)
    expected = spleeter_graph.run(genuine, magnitude, instruments)
    actual = by_onnx(models / "2stems.onnx", instruments)(magnitude)
    assert difference(expected, actual) < ROUNDING
    with spleeter_graph.loaded(models / "2stems.pb") as session:
        frozen = spleeter_graph.run(session, magnitude, instruments)
    assert difference(expected, frozen) < ROUNDING


def test_genuine_network_has_the_pinned_hash(models: Path) -> None:
    files = {f"2stems{end}": describe(models / f"2stems{end}") for end in NETWORK_FILES}
    assert network_sha256("2stems", files) == pinned("2stems").network


def test_different_network_is_refused_and_installed_model_is_kept(
    checkpoint: Path, genuine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stemdrop_model import build, proof, spleeter_graph, unet
    from stemdrop_model import checkpoint as reader

    def swapped(model: str, folder: Path) -> dict[str, bytes]:
        """Swap the weights of the two stems."""
        instruments = INSTRUMENTS[model][::-1]
        other = replace(ARCHITECTURES[model], instruments=instruments)
        return unet.build_network(model, other, reader.read(folder))

    files = [tmp_path / f"2stems{suffix}" for suffix in (".json", ".onnx", ".pb")]
    for path in files:
        path.write_bytes(b"of an earlier build")
    monkeypatch.setattr(build, "_network", swapped)
    monkeypatch.setattr(proof, "BINS", {})  # leaves the smallest input
    monkeypatch.setattr(spleeter_graph, "restored", lambda *_: nullcontext(genuine))
    with pytest.raises(ProofError, match=r"2stems: the networks differ from Spleeter's by \d"):
        build.build("2stems", checkpoint, tmp_path, frozen=True)
    assert sorted(tmp_path.iterdir()) == [tmp_path / ".2stems.lock", *files]
    assert {path.read_bytes() for path in files} == {b"of an earlier build"}


def test_different_frozen_graph_exceeds_the_tolerance(
    models: Path, genuine: Any, tmp_path: Path
) -> None:
    from stemdrop_model import spleeter_graph
    from stemdrop_model.comparison import largest_difference

    frozen, spoiled = models / "2stems.pb", tmp_path / "2stems.pb"
    definition = spleeter_graph.v1.GraphDef.FromString(frozen.read_bytes())
    bias = next(node for node in definition.node if node.name == "conv2d_6/bias")
    bias.attr["value"].tensor.tensor_content = np.zeros(2, np.float32).tobytes()
    spoiled.write_bytes(definition.SerializeToString())
    instruments = INSTRUMENTS["2stems"]
    same = largest_difference(genuine, frozen, [models / "2stems.onnx"], instruments, [SMALL])
    other = largest_difference(genuine, spoiled, [], instruments, [SMALL])
    assert same < ROUNDING
    assert other > 1e-3


@pytest.mark.parametrize(
    ("expected", "actual", "difference"),
    [
        ([1.0, -4.0], [1.0, -3.0], 0.25),
        ([1.0, 2.0], [1.0, np.nan], np.inf),
        ([1.0, np.nan], [1.0, np.nan], np.inf),
        ([1.0, 2.0], [np.inf, 2.0], np.inf),
        ([0.0, 0.0], [0.0, 0.0], np.inf),
    ],
)
def test_difference_is_that_of_the_worst_instrument(
    expected: list[float], actual: list[float], difference: float
) -> None:
    from stemdrop_model.comparison import relative_difference

    same = np.ones(2, np.float32)
    one = {"vocals": np.array(expected, np.float32), "accompaniment": same}
    other = {"vocals": np.array(actual, np.float32), "accompaniment": same}
    assert relative_difference(one, other) == difference


def test_checkpoint_reader_equals_tensorflow(checkpoint: Path) -> None:
    import tensorflow as tf

    from stemdrop_model.checkpoint import read

    reader = tf.train.load_checkpoint(str(checkpoint / "model"))
    found = read(checkpoint)
    dtypes = reader.get_variable_to_dtype_map()
    assert found.keys() == {name for name, dtype in dtypes.items() if dtype == tf.float32}
    for name, values in found.items():
        np.testing.assert_array_equal(values, reader.get_tensor(name))


def test_unit_test_checkpoints_are_read_by_tensorflow(tmp_path: Path) -> None:
    import tensorflow as tf

    written = checkpoint_files.variables((2, 3, 4, 5, 6, 7), unets=2)
    reader = tf.train.load_checkpoint(str(checkpoint_files.write(tmp_path, written) / "model"))
    assert reader.get_variable_to_shape_map() == {
        name: list(values.shape) for name, values in written.items()
    }
    for name, values in written.items():
        np.testing.assert_array_equal(values, reader.get_tensor(name))


def test_unrestorable_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    from stemdrop_model import spleeter_graph

    damaged = shutil.copytree(checkpoint, tmp_path / "2stems")
    (damaged / "model.data-00000-of-00001").write_bytes(b"")
    with (
        pytest.raises(CheckpointError, match=r"2stems: its checkpoint is damaged"),
        spleeter_graph.restored("2stems", damaged),
    ):
        pass
