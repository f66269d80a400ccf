"""The console shows all finished jobs and requests, but no secrets."""

from pathlib import Path
from typing import Any

import pytest

from captured_output import CapturedOutput
from stemdrop.job_record import Failure, Job, Status, Stem, Usage, now
from stemdrop_local.console import Console
from stemdrop_local.emulator_process import UnsignedRequest
from stemdrop_local.event_log import EventLog

KEY = "drop/Größe + 1.mp3"


@pytest.fixture
def output() -> CapturedOutput:
    return CapturedOutput()


@pytest.fixture
def event_log(output: CapturedOutput) -> EventLog:
    return EventLog(Console(output))


def said(output: CapturedOutput) -> str:
    """Return the only line, without its time."""
    (line,) = output.text.splitlines()
    return " ".join(line.split()[1:])


def stems(*timings: str) -> dict[str, Any]:
    """Return the log fields of a completed job."""
    parts = tuple(
        Stem(name, f"{KEY}/{name}.wav", 4, 1.0, -1.0, 0) for name in ("vocals", "accompaniment")
    )
    timings_s = {**dict.fromkeys(timings, 1.0), "total": 1.5}
    return {"status": Status.DONE, "stems": parts, "usage": Usage(timings_s, 1, 1.0, 0.1)}


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (stems("download", "separate"), f"done {KEY}: vocals, accompaniment, 1.5 s"),
        (stems("download", "reuse"), f"done {KEY}: vocals, accompaniment, copied, 1.5 s"),
        (
            {"status": Status.FAILED, "error": Failure("not_audio", "It is none.")},
            f"failed {KEY}: It is none.",
        ),
    ],
)
def test_finished_job_is_logged(
    event_log: EventLog, output: CapturedOutput, fields: dict[str, Any], line: str
) -> None:
    event_log.log_job(Job(key=KEY, created_at=now(), updated_at=now(), **fields))
    assert said(output) == line


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (
            UnsignedRequest("GET", "/jobs/1", 200, 0.02, is_for_s3=False),
            "API GET /jobs/1: 200, 20 ms",
        ),
        (UnsignedRequest("PUT", "/b/k", 403, 0.02, is_for_s3=True), "S3 PUT /b/k: 403, 20 ms"),
        (
            UnsignedRequest("GET", "/a\n\x1b[2J", 200, 0.02, is_for_s3=False),
            r"API GET /a\n\x1b[2J: 200, 20 ms",
        ),
    ],
)
def test_request_is_logged(
    event_log: EventLog, output: CapturedOutput, call: UnsignedRequest, line: str
) -> None:
    event_log.log_request(call)
    assert said(output) == line


def test_not_modified_response_is_not_logged(event_log: EventLog, output: CapturedOutput) -> None:
    event_log.log_request(UnsignedRequest("GET", "/jobs/1", 304, 0.02, is_for_s3=False))
    assert output.text == ""


def test_expired_objects_are_logged_unless_zero(
    event_log: EventLog, output: CapturedOutput
) -> None:
    event_log.log_expired(0)
    assert output.text == ""
    event_log.log_expired(3)
    assert said(output) == "expired 3 old objects"


def test_failures_are_logged_with_a_hint(event_log: EventLog, output: CapturedOutput) -> None:
    event_log.log_failures(2, Path("my data"))
    assert said(output) == (
        "gave up 2 in the failure queue: see my data/emulator.log, then "
        "`source 'my data/environment'` and `make redrive STACK=stemdrop`"
    )
