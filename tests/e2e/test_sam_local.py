"""All of the application under SAM: a song by HTTP, the page, and nothing left at the end."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from integration.processes_of import descendants, ends
from local_stack import TOKEN, drop
from sam_program import END_S, START_S, SamProgram, Traces
from stemdrop_client.main import main as command_line
from stemdrop_containers.engine import Engine
from stemdrop_local.deployment import ROOT

pytestmark = pytest.mark.timeout(600)

AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}
PAGE = ROOT / "functions" / "api" / "stemdrop_api" / "web" / "page"
POLLS = 120
# Long enough to be at work on when the program ends.
LONG_S = 120.0


@dataclass(frozen=True)
class Site:
    """The application, and what was there before it."""

    program: SamProgram
    http: httpx.Client
    before: Traces


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that two programs share, one after the other."""
    return tmp_path_factory.mktemp("sam")


@pytest.fixture(scope="module")
def site(folder: Path, engine: Engine, image: str) -> Iterator[Site]:
    """Run it; the image's layers are there already."""
    assert image
    before = Traces.now(engine)
    with SamProgram(folder, engine) as program:
        url = program.url()
        with httpx.Client(base_url=url, headers=AUTHORIZATION, timeout=60) as http:
            yield Site(program, http, before)


def wait(http: httpx.Client, path: str) -> dict[str, Any]:
    for _ in range(POLLS):
        answer = http.get(path)
        job: dict[str, Any] = answer.json()
        if job["status"] in {"done", "failed"}:
            return job
        time.sleep(float(answer.headers.get("retry-after", 1)))
    raise AssertionError(f"{path} doesn't end: {job}")


def test_a_song_goes_and_its_stems_come_by_http(site: Site, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    write_wav(song, [generate(15, seed=5).mix])
    wanted = {"filename": song.name, "size_bytes": song.stat().st_size}
    created = site.http.post("/jobs", json=wanted)
    assert created.status_code == 201, created.text
    upload = created.json()["upload"]
    uploaded = httpx.put(upload["url"], headers=upload["headers"], content=song.read_bytes())
    assert uploaded.status_code == 200, uploaded.text
    job = wait(site.http, f"/jobs/{created.json()['id']}")
    assert job["status"] == "done", job["error"]
    assert command_line(["separate", str(song), "-o", str(tmp_path / "cli")]) == 0
    for stem in job["stems"]:
        expected = (tmp_path / "cli" / "song" / f"{stem['stem']}.wav").read_bytes()
        assert httpx.get(stem["url"]).content == expected
    assert {stem["stem"] for stem in job["stems"]} == {"vocals", "accompaniment"}


def test_a_song_in_the_drop_folder_comes_back(site: Site) -> None:
    drop(site.program.folder, "noise.wav", seed=1)
    site.program.transcript.wait("saved .*noise.wav|done .*noise.wav", timeout_s=90)
    assert wait(site.http, "/drop/noise.wav")["status"] == "done"


def test_every_route_answers(site: Site) -> None:
    key = "jobs/" + "0" * 32
    found = {
        "/healthz": 200,
        "/options": 200,
        "/openapi.json": 200,
        f"/{key}": 404,
        f"/{key}/stems/vocals": 404,
        "/drop/4stems/caf%C3%A9.mp3": 404,
        "/nothing/of/this": 404,
    }
    assert {path: site.http.get(path).status_code for path in found} == found
    assert site.http.get("/drop/4stems/caf%C3%A9.mp3").json()["detail"].count("café") <= 1
    assert httpx.get(f"{site.http.base_url}/options").status_code == 401
    assert site.http.delete(f"/{key}").status_code == 404


def test_the_page_and_its_files_come_as_they_are(site: Site) -> None:
    page = site.http.get("/")
    assert page.headers["content-type"].startswith("text/html")
    folder = page.text.partition('src="page/')[2].partition("/")[0]
    for path in PAGE.iterdir():
        if path.suffix in {".js", ".css", ".svg"}:
            assert site.http.get(f"/page/{folder}/{path.name}").content == path.read_bytes()
    picture = site.http.get("/docs/favicon-32x32.png")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG\r\n\x1a\n")


def test_nothing_is_left_of_it_when_it_is_killed_and_the_next_one_goes_on(
    site: Site, folder: Path, engine: Engine
) -> None:
    drop(folder, "long.wav", seed=2, duration_s=LONG_S)
    site.program.transcript.wait("working .*long.wav")
    below = descendants(site.program.pid)
    assert any("aws-lambda-rie" in command for command in below.values()), below
    site.program.end(signal.SIGKILL, END_S)
    assert all(ends(pid) for pid in below), below
    assert (Traces.now(engine), site.program.written()) == (site.before, [])
    with SamProgram(folder, engine) as program:
        program.url()
        program.transcript.wait("done .*long.wav", timeout_s=120)
        below = descendants(program.pid)
        assert program.end(signal.SIGINT, END_S) == 0, program.transcript.text
        assert all(ends(pid) for pid in below), below
        assert (Traces.now(engine), program.written()) == (site.before, [])
        assert "Traceback" not in program.transcript.text


def test_nothing_is_left_of_a_build_that_is_interrupted(
    engine: Engine, image: str, tmp_path: Path
) -> None:
    assert image
    before = Traces.now(engine)
    with SamProgram(tmp_path, engine) as program:
        program.transcript.wait("Building image", timeout_s=START_S)
        below = descendants(program.pid)
        assert program.end(signal.SIGINT, END_S) == 0, program.transcript.text
        assert all(ends(pid) for pid in below), below
        assert "Traceback" not in program.transcript.text
        assert (Traces.now(engine), program.written()) == (before, [])
