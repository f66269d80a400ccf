import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import media
from stemdrop_separate.audio.riff import reading_arguments
from stemdrop_separate.audio.truncation import duration_before_truncation_s


def announced(tmp_path: Path, *chunks: bytes, magic: bytes = b"RIFF") -> float | None:
    path = tmp_path / "song.wav"
    path.write_bytes(magic + bytes(4) + b"WAVE" + b"".join(chunks))
    return duration_before_truncation_s(path)


def fmt(tag: int = 1, rate_hz: int = 44_100, bytes_per_frame: int = 4) -> bytes:
    return media.chunk(b"fmt ", struct.pack("<HHIIHH", tag, 2, rate_hz, 0, bytes_per_frame, 16))


def data(size_bytes: int) -> bytes:
    return struct.pack("<4sI", b"data", size_bytes)


@pytest.mark.parametrize("tag", [1, 3, 0xFFFE])
def test_announced_length_is_read(tmp_path: Path, tag: int) -> None:
    assert announced(tmp_path, fmt(tag), data(44_100 * 4 * 180)) == 180.0


def test_chunks_of_odd_length_are_skipped(tmp_path: Path) -> None:
    chunks = (media.chunk(b"LIST", b"odd"), fmt(), media.chunk(b"junk", b"x"), data(44_100 * 4))
    assert announced(tmp_path, *chunks) == 1.0


def test_rf64_length_is_read(tmp_path: Path) -> None:
    sizes = media.chunk(b"ds64", struct.pack("<QQQI", 0, 44_100 * 4 * 36_000, 0, 0))
    assert announced(tmp_path, sizes, fmt(), data(0xFFFFFFFF), magic=b"RF64") == 36_000.0


@pytest.mark.parametrize("placeholder", [0, 0x7FFFF000, 0xFFFFFFFF, 0xFFFFFFDB])
def test_placeholder_length_is_unknown(tmp_path: Path, placeholder: int) -> None:
    assert announced(tmp_path, fmt(), data(placeholder)) is None


def test_length_of_compressed_samples_is_unknown(tmp_path: Path) -> None:
    assert announced(tmp_path, fmt(tag=0x55), data(44_100)) is None


def test_whole_file_is_not_truncated(tmp_path: Path) -> None:
    assert announced(tmp_path, fmt(), data(8), bytes(8)) is None
    assert announced(tmp_path, fmt(), data(8), bytes(7)) == 8 / (44_100 * 4)


ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
HEADS = [b"RIFF\xff\xff\xff\0WAVE", b"RF64\0\0\0\0WAVE", b"RIFF\xff\xff\xff\0AVI ", ASF, b"FLV\1"]


@pytest.mark.parametrize("head", HEADS)
@given(junk=st.binary(max_size=200))
def test_any_bytes_are_parsed_without_an_error(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("junk") / "song"
    path.write_bytes(head + junk)
    duration_s = duration_before_truncation_s(path)
    assert duration_s is None or duration_s > 0
    assert reading_arguments(path) in {(), ("-fflags", "+sortdts"), ("-seekable", "0")}
    path.write_bytes(junk)
    assert duration_before_truncation_s(path) is None
