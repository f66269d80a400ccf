"""Messages of the failure queue are read without trust."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop_cloud.failures import ForeignError, read_failure

FUNCTION, BUCKET = "stemdrop-separate", "uploads"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def record(**changes: object) -> dict[str, Any]:
    """Return a record as Lambda's guide shows it."""
    song = {"bucket": {"name": BUCKET}, "object": {"key": "drop/a+b%C3%A9.mp3"}}
    context = {
        "functionArn": f"arn:aws:lambda:eu-central-1:123456789012:function:{FUNCTION}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    whole = {
        "version": "1.0",
        "requestContext": context,
        "requestPayload": {"Records": [{"s3": song}]},
        "responsePayload": {"errorType": "StorageError", "errorMessage": "S3 said\nno."},
    }
    return {**whole, **changes}


def test_a_failure_has_the_song_the_reason_and_the_event() -> None:
    found = read_failure(json.dumps(record()), FUNCTION, BUCKET)
    assert found.keys == ("drop/a bé.mp3",)
    assert found.reason == "failed 3 times, the last time by StorageError: S3 said no."
    assert found.event == record()["requestPayload"]


def test_an_old_event_has_no_response() -> None:
    context = {**record()["requestContext"], "condition": "EventAgeExceeded"}
    body = json.dumps(record(requestContext=context, responsePayload=None))
    assert read_failure(body, FUNCTION, BUCKET).reason == "waited for too long"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"requestContext": None}, "no record of Lambda's"),
        ({"requestContext": {"functionArn": "arn:aws:lambda:r:a:function:other"}}, "not of stem"),
        ({"requestPayload": None}, "isn't whole"),
        ({"requestPayload": '{"Records": [{"s3": {"buck'}, "isn't whole"),
        ({"requestPayload": {"Records": [{"s3": {}}]}}, "isn't whole"),
        ({"requestPayload": {"Records": []}}, "no song in uploads"),
        (
            {
                "requestPayload": {
                    "Records": [{"s3": {"bucket": {"name": "x"}, "object": {"key": "k"}}}]
                }
            },
            "no song in uploads",
        ),
    ],
)
def test_what_is_not_ours_is_told(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ForeignError, match=reason):
        read_failure(json.dumps(record(**changes)), FUNCTION, BUCKET)


def test_a_record_that_was_cut_is_told() -> None:
    with pytest.raises(ForeignError, match="was cut"):
        read_failure(json.dumps(record())[:-1], FUNCTION, BUCKET)


@given(VALUES, st.sampled_from(["requestContext", "requestPayload", "responsePayload"]), VALUES)
def test_no_message_is_a_crash(body: object, name: str, value: object) -> None:
    for text in (json.dumps(body), str(body), json.dumps(record(**{name: value}))):
        try:
            found = read_failure(text, FUNCTION, BUCKET)
        except ForeignError:
            continue
        assert found.keys == ("drop/a bé.mp3",)
        assert "\n" not in found.reason
        assert len(found.reason) <= 300
