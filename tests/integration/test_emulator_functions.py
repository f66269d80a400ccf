"""Functions in the emulator: environment, concurrency and lifetime of their processes."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from conftest import SECRET, TOKEN
from integration.process_tree import wait_until_ended
from stemdrop_local.deployment import Deployment, Stack, deploy
from stemdrop_local.emulator import SECRET_VARIABLE
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.ports import LOOPBACK, listen
from stemdrop_local.unfinished import requeue_unfinished

ORIGIN = "https://songs.example.org"


@dataclass
class ReportingEmulator:
    """An emulator whose separator reports to the test; see reporting_handler.py."""

    emulator: EmulatorProcess
    stack: Stack
    pipe: IO[str]

    def put(self, name: str, **details: Any) -> None:
        bucket = self.stack.uploads_bucket
        self.stack.s3.put_object(Bucket=bucket, Key=f"drop/{name}", Body=b"song", **details)

    def next_report(self) -> dict[str, Any]:
        """Wait for the next report of the function."""
        line: dict[str, Any] = json.loads(self.pipe.readline())
        return line


@contextmanager
def emulating(folder: Path) -> Iterator[EmulatorProcess]:
    with (
        closing(listen(LOOPBACK, 0)) as listening,
        EmulatorProcess(listening, folder, SECRET, songs=1) as emulator,
    ):
        yield emulator


@contextmanager
def running(folder: Path) -> Iterator[ReportingEmulator]:
    path = folder / "pipe"
    if not path.exists():
        os.mkfifo(path)
    environment = {"PYTHONPATH": str(Path(__file__).parent), "MARKS": str(folder)}
    deployment = Deployment(
        {"AccessToken": TOKEN, "AllowedOrigin": ORIGIN},
        {"SeparateFunction": environment},
        {"SeparateFunction": "reporting_handler.handler"},
    )
    # Open for reading and writing, so that the pipe has no end of file.
    with emulating(folder / "data") as emulator, os.fdopen(os.open(path, os.O_RDWR)) as pipe:
        yield ReportingEmulator(emulator, deploy(emulator, deployment), pipe)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReportingEmulator]:
    with running(tmp_path_factory.mktemp("shared")) as running_:
        yield running_


def test_songs_setting_limits_concurrency(shared: ReportingEmulator) -> None:
    names = {f"drop/{number}" for number in range(4)}
    for name in names:
        shared.put(name.removeprefix("drop/"))
    reports = [shared.next_report() for _ in names]
    assert {each["key"] for each in reports} == names
    assert all(each["is_alone"] for each in reports)
    assert len({each["pid"] for each in reports}) == 1


def test_function_has_role_and_no_host_environment(shared: ReportingEmulator) -> None:
    shared.put("describe")
    shared.next_report()
    environment = shared.next_report()["environment"]
    assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert environment["AWS_ENDPOINT_URL"] == shared.emulator.endpoint_url
    assert environment["UPLOADS_BUCKET"] == shared.stack.uploads_bucket
    assert SECRET_VARIABLE not in environment
    assert SECRET not in str(environment)
    assert "PYTEST_CURRENT_TEST" not in environment


def preflight(url: str, origin: str) -> httpx.Response:
    asked = {"origin": origin, "access-control-request-method": "POST"}
    return httpx.options(f"{url}/jobs", headers=asked, timeout=60)


def test_allowed_origin_passes_cors(shared: ReportingEmulator) -> None:
    answer = preflight(shared.emulator.endpoint_url, ORIGIN)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert {"GET", "HEAD", "POST", "DELETE"} == set(
        answer.headers["access-control-allow-methods"].split(",")
    )
    assert "authorization" in answer.headers["access-control-allow-headers"].split(",")
    assert answer.headers["access-control-max-age"] == "3600"
    page = httpx.get(
        f"{shared.emulator.endpoint_url}/healthz", headers={"origin": ORIGIN}, timeout=60
    )
    assert page.headers["access-control-allow-origin"] == ORIGIN
    assert "etag" in page.headers["access-control-expose-headers"].split(",")


def test_other_origin_fails_cors(shared: ReportingEmulator) -> None:
    answer = preflight(shared.emulator.endpoint_url, "https://evil.example")
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_request_before_deployment_gets_503(tmp_path: Path) -> None:
    with emulating(tmp_path) as emulator:
        for path in ("/", "/healthz", "/jobs/1"):
            assert httpx.get(f"{emulator.endpoint_url}{path}").status_code == 503


def test_function_that_fails_to_start_says_why_and_nothing_else(tmp_path: Path) -> None:
    missing = Deployment({"AccessToken": TOKEN}, handlers={"ApiFunction": "missing.handler"})
    with emulating(tmp_path) as emulator:
        stack = deploy(emulator, missing)
        assert httpx.get(f"{stack.endpoint_url}/healthz", timeout=60).status_code == 502
    log = emulator.log.read_text()
    assert "Unable to import module 'missing'" in log
    assert "gaierror" not in log


def test_function_ends_with_emulator_and_song_is_requeued(
    tmp_path: Path,
) -> None:
    """Also during an invocation, and if the emulator is killed."""
    with running(tmp_path) as first:
        first.put("block", Metadata={"codec": "flac"}, ContentType="audio/x-test")
        before = head(first.stack)
        pid = first.next_report()["pid"]
        os.kill(first.emulator.process.pid, signal.SIGKILL)
        assert wait_until_ended(pid)
    with running(tmp_path) as second:
        assert head(second.stack) == before
        assert requeue_unfinished(second.stack) == 1
        assert second.next_report()["key"] == "drop/block"


def head(stack: Stack) -> dict[str, Any]:
    """Return the metadata of the test's object."""
    found: Any = stack.s3.head_object(Bucket=stack.uploads_bucket, Key="drop/block")
    names = ("ContentLength", "ContentType", "ETag", "LastModified", "Metadata")
    return {name: found[name] for name in names}
