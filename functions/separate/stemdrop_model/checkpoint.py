"""Read a TensorFlow checkpoint without TensorFlow.

``model.index`` is an uncompressed table of LevelDB's: blocks of sorted keys that share prefixes,
each block with a checksum, and a footer of 48 bytes that says where the block of blocks is. Its
values are protobuf messages, a BundleHeaderProto under the empty key and a BundleEntryProto for
each variable, which says where in ``model.data-00000-of-00001`` the values lie. Sources:
tensorflow/core/util/tensor_bundle, tensorflow/core/protobuf/tensor_bundle.proto and
doc/table_format.md of google/leveldb.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from stemdrop_model.errors import CheckpointError

INDEX, DATA = "model.index", "model.data-00000-of-00001"
FOOTER_BYTES = 48
TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
# A block is followed by the kind of its compression and by its checksum.
TRAILER_BYTES = 5
CRC_MASK_DELTA = 0xA282EAD8
# Source: tensorflow/core/framework/types.proto.
DT_FLOAT = 1
# The fields of BundleHeaderProto and BundleEntryProto, and of the shape inside the latter.
SHARDS, ENDIANNESS = 1, 2
DTYPE, SHAPE, SHARD, OFFSET, SIZE, CRC32C, SLICES = 1, 2, 3, 4, 5, 6, 7
AXIS = 2

Fields = dict[int, list[int | bytes]]


@dataclass(frozen=True, slots=True)
class _Entry:
    """A variable's place in the data file."""

    dtype: int
    shape: tuple[int, ...]
    offset: int
    size_bytes: int
    masked_crc32c: int


def read(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Read all float32 variables of a checkpoint, each checked against its CRC.

    Parameters
    ----------
    folder : holds ``model.index`` and ``model.data-00000-of-00001``.

    Returns
    -------
    Variable name to values, read-only.

    Raises
    ------
    CheckpointError : a file is missing, damaged, or of a form that Spleeter's don't have.
    """
    try:
        index, data = ((folder / name).read_bytes() for name in (INDEX, DATA))
    except FileNotFoundError as error:
        raise CheckpointError(f"{error.filename} is missing") from None
    try:
        entries = dict(_entries(index))
    except (IndexError, ValueError, TypeError, struct.error) as error:
        raise CheckpointError(f"{INDEX} is damaged") from error
    floats = {name: entry for name, entry in entries.items() if entry.dtype == DT_FLOAT}
    return {name: _values(name, entry, data) for name, entry in floats.items()}


def _values(name: str, entry: _Entry, data: bytes) -> NDArray[np.float32]:
    stored = data[entry.offset : entry.offset + entry.size_bytes]
    whole = len(stored) == entry.size_bytes == 4 * prod(entry.shape)
    if not whole or _masked_crc32c(stored) != entry.masked_crc32c:
        raise CheckpointError(f"{DATA} is damaged, in the variable {name}")
    return np.frombuffer(stored, "<f4").reshape(entry.shape)


def _entries(index: bytes) -> Iterator[tuple[str, _Entry]]:
    footer = index[-FOOTER_BYTES:]
    if not footer.endswith(TABLE_MAGIC) or len(footer) != FOOTER_BYTES:
        raise ValueError("this is no table")
    _, position = _handle(footer, 0)
    top, _ = _handle(footer, position)
    for _, handle in _block(index, *top):
        for key, value in _block(index, *_handle(handle, 0)[0]):
            if key:
                yield key.decode(), _entry(_fields(value))
            else:
                _check_header(_fields(value))


def _check_header(header: Fields) -> None:
    if _number(header, SHARDS) != 1 or _number(header, ENDIANNESS) != 0:
        raise ValueError("more than one data file, or big-endian values")


def _entry(fields: Fields) -> _Entry:
    if SLICES in fields or _number(fields, SHARD) != 0:
        raise ValueError("a variable in parts, or in another data file")
    axes = [
        _fields(axis) for shape in fields.get(SHAPE, []) for axis in _fields(shape).get(AXIS, [])
    ]
    return _Entry(
        dtype=_number(fields, DTYPE),
        shape=tuple(_number(axis, 1) for axis in axes),
        offset=_number(fields, OFFSET),
        size_bytes=_number(fields, SIZE),
        masked_crc32c=_number(fields, CRC32C),
    )


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """Return the offset and the size of a block, and where in the data they end."""
    offset, position = _varint(data, position)
    size_bytes, position = _varint(data, position)
    return (offset, size_bytes), position


def _block(table: bytes, offset: int, size_bytes: int) -> Iterator[tuple[bytes, bytes]]:
    """Iterate over the keys and values of a block, once its checksum is right."""
    end = offset + size_bytes
    compression, crc = struct.unpack("<BI", table[end : end + TRAILER_BYTES])
    if compression != 0 or _masked_crc32c(table[offset : end + 1]) != crc:
        raise ValueError("a block is compressed or damaged")
    block = table[offset:end]
    (restarts,) = struct.unpack("<I", block[-4:])
    key, position = b"", 0
    while position < len(block) - 4 * (restarts + 1):
        shared, position = _varint(block, position)
        own, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + own]
        position += own
        yield key, block[position : position + length]
        position += length


def _fields(message: int | bytes) -> Fields:
    """Split a protobuf message; every field may come more than once."""
    if isinstance(message, int):
        raise TypeError("a number where a message belongs")
    fields: Fields = {}
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, kind = divmod(tag, 8)
        value: int | bytes
        if kind == 0:
            value, position = _varint(message, position)
        elif kind == 2:
            length, position = _varint(message, position)
            value, position = message[position : position + length], position + length
        elif kind == 5:
            (value,) = struct.unpack("<I", message[position : position + 4])
            position += 4
        else:
            raise ValueError("a kind of field that these messages don't have")
        fields.setdefault(number, []).append(value)
    return fields


def _number(fields: Fields, field: int) -> int:
    """Return a field's number; protobuf doesn't store a zero."""
    value = fields.get(field, [0])[-1]
    if isinstance(value, bytes):
        raise TypeError("bytes where a number belongs")
    return value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Decode a number of 7 bits a byte, and return where it ends."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _masked_crc32c(data: bytes) -> int:
    """Return the CRC as tables store it; source: tensorflow/core/lib/hash/crc32c.h."""
    crc = int(google_crc32c.value(data))
    return ((crc >> 15 | crc << 17) + CRC_MASK_DELTA) & 0xFFFFFFFF
