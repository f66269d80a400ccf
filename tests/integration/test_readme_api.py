"""A whole round by curl and nothing else: the README's own lines, in their order."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from local_stack import TOKEN, Program
from stemdrop_cli.main import main as command_line
from stemdrop_local.deployment import ROOT

LINES = [
    line.strip()
    for line in (ROOT / "README.md").read_text().splitlines()
    if re.match(r"    (curl|export) ", line)
]
STARTED = r"stemdrop runs at (http://localhost:\d+),"
POLLS = 60


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Run the whole application with the real model, and return its address."""
    options = ["--models", str(ROOT / "build" / "models")]
    environment = os.environ | {"STEMDROP_TOKEN": TOKEN}
    with Program(tmp_path, *options, environment=environment) as program:
        program.transcript.wait(STARTED)
        (found,) = re.findall(STARTED, program.transcript.text)
        yield found
        assert program.end(signal.SIGINT) == 0


class Terminal:
    """A shell that is given the README's lines, with what is different for every reader."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self._known = {"http://localhost:5000": url, "TOKEN": TOKEN}
        self._export = next(line for line in LINES if line.startswith("export"))

    def learn(self, **values: str) -> None:
        self._known |= values

    def enter(self, line: str) -> str:
        script = f"{self._export}\n{line}"
        for name, value in self._known.items():
            script = re.sub(rf"(?<![A-Z]){re.escape(name)}(?![A-Z])", value, script)
        run = subprocess.run(
            ["bash", "-ec", script], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return run.stdout

    def line(self, *parts: str) -> str:
        (found,) = [line for line in LINES if all(part in line for part in parts)]
        return self.enter(found)


def test_a_song_goes_and_its_stems_come_by_curl(tmp_path: Path, url: str) -> None:
    write_wav(tmp_path / "song.mp3", [generate(6, seed=3).mix])
    terminal = Terminal(tmp_path, url)
    terminal.learn(**{"4320000": str((tmp_path / "song.mp3").stat().st_size)})
    created = json.loads(terminal.line("--json"))
    terminal.learn(ID=created["id"])
    terminal.learn(UPLOAD_URL=created["upload"]["url"])
    terminal.line("-T song.mp3")
    job = wait(terminal)
    assert job["status"] == "done", job["error"]
    terminal.line("/stems/vocals")
    song = str(tmp_path / "song.mp3")
    assert command_line(["separate", song, "-c", "flac", "-o", str(tmp_path / "cli")]) == 0
    saved = (tmp_path / "song - vocals.flac").read_bytes()
    assert saved == (tmp_path / "cli" / "song" / "vocals.flac").read_bytes()
    assert terminal.line("DELETE") == ""
    assert json.loads(terminal.line("$URL/jobs/ID", 'curl -H "$AUTH" $URL'))["status"] == 404


def wait(terminal: Terminal) -> dict[str, Any]:
    for _ in range(POLLS):
        job: dict[str, Any] = json.loads(terminal.enter('curl -s -H "$AUTH" $URL/jobs/ID'))
        if job["status"] in {"done", "failed"}:
            return job
        terminal.enter("sleep 1")
    raise AssertionError("The job doesn't end.")
