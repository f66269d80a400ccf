"""Models built from checkpoints: reproducible, or an error in one sentence."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from archives import serve_archive, tar_gz, weights_toml
from checkpoint_files import variables, write
from stemdrop.models import INSTRUMENTS
from stemdrop_model import unet
from stemdrop_model.__main__ import main
from stemdrop_model.architecture import ARCHITECTURES
from stemdrop_model.build import build
from stemdrop_model.checkpoint import DATA, INDEX
from stemdrop_model.errors import CheckpointError, ModelError, ProofError

Values = NDArray[Any]
FILTERS = (16, 32, 16, 32, 16, 32)


@pytest.fixture(autouse=True)
def _small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unet, "FILTERS", FILTERS)


def checkpoint(
    folder: Path, model: str = "2stems", changes: Mapping[str, Values | None] = MappingProxyType({})
) -> Path:
    made = {**variables(FILTERS, len(INSTRUMENTS[model])), **changes}
    return write(folder, {name: values for name, values in made.items() if values is not None})


@pytest.mark.parametrize("model", INSTRUMENTS)
def test_a_model_is_built_and_described(tmp_path: Path, model: str) -> None:
    folder, into = checkpoint(tmp_path / "weights", model), tmp_path / "models"
    record = build(model, folder, into)
    names = [
        f"{model}{suffix}"
        for suffix in (
            *(".onnx", ".blocked8.onnx", ".blocked16.onnx"),
            *(".blocked8.kernels", ".blocked16.kernels", ".check.npz"),
        )
    ]
    visible = {path.name for path in into.iterdir()}
    assert visible == {f".{model}.lock", f"{model}.json", *names}
    assert json.loads((into / f"{model}.json").read_text()) == record
    contents = {name: (into / name).read_bytes() for name in names}
    assert record["files"] == {
        name: {"sha256": sha256(content).hexdigest(), "size_bytes": len(content)}
        for name, content in contents.items()
    }
    digests = "".join(sha256(contents[name]).hexdigest() for name in names[:-1])
    assert record["network"] == sha256(digests.encode()).hexdigest()
    files = {name: sha256((folder / name).read_bytes()).hexdigest() for name in (DATA, INDEX)}
    assert record["source"] == {"sha256": files[DATA], "files": files}
    assert record["instruments"] == list(INSTRUMENTS[model])
    assert (record["T"], record["F"]) == (512, {"11kHz": 1024, "16kHz": 1536})


@pytest.mark.parametrize("model", INSTRUMENTS)
def test_axes_are_free_and_outputs_are_named_as_the_instruments(tmp_path: Path, model: str) -> None:
    build(model, checkpoint(tmp_path / "weights", model), tmp_path)
    path = tmp_path / f"{model}.onnx"
    network = onnx.load(path)
    onnx.checker.check_model(network, full_check=True)
    graph = network.graph
    assert [tensor.name for tensor in graph.input] == ["magnitude"]
    assert [tensor.name for tensor in graph.output] == list(INSTRUMENTS[model])
    for tensor in [*graph.input, *graph.output]:
        assert tensor.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        axes = tensor.type.tensor_type.shape.dim
        assert [axis.dim_param or axis.dim_value for axis in axes] == ["n", 2, 512, "F"]
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for segments, bins in ((1, 64), (2, 192)):
        magnitude = np.full((segments, 2, 512, bins), 3, np.float32)
        estimates = session.run(INSTRUMENTS[model], {"magnitude": magnitude})
        assert {estimate.shape for estimate in estimates} == {magnitude.shape}
        if ARCHITECTURES[model].softmax:
            np.testing.assert_allclose(np.sum(estimates, axis=0), magnitude, rtol=1e-5)


def test_equal_weights_build_equal_bytes(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "weights")
    one, other = (build("2stems", folder, tmp_path / name) for name in ("one", "other"))
    assert one == other


def test_only_the_pinned_network_is_accepted(tmp_path: Path) -> None:
    folder, into = checkpoint(tmp_path / "weights"), tmp_path / "models"
    record = build("2stems", folder, into)
    assert build("2stems", folder, into, proven=record["network"]) == record
    before = {path: path.read_bytes() for path in into.iterdir()}
    other = checkpoint(tmp_path / "other", changes={"conv2d/bias": np.zeros(16, np.float32)})
    with pytest.raises(ProofError, match=r"2stems: the network isn't the one .* not 1234\.$"):
        build("2stems", other, into, proven="1234")
    assert {path: path.read_bytes() for path in into.iterdir()} == before


def test_only_this_models_files_of_an_earlier_build_are_removed(tmp_path: Path) -> None:
    earlier = ("2stems.pb", "2stems.kernels", "2stems.onnx", "4stems.onnx")
    for name in earlier:
        (tmp_path / name).write_bytes(b"of an earlier build")
    record = build("2stems", checkpoint(tmp_path / "weights"), tmp_path)
    names = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert names == {".2stems.lock", "2stems.json", "4stems.onnx", *record["files"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conv2d_3/kernel": None}, "its checkpoint has no variable conv2d_3/kernel."),
        (
            {"conv2d_1/bias": np.zeros(9, np.float32)},
            "its checkpoint is another model's: conv2d_1/bias has the shape (9,), not (32,).",
        ),
        (
            {"conv2d_14/bias": np.zeros(9, np.float32)},
            "its checkpoint is another model's: nothing has the variable conv2d_14/bias.",
        ),
    ],
)
def test_another_checkpoint_is_refused(
    tmp_path: Path, changes: dict[str, Values | None], message: str
) -> None:
    folder = checkpoint(tmp_path / "weights", changes=changes)
    with pytest.raises(CheckpointError) as failure:
        build("2stems", folder, tmp_path / "models")
    assert str(failure.value) == f"2stems: {message}"
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".2stems.lock"]


def test_checkpoint_with_another_number_of_instruments_is_refused(tmp_path: Path) -> None:
    for given, wanted in (("2stems", "4stems"), ("5stems", "4stems")):
        folder = checkpoint(tmp_path / given, given)
        with pytest.raises(CheckpointError, match="4stems: its checkpoint"):
            build(wanted, folder, tmp_path / "models")


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as failure:
        build("6stems", checkpoint(tmp_path / "weights"), tmp_path)
    assert str(failure.value) == (
        "6stems: its architecture is unknown: use one of 2stems, 4stems, 5stems."
    )


def test_damaged_checkpoint_is_reported_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {DATA: b"data", INDEX: b"no table"}
    content = tar_gz([*files.items()])
    with serve_archive(content) as server:
        line = f'archive = "{server.url}/w"\nsha256 = "{sha256(content).hexdigest()}"'
        pins = weights_toml(tmp_path / "weights.toml", files, [line])
        options = [f"--weights={pins}", f"--into={tmp_path / 'models'}"]
        assert main(["build", "4stems", *options]) == 1
    assert capsys.readouterr().err == "4stems: model.index is damaged.\n"


def test_interruption_ends_the_command_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stemdrop_model.__main__.install", interrupt)
    assert main(["build", "2stems", "4stems", "--into", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"
