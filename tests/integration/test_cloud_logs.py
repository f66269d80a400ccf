"""`make logs` shows all log groups of a stack in the order of time; by real HTTP, to moto."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from cloud_server import TIMEOUT_S, CloudServer, run, variables, words

SEPARATE, API = "/aws/lambda/stemdrop-separate", "/aws/lambda/stemdrop-api"
ACCESS = "/aws/apigateway/stemdrop"


class Groups:
    """Writes log entries as Lambda does."""

    def __init__(self, cloud: CloudServer) -> None:
        self.logs = cloud.client("logs")
        for group in (SEPARATE, API, ACCESS):
            self.logs.create_log_stream(logGroupName=group, logStreamName="s")

    def write(self, group: str, age_s: float, *messages: str) -> None:
        at_ms = int((time.time() - age_s) * 1000)
        events = [{"timestamp": at_ms, "message": message} for message in messages]
        self.logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


@pytest.fixture
def groups(deployed: CloudServer) -> Groups:
    return Groups(deployed)


def entry(message: str, **values: object) -> str:
    return json.dumps({"level": "INFO", "message": message, **values})


def test_all_groups_are_shown_in_the_order_of_time(deployed: CloudServer, groups: Groups) -> None:
    groups.write(SEPARATE, 7200, entry("too_old"))
    groups.write(SEPARATE, 300, "START RequestId: 1", entry("attempt_failed", key="drop/a.mp3"))
    groups.write(API, 400, entry("job_created", job="7f"))
    groups.write(API, 100, entry("request_failed", exception="Traceback:\nKeyError: 'x'"))
    groups.write(ACCESS, 200, json.dumps({"route": "POST /jobs", "status": "500"}))
    done = run("logs", "--stack", "stemdrop", environment=variables(deployed.url))
    assert done.returncode == 0, done.stderr
    lines = [
        line.split(maxsplit=3)[2:] if line[0] != " " else line for line in done.stdout.splitlines()
    ]
    assert lines == [
        ["api", "INFO    job_created  job=7f"],
        ["separate", "INFO    attempt_failed  key=drop/a.mp3"],
        ["access", "ERROR   POST /jobs  status=500"],
        ["api", "INFO    request_failed"],
        "    Traceback:",
        "    KeyError: 'x'",
    ]


def test_pages_are_read_to_the_end(deployed: CloudServer, groups: Groups) -> None:
    for _ in range(11):  # CloudWatch has at most 10,000 to a page
        groups.write(API, 60, *(["row"] * 1000))
    done = run("logs", "--stack", "stemdrop", "--since", "5m", environment=variables(deployed.url))
    assert done.stdout.count("row") == 11_000


@pytest.fixture
def following(deployed: CloudServer, groups: Groups) -> Iterator[subprocess.Popen[str]]:
    groups.write(API, 5, entry("first"))
    process = subprocess.Popen(
        words("logs", "--stack", "stemdrop", "--follow"),
        env=variables(deployed.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    guard = threading.Timer(TIMEOUT_S, process.kill)
    guard.start()
    yield process
    guard.cancel()
    process.kill()
    process.communicate()


def test_following_shows_what_comes_once_until_ctrl_c(
    groups: Groups, following: subprocess.Popen[str]
) -> None:
    assert following.stdout
    assert "first" in following.stdout.readline()
    groups.write(SEPARATE, 10, entry("late"))
    assert "late" in following.stdout.readline()
    groups.write(API, 0, entry("last"))
    assert "last" in following.stdout.readline()
    os.kill(following.pid, signal.SIGINT)
    rest, said = following.communicate(timeout=TIMEOUT_S)
    assert following.returncode == 130
    assert rest == ""
    assert said == "stemdrop: Interrupted.\n"


def test_a_reader_that_has_enough_is_no_error(deployed: CloudServer, groups: Groups) -> None:
    groups.write(API, 60, *(["row" * 50] * 3000))
    pipe = subprocess.Popen(["head", "-n", "1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    done = run(
        "logs",
        "--stack",
        "stemdrop",
        environment=variables(deployed.url),
        capture_output=False,
        stdout=pipe.stdin,
        stderr=subprocess.PIPE,
    )
    assert pipe.stdin
    pipe.stdin.close()
    pipe.wait(TIMEOUT_S)
    assert done.stderr == ""
