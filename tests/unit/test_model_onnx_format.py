"""Networks are written as the package onnx writes them, byte for byte."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from stemdrop_model import onnx_format
from stemdrop_model.onnx_format import Attribute, Shape

NAMES = st.text("abcdé/", min_size=1, max_size=200)
NUMBERS = st.integers(0, 2**40)
FLOATS = st.floats(width=32, allow_nan=False)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["axis", "perm", "alpha", "pads"]),
    NAMES
    | NUMBERS
    | FLOATS
    | st.lists(NUMBERS, min_size=1, max_size=6)
    | st.lists(FLOATS, min_size=1),
)
ARRAYS = st.builds(
    lambda sizes, kind: np.arange(np.prod(sizes, dtype=int)).astype(kind).reshape(sizes),
    st.lists(st.integers(0, 5), max_size=4),
    st.sampled_from([np.float32, np.int64]),
)


@given(st.lists(NAMES), st.lists(NAMES), NAMES, ATTRIBUTES)
def test_nodes_equal_those_of_onnx(
    inputs: list[str], outputs: list[str], name: str, attributes: dict[str, Attribute]
) -> None:
    for domain in ("", "com.microsoft.nchwc"):
        expected = helper.make_node(
            "Conv", inputs, outputs, name, domain=domain or None, **attributes
        )
        written = onnx_format.node("Conv", inputs, outputs, name, domain, **attributes)
        assert written == expected.SerializeToString()


@given(NAMES, ARRAYS)
def test_tensors_equal_those_of_onnx(name: str, values: NDArray[np.float32]) -> None:
    expected = numpy_helper.from_array(values, name)
    assert onnx_format.tensor(name, values) == expected.SerializeToString()


@given(NAMES, st.lists(NUMBERS | NAMES, max_size=5), NUMBERS, st.integers(1, 100))
def test_models_equal_those_of_onnx(name: str, shape: Shape, opset: int, version: int) -> None:
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, shape) for end in ("x", "y", "z")]
    node = helper.make_node("Split", ["x"], ["y", "z"], "split", axis=1)
    constant = numpy_helper.from_array(np.ones((2, 3), np.float32), "one")
    graph = helper.make_graph([node], name, ends[:1], ends[1:], [constant])
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("other", 1)]
    expected = helper.make_model(
        graph, producer_name="stemdrop", opset_imports=opsets, ir_version=version
    )
    written = onnx_format.graph(
        name,
        [onnx_format.node("Split", ["x"], ["y", "z"], "split", axis=1)],
        [onnx_format.tensor("one", np.ones((2, 3), np.float32))],
        [onnx_format.float_end(end, shape) for end in ("x", "y", "z")],
    )
    assert (
        onnx_format.model(written, {"": opset, "other": 1}, version) == expected.SerializeToString()
    )


@given(NAMES, st.lists(st.integers(1, 9), max_size=6), NUMBERS, NUMBERS)
def test_external_tensors_equal_those_of_onnx(
    name: str, shape: list[int], offset: int, size_bytes: int
) -> None:
    expected = TensorProto(name=name, dims=shape, data_type=TensorProto.FLOAT)
    expected.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "kernels"), ("offset", offset), ("length", size_bytes)):
        expected.external_data.add(key=key, value=str(value))
    written = onnx_format.external_tensor(name, shape, "kernels", offset, size_bytes)
    assert written == expected.SerializeToString()
