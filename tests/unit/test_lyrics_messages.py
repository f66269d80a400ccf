"""Messages of the lyrics queue name the songs that they are about."""

from typing import Any

import pytest

from stemdrop.errors import SetupError
from stemdrop.lyrics_checks import CHECK_DELAY_S, check_message
from stemdrop_lyrics.messages import is_check, results_ids

ID = "0123456789abcdef"
OTHER = "f" * 16


def notification(*keys: str) -> dict[str, Any]:
    return {"Records": [{"s3": {"object": {"key": key}}} for key in keys]}


def event(name: str) -> dict[str, Any]:
    return {
        "detail-type": "Transcribe Job State Change",
        "detail": {"TranscriptionJobName": name, "TranscriptionJobStatus": "FAILED"},
    }


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (notification(f"transcriptions/{ID}/transcript.json"), [ID]),
        (
            notification(*(f"transcriptions/{each}/transcript.json" for each in (ID, OTHER))),
            [ID, OTHER],
        ),
        (event(f"stemdrop-stems-123456789012-eu-central-1-{ID}"), [ID]),
        ({"results_id": ID}, [ID]),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "stems"}, []),
    ],
)
def test_song_of_a_message_is_found(body: dict[str, Any], found: list[str]) -> None:
    assert results_ids(body) == found
    assert is_check(body) == ("results_id" in body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        notification(f"transcriptions/{ID}/vocals.flac"),
        notification(f"transcriptions/{ID}/transcript.json", "drop/x"),
        event("somebody-else"),
        {"results_id": "../x"},
        {"results_id": 1},
    ],
)
def test_other_message_is_an_error(body: Any) -> None:
    with pytest.raises((SetupError, ValueError)):
        results_ids(body)


def test_check_is_as_late_as_possible() -> None:
    assert check_message(ID) == f'{{"results_id": "{ID}"}}'
    assert CHECK_DELAY_S == 15 * 60  # the longest delay of SQS
