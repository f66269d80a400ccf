"""ID3 tags in WAV files, as other libraries read them."""

import struct
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile

import media
from stemdrop_separate.audio.id3 import append_id3_chunk


def id3_file(folder: Path, title: str) -> Path:
    path = folder / "tag.aiff"
    sound = ("-f", "lavfi", "-i", "anullsrc", "-frames:a", "1")
    media.run(*sound, "-metadata", f"title={title}", "-write_id3v2", "1", f"file:{path}")
    return path


def wav_file(folder: Path, samples: int, *arguments: str) -> Path:
    source = media.wav(folder / "source.wav", media.tones(1.0)[:samples])
    path = folder / "stem.wav"
    media.run("-i", f"file:{source}", "-ac", "1", *arguments, f"file:{path}")
    return path


@pytest.mark.parametrize("title", ["odd", "even"])
@pytest.mark.parametrize("samples", [1000, 1001])
def test_chunk_is_read_and_the_samples_stay(tmp_path: Path, samples: int, title: str) -> None:
    path = wav_file(tmp_path, samples, "-c:a", "pcm_s24le")
    before = soundfile.read(path)[0]
    append_id3_chunk(path, id3_file(tmp_path, title))
    data = path.read_bytes()
    assert struct.unpack("<4sI", data[:8]) == (b"RIFF", len(data) - 8)
    assert len(data) % 2 == 0
    assert mutagen.File(path).tags["TIT2"] == [title]
    np.testing.assert_array_equal(soundfile.read(path)[0], before)


def test_rf64_file_has_the_chunk(tmp_path: Path) -> None:
    path = wav_file(tmp_path, 1000, "-rf64", "always")
    append_id3_chunk(path, id3_file(tmp_path, "Blue"))
    data = path.read_bytes()
    # Source: EBU Tech 3306, 3.5: the size in 32 bits is a placeholder, that of 64 bits counts.
    assert data[:8] == b"RF64\xff\xff\xff\xff"
    assert struct.unpack("<4sIQ", data[12:28]) == (b"ds64", 28, len(data) - 8)
    assert b"Blue" in data[data.index(b"id3 ") :]
    assert soundfile.read(path)[0].shape == (1000,)


def test_riff_file_without_room_stays_as_it_is(tmp_path: Path) -> None:
    path = wav_file(tmp_path, 1000)
    size_bytes = 2**32 + 4
    with path.open("r+b") as file:
        file.truncate(size_bytes)
    append_id3_chunk(path, id3_file(tmp_path, "Blue"))
    assert path.stat().st_size == size_bytes
