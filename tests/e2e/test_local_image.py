"""`docker run -p 127.0.0.1:5000:5000 IMAGE`: the whole application in one container."""

import http.client
import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self
from uuid import uuid4

import httpx
import pytest

from benchmarks.songs.song import generate
from benchmarks.songs.wav import write_wav
from captured_output import CapturedOutput
from documents import GUIDE, commands_in
from local_stack import TOKEN
from stemdrop_cli.main import main
from stemdrop_containers.engine import ContainerEngine
from stemdrop_local.ports import LOOPBACK, reserve_port

RUNS = "stemdrop runs at"
CODE = "from stemdrop_cli.main import main; raise SystemExit(main())"
STARTS_S = 120.0
ENDS_S = 60.0
BEARER = {"Authorization": f"Bearer {TOKEN}"}
# Between the published port and the image in docs/guide/image.md.
HARDENED = shlex.split(
    next(line for line in commands_in(GUIDE / "image.md") if "--read-only" in line)
)[5:-1]


class Container(subprocess.Popen[str]):
    """A container with the whole stack, which is removed at the end.

    Attributes
    ----------
    port : Port of the stack, inside and outside of the container.
    output : Output of the container.
    """

    def __init__(self, engine: ContainerEngine, image: str, *options: str) -> None:
        self.port = reserve_port()
        self.name = f"stemdrop-{uuid4().hex[:12]}"
        self._engine = engine
        published = ["--publish", f"{LOOPBACK}:{self.port}:{self.port}"]
        network = ["--network", "host"] if engine.is_offline else published
        super().__init__(
            [
                *(engine.name, "run", "--rm", "--name", self.name, *network, *options),
                *(image, "--port", str(self.port)),
            ],
            env=engine.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = CapturedOutput()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._engine.try_run("rm", "--force", "--time", "0", self.name)
        self.kill()
        self._reader.join()
        super().__exit__(kind, value, traceback)

    @property
    def url(self) -> str:
        """Return the address of API and page."""
        return f"http://localhost:{self.port}"

    def is_healthy(self) -> bool:
        """Return whether the image's health check succeeds."""
        form = "{{json .Config.Healthcheck.Test}}"
        check = json.loads(self._engine.run("inspect", "--format", form, self.name).stdout)
        assert check[-1] == "stemdrop_local.health"
        return self._engine.try_run("exec", self.name, *check[1:], timeout=60).returncode == 0

    def end(self, how: signal.Signals) -> int:
        """Send a signal, which the engine forwards, and return the exit status."""
        self.send_signal(how)
        status = self.wait(ENDS_S)
        self._reader.join()
        return status

    def _read(self) -> None:
        for line in self.stdout or ():
            self.output.write(line)


@dataclass(frozen=True)
class HostHeaderClient:
    """Sends requests to a stack with any Host header."""

    port: int

    def __call__(self, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
        with closing(http.client.HTTPConnection(LOOPBACK, self.port, timeout=60)) as connection:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            return answer


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("songs") / "song.wav"
    write_wav(path, [generate(duration_s=4.0).mix])
    return path


@pytest.fixture(scope="module")
def separated(song: Path) -> Path:
    """Return the folder of the stems from `stemdrop separate` on this machine."""
    folder = song.parent / "here"
    assert main(["separate", str(song), "-o", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def container(engine: ContainerEngine, local_image: str) -> Iterator[Container]:
    with Container(engine, local_image, *HARDENED, "--env", f"STEMDROP_TOKEN={TOKEN}") as container:
        container.output.wait(RUNS, timeout_s=STARTS_S)
        yield container


def test_container_stems_equal_those_of_command_line(
    container: Container, song: Path, separated: Path, tmp_path: Path
) -> None:
    words = ["submit", str(song), "--url", container.url, "--token", TOKEN, "-o", str(tmp_path)]
    subprocess.run([sys.executable, "-c", CODE, *words], check=True, timeout=240)
    expected = sorted(path.relative_to(separated) for path in separated.rglob("*.wav"))
    assert [path.name for path in expected] == ["accompaniment.wav", "vocals.wav"]
    for name in expected:
        assert (tmp_path / name).read_bytes() == (separated / name).read_bytes()


def test_container_is_healthy(container: Container) -> None:
    assert container.is_healthy()


def test_every_request_needs_the_token(container: Container) -> None:
    client = HostHeaderClient(container.port)
    assert client("GET", "/").status == 200
    assert client("GET", "/options").status == 401
    assert client("GET", "/options", **BEARER).status == 200
    assert client("GET", "/options", Host=f"songs.example:{container.port}", **BEARER).status == 421
    for bucket in ("stemdrop-stems", "stemdrop-uploads"):
        assert client("GET", f"/{bucket}/").status in {401, 403, 404}


def test_other_origin_is_refused(container: Container) -> None:
    client = HostHeaderClient(container.port)
    asking = {"Access-Control-Request-Method": "GET"}
    ours = client("OPTIONS", "/options", Origin=container.url, **asking)
    other = client("OPTIONS", "/options", Origin="http://songs.example", **asking)
    assert ours.getheader("Access-Control-Allow-Origin") == container.url
    assert other.getheader("Access-Control-Allow-Origin") is None


def test_volume_keeps_songs_stems_and_token(
    engine: ContainerEngine, local_image: str, song: Path, separated: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o1777)
    (tmp_path / "drop").mkdir(mode=0o777)
    (tmp_path / "drop" / "song.wav").write_bytes(song.read_bytes())
    with Container(engine, local_image, "--volume", f"{tmp_path}:/data") as container:
        container.output.wait("saved .*song.wav", timeout_s=STARTS_S + 120)
        token = (tmp_path / ".stemdrop" / "token").read_text().strip()
        assert f"  token   {token}\n" in container.output.text
        headers = {"Authorization": f"Bearer {token}"}
        options = httpx.get(f"{container.url}/options", headers=headers, timeout=60)
        assert options.status_code == 200
        assert container.end(signal.SIGTERM) == 0
    assert container.output.count("ends .*the next start finishes") == 1
    for stem in separated.rglob("*.wav"):
        assert (tmp_path / "stems" / "song.wav" / stem.name).read_bytes() == stem.read_bytes()
    assert not re.search("Traceback", container.output.text)


def test_ctrl_c_stops_container_cleanly(container: Container) -> None:
    assert container.end(signal.SIGINT) == 0
    assert container.output.count("ends .*the next start finishes") == 1
