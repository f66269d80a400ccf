"""Every command in README.md and docs/guide works, or is valid for an AWS account."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks.songs.instruments import SAMPLE_RATE_HZ as RATE_HZ
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from documents import GUIDE, README, commands_in
from stemdrop.keys import UploadKey
from stemdrop.options import Options
from stemdrop_cli.main import main
from stemdrop_local.deployment import ROOT
from stemdrop_separate.job.job_start import METADATA_PREFIX

COMMANDS = commands_in(README, *sorted(GUIDE.glob("*.md")))
# Executed by test_readme_api.py, as SUBMIT is, and tests/e2e/test_local_image.py.
ELSEWHERE = (
    "curl ",
    "export ",
    "cp ",
    "source ",
    "docker run ",
    "aws s3 cp song.mp3 s3://stemdrop-",
)


def starting_with(words: str) -> list[str]:
    return [command for command in COMMANDS if command.startswith(f"{words} ")]


MAKE = starting_with("make")
DROP = [command for command in starting_with("aws s3 cp") if "s3://BUCKET/" in command]
SEPARATE = starting_with(".venv/bin/stemdrop separate")
SUBMIT = starting_with(".venv/bin/stemdrop submit")
MODELS = starting_with(".venv/bin/stemdrop models")
SONG_S = 2.5


def test_every_command_has_a_test() -> None:
    tested = {*MAKE, *DROP, *SEPARATE, *SUBMIT, *MODELS}
    assert [c for c in COMMANDS if c not in tested and not c.startswith(ELSEWHERE)] == []
    assert min(map(len, (MAKE, DROP, SEPARATE, SUBMIT, MODELS))) >= 2


def test_readme_starts_with_demo_and_local_and_names_the_test_command() -> None:
    first, second, *others = commands_in(README)
    assert first.startswith("make demo")
    assert second == "make local"
    assert next(command for command in others if "test" in command) == "make test"


@pytest.fixture(scope="module")
def listed() -> str:
    return subprocess.run(
        ["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.parametrize("command", MAKE)
def test_make_command_is_a_listed_task(command: str, listed: str) -> None:
    task = shlex.split(command)[1]
    assert re.search(rf"^{task} ", listed, re.MULTILINE)
    subprocess.run([*shlex.split(command), "-n"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("command", DROP)
def test_dropped_key_and_metadata_are_valid_options(command: str) -> None:
    words = shlex.split(command)
    key = UploadKey.parse(words[4].removeprefix("s3://BUCKET/") + words[3])
    pairs = words[6].split(",") if "--metadata" in words else []
    named = (pair.removeprefix(METADATA_PREFIX).split("=") for pair in pairs)
    given = key.folder_options | dict(named)
    options = Options.parse(given)
    assert given.items() <= (options.to_dict() | {"stems": "+".join(options.stems)}).items()


def test_models_commands_list_build_and_remove_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "weights" / "2stems"
    shutil.copytree(ROOT / "build" / "weights" / "2stems", weights)
    monkeypatch.setattr("stemdrop_model.install.CHECKOUT", tmp_path)
    listing, fetching, removing = (shlex.split(command, comments=True)[1:] for command in MODELS)
    assert main(fetching) == 0
    assert main(listing) == 0
    assert "2stems  158 MB" in capsys.readouterr().out
    assert main(removing) == 0
    assert main(listing) == 0
    assert "2stems  not installed" in capsys.readouterr().out


@pytest.mark.parametrize("command", SEPARATE)
def test_separate_command_writes_stems(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mix = generate(SONG_S, seed=31).mix
    if "-s 30" in command:
        mix = np.concatenate([np.zeros((30 * RATE_HZ, 2), np.float32), mix])
    for name in ("song.mp3", "-song.mp3", "albums/one.mp3", "live/first/two.flac"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        write_wav(Path(name), [mix])  # ffmpeg ignores the suffix
    assert main(shlex.split(command)[1:]) == 0
    assert len(list(tmp_path.rglob("*vocals.*"))) == (3 if "albums" in command else 1)
