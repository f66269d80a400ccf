"""What is said when SAM's command line isn't there or fails, and where containers find S3."""

import json
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from stemdrop_local.runtime.emulator import EventTooLargeError
from stemdrop_local.runtime.outcome import Ending
from stemdrop_local.template import Application

from stemdrop_containers.engine import Engine, EngineError
from stemdrop_containers.sam import cli as sam_cli
from stemdrop_containers.sam import invoke as sam_invoke
from stemdrop_containers.sam.cli import Sam, SamError, exports, variables
from stemdrop_containers.sam.engine_service import find_gateway
from stemdrop_containers.sam.functions import SamFunction
from stemdrop_containers.sam.services import listen_for_containers
from stemdrop_local.ports import LOOPBACK


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Sam:
    """Return a command line that always fails."""
    monkeypatch.setattr(sam_cli, "PROGRAM", Path("/bin/false"))
    return Sam({})


def test_a_missing_program_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sam_cli, "PROGRAM", tmp_path / "sam")
    with pytest.raises(SamError, match=r"run `make setup`\.$"):
        Sam({}).run("build")


def test_a_failed_command_is_one_sentence(failing: Sam) -> None:
    with pytest.raises(SamError, match=r"^`sam build` ended with 1\.$"):
        failing.run("build")


def test_a_server_that_does_not_start_is_a_crash_that_is_tried_again(
    failing: Sam, application: Application, tmp_path: Path
) -> None:
    server = failing.server("start-lambda", tmp_path / "log")
    function = SamFunction(application.function, server)
    with pytest.raises(SamError, match="does not start"):
        function.start()
    outcome = function.invoke({"Records": []})
    assert outcome.ending is Ending.CRASHED
    assert "does not start" in outcome.payload["errorMessage"]
    with pytest.raises(EventTooLargeError):
        function.invoke("x" * (7 << 20))
    function.stop()


def test_a_shell_reads_the_variables_as_they_are() -> None:
    given = variables({"DOCKER_HOST": "unix:///a b/$HOME's.sock"}, token="t" * 32)
    show = " ".join(f'"${name}"' for name in given)
    script = f'{exports(given)}command -v sam\nprintf "%s\\n" {show}'
    run = subprocess.run(["bash", "-ec", script], check=True, capture_output=True, text=True)
    assert run.stdout.splitlines() == [str(sam_cli.PROGRAM), *given.values()]


def test_s3_listens_where_a_container_network_will_be() -> None:
    with closing(listen_for_containers("192.0.2.1", 0)) as listening:
        assert listening.getsockname()[0] == "192.0.2.1"


def test_a_port_that_is_taken_is_no_obstacle() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with closing(listen_for_containers(LOOPBACK, port)) as listening:
            assert listening.getsockname()[1] not in {0, port}


def test_podman_without_root_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(EngineError, match="use Docker, or root"):
        find_gateway(Engine("podman"))


@pytest.mark.parametrize("text", [None, "no event", json.dumps([])])
def test_no_event_is_one_sentence(
    text: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sam_invoke, "end_by_signal", lambda: None)  # pytest has its own ways
    path = tmp_path / "event.json"
    if text is not None:
        path.write_text(text)
    assert sam_invoke.main(["--event", str(path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"invoke: There is no event in {path}")
