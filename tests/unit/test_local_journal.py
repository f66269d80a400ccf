"""What the console shows: every end of a job, every call, and no secret."""

from typing import Any

import pytest

from stemdrop.jobs import Failure, Job, Status, Stem, Usage, now
from stemdrop_local.console import Console
from stemdrop_local.emulator_process import Call
from stemdrop_local.event_log import Journal
from transcript import Transcript

KEY = "drop/Größe + 1.mp3"


@pytest.fixture
def transcript() -> Transcript:
    return Transcript()


@pytest.fixture
def journal(transcript: Transcript) -> Journal:
    return Journal(Console(transcript))


def said(transcript: Transcript) -> str:
    """Return the only line there is, without its time."""
    (line,) = transcript.text.splitlines()
    return " ".join(line.split()[1:])


def stems(*timings: str) -> dict[str, Any]:
    """Return the fields of a job that is done, and what it spent time on."""
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
def test_each_end_is_shown(
    journal: Journal, transcript: Transcript, fields: dict[str, Any], line: str
) -> None:
    journal.job_ended(Job(key=KEY, created_at=now(), updated_at=now(), **fields))
    assert said(transcript) == line


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (Call("GET", "/jobs/1", 200, 0.02, is_for_s3=False), "API GET /jobs/1: 200, 20 ms"),
        (Call("PUT", "/b/k", 403, 0.02, is_for_s3=True), "S3 PUT /b/k: 403, 20 ms"),
        (
            Call("GET", "/a\n\x1b[2J", 200, 0.02, is_for_s3=False),
            r"API GET /a\n\x1b[2J: 200, 20 ms",
        ),
    ],
)
def test_calls_are_shown(journal: Journal, transcript: Transcript, call: Call, line: str) -> None:
    journal.called(call)
    assert said(transcript) == line


def test_an_answer_that_nothing_has_changed_is_not_shown(
    journal: Journal, transcript: Transcript
) -> None:
    journal.called(Call("GET", "/jobs/1", 304, 0.02, is_for_s3=False))
    assert transcript.text == ""


def test_expired_objects_are_shown_if_there_are_any(
    journal: Journal, transcript: Transcript
) -> None:
    journal.expired(0)
    assert transcript.text == ""
    journal.expired(3)
    assert said(transcript) == "expired 3 old objects"


def test_given_up_songs_are_shown_with_what_to_do(journal: Journal, transcript: Transcript) -> None:
    journal.gave_up(2)
    assert said(transcript).startswith("gave up 2 in the failure queue: ")
