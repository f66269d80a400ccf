"""The graph for processors with AVX2 or AVX-512, in operations of ONNX Runtime's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stemdrop_model.graph import OPSETS, TAPS, Graph
from stemdrop_model.kernel_file import Array, blocked
from stemdrop_model.manifest import BLOCKED

PROCESSORS = Path("/proc/cpuinfo")
# The domain of the operations on blocks, and the activations that are part of them.
BLOCKED_DOMAIN = "com.microsoft.nchwc"
FUSED_ACTIVATIONS: dict[str, dict[str, Any]] = {
    "ReLU": {"activation": "Relu"},
    "LeakyReLU": {"activation": "LeakyRelu", "activation_params": [0.2]},
}


class BlockedGraph(Graph):
    """The same in the operations of ONNX Runtime that take blocks of channels.

    The file of the kernels says how many channels a block has. Tensors of as many channels or more
    are in blocks, (segments, channels / block, frames, bins, block), and smaller ones are not. Made
    of a `Graph`, ONNX Runtime itself uses these operations, but it takes the blocks apart to
    interleave what a transposed convolution makes. Source: nchwc_transformer.cc and
    nchwc_schema_defs.cc of ONNX Runtime 1.26.
    """

    opsets = OPSETS | {BLOCKED_DOMAIN: 1}

    def convolution(
        self,
        output: str,
        source: str,
        kernel: Array,
        bias: Array,
        kind: str | None = None,
        added: str | None = None,
        **attributes: Any,
    ) -> str:
        """Add a convolution, and an activation if one is given; few channels become a block.

        Parameters
        ----------
        added : Tensor that is added before the activation.
        """
        missing = -kernel.shape[3] % self._kernels.block
        ordered = np.pad(kernel, [(0, 0)] * 3 + [(0, missing)]).transpose(3, 2, 0, 1)
        values = blocked(ordered, self._kernels.block)
        name = f"{output}/kernel"
        if missing:
            weights = self._constant(name, values.reshape(ordered.shape))
        else:
            weights = self._stored(f"{name}/blocked", values, ordered.shape)
        shift = self._constant(f"{output}/bias", np.pad(bias, (0, missing)))
        attributes["kernel_shape"] = kernel.shape[:2]
        inputs = [source, weights, shift, *([added] if added else [])]
        return self._convolution(output, inputs, kind, attributes)

    def scale_and_shift(
        self, output: str, source: str, scale: Array, shift: Array, kind: str | None = None
    ) -> str:
        """Multiply each channel with a number and add another; an activation may follow."""
        weights = self._constant(f"{output}/scale", scale.reshape(-1, 1, 1, 1))
        inputs = [source, weights, self._constant(f"{output}/shift", shift)]
        attributes = {"kernel_shape": [1, 1], "group": len(scale)}
        return self._convolution(output, inputs, kind, attributes)

    def planes(self, source: str, channels: int) -> str:
        """Give each channel's values one after the other in memory."""
        operation = {"domain": BLOCKED_DOMAIN, "channels": channels}
        return self.add("ReorderOutput", [source], f"{source}/planes", **operation)

    def last_transposed_convolution(
        self,
        output: str,
        skip: str,
        up: str,
        normalization: tuple[Array, Array],
        kernel: Array,
        bias: Array,
        kind: str,
        frames: int,
    ) -> str:
        """Add one that makes one channel of two tensors, with its activation.

        The fast convolutions make a block of channels at a time. So these have the outputs of two
        rows and a block of columns as channels, and one adds to what the other makes, so that the
        tensors needn't be joined. Measured on 2stems: 0.98 of the processor time of ONNX Runtime's
        transposed convolution, and 40 MB less at the peak of two segments at a time.
        """
        block = self._kernels.block
        from_skip, from_up = np.split(_taps_of_columns(kernel, block), 2, axis=2)
        attributes: dict[str, Any] = {"strides": [1, block // 2], "pads": [1, 1, 1, 1]}
        every_bias = np.repeat(bias, 2 * block)
        added = self.convolution(f"{output}/skip", skip, from_skip, every_bias, **attributes)
        normalized = self.scale_and_shift(f"{output}/normalized", up, *normalization)
        channels = self.convolution(
            f"{output}/channels", normalized, from_up, 0 * every_bias, kind, added, **attributes
        )
        rows = self.reshape(f"{output}/rows", channels, [0, 2, frames, -1])
        woven = self.add("Transpose", [rows], f"{output}/woven", perm=[0, 2, 1, 3])
        return self.reshape(output, woven, [0, 1, 2 * frames, -1])

    def _convolution(
        self, output: str, inputs: Sequence[str], kind: str | None, attributes: dict[str, Any]
    ) -> str:
        fused = FUSED_ACTIVATIONS.get(kind or "", {})
        result = self.add("Conv", inputs, output, domain=BLOCKED_DOMAIN, **attributes, **fused)
        return self.activation(kind, result) if kind and not fused else result

    def _interleaved(
        self, output: str, phases: dict[tuple[int, int], str], channels: int, frames: int
    ) -> str:
        """Put the phases together by copying: columns block by block, rows as a whole."""
        block = self._kernels.block
        lines = channels // block * frames
        rows = []
        for row in (0, 1):
            pair = [
                self.reshape(
                    f"{phases[row, column]}/lines", phases[row, column], [0, lines, -1, block]
                )
                for column in (0, 1)
            ]
            woven = self.add("Concat", pair, f"{output}/row{row}", axis=3)
            rows.append(self.reshape(f"{woven}/flat", woven, [0, lines, -1]))
        both = self.add("Concat", rows, f"{output}/rows", axis=2)
        return self.reshape(output, both, [0, channels, 2 * frames, -1])


def _taps_of_columns(kernel: Array, columns: int) -> Array:
    """Return a transposed convolution of one output as a convolution of several.

    Parameters
    ----------
    kernel : Kernel of a transposed convolution of stride 2, shape (5, 5, 1, inputs).
    columns : How many columns of its outputs become channels, in each of two rows; even.

    Returns
    -------
    Shape (3, columns / 2 + 2, inputs, 2 * columns).
    """
    taps = np.zeros((3, columns // 2 + 2, kernel.shape[3], 2 * columns), np.float32)
    for channel, (row, column) in enumerate(np.ndindex(2, columns)):
        left, odd = divmod(column, 2)
        values = kernel[TAPS[row]][:, TAPS[odd], 0]
        height, width = values.shape[:2]
        taps[:height, left : left + width, :, channel] = values
    return taps


def block_here() -> int | None:
    """Return the number of channels in a block on this processor, where Linux tells it."""
    extensions = PROCESSORS.read_text().split() if PROCESSORS.is_file() else []
    if "avx512f" in extensions:
        return 16
    return 8 if "avx2" in extensions else None


def runs_here(network: Path) -> bool:
    """Return whether this processor can run a network, given by the name of its file."""
    blocks = (block for block, suffix in BLOCKED.items() if network.name.endswith(suffix))
    return next(blocks, None) in {None, block_here()}
