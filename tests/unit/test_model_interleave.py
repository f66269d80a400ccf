"""Transposed convolutions as plain ones: the same numbers, for any size."""

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import GraphProto, TensorProto, helper, numpy_helper

from model.interleave import split_transposed_convolutions

Array = NDArray[np.float32]
FRAMES = 6
SAME = {"strides": [2, 2], "kernel_shape": [5, 5], "pads": [1, 1, 2, 2], "dilations": [1, 1]}


def transposed(kernel: Array, bias: Array, **attributes: list[int]) -> GraphProto:
    """Make a graph of one transposed convolution from x to y, of free batch and width."""
    node = helper.make_node("ConvTranspose", ["x", "kernel", "bias"], ["t"], "layer", **attributes)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", kernel.shape[0], FRAMES, "F"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    weights = [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(bias, "bias")]
    return helper.make_graph(
        [node, helper.make_node("Relu", ["t"], ["y"])], "net", [x], [y], weights
    )


def operations(graph: GraphProto) -> set[str]:
    return {node.op_type for node in graph.node}


def run(graph: GraphProto, x: Array) -> Array:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (y,) = session.run(["y"], {"x": x})
    return np.asarray(y)


@settings(deadline=None, max_examples=30)
@given(
    inputs=st.integers(1, 20),
    outputs=st.integers(8, 20),
    segments=st.integers(1, 3),
    bins=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_split_gives_the_same(
    inputs: int, outputs: int, segments: int, bins: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(inputs, outputs, 5, 5)).astype(np.float32)
    bias = rng.normal(size=outputs).astype(np.float32)
    x = rng.normal(size=(segments, inputs, FRAMES, bins)).astype(np.float32)
    expected = run(transposed(kernel, bias, **SAME), x)
    graph = transposed(kernel, bias, **SAME)
    split_transposed_convolutions(graph, {"t": [1, outputs, 2 * FRAMES, 128]})
    assert "ConvTranspose" not in operations(graph)
    actual = run(graph, x)
    assert actual.shape == expected.shape == (segments, outputs, 2 * FRAMES, 2 * bins)
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("outputs", "other"),
    [(8, {"strides": [1, 1]}), (8, {"pads": [2, 2, 1, 1]}), (1, {})],
)
def test_another_kind_of_layer_stays(outputs: int, other: dict[str, list[int]]) -> None:
    kernel, bias = np.ones((3, outputs, 5, 5), np.float32), np.ones(outputs, np.float32)
    graph = transposed(kernel, bias, **SAME | other)
    split_transposed_convolutions(graph, {"t": [1, outputs, 2 * FRAMES, 128]})
    assert operations(graph) == {"ConvTranspose", "Relu"}
