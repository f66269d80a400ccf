"""Every command that the README shows does what it says, or would if it had AWS."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from local_stack import TOKEN, running, settings_in
from stemdrop.keys import UploadKey
from stemdrop.options import Options
from stemdrop_cli.main import main
from stemdrop_local.deployment import ROOT

COMMANDS = [
    line.strip().partition("  #")[0]
    for line in (ROOT / "README.md").read_text().splitlines()
    if re.match(r"    (make|aws|\.venv/bin/\w+) ", line)
]


def of(program: str) -> list[str]:
    return [command for command in COMMANDS if command.startswith(f"{program} ")]


def test_there_are_commands_of_each_kind() -> None:
    assert len(of("make")) + len(of("aws")) + len(of(".venv/bin/stemdrop")) == len(COMMANDS)
    assert min(len(of("make")), len(of("aws")), len(of(".venv/bin/stemdrop"))) >= 3


@pytest.mark.parametrize("command", of("make"))
def test_make_knows_the_task(command: str) -> None:
    task = shlex.split(command)[1]
    listed = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert re.search(rf"^{task} ", listed.stdout, re.MULTILINE)
    subprocess.run([*shlex.split(command), "-n"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("command", of("aws"))
def test_the_function_takes_what_is_dropped(command: str) -> None:
    words = shlex.split(command)
    key = UploadKey.parse(words[4].removeprefix("s3://BUCKET/") + words[3])
    pairs = words[6].split(",") if "--metadata" in words else []
    given = key.folder_options | dict(pair.split("=") for pair in pairs)
    options = Options.parse(given)
    assert given.items() <= (options.to_json() | {"stems": "+".join(options.stems)}).items()


@pytest.mark.parametrize("command", of(".venv/bin/stemdrop separate"))
def test_the_command_line_separates(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav(Path("song.mp3"), [generate(31).mix])  # ffmpeg doesn't go by the name
    assert main(shlex.split(command)[1:]) == 0
    assert len(list(tmp_path.rglob("*vocals.*"))) == 1


@pytest.mark.parametrize("command", of(".venv/bin/stemdrop submit"))
def test_the_command_line_submits(
    command: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav(Path("song.mp3"), [generate(2).mix])
    with running(settings_in(tmp_path_factory.mktemp("stack"))) as (services, _):
        monkeypatch.setenv("STEMDROP_URL", f"http://localhost:{services.port}")
        monkeypatch.setenv("STEMDROP_TOKEN", TOKEN)
        assert main(shlex.split(command)[1:]) == 0
    assert len(list(Path("stems").rglob("vocals.*"))) == 1
