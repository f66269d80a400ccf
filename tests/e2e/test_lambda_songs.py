"""Songs through the image, at several sizes of memory: the stems are the command line's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from stemdrop_local.template import read_application

import media
from benchmarks.songs.song import generate
from stemdrop.keys import UploadKey
from stemdrop_client.main import main
from stemdrop_containers.engine import Engine
from stemdrop_containers.image import build
from stemdrop_containers.trial import Measured, Trial
from uploads import job_of, read, stem_names

# To build the other backend's image may take longer than a test.
pytestmark = pytest.mark.timeout(900)

# More than one segment of the network's, and a part of another one.
DURATION_S = 13.0
STEMS = ("vocals", "accompaniment")
# All that takes time, memory and room.
HEAVY = {"quality": "high", "residual": "true", "zip": "true", "bit_depth": "32f", "clip": "scale"}
# TensorFlow takes 1.8 GB: a function of 1,769 MB can't be relied on with it.
CONFIGURATIONS = [(1769, "onnx"), (3008, "onnx"), (10240, "onnx"), (3008, "tensorflow")]


@dataclass
class Run:
    """An environment, cold at first, with what its first song took."""

    trial: Trial
    backend: str
    memory_bytes: int
    first: Measured


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("songs")
    return [
        media.encode(folder / f"song {seed}.mp3", generate(DURATION_S, seed=seed).mix)
        for seed in (1, 2)
    ]


@pytest.fixture(scope="module", params=CONFIGURATIONS, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def run(
    request: pytest.FixtureRequest,
    engine: Engine,
    image: str,
    songs: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Run]:
    memory_mb, backend = request.param
    if backend != "onnx":
        image = build(engine, backend=backend)
    parameters = {"SeparateMemoryMb": str(memory_mb), "Backend": backend}
    application = read_application(parameters=parameters)
    with Trial(engine, image, application, tmp_path_factory.mktemp("trial")) as trial:
        yield Run(trial, backend, memory_mb << 20, trial.separate(songs[0]))


def separated_here(song: Path, folder: Path, backend: str) -> dict[str, bytes]:
    """Return the files that the command line makes of a song."""
    assert main(["separate", str(song), "-o", str(folder), "--backend", backend]) == 0
    return {stem: (folder / song.stem / f"{stem}.wav").read_bytes() for stem in STEMS}


def separated_there(run: Run, number: int, song: Path) -> dict[str, bytes]:
    """Return the files that are in the bucket."""
    stack = run.trial.stack
    return {stem: read(stack, f"drop/{number}/{song.name}/{stem}.wav") for stem in STEMS}


def test_the_first_stems_are_those_of_the_command_line(
    run: Run, songs: list[Path], tmp_path: Path
) -> None:
    assert run.first.error is None
    assert run.first.is_cold
    assert 0 < run.first.init_s < run.first.elapsed_s
    assert separated_there(run, 1, songs[0]) == separated_here(songs[0], tmp_path, run.backend)


def test_the_second_song_finds_all_loaded(run: Run, songs: list[Path], tmp_path: Path) -> None:
    log = run.trial.emulator.log
    second = run.trial.separate(songs[1])
    assert second.error is None
    assert not second.is_cold
    assert log.read_text().count("INIT START") == 1
    assert separated_there(run, 2, songs[1]) == separated_here(songs[1], tmp_path, run.backend)


def test_what_takes_most_fits(run: Run, songs: list[Path]) -> None:
    heavy = run.trial.separate(songs[0], HEAVY)
    assert heavy.error is None
    key = UploadKey.parse(f"drop/3/{songs[0].name}")
    names = {f"{stem}.wav" for stem in (*STEMS, "residual")} | {"stems.zip"}
    assert stem_names(run.trial.stack, key) == names
    assert job_of(run.trial.stack, key).attempt == 1
    # Of all that a container has, the kernel takes files from memory first: they may fill it.
    assert heavy.peak_bytes <= run.memory_bytes
    assert heavy.peak_rss_bytes < 0.7 * run.memory_bytes
