"""Media files: valid ones from ffmpeg, invalid ones written byte by byte."""

import struct
import subprocess
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from stemdrop_separate.audio.ffmpeg import find_ffmpeg

Samples = NDArray[np.float32]

FFMPEG = find_ffmpeg(None)
RATE_HZ = 44_100
# Channel order of 5.1, and the channel mask of a WAV header.
SURROUND = ("FL", "FR", "FC", "LFE", "BL", "BR")
SURROUND_MASK = 0x3F
_FLOAT_GUID = struct.pack("<H", 3) + bytes.fromhex("000000001000800000aa00389b71")


def tones(
    duration_s: float, channels: int = 2, rate_hz: int = RATE_HZ, *, seed: int = 7
) -> Samples:
    """Return rising chords, one per channel, with a little noise, so that no part repeats."""
    seconds = np.arange(round(duration_s * rate_hz)) / rate_hz
    noise = np.random.default_rng(seed).standard_normal((len(seconds), channels))
    pitches = 220.0 * np.arange(1, channels + 1)
    phases = 2 * np.pi * (pitches * seconds[:, None] + 30.0 * seconds[:, None] ** 2)
    sound: Samples = 0.3 * np.sin(phases) + 0.1 * np.sin(2.5 * phases) + 0.003 * noise
    return sound.astype(np.float32)


def run(*arguments: str, stdin: bytes = b"") -> bytes:
    """Run ffmpeg on valid files, and return its output."""
    command = [str(FFMPEG), "-hide_banner", "-loglevel", "error", "-y", *arguments]
    with TemporaryFile() as file:  # subprocess writes to a pipe 4 kB at a time
        file.write(stdin)
        file.seek(0)
        return subprocess.run(command, stdin=file, capture_output=True, check=True).stdout


def encode(path: Path, samples: Samples, *arguments: str, rate_hz: int = RATE_HZ) -> Path:
    """Write samples, shape (samples, channels), in the format of the file's suffix."""
    raw = ("-f", "f32le", "-ar", str(rate_hz), "-ac", str(samples.shape[1]), "-i", "pipe:0")
    run(*raw, *arguments, f"file:{path}", stdin=samples.astype("<f4").tobytes())
    return path


def decode(path: Path, *arguments: str, channels: int = 2) -> Samples:
    """Decode a file as Spleeter does, without changing the number of channels."""
    raw = run("-i", f"file:{path}", "-f", "f32le", "-ar", str(RATE_HZ), *arguments, "pipe:1")
    return np.frombuffer(raw, "<f4").reshape(-1, channels)


def wav(
    path: Path,
    samples: Samples,
    *,
    rate_hz: int = RATE_HZ,
    mask: int | None = None,
    announced_bytes: int | None = None,
) -> Path:
    """Write 32-bit floats, with speaker positions if a mask is given, and any announced length."""
    channels = samples.shape[1]
    data = samples.astype("<f4").tobytes()
    per_sample = (rate_hz, rate_hz * channels * 4, channels * 4, 32)
    if mask is None:
        fmt = struct.pack("<HHIIHH", 3, channels, *per_sample)
    else:
        fmt = struct.pack("<HHIIHHHHI", 0xFFFE, channels, *per_sample, 22, 32, mask) + _FLOAT_GUID
    size = len(data) if announced_bytes is None else announced_bytes
    head = b"WAVE" + chunk(b"fmt ", fmt) + struct.pack("<4sI", b"data", size)
    path.write_bytes(struct.pack("<4sI", b"RIFF", min(len(head) + size, 0xFFFFFFFF)) + head + data)
    return path


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a RIFF chunk, padded to an even length."""
    return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)


def truncate(path: Path, share: float) -> Path:
    """Keep only the first part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def silent_video(path: Path) -> Path:
    """Write a second of video without sound."""
    run("-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-c:v", "mpeg4", f"file:{path}")
    return path


def picture(path: Path) -> Path:
    """Write a picture."""
    run("-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-frames:v", "1", f"file:{path}")
    return path


def cover_only(path: Path, folder: Path) -> Path:
    """Write an m4a that contains only a cover."""
    cover = picture(folder / "cover.png")
    attached = ("-c", "copy", "-disposition:v", "attached_pic")
    run("-i", f"file:{cover}", *attached, f"file:{path}")
    return path


def mov_with_external_data(path: Path, samples: Samples, other: str) -> Path:
    """Write a QuickTime file that refers to samples in another file in the same folder.

    The data reference is an alias record with the volume, the file name, the relative folder levels
    and the path in Mac notation.
    """
    encode(path, samples, "-c:a", "pcm_s16le")
    where = f"disk:folder:{other}".encode()
    where += b"\0" * (len(where) % 2)
    alias = bytes(10) + bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12)
    alias += bytes([len(other)]) + other.encode().ljust(63, b"\0") + bytes(16)
    alias += struct.pack(">HH", 1, 1) + bytes(16) + struct.pack(">HH", 2, len(where)) + where
    alias += struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", len(alias) + 12, b"alis", 0) + alias
    reference = struct.pack(">II", 0, 1) + entry
    path.write_bytes(_with_box(path.read_bytes(), b"dref", reference))
    return path


def _with_box(boxes: bytes, name: bytes, body: bytes) -> bytes:
    """Replace the body of every box of a name, and correct the sizes of the boxes around it."""
    corrected = b""
    while boxes:
        size, kind = struct.unpack(">I4s", boxes[:8])
        inside = boxes[8:size]
        if kind == name:
            inside = body
        elif kind in {b"moov", b"trak", b"mdia", b"minf", b"dinf"}:
            inside = _with_box(inside, name, body)
        corrected += struct.pack(">I4s", len(inside) + 8, kind) + inside
        boxes = boxes[size:]
    return corrected
