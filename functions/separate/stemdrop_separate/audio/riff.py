"""RIFF files, such as WAV and AVI: their chunks, and whether an AVI's index can be believed."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

# Lists whose chunks describe the file; those of others are sound, pictures or tags.
_HEADER_LISTS = {b"hdrl", b"strl"}
_MOST_CHUNKS = 1000
_INDEX = np.dtype([("name", "S4"), ("flags", "<u4"), ("at", "<u4"), ("size", "<u4")])
_CHUNK_HEAD_BYTES = 8
# More than five hours with 100 chunks a second.
_LARGEST_INDEX_BYTES = 32 << 20


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield name and size of the chunks from a position on, and of those in the lists of headers.

    The file is at the content of each chunk when it is yielded.
    """
    for _ in range(_MOST_CHUNKS):
        head = file.read(_CHUNK_HEAD_BYTES)
        if len(head) < _CHUNK_HEAD_BYTES:
            return
        name, size = struct.unpack("<4sI", head)
        start = file.tell()
        yield name, size
        file.seek(start)
        is_open = name == b"LIST" and file.read(4) in _HEADER_LISTS
        file.seek(start + (4 if is_open else size + size % 2))


def reading_arguments(path: Path) -> tuple[str, ...]:
    """Return the arguments that let ffmpeg find the sound in a damaged AVI; none for other files.

    ffmpeg goes from chunk to chunk, and what follows damage moves early. By the index, which says
    where each chunk is, everything stays in its place. If it is the index that is damaged, ffmpeg
    would believe it, and find hardly anything.
    """
    with path.open("rb") as file:
        magic = file.read(12)
        if magic[:4] != b"RIFF" or magic[8:] != b"AVI ":
            return ()
        for name, size in chunks(file):
            if name == b"idx1":
                by_index = _is_ascending(file.read(min(size, _LARGEST_INDEX_BYTES)))
                return ("-fflags", "+sortdts") if by_index else ("-seekable", "0")
    return ()


def _is_ascending(index: bytes) -> bool:
    """Tell whether no chunk of an index begins before the end of the one before it."""
    entries = np.frombuffer(index, _INDEX, len(index) // _INDEX.itemsize)
    entries = entries[entries["name"] != b"rec "]  # a list of chunks
    at, sizes = entries["at"].astype(np.int64), entries["size"].astype(np.int64)
    return bool(np.all(np.diff(at) >= sizes[:-1] + _CHUNK_HEAD_BYTES))
