"""What people are told of the work: every end of an attempt, every call, and no secret."""

from typing import Any

import pytest
from stemdrop_local.events.attempt import Attempt
from stemdrop_local.http.front import Call
from stemdrop_local.runtime.outcome import Ending, Outcome
from stemdrop_local.s3.expiry import Expired

from memory_store import MemoryStore
from stemdrop.jobs import Failure, Job, Status, Stem, Usage, now
from stemdrop.keys import UploadKey
from stemdrop_local.console import Console
from stemdrop_local.journal import Journal
from transcript import Transcript

KEY = UploadKey.parse("drop/Größe + 1.mp3")
EVENT = {"Records": [{"s3": {"object": {"key": "drop/Gr%C3%B6%C3%9Fe+%2B+1.mp3"}}}]}
CRASH = {"errorType": "Runtime.ExitError", "errorMessage": "RequestId: 1-2 Error: signal: killed"}


@pytest.fixture
def transcript() -> Transcript:
    return Transcript()


def journal(transcript: Transcript, **fields: Any) -> Journal:
    """Return a journal of a stack whose only job has these fields, if any."""
    store = MemoryStore(KEY)
    if fields:
        job = Job(key=str(KEY), created_at=now(), updated_at=now(), **fields)
        store.text = job.to_json()
    return Journal(Console(transcript), store, backoff_s=60)


def said(transcript: Transcript) -> str:
    """Return the only line there is, without its time."""
    (line,) = transcript.text.splitlines()
    return " ".join(line.split()[1:])


def ended(payload: object, ending: Ending = Ending.RETURNED, number: int = 1) -> Attempt:
    is_last = ending is Ending.RETURNED or number > 2
    return Attempt(EVENT, number, Outcome(ending, payload), 1.5, is_last, is_too_old=False)


def stems(*timings: str) -> dict[str, Any]:
    """Return the fields of a job that is done, and what it spent time on."""
    parts = tuple(
        Stem(name, f"{KEY}/{name}.wav", 4, 1.0, -1.0, 0) for name in ("vocals", "accompaniment")
    )
    usage = Usage(dict.fromkeys(timings, 1.0), 1, 1.0, 0.1)
    return {"status": Status.DONE, "stems": parts, "usage": usage}


def test_a_beginning_is_told(transcript: Transcript) -> None:
    journal(transcript).attempt_begins(EVENT)
    assert said(transcript) == "working drop/Größe + 1.mp3"


@pytest.mark.parametrize(
    ("fields", "outcome", "line"),
    [
        (
            stems("download", "separate"),
            "done",
            "done drop/Größe + 1.mp3: vocals, accompaniment, 1.5 s",
        ),
        (
            stems("download", "reuse"),
            "done",
            "done drop/Größe + 1.mp3: vocals, accompaniment, copied, 1.5 s",
        ),
        (
            {"status": Status.FAILED, "error": Failure("not_audio", "It is none.")},
            "rejected",
            "failed drop/Größe + 1.mp3: It is none.",
        ),
        (stems("separate"), "skipped", "known drop/Größe + 1.mp3: nothing to do"),
        ({}, "skipped", "known drop/Größe + 1.mp3: nothing to do"),
        ({}, "rejected", "known drop/Größe + 1.mp3: nothing to do"),
    ],
)
def test_each_end_is_told(
    transcript: Transcript, fields: dict[str, Any], outcome: str, line: str
) -> None:
    journal(transcript, **fields).attempt_ended(ended({str(KEY): outcome}))
    assert said(transcript) == line


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (1, "retry drop/Größe + 1.mp3: signal: killed. Next try in 60.0 s."),
        (2, "retry drop/Größe + 1.mp3: signal: killed. Next try in 2 min 0 s."),
        (3, "gave up drop/Größe + 1.mp3: signal: killed."),
    ],
)
def test_each_failure_is_told(transcript: Transcript, number: int, line: str) -> None:
    journal(transcript).attempt_ended(ended(CRASH, Ending.CRASHED, number))
    assert said(transcript) == line


def test_a_record_that_cannot_be_read_is_no_obstacle(transcript: Transcript) -> None:
    told = journal(transcript, **stems("separate"))
    told._store.text = "{"  # type: ignore[attr-defined]
    told.attempt_ended(ended({str(KEY): "done"}))
    assert said(transcript) == "known drop/Größe + 1.mp3: nothing to do"


def call(**changes: Any) -> Call:
    fields: dict[str, Any] = {
        "method": "GET",
        "path": "/jobs/1",
        "status": 200,
        "elapsed_s": 0.02,
        "is_for_s3": False,
        "is_signed": False,
    }
    return Call(**{**fields, **changes})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "API GET /jobs/1: 200, 20 ms"),
        ({"is_for_s3": True, "status": 403}, "S3 GET /jobs/1: 403, 20 ms"),
        ({"path": "/a\n\x1b[2J"}, r"API GET /a\n\x1b[2J: 200, 20 ms"),
    ],
)
def test_calls_are_told(transcript: Transcript, changes: dict[str, Any], line: str) -> None:
    journal(transcript).called(call(**changes))
    assert said(transcript) == line


@pytest.mark.parametrize("changes", [{"is_signed": True, "is_for_s3": True}, {"status": 304}])
def test_what_is_no_news_is_not_told(transcript: Transcript, changes: dict[str, Any]) -> None:
    journal(transcript).called(call(**changes))
    assert transcript.text == ""


def test_a_call_that_the_api_did_not_answer_is_told(transcript: Transcript) -> None:
    journal(transcript).api_failed(Outcome(Ending.CRASHED, CRASH))
    assert said(transcript) == "problem the API's function failed: signal: killed."


def test_what_expired_is_told(transcript: Transcript) -> None:
    journal(transcript).expired(Expired(0, 0))
    assert transcript.text == ""
    journal(transcript).expired(Expired(3, 1))
    assert said(transcript) == "expired 3 old objects, 1 unfinished uploads"
