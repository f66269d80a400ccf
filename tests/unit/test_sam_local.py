"""`make sam-local`: the environment of SAM, and its connections to S3."""

import json
import socket
from pathlib import Path
from threading import Thread

import pytest

from stemdrop_containers.engine import EngineError
from stemdrop_containers.sam_local import ENDPOINT, _environment, _forward, _read_variables
from stemdrop_local.ports import LOOPBACK, reserve_port

WAIT_S = 20.0


def test_sam_has_the_credentials_of_the_local_stack_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another account")
    given = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "secret"}
    environment = _environment({"ApiFunction": given}, {})
    assert environment.items() >= given.items()
    assert "AWS_SESSION_TOKEN" not in environment


def test_variables_of_a_stack_that_has_ended_are_refused(tmp_path: Path) -> None:
    path, url = tmp_path / "sam-env.json", f"http://{LOOPBACK}:{reserve_port()}"
    path.write_text(json.dumps({"ApiFunction": {ENDPOINT: url}}))
    with pytest.raises(EngineError, match=rf"^Nothing answers at {url}: run `make local` first\.$"):
        _read_variables(path)


def test_forwarding_goes_on_after_a_refused_connection() -> None:
    port = reserve_port()
    with socket.create_server((LOOPBACK, 0)) as listening:
        forwarder = Thread(target=_forward, args=(listening, port), daemon=True)
        forwarder.start()
        address = listening.getsockname()
        with socket.create_connection(address, WAIT_S) as refused:
            assert refused.recv(1) == b""
        with (
            socket.create_server((LOOPBACK, port)) as s3,
            socket.create_connection(address, WAIT_S) as asking,
        ):
            s3.settimeout(WAIT_S)
            answering, _ = s3.accept()
            with answering:
                answering.sendall(b"answer")
                assert asking.recv(6, socket.MSG_WAITALL) == b"answer"
        listening.shutdown(socket.SHUT_RDWR)
        forwarder.join(WAIT_S)
