"""The Python API, as its guide shows it, and against the command line."""

import doctest
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from media import FFMPEG, decode
from stemdrop.errors import (
    EmptyAudioError,
    ModelUnavailableError,
    NotFiniteError,
    OptionError,
    SetupError,
    StemdropError,
)
from stemdrop_cli.main import main
from stemdrop_separate import Separator

GUIDE = "docs/guide/python.md"


@pytest.fixture(scope="module")
def separator() -> Separator:
    return Separator("2stems")


@pytest.fixture
def song(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a song in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "song.wav"
    write_wav(path, [generate(3.0, seed=5).mix])
    return path


def test_examples_of_the_guide_print_what_they_show(root: Path, song: Path) -> None:
    assert song.is_file()
    failed, tried = doctest.testfile(str(root / GUIDE), module_relative=False)
    assert failed == 0
    assert tried > 10


def test_files_equal_those_of_the_command_line(separator: Separator, song: Path) -> None:
    assert main(["separate", str(song), "-o", "command"]) == 0
    for stem, path in separator.separate_file(song, "api").items():
        assert path == Path("api", "song", f"{stem}.wav")
        assert path.read_bytes() == Path("command", "song", f"{stem}.wav").read_bytes()


def test_waveform_gives_the_samples_of_the_file(separator: Separator, song: Path) -> None:
    write_wav(song, [generate(14.0, seed=5).mix])  # two segments
    paths = separator.separate_file(song, bit_depth="32f")
    stems = separator.separate(decode(song))
    for stem, waveform in stems.items():
        np.testing.assert_array_equal(waveform, decode(paths[stem]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(20_000,), (20_000, 1)])
def test_mono_goes_into_both_channels(
    separator: Separator, shape: tuple[int, ...], dtype: type
) -> None:
    mono: NDArray[np.float32] = np.random.default_rng(1).uniform(-0.5, 0.5, shape).astype(dtype)
    stereo = np.stack([mono.ravel()] * 2, axis=1).astype(np.float32)
    expected = separator.separate(stereo)
    for stem, waveform in separator.separate(mono).items():
        np.testing.assert_array_equal(waveform, expected[stem])


def test_threads_share_a_separator(separator: Separator) -> None:
    songs = [generate(3.0, seed=seed).mix for seed in range(3)]
    expected = [separator.separate(song) for song in songs]
    started = threading.Barrier(len(songs))

    def separate(song: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        started.wait(60)
        return separator.separate(song)

    with ThreadPoolExecutor(len(songs)) as pool:
        for alone, together in zip(expected, pool.map(separate, songs), strict=True):
            for stem, waveform in alone.items():
                np.testing.assert_array_equal(together[stem], waveform)


@pytest.mark.parametrize(
    ("waveform", "error"),
    [
        (np.zeros((2, 44_100), np.float32), OptionError),
        (np.zeros((100, 3), np.float32), OptionError),
        (np.zeros((100, 2), np.int16), OptionError),
        (np.zeros((0, 2), np.float32), EmptyAudioError),
        (np.full((100, 2), np.nan, np.float32), NotFiniteError),
        (np.full((100, 2), np.inf), NotFiniteError),
    ],
)
def test_unusable_waveform_is_refused(
    separator: Separator, waveform: NDArray[np.float32], error: type[StemdropError]
) -> None:
    with pytest.raises(error):
        separator.separate(waveform)


def test_unusable_file_leaves_no_stems(separator: Separator, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no song" * 99)
    with pytest.raises(StemdropError):
        separator.separate_file(broken, tmp_path / "stems")
    assert not list(tmp_path.glob("stems/**/*.wav"))
    with pytest.raises(OptionError, match="There is no such file"):
        separator.separate_file(tmp_path / "absent.mp3")


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ({"model": "2stems-16kHz"}, r"Separator\('2stems-16kHz'\)"),
        ({"model": "4stems"}, r"Separator\('4stems'\)"),
        ({"zip": True}, "leave zip out"),
    ],
)
def test_option_that_does_not_apply_is_refused_before_any_work(
    separator: Separator, song: Path, option: dict[str, Any], advice: str
) -> None:
    with pytest.raises(OptionError, match=advice):
        separator.separate_file(song, "stems", **option)
    assert not Path("stems").exists()


def test_ffmpeg_of_the_caller_is_used(song: Path) -> None:
    program = Path("ffmpeg")
    calls = Path("calls").absolute()
    program.write_text(f"#!/bin/sh\ntouch '{calls}'\nexec '{FFMPEG}' \"$@\"\n")
    program.chmod(0o755)
    Separator("2stems", ffmpeg=program.absolute()).separate_file(song, duration_s=0.1)
    assert calls.is_file()
    with pytest.raises(SetupError, match="ffmpeg names"):
        Separator("2stems", ffmpeg="no-ffmpeg")


def test_unknown_model_or_adapter_is_refused(separator: Separator, song: Path) -> None:
    with pytest.raises(OptionError, match="model can't be '3stems'"):
        Separator("3stems")
    with pytest.raises(ModelUnavailableError):
        Separator("2stems", model_dir=song.parent)
    with pytest.raises(OptionError, match="audio_adapter"):
        separator.separate_to_file(song, "stems", object())  # type: ignore[arg-type]
