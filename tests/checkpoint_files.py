"""Checkpoints in TensorFlow's format, written without TensorFlow."""

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from stemdrop_model.checkpoint import DATA, INDEX, TABLE_MAGIC

Items = Sequence[tuple[bytes, bytes]]
HEADER = b"\x08\x01\x1a\x02\x08\x01"  # one data file, little-endian, version 1
DTYPES = {"float32": 1, "int64": 9}
RESTART_INTERVAL = 16


def write(folder: Path, variables: Mapping[str, NDArray[Any]], entries_per_block: int = 20) -> Path:
    """Write a checkpoint of these variables."""
    folder.mkdir(parents=True, exist_ok=True)
    data = bytearray()
    items = [(b"", HEADER)]
    for name in sorted(variables, key=str.encode):
        values = variables[name]
        stored = np.ascontiguousarray(values).tobytes()
        items.append((name.encode(), _entry(values, len(data), stored)))
        data += stored
    (folder / DATA).write_bytes(data)
    (folder / INDEX).write_bytes(table(items, entries_per_block))
    return folder


def variables(filters: Sequence[int], unets: int, seed: int = 1) -> dict[str, NDArray[Any]]:
    """Return the variables of Spleeter's U-Nets, with random values."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.uniform(0.1, 1, shape).astype(np.float32) if shape else np.array(7)
        for name, shape in shapes(filters, unets).items()
    }


def shapes(filters: Sequence[int], unets: int) -> dict[str, tuple[int, ...]]:
    """Return the variables of Spleeter's U-Nets, numbered as by Keras, and their shapes."""
    made: dict[str, tuple[int, ...]] = {"global_step": ()}
    layers: Counter[str] = Counter()

    def layer(kind: str, **variables: tuple[int, ...]) -> None:
        prefix = f"{kind}_{layers[kind]}" if layers[kind] else kind
        layers[kind] += 1
        made.update({f"{prefix}/{name}": shape for name, shape in variables.items()})

    def norm(channels: int) -> None:
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        layer("batch_normalization", **dict.fromkeys(names, (channels,)))

    for _ in range(unets):
        for inputs, outputs in zip([2, *filters], filters, strict=False):
            layer("conv2d", kernel=(5, 5, inputs, outputs), bias=(outputs,))
            norm(outputs)
        sources = [filters[-1], *(2 * channels for channels in filters[-2::-1])]
        for inputs, outputs in zip(sources, [*filters[-2::-1], 1], strict=True):
            layer("conv2d_transpose", kernel=(5, 5, outputs, inputs), bias=(outputs,))
            norm(outputs)
        layer("conv2d", kernel=(4, 4, 1, 2), bias=(2,))
    return made


def table(items: Items, entries_per_block: int = 20, compression: int = 0) -> bytes:
    """Return sorted keys and values as a LevelDB table."""
    written = bytearray()
    handles = []
    for start in range(0, len(items), entries_per_block):
        part = items[start : start + entries_per_block]
        handles.append((part[-1][0], _append(written, part, compression)))
    empty = _append(written, [], 0)
    footer = empty + _append(written, handles, 0)
    return bytes(written) + footer.ljust(40, b"\0") + TABLE_MAGIC


def _append(written: bytearray, items: Items, compression: int) -> bytes:
    """Append a block, and return its handle."""
    block, previous, restarts = bytearray(), b"", []
    for index, (key, value) in enumerate(items):
        shared = 0
        if index % RESTART_INTERVAL == 0:
            restarts.append(len(block))
        else:
            while shared < min(len(key), len(previous)) and key[shared] == previous[shared]:
                shared += 1
        own = key[shared:]
        block += varint(shared) + varint(len(own)) + varint(len(value)) + own + value
        previous = key
    restarts = restarts or [0]
    block += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))
    handle = varint(len(written)) + varint(len(block))
    block.append(compression)
    written += block + struct.pack("<I", masked_crc32c(bytes(block)))
    return handle


def _entry(values: NDArray[Any], offset: int, stored: bytes) -> bytes:
    axes = [_field(2, _field(1, size)) for size in values.shape]
    numbers = {1: DTYPES[str(values.dtype)], 4: offset, 5: len(stored)}
    entry = b"".join(_field(number, value) for number, value in numbers.items() if value)
    shape = _field(2, b"".join(axes))
    return entry + shape + b"\x35" + struct.pack("<I", masked_crc32c(stored))


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(number: int) -> bytes:
    """Encode a number as a varint, with 7 bits per byte."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(encoded) + bytes([number])


def masked_crc32c(data: bytes) -> int:
    """Return the checksum as tables store it."""
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32
