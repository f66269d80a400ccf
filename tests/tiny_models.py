"""Models for ONNX Runtime with trivial networks."""

import hashlib
import json
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from stemdrop.models import INSTRUMENTS


def install(folder: Path, weights: str = "2stems") -> Path:
    """Write a network that gives each instrument a fixed share of the magnitude, and its card."""
    instruments = INSTRUMENTS[weights]
    shape = ["segments", 512, "bins", 2]
    nodes, outputs, shares = [], [], []
    for index, name in enumerate(instruments, start=1):
        shares.append(helper.make_tensor(f"{name}_share", TensorProto.FLOAT, [], [index]))
        nodes.append(helper.make_node("Mul", ["magnitude", f"{name}_share"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    magnitude = helper.make_tensor_value_info("magnitude", TensorProto.FLOAT, shape)
    # Not in the order of the instruments, so that outputs must be identified by name.
    graph = helper.make_graph(nodes, weights, [magnitude], outputs[::-1], shares)
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / f"{weights}.onnx"
    onnx.save(network, str(path))
    data = path.read_bytes()
    described = {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
    card = {"model": weights, "instruments": list(instruments), "files": {path.name: described}}
    (folder / f"{weights}.json").write_text(json.dumps(card))
    return path
