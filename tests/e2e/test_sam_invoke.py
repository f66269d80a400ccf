"""`make invoke`: one command, from a song to its stems by `sam local invoke`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sam_program import Traces
from stemdrop.jobs import Job, Status
from stemdrop_containers.engine import Engine
from stemdrop_local.songs.song import generate
from stemdrop_local.songs.wav import write_wav
from stemdrop_local.template import ROOT

KEY = "jobs/7f3c9a5e2b814d60a1f4c8e97b25d036"


@pytest.mark.timeout(600)
def test_an_event_has_a_song_separated(engine: Engine, image: str, tmp_path: Path) -> None:
    assert image
    before = Traces.now(engine)
    write_wav(tmp_path / "song.wav", [generate(5, seed=8).mix])
    options = ["--song", str(tmp_path / "song.wav"), "--out", str(tmp_path / "out")]
    options += ["--event", str(ROOT / "tests" / "events" / "s3_job.json")]
    run = subprocess.run(
        [
            *(sys.executable, "-m", "stemdrop_containers.sam.invoke", *options),
            *(["--offline"] if engine.is_offline else []),
        ],
        check=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert json.loads(run.stdout) == {KEY: "done"}
    found = tmp_path / "out" / KEY
    assert Job.from_json((found / "job.json").read_bytes()).status is Status.DONE
    assert {path.name for path in found.iterdir()} == {
        "job.json",
        "vocals.wav",
        "accompaniment.wav",
    }
    assert Traces.now(engine) == before
