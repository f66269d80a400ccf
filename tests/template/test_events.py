"""The sample events match the application of template.yaml."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from aws_lambda_powertools.utilities.data_classes import S3Event, SQSEvent

from stemdrop.keys import UploadKey
from templates import Resolver

FOLDER = Path(__file__).parents[1] / "events"
EXPECTED = {
    "drop-put": ["drop/song.mp3"],
    "drop-quoted-key": ["drop/4stems/café + 🎵 100%.mp3"],
    "drop-multipart": ["drop/concert.wav"],
    "job-put": ["jobs/7f3c9a5e2b814d60a1f4c8e97b25d036"],
    "two-records": ["drop/first.mp3", "drop/second.mp3"],
    "s3_put": ["drop/song.mp3"],
    "s3_copy": ["drop/4stems/café.mp3"],
    "s3_multipart": ["drop/concert.wav"],
    "s3_job": ["jobs/7f3c9a5e2b814d60a1f4c8e97b25d036"],
}
FROM_SQS = {"sqs-put": "drop-put", "sqs-test-event": "s3-test-event"}


def load(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return event


def test_every_sample_event_is_listed() -> None:
    calls = ("api-", "http_")
    names = {path.stem for path in FOLDER.glob("*.json") if not path.stem.startswith(calls)}
    assert names == EXPECTED.keys() | {"s3-test-event"} | FROM_SQS.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_samples_come_from_the_upload_bucket(name: str, resolver: Resolver) -> None:
    event = S3Event(load(name))
    found = [unquote_plus(record.s3.get_object.key) for record in event.records]
    assert found == EXPECTED[name]
    assert [str(UploadKey.parse(key)) for key in found] == found
    assert {record.s3.bucket.name for record in event.records} == {
        resolver.resolve({"Ref": "UploadsBucket"})
    }


@pytest.mark.parametrize("name", FROM_SQS)
def test_messages_of_sqs_have_a_notification_as_their_body(name: str, resolver: Resolver) -> None:
    (message,) = SQSEvent(load(name)).records
    assert message.json_body == load(FROM_SQS[name])
    assert message.event_source_arn == resolver.resolve({"Fn::GetAtt": ["SongQueue", "Arn"]})
