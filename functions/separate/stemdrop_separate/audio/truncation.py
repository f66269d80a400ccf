"""What the header of a file that was cut short announces: ffmpeg doesn't tell it of all formats."""

import math
import re
import struct
from pathlib import Path
from typing import BinaryIO

from stemdrop_separate.audio.riff import chunks

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# A program that writes into a pipe can't know the length, and announces about 2 or 4 GiB.
_UNKNOWN_FROM_BYTES = 0x7FFFF000
# Source: Advanced Systems Format Specification, 2.1 and 3.2.
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_HEADER_BYTES = 64 << 10
_BROADCAST = 1
# Source: Adobe Flash Video File Format Specification, E.5.
_FLV_NUMBER = re.compile(rb"\0\x08(duration|filesize)\0(.{8})", re.DOTALL)


def duration_before_truncation_s(path: Path, track: int = 1) -> float | None:
    """Return the seconds of sound that a file should have, if it is shorter than its header says.

    Parameters
    ----------
    track : Number of the audio track.

    Returns
    -------
    None for whole files, and for those that don't tell: formats other than WAV, AVI, ASF (wma, wmv)
    and FLV, other codecs than plain samples in WAV, and lengths that are placeholders.
    """
    file_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        if head[:4] in {b"RIFF", b"RF64"} and head[8:12] in {b"WAVE", b"AVI "}:
            file.seek(12)
            if head[8:12] == b"WAVE":
                return _wav_s(file, file_bytes)
            is_whole = int.from_bytes(head[4:8], "little") + 8 <= file_bytes
            return None if is_whole else _avi_s(file, track)
        if head == _ASF:
            return _asf_s(file.read(_ASF_HEADER_BYTES), file_bytes)
        if head[:3] == b"FLV":
            return _flv_s(file.read(4096), file_bytes)
    return None


def _wav_s(file: BinaryIO, file_bytes: int) -> float | None:
    bytes_per_s = size_bytes = long_size_bytes = 0
    for name, size in chunks(file):
        if name == b"fmt ":
            bytes_per_s = _bytes_per_s(file.read(16))
        elif name == b"ds64":
            long_size_bytes = int.from_bytes(file.read(16)[8:], "little")
        elif name == b"data":
            size_bytes = size if size < _UNKNOWN_FROM_BYTES else long_size_bytes
            break
    is_cut = file.tell() + size_bytes > file_bytes
    return size_bytes / bytes_per_s if is_cut and size_bytes and bytes_per_s else None


def _bytes_per_s(fmt: bytes) -> int:
    if len(fmt) < 16:
        return 0
    tag, _, sample_rate_hz, _, bytes_per_frame, _ = struct.unpack("<HHIIHH", fmt)
    return sample_rate_hz * bytes_per_frame if tag in {_PCM, _FLOAT, _EXTENSIBLE} else 0


def _avi_s(file: BinaryIO, track: int) -> float | None:
    for name, _ in chunks(file):
        header = file.read(36) if name == b"strh" else b""
        if header[:4] == b"auds" and len(header) == 36:
            track -= 1
            if not track:
                scale, rate, _, length = struct.unpack("<4I", header[20:])
                return length * scale / rate if length and rate else None
    return None


def _asf_s(header: bytes, file_bytes: int) -> float | None:
    at = header.find(_ASF_PROPERTIES)
    fields = header[at + 40 : at + 92] if at >= 0 else b""
    if len(fields) < 52:
        return None
    whole_bytes, _, _, play_100_ns, _, preroll_ms, flags = struct.unpack("<6QI", fields)
    if flags & _BROADCAST or whole_bytes <= file_bytes:
        return None
    return max(play_100_ns / 10**7 - preroll_ms / 1000, 0.0) or None


def _flv_s(head: bytes, file_bytes: int) -> float | None:
    numbers = {name: struct.unpack(">d", value)[0] for name, value in _FLV_NUMBER.findall(head)}
    duration_s = numbers.get(b"duration", 0.0)
    is_cut = numbers.get(b"filesize", 0.0) > file_bytes
    return duration_s if is_cut and 0 < duration_s < math.inf else None
