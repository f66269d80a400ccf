"""WAV files, written block by block in constant memory."""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.songs.instruments import SAMPLE_RATE_HZ, Waveform

BitDepth = Literal["16", "24", "32f"]

# Format tags. Source: "Multimedia Programming Interface and Data Specifications 1.0", 1991.
PCM, IEEE_FLOAT = 1, 3
HEADER_BYTES = 44


def write_wav(
    path: Path,
    blocks: Iterable[Waveform],
    *,
    bit_depth: BitDepth = "16",
    sample_rate_hz: int = SAMPLE_RATE_HZ,
) -> int:
    """Write a waveform to a file.

    Parameters
    ----------
    path : File to write, at most 4 GB.
    blocks : At least one block, float32, shape (samples, channels). Integer formats clip beyond
        [-1, 1), and `32f` keeps all values.
    bit_depth : Sample format of the file.
    sample_rate_hz : Sample rate of the file.

    Returns
    -------
    The number of samples written, per channel.
    """
    samples = channels = 0
    with path.open("wb") as file:
        file.seek(HEADER_BYTES)
        for block in blocks:
            file.write(_encode(block, bit_depth))
            samples, channels = samples + len(block), block.shape[1]
        file.seek(0)
        file.write(_header(samples, channels, bit_depth, sample_rate_hz))
    return samples


def _encode(block: Waveform, bit_depth: BitDepth) -> bytes:
    """Return little-endian samples, channel by channel; 24 bits are the low bytes of 32."""
    if bit_depth == "32f":
        return np.asarray(block, "<f4").tobytes()
    full_scale = 2.0 ** (int(bit_depth) - 1)
    steps = np.clip(np.round(block * full_scale), -full_scale, full_scale - 1)
    if bit_depth == "16":
        return np.asarray(steps, "<i2").tobytes()
    return np.asarray(steps, "<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()


def _header(samples: int, channels: int, bit_depth: BitDepth, sample_rate_hz: int) -> bytes:
    bits = int(bit_depth.removesuffix("f"))
    frame_bytes = channels * bits // 8
    data_bytes = samples * frame_bytes
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        HEADER_BYTES - 8 + data_bytes,
        b"WAVE",
        b"fmt ",
        16,
        IEEE_FLOAT if bit_depth == "32f" else PCM,
        channels,
        sample_rate_hz,
        sample_rate_hz * frame_bytes,
        frame_bytes,
        bits,
        b"data",
        data_bytes,
    )
