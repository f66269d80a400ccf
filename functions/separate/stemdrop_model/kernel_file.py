"""The file of a model's kernels, in the order of ONNX Runtime's fast convolutions.

That is the order on processors with AVX-512: blocks of 16 outputs by 16 inputs.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BLOCK = 16
# Not a whole page, but a line of the processor's cache.
ALIGNMENT_BYTES = 64

Array = NDArray[np.float32]


@dataclass(slots=True)
class KernelFile:
    """The kernels of a model, which its graphs share.

    Attributes
    ----------
    name : Name of the file.
    content : What is in it.
    """

    name: str
    content: bytearray = field(default_factory=bytearray)
    _offsets: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, values: Array) -> int:
        """Add a kernel unless it is there, and return its place in bytes."""
        if name not in self._offsets:
            self.content += bytes(-len(self.content) % ALIGNMENT_BYTES)
            self._offsets[name] = len(self.content)
            self.content += values.tobytes()
        return self._offsets[name]


def blocked(kernel: Array) -> Array:
    """Order a kernel (outputs, inputs, rows, columns) as a fast convolution takes it.

    Returns
    -------
    float32, shape (outputs / 16, inputs / 16, rows, columns, 16, 16), or, with fewer inputs than
    16, (outputs / 16, inputs, rows, columns, 16).
    """
    _, inputs, rows, columns = kernel.shape
    if inputs < BLOCK:
        return kernel.reshape(-1, BLOCK, inputs, rows, columns).transpose(0, 2, 3, 4, 1)
    blocks = kernel.reshape(-1, BLOCK, inputs // BLOCK, BLOCK, rows, columns)
    return blocks.transpose(0, 2, 4, 5, 3, 1)
