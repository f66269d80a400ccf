"""The commands of the guides against a running stack: curl and AWS tools."""

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from documents import GUIDE, README, commands_in
from local_stack import TOKEN, LocalStackProcess
from stemdrop_cli.main import main as command_line
from stemdrop_local.deployment import ROOT

API = commands_in(GUIDE / "api.md")
DROP_FOLDER = commands_in(GUIDE / "drop-folder.md")
LAPTOP = commands_in(GUIDE / "laptop.md")
SUBMIT = [
    command
    for command in commands_in(README, *sorted(GUIDE.glob("*.md")))
    if command.startswith(".venv/bin/stemdrop submit ")
]
STARTED = r"stemdrop runs at (http://localhost:\d+),"
POLLS = 60


class Terminal:
    """A shell that runs the guides' commands with the placeholders filled in."""

    def __init__(self, folder: Path, program: LocalStackProcess, url: str) -> None:
        self.folder = folder
        self.program = program
        self.url = url
        self._known = {"http://localhost:5000": url, "TOKEN": TOKEN}
        (self._export,) = [line for line in API if line.startswith("export")]

    def learn(self, **values: str) -> None:
        self._known |= values

    def enter(self, *lines: str) -> str:
        script = "\n".join((self._export, *lines))
        for name, value in self._known.items():
            script = re.sub(rf"(?<![A-Z]){re.escape(name)}(?![A-Z])", value, script)
        path = f"{ROOT / '.venv-sam' / 'bin'}:{os.environ['PATH']}"
        run = subprocess.run(
            ["bash", "-ec", script],
            cwd=self.folder,
            env=os.environ | {"PATH": path},
            check=True,
            capture_output=True,
            text=True,
        )
        return run.stdout


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """Run the whole application with the real model, and return a shell for commands against it."""
    folder = tmp_path_factory.mktemp("terminal")
    options = ["--models", str(ROOT / "build" / "models")]
    environment = os.environ | {"STEMDROP_TOKEN": TOKEN}
    with LocalStackProcess(folder, *options, environment=environment) as program:
        program.output.wait(STARTED)
        (url,) = re.findall(STARTED, program.output.text)
        yield Terminal(folder, program, url)
        assert program.end(signal.SIGINT) == 0


def line(lines: list[str], *parts: str) -> str:
    (found,) = [line for line in lines if all(part in line for part in parts)]
    return found


def test_api_guide_round_trip(terminal: Terminal) -> None:
    folder = terminal.folder
    write_wav(folder / "song.mp3", [generate(2.5, seed=3).mix])
    terminal.learn(**{"4320000": str((folder / "song.mp3").stat().st_size)})
    created = json.loads(terminal.enter(line(API, "--json")))
    terminal.learn(ID=created["id"])
    terminal.learn(UPLOAD_URL=created["upload"]["url"])
    terminal.enter(line(API, "-T song.mp3"))
    show = next(entry for entry in API if entry.endswith("$URL/jobs/ID") and "-X" not in entry)
    job = wait(terminal, show)
    assert job["status"] == "done", job["error"]
    listed = json.loads(terminal.enter(line(API, "limit=10")))["jobs"]
    assert [each["id"] for each in listed] == [job["id"]]
    terminal.enter(line(API, "/stems/vocals"))
    song = str(folder / "song.mp3")
    assert command_line(["separate", song, "-c", "flac", "-o", str(folder / "cli")]) == 0
    saved = (folder / "song - vocals.flac").read_bytes()
    assert saved == (folder / "cli" / "song" / "vocals.flac").read_bytes()
    terminal.enter(line(API, "/stems/lyrics.lrc"))  # of a job without lyrics
    assert json.loads((folder / "lyrics.lrc").read_text())["status"] == 404
    assert terminal.enter(line(API, "DELETE")) == ""
    assert json.loads(terminal.enter(show))["status"] == 404


def wait(terminal: Terminal, show: str) -> dict[str, Any]:
    for _ in range(POLLS):
        job: dict[str, Any] = json.loads(terminal.enter(show))
        if job["status"] in {"done", "failed"}:
            return job
        terminal.enter("sleep 1")
    raise AssertionError("The job doesn't end.")


def test_laptop_guide_drops_songs_by_folder_and_by_aws(terminal: Terminal) -> None:
    folder = terminal.folder
    write_wav(folder / "song.mp3", [generate(2, seed=4).mix])
    terminal.enter(line(LAPTOP, "cp song.mp3 drop/"))
    terminal.program.output.wait("saved .*song.mp3")
    assert (folder / "stems" / "song.mp3" / "vocals.wav").is_file()
    assert json.loads(terminal.enter(line(DROP_FOLDER, "curl")))["status"] == "done"
    write_wav(folder / "song.mp3", [generate(2, seed=5).mix])
    terminal.enter(line(LAPTOP, "source "), line(LAPTOP, "aws s3 cp"))
    terminal.program.output.wait("done .*drop/song.mp3", times=2)


@pytest.mark.parametrize("command", SUBMIT)
def test_submit_command_downloads_stems(
    command: str, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEMDROP_URL", terminal.url)
    monkeypatch.setenv("STEMDROP_TOKEN", TOKEN)
    write_wav(Path("song.mp3"), [generate(2).mix])
    assert command_line(shlex.split(command)[1:]) == 0
    assert len(list(Path("stems").rglob("vocals.*"))) == 1
