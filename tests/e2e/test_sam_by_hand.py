"""SAM's commands as the README says them and `make sam-local BY_HAND=1` prints them."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest
from stemdrop_local.intrinsics import REGION
from stemdrop_local.template import ROOT, Application

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from local_stack import TOKEN, Started
from sam_program import END_S, SamProgram, Traces
from stemdrop_client.main import main as command_line
from stemdrop_containers.engine import Engine
from stemdrop_containers.sam.local import TAKEN

pytestmark = pytest.mark.timeout(600)

SOURCE = "source build/sam/environment"
INVOKE = "sam local invoke SeparateFunction -e tests/events/s3_put.json"
START_LAMBDA = "sam local start-lambda"
START_API = "sam local start-api"
START_S = 60.0


@pytest.fixture(scope="module")
def program(
    tmp_path_factory: pytest.TempPathFactory, engine: Engine, image: str
) -> Iterator[SamProgram]:
    """Run the embedded S3 for SAM's commands, and end it in order."""
    assert image
    before = Traces.now(engine)
    with SamProgram(tmp_path_factory.mktemp("hand"), engine, "--by-hand") as program:
        program.url()
        yield program
        assert program.end(signal.SIGTERM, END_S) == 0, program.transcript.text
        assert (Traces.now(engine), program.written()) == (before, [])


class Typed(Started):
    """A command in a shell that has read what it needs; SIGTERM ends it."""

    def __init__(self, line: str) -> None:
        super().__init__(["bash", "-ec", f"{SOURCE}\nexec {line}"], ROOT)


def test_the_commands_are_those_that_are_printed_and_in_the_readme(program: SamProgram) -> None:
    printed = re.findall(r"^  (s.+)$", program.transcript.text, re.MULTILINE)
    assert printed == [SOURCE, INVOKE, START_LAMBDA, START_API]
    readme = re.findall(
        r"^    ((?:source|sam) .+?)(?:  #.*)?$", (ROOT / "README.md").read_text(), re.M
    )
    assert set(readme) <= set(printed)


def test_a_song_is_separated_by_sam_local_invoke(
    program: SamProgram, application: Application, tmp_path: Path
) -> None:
    song = tmp_path / "song.mp3"
    write_wav(song, [generate(15, seed=6).mix])
    s3 = boto3.client(
        "s3",
        endpoint_url=program.url(),
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key=TOKEN,
    )
    uploads, stems = application.buckets
    s3.upload_file(str(song), uploads.name, "drop/song.mp3")
    run = subprocess.run(
        ["bash", "-ec", f"{SOURCE}\n{INVOKE}"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert json.loads(run.stdout.splitlines()[-1]) == {"drop/song.mp3": "done"}, run.stderr
    assert command_line(["separate", str(song), "-o", str(tmp_path)]) == 0
    for stem in ("vocals", "accompaniment"):
        found = s3.get_object(Bucket=stems.name, Key=f"drop/song.mp3/{stem}.wav")["Body"].read()
        assert found == (tmp_path / "song" / f"{stem}.wav").read_bytes()
    s3.close()


def test_start_lambda_takes_an_event(program: SamProgram) -> None:
    assert program.url()
    with Typed(START_LAMBDA) as typed:
        typed.transcript.wait("Running on", timeout_s=START_S)
        answer = httpx.post(
            "http://127.0.0.1:3001/2015-03-31/functions/SeparateFunction/invocations",
            content=(ROOT / "tests/events/s3_put.json").read_bytes(),
            timeout=120,
        )
        assert answer.json() == {"drop/song.mp3": "skipped"}
        typed.end(signal.SIGTERM, END_S)


def test_start_api_answers_by_itself_and_behind_the_stack(program: SamProgram) -> None:
    with Typed(f"{START_API} --warm-containers LAZY") as typed:
        typed.transcript.wait("Running on", timeout_s=START_S)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        for url in ("http://127.0.0.1:3000", program.url()):
            answer = httpx.get(f"{url}/drop/song.mp3", headers=headers, timeout=120)
            assert (answer.status_code, answer.json()["status"]) == (200, "done")
        typed.end(signal.SIGTERM, END_S)


def test_one_at_a_time_runs_in_a_folder(
    program: SamProgram, engine: Engine, tmp_path: Path
) -> None:
    with SamProgram(tmp_path, engine) as second:
        assert program.url()
        assert second.end(timeout_s=START_S) == 1
        assert second.transcript.text.splitlines()[-1] == f"stemdrop: {TAKEN}"
