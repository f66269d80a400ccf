"""A song that takes more time or room than there is is refused in a sentence, and not killed."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from stemdrop_local.template import read_application

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from stemdrop_containers.engine import Engine
from stemdrop_containers.trial import Trial

PART_S = 10
# The separator stops 15 s before Lambda would: that leaves 15, with one processor.
TIMEOUT_S = 30
STORAGE_MB = 96
MAX_DURATION_S = 400


@pytest.fixture(scope="module")
def trial(engine: Engine, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    parameters = {
        "SeparateMemoryMb": "1769",
        "SeparateTimeoutS": str(TIMEOUT_S),
        "SeparateStorageMb": str(STORAGE_MB),
        "MaxDurationS": str(MAX_DURATION_S),
    }
    application = read_application(parameters=parameters)
    folder = tmp_path_factory.mktemp("trial")
    with Trial(engine, image, application, folder) as trial:
        # The emulator counts the time to load the handler as the first song's; Lambda doesn't.
        trial.separate(written(folder / "first.wav", PART_S))
        yield trial


@cache
def part() -> NDArray[np.float32]:
    return generate(PART_S, seed=4).mix


def written(path: Path, duration_s: int) -> Path:
    write_wav(path, (part() for _ in range(duration_s // PART_S)))
    return path


@pytest.mark.parametrize(
    ("duration_s", "options", "code"),
    [
        (390, {"codec": "mp3", "quality": "high"}, "timed_out"),
        (410, {"codec": "mp3"}, "too_long"),
        (300, {}, "no_room"),  # the stems: two of 53 MB, beside the song's 53 MB
        (600, {"codec": "mp3"}, "no_room"),  # the song: 106 MB
    ],
)
def test_a_song_that_takes_too_much_is_refused(
    trial: Trial, tmp_path: Path, duration_s: int, options: dict[str, str], code: str
) -> None:
    refused = trial.separate(written(tmp_path / "long.wav", duration_s), options)
    assert refused.error is not None
    assert refused.error.startswith(f"{code}: ")
    assert refused.duration_s is None
    assert refused.elapsed_s < TIMEOUT_S


def test_the_environment_goes_on_after_all_of_them(trial: Trial, tmp_path: Path) -> None:
    assert trial.separate(written(tmp_path / "short.wav", PART_S)).error is None
    assert trial.emulator.log.read_text().count("INIT START") == 1
