"""Hostile files, the same for the same seed: damaged, cut, mixed and inflated ones."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.random import Generator

import media

# Suffixes and arguments of ffmpeg. Each has 0.6 s of sound.
FORMATS: tuple[tuple[str, tuple[str, ...]], ...] = (
    *(("wav", ("-c:a", codec)) for codec in ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le")),
    *(
        ("wav", ("-c:a", codec))
        for codec in ("pcm_f64le", "adpcm_ms", "adpcm_ima_wav", "pcm_mulaw")
    ),
    *(("aiff", ("-c:a", codec)) for codec in ("pcm_s16be", "pcm_s24be", "pcm_f32be", "pcm_s16le")),
    *(("caf", ("-c:a", codec)) for codec in ("pcm_s16be", "alac", "pcm_f32be")),
    *(("flac", ("-sample_fmt", form)) for form in ("s16", "s32")),
    *(("mp3", ("-b:a", rate)) for rate in ("64k", "320k")),
    *(("mp3", ("-q:a", "4", "-ar", rate)) for rate in ("22050", "8000")),
    *(("m4a", ("-c:a", codec)) for codec in ("aac", "alac")),
    *(("mov", ("-c:a", codec)) for codec in ("aac", "pcm_s16be", "pcm_s24le", "alac")),
    *(("mkv", ("-c:a", codec)) for codec in ("flac", "libvorbis", "aac", "pcm_s16le", "ac3")),
    *(("ogg", ("-c:a", codec)) for codec in ("libvorbis", "flac", "libopus")),
    *((suffix, ()) for suffix in ("opus", "webm", "wma", "aac", "ac3", "eac3", "mp2", "ts", "mpg")),
    *((suffix, ()) for suffix in ("flv", "avi", "wv", "tta", "au", "w64", "voc", "oga", "mp4")),
)

Mutation = Callable[[Generator, bytearray], None]


def flip_bits(random: Generator, data: bytearray) -> None:
    """Flip up to 100 bits, most of them near the start."""
    for _ in range(int(random.integers(1, 100))):
        at = int(len(data) * random.random() ** 3)
        data[at] ^= 1 << int(random.integers(8))


def overwrite(random: Generator, data: bytearray) -> None:
    """Overwrite a part with noise, zeros or ones."""
    size = int(random.integers(1, max(len(data) // 2, 2)))
    at = int(random.integers(len(data)))
    part = (random.bytes(size), bytes(size), b"\xff" * size)[int(random.integers(3))]
    data[at : at + size] = part[: len(data) - at]


def inflate_number(random: Generator, data: bytearray) -> None:
    """Overwrite four bytes in the first kilobytes with an extreme number, in either order."""
    at = int(random.integers(min(len(data), 4096)))
    number = (0, 1, 2**16 - 1, 2**24, 89_000_000, 2**31 - 1, 2**31, 2**32 - 1)[
        int(random.integers(8))
    ]
    data[at : at + 4] = number.to_bytes(4, ("little", "big")[int(random.integers(2))])


def cut(random: Generator, data: bytearray) -> None:
    """Cut off the end."""
    del data[int(len(data) * random.random()) :]


def leave_out(random: Generator, data: bytearray) -> None:
    """Leave out a part in the middle."""
    at = int(random.integers(len(data)))
    del data[at : at + int(random.integers(1, 5000))]


def repeat(random: Generator, data: bytearray) -> None:
    """Repeat a part."""
    at = int(random.integers(len(data)))
    data[at:at] = data[at : at + int(random.integers(1, 5000))]


def put_in_front(random: Generator, data: bytearray) -> None:
    """Put junk in front."""
    data[:0] = random.bytes(int(random.integers(1, 5000)))


def splice(random: Generator, data: bytearray) -> None:
    """Append a part of a file in another format."""
    other = sound(*FORMATS[int(random.integers(len(FORMATS)))])
    data += other[int(len(other) * random.random() / 2) :]


MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    overwrite,
    inflate_number,
    cut,
    leave_out,
    repeat,
    put_in_front,
    splice,
)


def hostile_files(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield suffix and content of files that went through one to three mutations."""
    for number in range(count):
        random = np.random.default_rng((seed, number))
        suffix, arguments = FORMATS[number % len(FORMATS)]
        data = bytearray(sound(suffix, arguments))
        for _ in range(int(random.integers(1, 4))):
            if data:
                MUTATIONS[int(random.integers(len(MUTATIONS)))](random, data)
        yield suffix, bytes(data)


@cache
def sound(suffix: str, arguments: tuple[str, ...]) -> bytes:
    """Return a good file."""
    with TemporaryDirectory() as folder:
        path = Path(folder, f"song.{suffix}")
        rate_hz = 48_000 if suffix in {"mpg", "ts", "mp2"} else 44_100
        tags = ("-metadata", "title=Blue", "-metadata", "comment=" + 50 * "la ")
        return media.encode(
            path, media.tones(0.6, rate_hz=rate_hz), *tags, *arguments, rate_hz=rate_hz
        ).read_bytes()
