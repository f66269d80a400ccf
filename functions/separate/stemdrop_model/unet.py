"""Spleeter's U-Nets as one ONNX network, built of the variables of a checkpoint.

Source: spleeter/model/functions/unet.py of Spleeter 2.4.2, whose layers Keras numbers through from
the first instrument to the last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stemdrop_model.architecture import CHANNELS, FRAMES, Architecture
from stemdrop_model.blocked_graph import BlockedGraph
from stemdrop_model.errors import CheckpointError
from stemdrop_model.graph import STRIDED_PADS, Graph
from stemdrop_model.kernel_file import KernelFile
from stemdrop_model.manifest import BLOCKED, KERNELS, NETWORK

INPUT = "magnitude"
# "conv_n_filters", which no configuration changes.
FILTERS = (16, 32, 64, 128, 256, 512)
# "epsilon" of Keras's BatchNormalization.
EPSILON = 1e-3
DILATED = {"dilations": [2, 2], "pads": [3, 3, 3, 3]}

Array = NDArray[np.float32]


@dataclass(slots=True)
class Variables:
    """The variables of a checkpoint, to be taken layer by layer in the order that Keras made them.

    Attributes
    ----------
    values : Variable name to values.
    """

    values: Mapping[str, Array]
    _layers: dict[str, int] = field(default_factory=dict, init=False)
    _taken: set[str] = field(default_factory=set, init=False)

    def convolution(self, kind: str, rows: int, inputs: int, outputs: int) -> tuple[Array, Array]:
        """Take the kernel and the bias of the next ``conv2d`` or ``conv2d_transpose``."""
        layer = self._next(kind)
        channels = (outputs, inputs) if kind == "conv2d_transpose" else (inputs, outputs)
        kernel = self._take(f"{layer}/kernel", rows, rows, *channels)
        return kernel, self._take(f"{layer}/bias", outputs)

    def batch_normalization(self, channels: int) -> tuple[Array, Array]:
        """Take the next BatchNormalization, as scale and shift, rounded once."""
        layer = self._next("batch_normalization")
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        gamma, beta, mean, variance = (
            self._take(f"{layer}/{name}", channels).astype(np.float64) for name in names
        )
        scale = gamma / np.sqrt(variance + EPSILON)
        return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)

    def finish(self) -> None:
        """Raise a CheckpointError if a variable is left over."""
        if superfluous := sorted(set(self.values) - self._taken):
            raise CheckpointError(
                f"its checkpoint is another model's: nothing has the variable {superfluous[0]}"
            )

    def _next(self, kind: str) -> str:
        number = self._layers.get(kind, 0)
        self._layers[kind] = number + 1
        return f"{kind}_{number}" if number else kind

    def _take(self, name: str, *shape: int) -> Array:
        if name not in self.values:
            raise CheckpointError(f"its checkpoint has no variable {name}")
        values = self.values[name]
        if values.shape != shape:
            raise CheckpointError(
                f"its checkpoint is another model's:"
                f" {name} has the shape {values.shape}, not {shape}"
            )
        self._taken.add(name)
        return values


@dataclass(frozen=True, slots=True)
class Top:
    """The end of an instrument's U-Net: one channel, and what makes the mask's logits of it."""

    channel: str
    normalization: tuple[Array, Array]
    kernel: Array
    bias: Array


def build_network(
    model: str, architecture: Architecture, values: Mapping[str, Array]
) -> dict[str, bytes]:
    """Build the forms of a model's network.

    Parameters
    ----------
    model : Its name.
    architecture : Its architecture.
    values : Variable name to values, as `checkpoint.read` returns them.

    Returns
    -------
    Suffix of each of the files, `manifest.NETWORK_FILES`, to its content. The graphs go from
    ``magnitude``, float32 of shape (segments, 2, 512, bins), with any number of segments and any
    multiple of 64 bins, to one output of that shape for each instrument.

    Raises
    ------
    CheckpointError : A variable is missing or superfluous, or has another shape.
    """
    files = {block: KernelFile(f"{model}{suffix}", block) for block, suffix in KERNELS.items()}
    graphs: dict[str, Graph] = {NETWORK: Graph(files[min(files)])}
    graphs |= {BLOCKED[block]: BlockedGraph(kernels) for block, kernels in files.items()}
    built = {
        suffix: _build(graph, model, architecture, Variables(values))
        for suffix, graph in graphs.items()
    }
    return built | {KERNELS[block]: bytes(kernels.content) for block, kernels in files.items()}


def _build(graph: Graph, name: str, architecture: Architecture, variables: Variables) -> bytes:
    tops = [
        _unet(graph, variables, instrument, architecture) for instrument in architecture.instruments
    ]
    variables.finish()
    masks = _masks(graph, tops, architecture)
    for instrument, mask in zip(architecture.instruments, masks, strict=True):
        graph.add("Mul", [mask, INPUT], instrument)
    return graph.model(name, ["n", CHANNELS, FRAMES, "F"], INPUT, architecture.instruments)


def _unet(graph: Graph, variables: Variables, instrument: str, architecture: Architecture) -> Top:
    """Add the U-Net of an instrument, except for its last layer."""
    convolutions: list[str] = []
    source, inputs = INPUT, CHANNELS
    for level, outputs in enumerate(FILTERS, start=1):
        name = f"{instrument}/down{level}"
        kernel, bias = variables.convolution("conv2d", 5, inputs, outputs)
        convolution = graph.convolution(
            name, source, kernel, bias, strides=[2, 2], pads=STRIDED_PADS
        )
        convolutions.append(convolution)
        normalization = variables.batch_normalization(outputs)
        if level < len(FILTERS):  # Spleeter goes up from the deepest convolution as it is
            kind = architecture.encoder_activation
            source = graph.scale_and_shift(f"{name}/normalized", convolution, *normalization, kind)
        inputs = outputs
    channel = _decoder(graph, variables, instrument, convolutions, architecture.decoder_activation)
    normalization = variables.batch_normalization(1)
    return Top(channel, normalization, *variables.convolution("conv2d", 4, 1, CHANNELS))


def _decoder(
    graph: Graph, variables: Variables, instrument: str, convolutions: list[str], activation: str
) -> str:
    """Add the way up, on which each level but the first joins the convolution of its size."""
    source, inputs = convolutions[-1], FILTERS[-1]
    frames = FRAMES // 2 ** len(FILTERS)
    for level in range(len(FILTERS) - 1, 0, -1):
        name, outputs = f"{instrument}/up{level}", FILTERS[level - 1]
        kernel, bias = variables.convolution("conv2d_transpose", 5, inputs, outputs)
        up = graph.transposed_convolution(name, source, kernel, bias, activation, frames)
        skip, normalization = convolutions[level - 1], variables.batch_normalization(outputs)
        inputs, frames = 2 * outputs, 2 * frames
        if level > 1:
            up = graph.scale_and_shift(f"{name}/normalized", up, *normalization)
            source = graph.add("Concat", [skip, up], f"{name}/joined", axis=1)
    kernel, bias = variables.convolution("conv2d_transpose", 5, inputs, 1)
    return graph.last_transposed_convolution(
        f"{instrument}/up0", skip, up, normalization, kernel, bias, activation, frames
    )


def _masks(graph: Graph, tops: Sequence[Top], architecture: Architecture) -> list[str]:
    """Add the last layers of all instruments as one: ONNX Runtime makes 8 channels or more anyway.

    The kernel has zeros between instruments. Measured on 2stems: 0.97 of the processor time.
    """
    channels = graph.add("Concat", [top.channel for top in tops], "channels", axis=1)
    scale, shift = (
        np.concatenate(parts) for parts in zip(*(top.normalization for top in tops), strict=True)
    )
    normalized = graph.scale_and_shift_planes("normalized", channels, scale, shift)
    kernel = np.zeros((4, 4, len(tops), CHANNELS * len(tops)), np.float32)
    for index, top in enumerate(tops):
        kernel[:, :, index, CHANNELS * index : CHANNELS * (index + 1)] = top.kernel[:, :, 0]
    bias = np.concatenate([top.bias for top in tops])
    logits = graph.convolution("logits", normalized, kernel, bias, None, **DILATED)
    logits = graph.planes(logits, len(bias))
    split = graph.split(logits, [f"{name}/logits" for name in architecture.instruments])
    if architecture.softmax:
        return _softmax(graph, split)
    return [graph.sigmoid(part) for part in split]


def _softmax(graph: Graph, logits: Sequence[str]) -> list[str]:
    """Add masks that add up to 1, by elements: ONNX Runtime's Softmax takes longer."""
    largest = graph.add("Max", logits, "largest")
    powers = [
        graph.add("Exp", [graph.add("Sub", [logit, largest], f"{logit}/below")], f"{logit}/power")
        for logit in logits
    ]
    total = graph.add("Sum", powers, "total")
    return [graph.add("Div", [power, total], f"{power}/share") for power in powers]
