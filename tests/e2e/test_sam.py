"""The application with `sam local`: a job over HTTP, from the upload to the stems."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.local_s3 import LocalS3
from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from local_stack import BackgroundProcess
from stemdrop_cli.main import main as command_line
from stemdrop_containers.engine import ContainerEngine
from stemdrop_local.deployment import ROOT
from stemdrop_local.ports import reserve_port

TOKEN = "a-token-of-exactly-32-characters"  # noqa: S105 - only of this stack
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
START_S = 240.0
END_S = 60.0


@pytest.fixture(scope="module")
def command(
    engine: ContainerEngine, image: str, s3: LocalS3, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """Return a function that runs `sam local`, after the build."""
    assert image
    shared = {
        **s3.environment,
        "COMPLETION_TOPIC_ARN": "",
        "SONG_QUEUE_URL": "",
        "ACCESS_TOKEN": TOKEN,
    }
    variables = tmp_path_factory.mktemp("sam") / "sam-env.json"
    variables.write_text(json.dumps({"SeparateFunction": shared, "ApiFunction": shared}))
    command = [sys.executable, "-m", "stemdrop_containers.sam_local", "--variables", str(variables)]
    command += ["--offline"] if engine.is_offline else []
    subprocess.run([*command, "--build-only"], check=True, cwd=ROOT)
    return [*command, "--no-build"]


def invoke(command: list[str], event: Path) -> Any:
    words = ["invoke", "SeparateFunction", "--event", str(event)]
    run = subprocess.run([*command, *words], check=True, cwd=ROOT, stdout=subprocess.PIPE)
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def url(command: list[str]) -> Iterator[str]:
    """Run `sam local start-api`."""
    port = reserve_port()
    with BackgroundProcess([*command, "start-api", "--port", str(port)], ROOT) as program:
        program.output.wait("Running on http", timeout_s=START_S)
        yield f"http://127.0.0.1:{port}"
        assert program.end(signal.SIGTERM, END_S) == 130


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("songs") / "song.wav"
    write_wav(path, [generate(5, seed=5).mix])
    return path


def test_job_over_http_returns_stems(
    command: list[str], url: str, image_models: Path, song: Path, tmp_path: Path
) -> None:
    with httpx.Client(base_url=url, headers=AUTHORIZATION, timeout=60) as http:
        wanted = {"filename": song.name, "size_bytes": song.stat().st_size}
        created = http.post("/jobs", json=wanted)
        assert created.status_code == 201, created.text
        upload = created.json()["upload"]
        sent = httpx.put(upload["url"], content=song.read_bytes(), headers=upload["headers"])
        assert sent.status_code == 200, sent.text
        key = f"jobs/{created.json()['id']}"
        event = json.loads((ROOT / "tests/events/s3_put.json").read_text())
        event["Records"][0]["s3"]["object"]["key"] = key
        (tmp_path / "event.json").write_text(json.dumps(event))
        assert invoke(command, tmp_path / "event.json") == {key: "done"}
        job = http.get(f"/{key}").json()
        assert job["status"] == "done"
        options = ["-o", str(tmp_path), "--model_dir", str(image_models)]
        assert command_line(["separate", str(song), *options]) == 0
        for stem in job["stems"]:
            expected = (tmp_path / "song" / f"{stem['stem']}.wav").read_bytes()
            assert httpx.get(stem["url"]).content == expected
        assert {stem["stem"] for stem in job["stems"]} == {"vocals", "accompaniment"}


def test_page_and_open_routes_need_no_token(url: str) -> None:
    page = httpx.get(url, timeout=60)
    assert page.headers["content-type"].startswith("text/html")
    assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
    assert httpx.get(f"{url}/options", timeout=60).status_code == 401


def test_missing_variables_are_reported_in_one_sentence(tmp_path: Path) -> None:
    words = ["--variables", str(tmp_path / "none.json"), "start-api"]
    command = [sys.executable, "-m", "stemdrop_containers.sam_local", *words]
    run = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr.endswith("none.json: run `make local` first.\n")
    assert run.stderr.count("\n") == 1
