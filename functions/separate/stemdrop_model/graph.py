"""ONNX graphs, written operation by operation in the layout (segments, channels, frames, bins).

The kernels are in a `KernelFile`. A `BlockedGraph` takes them as they are; a `Graph` puts them in
ONNX's order when it is loaded.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stemdrop_model import onnx_format
from stemdrop_model.kernel_file import Array, KernelFile, blocked
from stemdrop_model.onnx_format import Shape

OPSETS = {"": 17}
# The oldest file format that has this operator set, so that older runtimes read it, too.
IR_VERSION = 8
# With TensorFlow's "same" padding, kernel 5 and stride 2, on either axis of even length:
#   convolution:  out[j] = sum of x[2j - 1 + k] w[k]
#   transposed:   out[2j]     = x[j - 1] w[3] + x[j] w[1]
#                 out[2j + 1] = x[j - 1] w[4] + x[j] w[2] + x[j + 1] w[0]
STRIDED_PADS = [1, 1, 2, 2]
TAPS = ([3, 1], [4, 2, 0])
PHASES = tuple(product((0, 1), (0, 1)))


class Graph:
    """A graph that grows; every method adds operations and returns the name of their output.

    Kernels are given as TensorFlow has them: (rows, columns, inputs, outputs) of a convolution,
    (rows, columns, outputs, inputs) of a transposed one. The same calls make the same bytes.

    Parameters
    ----------
    kernels : File of the kernels.
    """

    opsets = OPSETS

    def __init__(self, kernels: KernelFile) -> None:
        self._kernels = kernels
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []

    def model(self, name: str, shape: Shape, source: str, outputs: Sequence[str]) -> bytes:
        """Return the ONNX file's content; input and outputs have the same shape."""
        ends = [onnx_format.float_end(end, shape) for end in (source, *outputs)]
        graph = onnx_format.graph(name, self._nodes, self._constants, ends)
        return onnx_format.model(graph, self.opsets, IR_VERSION)

    def add(self, operation: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add any operation."""
        self._nodes.append(onnx_format.node(operation, inputs, [output], output, **attributes))
        return output

    def activation(self, kind: str, source: str) -> str:
        """Add an activation that Keras knows under this name: ReLU, LeakyReLU or ELU."""
        output = f"{source}/activation"
        if kind == "LeakyReLU":
            return self.add("LeakyRelu", [source], output, alpha=0.2)
        return self._elu(source, output) if kind == "ELU" else self.add("Relu", [source], output)

    def sigmoid(self, source: str) -> str:
        """Add 1 / (1 + exp(-x)).

        Tiny results are as precise as large ones, which those of ONNX Runtime's Sigmoid aren't: its
        error is up to 1.2e-7. Where all masks are tiny, their ratio would be wrong by 0.0005.
        """
        output = f"{source}/sigmoid"
        one = self._constant(f"{output}/1", np.array([1], np.float32))
        negative = self.add("Neg", [source], f"{output}/negative")
        power = self.add("Exp", [negative], f"{output}/power")
        return self.add("Div", [one, self.add("Add", [power, one], f"{output}/inverse")], output)

    def _elu(self, source: str, output: str) -> str:
        """Add max(x, exp(min(x, 0)) - 1), which ONNX Runtime computes faster than its Elu.

        Measured on 4stems: 0.77 of the processor time of the whole network.
        """
        zero, one = (
            self._constant(f"{output}/{number}", np.array([number], np.float32))
            for number in (0, 1)
        )
        negative = self.add("Min", [source, zero], f"{output}/negative")
        power = self.add("Exp", [negative], f"{output}/power")
        below = self.add("Sub", [power, one], f"{output}/below")
        return self.add("Max", [source, below], output)

    def convolution(
        self,
        output: str,
        source: str,
        kernel: Array,
        bias: Array,
        kind: str | None = None,
        **attributes: Any,
    ) -> str:
        """Add a convolution, and an activation if one is given."""
        ordered = kernel.transpose(3, 2, 0, 1)
        weights = self._kernel(f"{output}/kernel", ordered)
        inputs = [source, weights, self._constant(f"{output}/bias", bias)]
        shape = {"kernel_shape": kernel.shape[:2]}
        result = self.add("Conv", inputs, output, **shape, **attributes)
        return self.activation(kind, result) if kind else result

    def _kernel(self, name: str, kernel: Array) -> str:
        """Add a kernel (outputs, inputs, rows, columns)."""
        outputs, inputs = kernel.shape[:2]
        block = self._kernels.block
        if outputs % block or (inputs > block and inputs % block):
            return self._constant(name, kernel)
        values = blocked(kernel, block)
        stored = self._stored(f"{name}/blocked", values, values.shape)
        perm = [0, 4, 1, 2, 3] if values.ndim == 5 else [0, 5, 1, 4, 2, 3]
        turned = self.add("Transpose", [stored], f"{name}/turned", perm=perm)
        return self.reshape(name, turned, kernel.shape)

    def _stored(self, name: str, values: Array, shape: Sequence[int]) -> str:
        """Add a constant of any shape whose values are in the file of the kernels."""
        offset = self._kernels.add(name, values)
        place = (self._kernels.name, offset, values.nbytes)
        self._constants.append(onnx_format.external_tensor(name, shape, *place))
        return name

    def planes(self, source: str, channels: int) -> str:  # noqa: ARG002
        """Give each channel's values one after the other in memory, as they are here."""
        return source

    def transposed_convolution(
        self, output: str, source: str, kernel: Array, bias: Array, kind: str, frames: int
    ) -> str:
        """Add a transposed convolution of kernel 5 and stride 2 with its activation.

        It makes four interleaved outputs: even and odd rows, of even and odd columns. Each is a
        plain convolution of the input with every other tap of the kernel, which ONNX Runtime
        computes faster and in less memory (0.155 s a segment of 2stems on 2 threads instead of
        0.195, 300 MB at the peak instead of 350); the activation comes before the interleaving,
        where it becomes part of the convolution.

        Parameters
        ----------
        kind : Activation, as Keras calls it.
        frames : Rows of the source; its columns are free.
        """
        phases = {}
        for row, column in PHASES:
            # As the kernel of a plain convolution: (rows, columns, inputs, outputs).
            taps = kernel[TAPS[row]][:, TAPS[column]].transpose(0, 1, 3, 2)
            pads = [1, 1, row, column]
            name = f"{output}/{row}{column}"
            phases[row, column] = self.convolution(name, source, taps, bias, kind, pads=pads)
        return self._interleaved(output, phases, kernel.shape[2], frames)

    def _interleaved(
        self, output: str, phases: dict[tuple[int, int], str], channels: int, frames: int
    ) -> str:
        """Put the phases together: rows by copying, columns by transposing (2, all) to (all, 2)."""
        halves = [
            self.add(
                "Concat", [phases[0, column], phases[1, column]], f"{output}/column{column}", axis=3
            )
            for column in (0, 1)
        ]
        pair = self.add("Concat", halves, f"{output}/pair", axis=1)
        flat = self.reshape(f"{output}/flat", pair, [0, 2, -1])
        woven = self.add("Transpose", [flat], f"{output}/woven", perm=[0, 2, 1])
        return self.reshape(output, woven, [0, channels, 2 * frames, -1])

    def last_transposed_convolution(
        self,
        output: str,
        skip: str,
        up: str,
        normalization: tuple[Array, Array],
        kernel: Array,
        bias: Array,
        kind: str,
        frames: int,  # noqa: ARG002
    ) -> str:
        """Add one that makes one channel of two tensors, with its activation.

        Parameters
        ----------
        up : The second tensor, before its normalization.
        normalization : Scale and shift of its channels.
        frames : Rows of both; their columns are free.
        """
        normalized = self.scale_and_shift_planes(f"{output}/normalized", up, *normalization)
        joined = self.add("Concat", [skip, normalized], f"{output}/joined", axis=1)
        weights = self._constant(f"{output}/kernel", kernel.transpose(3, 2, 0, 1))
        inputs = [joined, weights, self._constant(f"{output}/bias", bias)]
        shapes = {"kernel_shape": [5, 5], "strides": [2, 2], "pads": STRIDED_PADS}
        return self.activation(kind, self.add("ConvTranspose", inputs, output, **shapes))

    def scale_and_shift(
        self, output: str, source: str, scale: Array, shift: Array, kind: str | None = None
    ) -> str:
        """Multiply each channel with a number and add another, as a convolution of one tap.

        Between fast convolutions it keeps to their layout in memory. An activation may follow.
        """
        weights = self._constant(f"{output}/scale", scale.reshape(-1, 1, 1, 1))
        inputs = [source, weights, self._constant(f"{output}/shift", shift)]
        result = self.add("Conv", inputs, output, kernel_shape=[1, 1], group=len(scale))
        return self.activation(kind, result) if kind else result

    def scale_and_shift_planes(self, output: str, source: str, scale: Array, shift: Array) -> str:
        """Do the same where the channels lie one after the other in memory, and should stay so."""
        inputs = [
            source,
            self._constant(f"{output}/scale", scale),
            self._constant(f"{output}/shift", shift),
        ]
        for name, value in (("mean", 0), ("variance", 1)):
            inputs.append(self._constant(f"{output}/{name}", np.full_like(scale, value)))
        return self.add("BatchNormalization", inputs, output, epsilon=0.0)

    def split(self, source: str, outputs: Sequence[str]) -> list[str]:
        """Split the channels into parts of the same size."""
        split = onnx_format.node("Split", [source], outputs, f"{source}/split", axis=1)
        self._nodes.append(split)
        return list(outputs)

    def reshape(self, output: str, source: str, shape: Sequence[int]) -> str:
        """Give another shape: 0 keeps an axis, -1 takes what is left."""
        target = self._constant(f"{output}/shape", np.array(shape, np.int64))
        return self.add("Reshape", [source, target], output)

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        self._constants.append(onnx_format.tensor(name, value))
        return name
