"""SAM reaches the container engine, whichever it is; nothing stays behind."""

import os
import socket
import sys
from pathlib import Path

import pytest

from stemdrop_cloud.builders import SOCKET, served
from stemdrop_cloud.errors import CloudError
from stemdrop_containers.engine import Engine

PODMAN = f"""#!{sys.executable}
import os, pathlib, signal, socket, sys
folder = pathlib.Path(__file__).parent
if sys.argv[1] == "info":
    print(folder / "running.sock")
elif sys.argv[1:3] == ["context", "inspect"]:
    print("unix:///its/own.sock")
elif (folder / "broken").exists():
    sys.exit("Error: no")
else:
    (folder / "pid").write_text(str(os.getpid()))
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(sys.argv[-1].removeprefix("unix://"))
    listening.listen()
    signal.pause()
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with programs that stand in for Docker and Podman."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("podman", "docker"):
        (folder / name).write_text(PODMAN)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    return folder


def test_podman_is_started_and_ended(programs: Path, tmp_path: Path) -> None:
    engine = Engine("podman", variables={"CONTAINERS_CONF": "/x"})
    with served(engine, tmp_path / "own") as variables:
        path = tmp_path / "own" / SOCKET
        assert variables == {"CONTAINERS_CONF": "/x", "DOCKER_HOST": f"unix://{path}"}
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(path))
    assert not path.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((programs / "pid").read_text()), 0)


def test_podman_is_ended_by_ctrl_c(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), served(Engine("podman"), tmp_path / "own"):
        raise KeyboardInterrupt
    with pytest.raises(ProcessLookupError):
        os.kill(int((programs / "pid").read_text()), 0)


def test_a_podman_that_runs_is_used(programs: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(programs / "running.sock"))
        listening.listen()
        with served(Engine("podman"), tmp_path / "own") as variables:
            assert variables == {"DOCKER_HOST": f"unix://{programs / 'running.sock'}"}
    assert not (programs / "pid").exists()


@pytest.mark.usefixtures("programs")
def test_docker_is_where_its_context_says(tmp_path: Path) -> None:
    with served(Engine("docker"), tmp_path) as variables:
        assert variables == {"DOCKER_HOST": "unix:///its/own.sock"}


@pytest.mark.usefixtures("programs")
def test_who_names_an_engine_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://builder:2375")
    with served(Engine("podman"), tmp_path) as variables:
        assert variables == {}


def test_a_podman_that_does_not_start_is_one_sentence(programs: Path, tmp_path: Path) -> None:
    (programs / "broken").touch()
    with (
        pytest.raises(CloudError, match="Podman's service doesn't start"),
        served(Engine("podman"), tmp_path / "own"),
    ):
        raise AssertionError
