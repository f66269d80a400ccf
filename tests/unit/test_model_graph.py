"""Operations that are rewritten for ONNX Runtime have equal results for any size."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from stemdrop_model.blocked_graph import BlockedGraph, block_here
from stemdrop_model.graph import Graph
from stemdrop_model.kernel_file import KernelFile
from stemdrop_model.manifest import BLOCKED

Array = NDArray[np.float32]
FRAMES = 6
FREE = ["n", "c", "h", "w"]
KINDS = ("ReLU", "LeakyReLU", "ELU")


def run(model: bytes, x: Array, kernels: KernelFile | None = None) -> Array:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model)
        if kernels:
            path.with_name(kernels.name).write_bytes(kernels.content)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (y,) = session.run(["y"], {"x": x})
    return np.asarray(y)


def plain(x: Array, operation: str, constants: list[Array], **attributes: list[int]) -> Array:
    """Run an ONNX model."""
    names = [f"constant_{index}" for index in range(len(constants))]
    named = [numpy_helper.from_array(*pair) for pair in zip(constants, names, strict=True)]
    node = helper.make_node(operation, ["x", *names], ["y"], **attributes)
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, None) for end in "xy"]
    ends[0] = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", x.shape[1], "h", "w"])
    graph = helper.make_graph([node], "plain", ends[:1], ends[1:], named)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return run(model.SerializeToString(), x)


def assert_same(actual: Array, expected: Array) -> None:
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, atol=1e-5 * max(1, np.abs(expected).max()))


SIZES = {
    "inputs": st.integers(1, 20),
    "outputs": st.integers(1, 20),
    "segments": st.integers(1, 3),
    "bins": st.integers(1, 9),
    "seed": st.integers(0, 2**32 - 1),
}


@settings(max_examples=30)
@given(**SIZES)
@example(inputs=17, outputs=16, segments=1, bins=3, seed=0)  # whole blocks of outputs only
def test_transposed_convolutions_equal_the_reference(
    inputs: int, outputs: int, segments: int, bins: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(5, 5, outputs, inputs)).astype(np.float32)
    bias = rng.normal(size=outputs).astype(np.float32)
    x = rng.normal(size=(segments, inputs, FRAMES, bins)).astype(np.float32)
    onnx_kernel = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
    linear = plain(x, "ConvTranspose", [onnx_kernel, bias], strides=[2, 2], pads=[1, 1, 2, 2])
    expected = np.maximum(linear, 0)
    shape = (segments, outputs, 2 * FRAMES, 2 * bins)
    assert expected.shape == shape

    kernels = KernelFile("kernels", min(BLOCKED))
    graph = Graph(kernels)
    end = graph.transposed_convolution("t", "x", kernel, bias, "ReLU", FRAMES)
    graph.add("Identity", [end], "y")
    model = graph.model("net", FREE, "x", ["y"])
    assert_same(run(model, x, kernels), expected)
    operations = {node.op_type for node in onnx.load_from_string(model).graph.node}
    assert "ConvTranspose" not in operations


VALUES = st.floats(-200, 200, width=32)


@pytest.mark.parametrize("kind", KINDS)
@given(values=st.lists(VALUES, min_size=1, max_size=20))
@settings(max_examples=30)
def test_activations_equal_those_of_keras(kind: str, values: list[float]) -> None:
    x = np.array(values, np.float32).reshape(1, 1, 1, -1)
    graph = Graph(KernelFile("kernels", min(BLOCKED)))
    graph.add("Identity", [graph.activation(kind, "x")], "y")
    actual = run(graph.model("net", FREE, "x", ["y"]), x)
    np.testing.assert_allclose(actual, activation(kind, x), rtol=1e-6, atol=2e-7)


def test_tiny_masks_are_as_precise_as_large_ones() -> None:
    x = np.linspace(-80, 80, 20_001, dtype=np.float32).reshape(1, 1, 1, -1)
    graph = Graph(KernelFile("kernels", min(BLOCKED)))
    graph.add("Identity", [graph.sigmoid("x")], "y")
    actual = run(graph.model("net", FREE, "x", ["y"]), x)
    np.testing.assert_allclose(actual, 1 / (1 + np.exp(-x.astype(np.float64))), rtol=1e-5)


@pytest.mark.parametrize("form", ["scale_and_shift", "scale_and_shift_planes"])
@pytest.mark.parametrize("channels", [1, 3, 16])
def test_each_channel_is_scaled_and_shifted(form: str, channels: int) -> None:
    rng = np.random.default_rng(channels)
    scale, shift = rng.normal(size=(2, channels)).astype(np.float32)
    x = rng.normal(size=(2, channels, 4, 5)).astype(np.float32)
    graph = Graph(KernelFile("kernels", min(BLOCKED)))
    getattr(graph, form)("y", "x", scale, shift)
    actual = run(graph.model("net", ["n", channels, "h", "w"], "x", ["y"]), x)
    assert_same(actual, x * scale[:, None, None] + shift[:, None, None])


def of_each_kind(**arguments: object) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add an example with each activation, whichever are drawn."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        for kind in KINDS:
            test = example(kind=kind, **arguments)(test)
        return test

    return decorate


# A blocked graph is checked where the processor takes its blocks.
FORMS = [(Graph, block) for block in BLOCKED] + [
    (BlockedGraph, block) for block in BLOCKED if block == block_here()
]


@pytest.mark.parametrize(("form", "block"), FORMS)
@settings(max_examples=10)
@given(
    kind=st.sampled_from(KINDS),
    blocks=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    segments=st.integers(1, 2),
    bins=st.integers(1, 5).map(lambda half: 2 * half),
    seed=st.integers(0, 2**32 - 1),
)
@of_each_kind(blocks=(2, 1), segments=2, bins=6, seed=0)
def test_layers_of_blocks_equal_the_reference(
    form: type[Graph],
    block: int,
    kind: str,
    blocks: tuple[int, int],
    segments: int,
    bins: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)

    def values(*shape: int) -> Array:
        return np.asarray(rng.normal(size=shape), np.float32)

    inputs, outputs = (block * number for number in blocks)
    first, kernel, up = (
        values(5, 5, 2, inputs),
        values(5, 5, inputs, outputs),
        values(5, 5, inputs, outputs),
    )
    scale, shift, bias, wide_bias = (
        values(outputs),
        values(outputs),
        values(inputs),
        values(outputs),
    )
    x = values(segments, 2, 4 * FRAMES, 2 * bins)

    def add_layers(graph: Graph) -> bytes:
        strided = {"strides": [2, 2], "pads": [1, 1, 2, 2]}
        a = graph.convolution("a", "x", first, bias, kind, **strided)
        b = graph.convolution("b", a, kernel, wide_bias, None, **strided)
        c = graph.scale_and_shift("c", b, scale, shift, kind)
        d = graph.transposed_convolution("d", c, up, bias, kind, FRAMES)
        joined = graph.add("Concat", [a, d], "joined", axis=1)
        graph.add("Identity", [graph.planes(joined, 2 * inputs)], "y")
        return graph.model("net", ["n", 2, 4 * FRAMES, "w"], "x", ["y"])

    kernels = KernelFile("kernels", block)
    actual = run(add_layers(form(kernels)), x, kernels)
    after_first = activation(kind, strided_convolution(x, first, bias))
    after_second = strided_convolution(after_first, kernel, wide_bias)
    scaled = activation(kind, after_second * scale[:, None, None] + shift[:, None, None])
    linear = plain(scaled, "ConvTranspose", [ordered(up), bias], strides=[2, 2], pads=[1, 1, 2, 2])
    assert_same(actual, np.concatenate([after_first, activation(kind, linear)], axis=1))


@pytest.mark.parametrize(("form", "block"), FORMS)
@settings(max_examples=10)
@given(
    kind=st.sampled_from(KINDS),
    segments=st.integers(1, 2),
    blocks=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
@of_each_kind(segments=2, blocks=2, seed=0)
def test_last_transposed_convolution_equals_the_reference(
    form: type[Graph], block: int, kind: str, segments: int, blocks: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)

    def values(*shape: int) -> Array:
        return np.asarray(rng.normal(size=shape), np.float32)

    channels = 16
    x = values(segments, 2, FRAMES, blocks * block // 2)
    first, second, kernel = (
        values(1, 1, 2, channels),
        values(1, 1, 2, channels),
        values(5, 5, 1, 2 * channels),
    )
    zeros, scale, shift, bias = np.zeros(channels, np.float32), *values(2, channels), values(1)

    kernels = KernelFile("kernels", block)
    graph = form(kernels)
    skip, up = (
        graph.convolution(name, "x", kernel, zeros, None, pads=[0, 0, 0, 0])
        for name, kernel in (("a", first), ("b", second))
    )
    end = graph.last_transposed_convolution(
        "t", skip, up, (scale, shift), kernel, bias, kind, FRAMES
    )
    graph.add("Identity", [end], "y")
    actual = run(graph.model("net", ["n", 2, FRAMES, "w"], "x", ["y"]), x, kernels)

    a, b = (plain(x, "Conv", [ordered(kernel), zeros]) for kernel in (first, second))
    joined = np.concatenate([a, b * scale[:, None, None] + shift[:, None, None]], axis=1)
    attributes = {"strides": [2, 2], "pads": [1, 1, 2, 2]}
    linear = plain(joined, "ConvTranspose", [ordered(kernel), bias], **attributes)
    assert_same(actual, activation(kind, linear))


def test_kernels_of_the_same_name_are_the_same() -> None:
    kernels = KernelFile("kernels", min(BLOCKED))
    one, other = np.ones(3, np.float32), np.zeros(3, np.float32)
    assert kernels.add("a", one) == kernels.add("a", one) == 0
    assert kernels.add("b", other) == 64
    with pytest.raises(ValueError, match="a is the name of another kernel"):
        kernels.add("a", other)


def ordered(kernel: Array) -> Array:
    return np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))


def strided_convolution(x: Array, kernel: Array, bias: Array) -> Array:
    return plain(x, "Conv", [ordered(kernel), bias], strides=[2, 2], pads=[1, 1, 2, 2])


def activation(kind: str, x: Array) -> Array:
    below = {"ReLU": 0 * x, "LeakyReLU": np.float32(0.2) * x, "ELU": np.expm1(np.minimum(x, 0))}
    return np.where(x > 0, x, below[kind])
