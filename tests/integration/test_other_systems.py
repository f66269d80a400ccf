"""The command line without what only Linux and macOS have."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

import windows_command
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from fake_server import TOKEN, FakeServer
from folders import names_below, wait_for_name
from stemdrop_cli.main import main
from stemdrop_local.deployment import ROOT

STEMS = ("vocals.wav", "accompaniment.wav")


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "what?.wav"
    write_wav(path, [generate(2.5, seed=3).mix])
    return path


def start_on_windows(module: str, *arguments: object, **variables: str) -> "subprocess.Popen[str]":
    paths = {"SYSTEMROOT": "C:\\Windows", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, windows_command.__file__, module, *map(str, arguments)]
    return subprocess.Popen(
        command, env=os.environ | paths | variables, stderr=subprocess.PIPE, text=True
    )


def run_on_windows(module: str, *arguments: object, **variables: str) -> None:
    with start_on_windows(module, *arguments, **variables) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def test_windows_builds_a_model_and_gets_the_same_stems(song: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    (tmp_path / "weights").symlink_to(ROOT / "build" / "weights")
    run_on_windows("stemdrop_model.__main__", "build", "2stems", "--into", models)
    there = tmp_path / "there"
    run_on_windows("stemdrop_cli.main", "separate", song, "-o", there, "--model_dir", models)
    assert main(["separate", str(song), "-o", str(tmp_path / "here")]) == 0
    for stem in STEMS:
        _, expected = wavfile.read(tmp_path / "here" / "what?" / stem)
        _, samples = wavfile.read(there / "what_" / stem)
        # The number of threads may be another one.
        np.testing.assert_allclose(samples, expected, atol=1)
        assert np.any(samples)


def test_windows_ends_ffmpeg_on_interruption(tmp_path: Path) -> None:
    song, out = tmp_path / "long.wav", tmp_path / "out"
    write_wav(song, (np.zeros((44_100, 2), np.float32) for _ in range(600)))
    with start_on_windows("stemdrop_cli.main", "separate", song, "-o", out) as process:
        wait_for_name(out, ".wav", process)
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[1:] == ["stemdrop: Interrupted; unfinished stems are removed."]
    assert not names_below(out)


def test_windows_submits_a_song(song: Path, tmp_path: Path) -> None:
    with FakeServer() as server:
        variables = {"STEMDROP_URL": server.url, "STEMDROP_TOKEN": TOKEN}
        run_on_windows("stemdrop_cli.main", "submit", song, "-o", tmp_path, **variables)
    assert {path.name for path in (tmp_path / "what_").iterdir()} == set(STEMS)
