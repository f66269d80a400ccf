"""Convert a frozen network to ONNX, with free batch and frequency axes."""

import warnings
from collections.abc import Sequence
from typing import Any

import onnx
import tf2onnx
from onnx import numpy_helper

from model.errors import ExportError
from model.interleave import split_transposed_convolutions
from model.network import INPUT

OPSET = 17
# The axes of every input and output: segments and bins are free, frames and channels are not.
FREE_AXES = {0: "n", 2: "F"}


def to_onnx(frozen: Any, shape: tuple[int, int, int, int], instruments: Sequence[str]) -> Any:
    """Convert a frozen network.

    With axes that are free from the start, the converted network would work out the padding of each
    layer again in every run. Bins come in multiples of 64, for which the padding is the same: so it
    is converted for one shape, and its axes are freed afterwards.

    Parameters
    ----------
    frozen : the GraphDef of the network, its weights constants.
    shape : segments, frames, bins and channels to convert for.
    instruments : the names of the outputs.

    Returns
    -------
    An ONNX model whose input is ``magnitude`` and whose outputs are the instruments.

    Raises
    ------
    ExportError : an operation keeps to the one shape.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy deprecates what the converter calls
        model, _ = tf2onnx.convert.from_graph_def(
            frozen,
            input_names=[f"{INPUT}:0"],
            output_names=[f"{instrument}:0" for instrument in instruments],
            opset=OPSET,
            shape_override={f"{INPUT}:0": list(shape)},
        )
    shapes = _inferred_shapes(model)
    _drop_idle_reshapes(model.graph, shapes)
    split_transposed_convolutions(model.graph, shapes)
    _number_constants(model.graph)
    _name(model.graph)
    _free_axes(model.graph)
    onnx.checker.check_model(model)
    return model


def _inferred_shapes(model: Any) -> dict[str, list[int]]:
    """Return the shape of every tensor between the operations."""
    values = onnx.shape_inference.infer_shapes(model).graph.value_info
    return {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in values
    }


def _drop_idle_reshapes(graph: Any, shapes: dict[str, list[int]]) -> None:
    """Remove reshapes to the shape that is there; any other would keep to that one shape."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    origins: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type == "Reshape"]:
        source = origins.get(node.input[0], node.input[0])
        target = numpy_helper.to_array(constants[node.input[1]]).tolist()
        if shapes.get(source) != target:
            raise ExportError(f"The network keeps to one shape: {node.name} reshapes to {target}.")
        origins[node.output[0]] = source
        graph.node.remove(node)
    _rename(graph, origins)


def _number_constants(graph: Any) -> None:
    """Keep the constants in the order of their use; the converter's is another one in every run."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    used = dict.fromkeys(name for node in graph.node for name in node.input if name in constants)
    ordered = [constants[name] for name in used]
    _rename(graph, {name: f"constant_{number}" for number, name in enumerate(used)})
    for number, tensor in enumerate(ordered):
        tensor.name = f"constant_{number}"
    del graph.initializer[:]
    graph.initializer.extend(ordered)


def _name(graph: Any) -> None:
    """Name inputs and outputs as themselves, without TensorFlow's ``:0``."""
    ends = [*graph.input, *graph.output]
    _rename(graph, {end.name: end.name.removesuffix(":0") for end in ends})
    for end in ends:
        end.name = end.name.removesuffix(":0")


def _rename(graph: Any, names: dict[str, str]) -> None:
    for node in graph.node:
        for ends in (node.input, node.output):
            for place, name in enumerate(ends):
                ends[place] = names.get(name, name)


def _free_axes(graph: Any) -> None:
    del graph.value_info[:]
    for end in [*graph.input, *graph.output]:
        for axis, name in FREE_AXES.items():
            end.type.tensor_type.shape.dim[axis].dim_param = name
