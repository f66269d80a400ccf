"""Write our 2stems as sherpa-onnx reads it: a network per instrument, with the channels first."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stemdrop_model import checkpoint
from stemdrop_model.architecture import BINS, CHANNELS, FRAMES, architecture
from stemdrop_model.manifest import KERNELS, NETWORK
from stemdrop_model.unet import INPUT, build_network

if TYPE_CHECKING:
    from onnx import GraphProto

MODEL = "2stems"
# Layers of each kind in one instrument's U-Net; Keras numbers those of all instruments through.
LAYERS = {"conv2d": 7, "conv2d_transpose": 6, "batch_normalization": 12}
VARIABLE = re.compile(r"(conv2d|conv2d_transpose|batch_normalization)(?:_(\d+))?(/\w+)")
# Source: scripts/spleeter/separate_onnx.py of sherpa-onnx, and the names that it checks for.
SHAPE = [CHANNELS, "num_splits", FRAMES, BINS["11kHz"]]
METADATA = {"model_type": "spleeter", "sample_rate": "44100", "stems": "2", "version": "1"}


def export(weights: Path, folder: Path) -> None:
    """Write ``<instrument>.onnx`` and its kernels into a folder.

    Parameters
    ----------
    weights : Folder with the files of Spleeter's checkpoint.
    """
    import onnx

    values = checkpoint.read(weights)
    both = architecture(MODEL)
    for index, instrument in enumerate(both.instruments):
        own = _variables_of(values, index)
        built = build_network(instrument, replace(both, instruments=(instrument,)), own)
        for suffix in KERNELS.values():
            (folder / f"{instrument}{suffix}").write_bytes(built[suffix])
        network = onnx.load_model_from_string(built[NETWORK])
        _put_channels_first(network.graph, instrument)
        onnx.helper.set_model_props(network, METADATA)
        path = folder / f"{instrument}.onnx"
        path.write_bytes(network.SerializeToString())
        onnx.checker.check_model(str(path))


def _variables_of(
    values: Mapping[str, NDArray[np.float32]], index: int
) -> dict[str, NDArray[np.float32]]:
    """Return the variables of one instrument, numbered as if it were the only one."""
    own = {}
    for name, value in values.items():
        if layer := VARIABLE.fullmatch(name):
            kind, number = layer[1], int(layer[2] or 0)
            if number // LAYERS[kind] == index:
                first = number % LAYERS[kind]
                own[f"{kind}_{first}{layer[3]}" if first else f"{kind}{layer[3]}"] = value
    return own


def _put_channels_first(graph: "GraphProto", instrument: str) -> None:
    from onnx import TensorProto, helper

    swap = {"perm": [1, 0, 2, 3]}
    graph.node.insert(0, helper.make_node("Transpose", ["x"], [INPUT], **swap))
    graph.node.append(helper.make_node("Transpose", [instrument], ["y"], **swap))
    for ends, name in ((graph.input, "x"), (graph.output, "y")):
        del ends[:]
        ends.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE))
