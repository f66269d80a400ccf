"""A file of a model's kernels, in the order of ONNX Runtime's fast convolutions.

They take blocks of outputs by inputs: 8 by 8 on processors with AVX2, and 16 by 16 on those with
AVX-512.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Not a whole page, but a line of the processor's cache.
ALIGNMENT_BYTES = 64

Array = NDArray[np.float32]


@dataclass(slots=True)
class KernelFile:
    """The kernels of a model.

    Attributes
    ----------
    name : Name of the file.
    block : Channels in a block.
    content : What is in it.
    """

    name: str
    block: int
    content: bytearray = field(default_factory=bytearray)
    _offsets: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, values: Array) -> int:
        """Add a kernel unless it is there, and return its place in bytes.

        Raises
        ------
        ValueError : Another kernel has this name.
        """
        content = values.tobytes()
        if name not in self._offsets:
            self.content += bytes(-len(self.content) % ALIGNMENT_BYTES)
            self._offsets[name] = len(self.content)
            self.content += content
        offset = self._offsets[name]
        if self.content[offset : offset + len(content)] != content:
            raise ValueError(f"{name} is the name of another kernel.")
        return offset


def blocked(kernel: Array, block: int) -> Array:
    """Order a kernel (outputs, inputs, rows, columns) as a fast convolution takes it.

    Returns
    -------
    float32, shape (outputs / block, inputs / block, rows, columns, block, block), or, with fewer
    inputs than a block, (outputs / block, inputs, rows, columns, block).
    """
    _, inputs, rows, columns = kernel.shape
    if inputs < block:
        return kernel.reshape(-1, block, inputs, rows, columns).transpose(0, 2, 3, 4, 1)
    blocks = kernel.reshape(-1, block, inputs // block, block, rows, columns)
    return blocks.transpose(0, 2, 4, 5, 3, 1)
