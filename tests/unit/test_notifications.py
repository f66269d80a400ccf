"""SNS accepts the message of any record."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from stemdrop.callback_url import MAX_LETTERS
from stemdrop.errors import NotificationError
from stemdrop.job_record import (
    Failure,
    Job,
    ResultFile,
    SeparationEngine,
    Sound,
    Status,
    Stem,
    Track,
    UploadSource,
)
from stemdrop.keys import MAX_UPLOAD_KEY_BYTES
from stemdrop.music import Music
from stemdrop.notifications import Notifier, job_message, message_attributes
from stemdrop_separate.audio.tags import LONGEST_TAG
from stemdrop_separate.audio.tracks import MAX_NAMED

ARN = "arn:aws:sns:eu-central-1:123456789012:stemdrop-completed"
TIME = "2026-01-01T12:00:00.000Z"
# Source: "Publish" in the API reference of SNS.
MAX_MESSAGE_BYTES = 256 * 1024
MAX_SUBJECT_LETTERS = 100
# The longest keys, with characters that JSON escapes with six characters per byte, and others that
# SNS refuses.
LONGEST = "drop/" + "\x01" * (MAX_UPLOAD_KEY_BYTES - 8) + "\ufffe"


# A letter that JSON escapes with twelve characters.
LONGEST_TITLE = "\N{MUSICAL NOTE}" * LONGEST_TAG


def stem(number: int) -> Stem:
    return Stem(f"stem {number}", f"{LONGEST}/{number}.flac", 10, 1.0, -0.1, 0, 0.0, "ff" * 1024)


JOB = Job(
    key=LONGEST,
    status=Status.DONE,
    created_at=TIME,
    updated_at=TIME,
    filename="\x01" * 1000,
    options={"model": "5stems", "other": "\x01" * 2048},
    source=UploadSource(LONGEST, "etag", 1, TIME, "0" * 64),
    sound=Sound(
        1.0, 44_100, 2, tracks=tuple(Track(n, "eng", LONGEST_TITLE) for n in range(MAX_NAMED))
    ),
    stems=tuple(map(stem, range(6))),
    zip=ResultFile(f"{LONGEST}/stems.zip", 1),
    error=Failure("not_audio", "\x01" * 3000),
    warnings=("a sentence" * 20,) * 5,
    engine=SeparationEngine("onnx", "5stems", "0" * 64, {"onnxruntime": "1.0"}),
)


class FakeSnsClient:
    """A fake SNS client that records requests."""

    def __init__(self, error: Exception | None = None) -> None:
        self.requests: list[dict[str, Any]] = []
        self._error = error

    def publish(self, **request: Any) -> Any:
        self.requests.append(request)
        if self._error:
            raise self._error


def test_the_largest_message_fits() -> None:
    client = FakeSnsClient()
    Notifier(ARN, client).publish(replace(JOB, callback_url="x" * MAX_LETTERS))
    (request,) = client.requests
    attributes = sum(
        len(name) + len(value["DataType"]) + len(value["StringValue"])
        for name, value in request["MessageAttributes"].items()
    )
    assert len(request["Message"].encode()) + attributes < MAX_MESSAGE_BYTES
    assert len(request["Subject"]) <= MAX_SUBJECT_LETTERS
    assert request["TopicArn"] == ARN


def test_the_message_is_the_record_without_waveforms_and_beats() -> None:
    plain = replace(JOB, stems=tuple(replace(found, waveform="") for found in JOB.stems))
    assert Job.from_json(job_message(JOB)) == plain
    assert "waveform" not in job_message(JOB)
    beats = replace(JOB, music=Music(tempo_bpm=120.0, beats_s=(0.5, 1.0)))
    assert '"tempo_bpm": 120.0' in job_message(beats)
    assert "beats_s" not in job_message(beats)


def test_callback_url_is_an_attribute_and_not_in_the_message() -> None:
    url = "https://hooks.example.org/?secret=x"
    job = replace(JOB, callback_url=url)
    assert message_attributes(job)["callback_url"] == url
    assert "callback_url" not in job_message(job)
    assert "callback_url" not in message_attributes(JOB)


def test_message_has_only_ascii_characters() -> None:
    assert re.fullmatch(r"[\x20-\x7e]+", job_message(JOB))
    assert json.loads(job_message(JOB))["key"] == LONGEST


def test_valid_model_is_an_attribute() -> None:
    assert message_attributes(replace(JOB, options={"model": "5stems"}))["model"] == "5stems"


@pytest.mark.parametrize("given", [{}, {"model": ""}, {"model": "9stems"}, {"model": None}])
def test_invalid_model_is_not_an_attribute(given: dict[str, Any]) -> None:
    job = replace(JOB, status=Status.FAILED, options=given, key="jobs/" + "0" * 32)
    assert message_attributes(job) == {"status": "failed", "origin": "jobs", "code": "not_audio"}


def test_a_job_that_is_done_has_no_code() -> None:
    assert message_attributes(replace(JOB, error=None)).keys() == {"status", "origin", "model"}


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "InternalError", "Message": "no"}}, "Publish"),
        EndpointConnectionError(endpoint_url="https://sns.example"),
    ],
)
def test_message_that_sns_rejects_is_transient(error: Exception) -> None:
    with pytest.raises(NotificationError, match="Could not publish the completion of"):
        Notifier(ARN, FakeSnsClient(error)).publish(JOB)
