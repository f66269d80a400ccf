"""The networks that the benchmark gives to sherpa-onnx."""

from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession, SessionOptions

from benchmarks.sherpa.export import export
from stemdrop.models import Model
from stemdrop_model.manifest import NETWORK

MODEL = Model.TWO_STEMS


def session(path: Path) -> InferenceSession:
    options = SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return InferenceSession(path, options)


def test_exported_networks_give_the_estimates_of_ours(root: Path, tmp_path: Path) -> None:
    export(root / "build" / "weights" / MODEL, tmp_path)
    chance = np.random.default_rng(1)
    magnitude = chance.random((1, 2, 512, 1024), np.float32)
    ours = session(root / "build" / "models" / f"{MODEL}{NETWORK}")
    expected = ours.run(MODEL.instruments, {"magnitude": magnitude})
    for instrument, estimate in zip(MODEL.instruments, expected, strict=True):
        network = session(tmp_path / f"{instrument}.onnx")
        (found,) = network.run(["y"], {"x": magnitude.transpose(1, 0, 2, 3)})
        np.testing.assert_allclose(found.transpose(1, 0, 2, 3), estimate, rtol=1e-6, atol=1e-5)
        assert network.get_modelmeta().custom_metadata_map["stems"] == "2"
