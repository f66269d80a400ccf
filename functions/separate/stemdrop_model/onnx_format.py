"""Write ONNX files without the package onnx, which takes 105 MB with what it needs.

An ONNX file is one protobuf message. Each class of message is a function here, and returns its
bytes: fields in ascending order, so that the same network gives the same bytes. Sources: onnx.proto
of ONNX 1.22, and "Encoding" of the documentation of Protocol Buffers. The tests compare the result
with that of the package onnx.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Shape = Sequence[int | str]
Attribute = str | int | float | Sequence[int] | Sequence[float]

# TensorProto.DataType
FLOAT, INT64 = 1, 7
# TensorProto.DataLocation
EXTERNAL = 1
# AttributeProto.AttributeType
ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_STRING = 1, 2, 3
ATTRIBUTE_FLOATS, ATTRIBUTE_INTS = 6, 7
# Wire types of protobuf.
VARINT, BYTES, FIXED_32 = 0, 2, 5


def model(graph: bytes, opsets: Mapping[str, int], ir_version: int) -> bytes:
    """Return a file's content, with the version of each domain's operators."""
    operators = (_bytes(8, _bytes(1, name) + _int(2, opset)) for name, opset in opsets.items())
    fields = (_int(1, ir_version), _bytes(2, "stemdrop"), _bytes(7, graph), *operators)
    return b"".join(fields)


def graph(
    name: str, nodes: Iterable[bytes], constants: Iterable[bytes], ends: Sequence[bytes]
) -> bytes:
    """Return a graph whose first end is its input, and whose other ends are its outputs."""
    fields = (
        *(_bytes(1, node) for node in nodes),
        _bytes(2, name),
        *(_bytes(5, constant) for constant in constants),
        _bytes(11, ends[0]),
        *(_bytes(12, end) for end in ends[1:]),
    )
    return b"".join(fields)


def node(
    operation: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    name: str,
    domain: str = "",
    **given: Attribute,
) -> bytes:
    """Return an operation of a domain, ONNX's own by default, with attributes."""
    fields = (
        *(_bytes(1, each) for each in inputs),
        *(_bytes(2, each) for each in outputs),
        _bytes(3, name),
        _bytes(4, operation),
        *(_bytes(5, _attribute(key, value)) for key, value in sorted(given.items())),
        _bytes(7, domain) if domain else b"",
    )
    return b"".join(fields)


def tensor(name: str, values: NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    """Return a constant."""
    kind = {"<f4": FLOAT, "<i8": INT64}[values.dtype.str]
    dimensions = b"".join(_int(1, size) for size in values.shape)
    return dimensions + _int(2, kind) + _bytes(8, name) + _bytes(9, values.tobytes())


def external_tensor(
    name: str, shape: Sequence[int], file: str, offset: int, size_bytes: int
) -> bytes:
    """Return a constant of float32 whose values are in another file of the same folder."""
    place = {"location": file, "offset": str(offset), "length": str(size_bytes)}
    fields = (
        *(_int(1, size) for size in shape),
        _int(2, FLOAT),
        _bytes(8, name),
        *(_bytes(13, _bytes(1, key) + _bytes(2, value)) for key, value in place.items()),
        _int(14, EXTERNAL),
    )
    return b"".join(fields)


def float_end(name: str, shape: Shape) -> bytes:
    """Return an input or output of float32; free axes have names."""
    axes = (_bytes(2, axis) if isinstance(axis, str) else _int(1, axis) for axis in shape)
    dimensions = b"".join(_bytes(1, axis) for axis in axes)
    described = _int(1, FLOAT) + _bytes(2, dimensions)
    return _bytes(1, name) + _bytes(2, _bytes(1, described))


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, str):
        number, kind = _bytes(4, value), ATTRIBUTE_STRING
    elif isinstance(value, float):
        number, kind = _tag(2, FIXED_32) + struct.pack("<f", value), ATTRIBUTE_FLOAT
    elif isinstance(value, int):
        number, kind = _int(3, value), ATTRIBUTE_INT
    elif isinstance(value[0], float):
        packed = (_tag(7, FIXED_32) + struct.pack("<f", each) for each in value)
        number, kind = b"".join(packed), ATTRIBUTE_FLOATS
    else:
        number, kind = b"".join(_int(8, int(each)) for each in value), ATTRIBUTE_INTS
    return _bytes(1, name) + number + _int(20, kind)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _tag(field, BYTES) + _varint(len(data)) + data


def _int(field: int, value: int) -> bytes:
    return _tag(field, VARINT) + _varint(value)


def _tag(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _varint(value: int) -> bytes:
    """Return 7 bits per byte, the lowest first; all bytes but the last have the top bit set."""
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes(chain((group | 0x80 for group in groups[:-1]), groups[-1:]))
