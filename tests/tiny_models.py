"""Models for ONNX Runtime with trivial networks."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from stemdrop.models import INSTRUMENTS
from stemdrop_model.manifest import describe


def install(folder: Path, weights: str = "2stems") -> Path:
    """Write a network that gives each instrument a fixed multiple of the magnitude, and its card.

    Its blocked forms are another network, as if this processor took other blocks.
    """
    instruments = INSTRUMENTS[weights]
    path = folder / f"{weights}.onnx"
    onnx.save(_network(weights, factor=1), str(path))
    for block in (8, 16):
        onnx.save(_network(weights, factor=9), str(folder / f"{weights}.blocked{block}.onnx"))
        (folder / f"{weights}.blocked{block}.kernels").write_bytes(b"kernels")
    magnitude = np.ones((1, 2, 512, 64), np.float32)
    expected = {name: magnitude * share for share, name in enumerate(instruments, start=1)}
    np.savez(folder / f"{weights}.check.npz", magnitude=magnitude, **expected)
    files = {path.name: describe(path) for path in folder.glob(f"{weights}.*")}
    card = {"model": weights, "instruments": list(instruments), "files": files}
    (folder / f"{weights}.json").write_text(json.dumps(card))
    return path


def _network(weights: str, factor: int) -> onnx.ModelProto:
    shape = ["segments", 2, 512, "bins"]
    nodes, outputs, shares = [], [], []
    for index, name in enumerate(INSTRUMENTS[weights], start=1):
        share = helper.make_tensor(f"{name}_share", TensorProto.FLOAT, [], [factor * index])
        shares.append(share)
        nodes.append(helper.make_node("Mul", ["magnitude", f"{name}_share"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    magnitude = helper.make_tensor_value_info("magnitude", TensorProto.FLOAT, shape)
    # Not in the order of the instruments, so that outputs must be identified by name.
    graph = helper.make_graph(nodes, weights, [magnitude], outputs[::-1], shares)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
