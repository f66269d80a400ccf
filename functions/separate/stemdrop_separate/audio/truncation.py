"""Read what the header of a WAV file announces: ffmpeg doesn't tell it of a file cut short."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# A program that writes into a pipe can't know the length, and announces about 2 or 4 GiB.
_UNKNOWN_FROM_BYTES = 0x7FFFF000
_MOST_CHUNKS = 1000


def announced_duration_s(path: Path) -> float | None:
    """Return the seconds that the header of a RIFF or RF64 file of plain samples announces.

    None stands for anything else: another kind of file, another codec, a length of zero, or one
    that is a placeholder.
    """
    with path.open("rb") as file:
        magic = file.read(12)
        if magic[:4] not in {b"RIFF", b"RF64"} or magic[8:] != b"WAVE":
            return None
        bytes_per_s = size_bytes = long_size_bytes = 0
        for name, size in _chunks(file):
            if name == b"fmt ":
                bytes_per_s = _bytes_per_s(file.read(16))
            elif name == b"ds64":
                long_size_bytes = int.from_bytes(file.read(16)[8:], "little")
            elif name == b"data":
                size_bytes = size if size < _UNKNOWN_FROM_BYTES else long_size_bytes
        return size_bytes / bytes_per_s if size_bytes and bytes_per_s else None


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        name, size = struct.unpack("<4sI", head)
        start = file.tell()
        yield name, size
        if name == b"data":
            return
        file.seek(start + size + size % 2)


def _bytes_per_s(fmt: bytes) -> int:
    if len(fmt) < 16:
        return 0
    tag, _, sample_rate_hz, _, bytes_per_frame, _ = struct.unpack("<HHIIHH", fmt)
    return sample_rate_hz * bytes_per_frame if tag in {_PCM, _FLOAT, _EXTENSIBLE} else 0
