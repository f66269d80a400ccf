"""Exported networks: the numbers of a TensorFlow session, or none at all."""

import json
import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

import checkpoints
from model.errors import ExportError
from model.fetch import fetch
from model.manifest import describe
from model.weights import pinned
from model.whole import sha256
from stemdrop.models import INSTRUMENTS

Estimates = dict[str, NDArray[np.float32]]
Run = Callable[[NDArray[np.float32]], Estimates]
# Two float32 implementations of the same 25 layers; measured: 1e-5 to 8e-5.
ROUNDING = 3e-4
MADE_UP = ("4stems", "5stems")
# The smallest input that a network takes.
SMALL = (1, 512, 64)


@pytest.fixture(scope="module")
def models(root: Path) -> Path:
    """Return the folder with the genuine 2stems model, which the set-up has built."""
    return root / "build" / "models"


@pytest.fixture(scope="module")
def checkpoint(root: Path) -> Path:
    """Return the folder with the genuine 2stems weights, from which the set-up has built it."""
    return fetch(pinned("2stems"), root / "build" / "weights")


def by_onnx(path: Path, instruments: tuple[str, ...]) -> Run:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda magnitude: dict(
        zip(instruments, session.run(instruments, {"magnitude": magnitude}), strict=True)
    )


def difference(expected: Estimates, actual: Estimates) -> float:
    """Return the largest difference, in parts of the largest value of the instrument."""
    assert list(expected) == list(actual)
    return max(
        float(np.abs(actual[name] - estimate).max() / np.abs(estimate).max())
        for name, estimate in expected.items()
    )


def assert_described(record: dict[str, Any], model: str, checkpoint: Path, folder: Path) -> None:
    """Assert that <model>.json says what is there."""
    files = {name: sha256(checkpoint / name) for name in pinned(model).files}
    assert record["model"] == model
    assert record["instruments"] == list(INSTRUMENTS[model])
    assert (record["T"], record["F"]) == (512, {"11kHz": 1024, "16kHz": 1536})
    assert record["source"] == {"sha256": files["model.data-00000-of-00001"], "files": files}
    names = (f"{model}.onnx", f"{model}.pb")
    assert record["files"] == {name: describe(folder / name) for name in names}
    assert 0 < record["max_relative_difference"] < ROUNDING
    packages = {"spleeter", "tensorflow", "tf2onnx", "onnx", "onnxruntime", "opset"}
    assert set(record["versions"]) == packages


@pytest.mark.parametrize("model", MADE_UP)
def test_a_made_up_model_gives_what_tensorflow_gives(model: str) -> None:
    from model import network

    folder, instruments = checkpoints.exported(model), INSTRUMENTS[model]
    record = json.loads((folder / f"{model}.json").read_text())
    assert_described(record, model, checkpoints.saved(model), folder)
    run = by_onnx(folder / f"{model}.onnx", instruments)
    with network.restored(model, checkpoints.saved(model)) as session:
        for segments, bins in ((2, 64), (1, 1536), (1, 1024)):
            magnitude = checkpoints.music_like(segments, bins, seed=7)
            expected = network.run(session, magnitude, instruments)
            assert difference(expected, run(magnitude)) < ROUNDING
    for one, other in combinations(instruments, 2):
        apart = np.abs(expected[one] - expected[other]).max() / np.abs(expected[one]).max()
        assert apart > 0.1, f"{one} and {other} are alike"


@pytest.mark.parametrize("model", MADE_UP)
def test_axes_are_free_and_outputs_are_named_as_the_instruments(model: str) -> None:
    graph = onnx.load(checkpoints.exported(model) / f"{model}.onnx").graph
    assert [tensor.name for tensor in graph.input] == ["magnitude"]
    assert [tensor.name for tensor in graph.output] == list(INSTRUMENTS[model])
    for tensor in [*graph.input, *graph.output]:
        assert tensor.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        axes = tensor.type.tensor_type.shape.dim
        assert [axis.dim_param or axis.dim_value for axis in axes] == ["n", 512, "F", 2]


@pytest.mark.parametrize("model", MADE_UP)
def test_nothing_in_the_file_depends_on_the_run(model: str) -> None:
    graph = onnx.load(checkpoints.exported(model) / f"{model}.onnx").graph
    numbered = [f"constant_{number}" for number in range(len(graph.initializer))]
    assert [tensor.name for tensor in graph.initializer] == numbered
    used = dict.fromkeys(name for node in graph.node for name in node.input)
    assert [name for name in used if name.startswith("constant_")] == numbered


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_made_up_checkpoint_has_the_variables_of_spleeters_estimator() -> None:
    import tensorflow as tf
    from spleeter.model import EstimatorSpecBuilder, InputProviderFactory

    from model import network

    parameters = network.configuration("4stems")
    with tf.Graph().as_default() as graph:
        tf.compat.v1.train.create_global_step(graph)
        features = InputProviderFactory.get(parameters).get_input_dict_placeholders()
        EstimatorSpecBuilder(features, parameters).build_predict_model()
        variables = tf.compat.v1.global_variables()
        expected = {variable.op.name: variable.shape.as_list() for variable in variables}
    saved = tf.train.list_variables(str(checkpoints.saved("4stems") / "model"))
    assert dict(saved) == expected


def test_the_genuine_model_gives_what_tensorflow_gives(models: Path, checkpoint: Path) -> None:
    from model import network

    record = json.loads((models / "2stems.json").read_text())
    assert_described(record, "2stems", checkpoint, models)
    instruments = INSTRUMENTS["2stems"]
    run = by_onnx(models / "2stems.onnx", instruments)
    with network.restored("2stems", checkpoint) as session:
        for segments, bins in ((2, 64), (1, 1536), (1, 1024)):
            magnitude = checkpoints.music_like(segments, bins, seed=9)
            expected = network.run(session, magnitude, instruments)
            assert difference(expected, run(magnitude)) < ROUNDING
    with network.loaded(models / "2stems.pb") as session:
        frozen = network.run(session, magnitude, instruments)
    assert difference(expected, frozen) < ROUNDING


def swapped(graph: onnx.GraphProto) -> None:
    """Give each stem the other's name."""
    names = {"vocals": "accompaniment", "accompaniment": "vocals"}
    for node in graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]


def test_a_refused_export_leaves_the_model_that_was_there(
    models: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model import export

    files = [tmp_path / f"2stems{suffix}" for suffix in (".json", ".onnx", ".pb")]
    for path in files:
        path.write_bytes(b"of an earlier build")
    spoiled = onnx.load(models / "2stems.onnx")
    swapped(spoiled.graph)
    monkeypatch.setattr(export, "to_onnx", lambda *_: spoiled)
    with pytest.raises(ExportError, match=r"2stems: .* differ from Spleeter's by \d"):
        export.export("2stems", checkpoint, tmp_path)
    assert sorted(tmp_path.iterdir()) == [tmp_path / ".2stems.lock", *files]
    assert {path.read_bytes() for path in files} == {b"of an earlier build"}


def test_a_frozen_graph_that_differs_is_noticed(models: Path, tmp_path: Path) -> None:
    from model import network
    from model.comparison import largest_difference

    frozen, spoiled = models / "2stems.pb", tmp_path / "2stems.pb"
    definition = network.v1.GraphDef.FromString(frozen.read_bytes())
    bias = next(node for node in definition.node if node.name == "conv2d_6/bias")
    bias.attr["value"].tensor.tensor_content = np.zeros(2, np.float32).tobytes()
    spoiled.write_bytes(definition.SerializeToString())
    converted, instruments = models / "2stems.onnx", INSTRUMENTS["2stems"]
    with network.loaded(frozen) as session:
        same = largest_difference(session, frozen, converted, instruments, [SMALL])
        other = largest_difference(session, spoiled, converted, instruments, [SMALL])
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
def test_the_worst_instrument_counts(
    expected: list[float], actual: list[float], difference: float
) -> None:
    from model.comparison import relative_difference

    same = np.ones(2, np.float32)
    one = {"vocals": np.array(expected, np.float32), "accompaniment": same}
    other = {"vocals": np.array(actual, np.float32), "accompaniment": same}
    assert relative_difference(one, other) == difference


def test_a_checkpoint_of_another_model_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    from model.export import export

    with pytest.raises(ExportError, match=r"4stems: its checkpoint is .* another model's\."):
        export("4stems", checkpoint, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".4stems.lock"]


def test_a_damaged_checkpoint_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    from model.export import export

    damaged = shutil.copytree(checkpoint, tmp_path / "2stems")
    data = damaged / "model.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    with pytest.raises(ExportError, match=r"2stems: its checkpoint is damaged"):
        export("2stems", damaged, tmp_path / "models")
    data.unlink()
    with pytest.raises(ExportError, match=r"2stems: the checkpoint's .*data.* is missing"):
        export("2stems", damaged, tmp_path / "models")


def test_a_network_of_one_shape_only_is_refused() -> None:
    import tensorflow as tf

    from model.convert import to_onnx

    with tf.Graph().as_default() as graph:
        magnitude = tf.compat.v1.placeholder(tf.float32, (None, 512, None, 2), "magnitude")
        flat = tf.exp(tf.reshape(tf.exp(magnitude), (512, 128)))
        tf.identity(flat, "vocals")
    with pytest.raises(ExportError, match=r"keeps to one shape: .* reshapes to \[512, 128\]"):
        to_onnx(graph.as_graph_def(), (*SMALL, 2), ["vocals"])
