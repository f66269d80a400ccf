"""Any file gives stems of the song's length, or an error with a code, in little time and memory."""

import os
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hostile_files import FORMATS, hostile_files, sound
from media import FFMPEG
from stemdrop.errors import RejectedError
from stemdrop.options import Options
from stemdrop_separate.models.network import Magnitude, Network
from stemdrop_separate.pipeline import separate_song

# The nightly workflow has 10,000, which take ten minutes.
FILES = int(os.environ.get("HOSTILE_FILES", "80"))
FILES_PER_TEST = 80  # each format at least once
WITHIN_S = 20.0
OPTIONS = Options.parse({"codec": "wav"})


class EqualBackend:
    """Gives both stems the same share of the mix."""

    parallel = 1

    def estimate(self, magnitude: Magnitude) -> dict[str, Magnitude]:
        return dict.fromkeys(OPTIONS.outputs, magnitude / 2)


NETWORK = Network(OPTIONS.outputs, 1024, EqualBackend())


def outcome(song: Path, folder: Path) -> str:
    """Separate a song into a folder, and return "stems", or the code of the error."""
    targets = {stem: folder / f"{stem}.wav" for stem in OPTIONS.outputs}
    error = None
    try:
        separated = separate_song(song, targets, OPTIONS, NETWORK, FFMPEG, max_duration_s=600.0)
    except RejectedError as rejected:
        error = rejected
    if error:
        assert error.message.endswith(".")
        assert "\n" not in error.message
        assert len(error.message) < 300
        assert str(song.parent) not in error.message
        return error.code
    assert len({stem.samples for stem in separated.stems.values()}) == 1
    for stem in separated.stems.values():
        data = np.fromfile(stem.path, np.uint8)
        assert len(data) >= stem.samples * 4
    return "stems"


@pytest.mark.parametrize(("suffix", "arguments"), FORMATS)
def test_good_file_gives_stems(tmp_path: Path, suffix: str, arguments: tuple[str, ...]) -> None:
    song = tmp_path / f"song.{suffix}"
    song.write_bytes(sound(suffix, arguments))
    assert outcome(song, tmp_path) == "stems"


@pytest.mark.parametrize("part", range(-(-FILES // FILES_PER_TEST)))
def test_hostile_file_gives_stems_or_a_code(tmp_path: Path, part: int) -> None:
    outcomes: Counter[str] = Counter()
    for number, (suffix, data) in enumerate(hostile_files(FILES_PER_TEST, seed=part)):
        folder = tmp_path / str(number)
        folder.mkdir()
        song = folder / f"song.{suffix}"
        song.write_bytes(data)
        began_s = time.monotonic()
        result = outcome(song, folder)
        assert time.monotonic() - began_s < WITHIN_S, f"{song}: {result}"
        left = {path.name for path in folder.iterdir()} - {song.name}
        expected = {f"{stem}.wav" for stem in OPTIONS.outputs} if result == "stems" else set()
        assert left == expected, f"{song}: {result}"
        outcomes[result] += 1
        for path in folder.iterdir():
            path.unlink()
    assert outcomes["stems"] > FILES_PER_TEST // 4
    assert len(outcomes) > 2
