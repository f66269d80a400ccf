"""The sample events are ones that the application of template.yaml gets."""

import json
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from aws_lambda_powertools.utilities.data_classes import S3Event

from stemdrop.keys import UploadKey
from stemdrop_local.template import Application

FOLDER = Path(__file__).parents[1] / "events"
EXPECTED = {
    "drop-put": ["drop/song.mp3"],
    "drop-quoted-key": ["drop/4stems/café + 🎵 100%.mp3"],
    "drop-multipart": ["drop/concert.wav"],
    "job-post": ["jobs/7f3c9a5e2b814d60a1f4c8e97b25d036"],
    "two-records": ["drop/first.mp3", "drop/second.mp3"],
    "s3_put": ["drop/song.mp3"],
    "s3_copy": ["drop/4stems/café.mp3"],
    "s3_multipart": ["drop/concert.wav"],
    "s3_post": ["jobs/7f3c9a5e2b814d60a1f4c8e97b25d036"],
}


def test_every_sample_is_known() -> None:
    calls = ("api-", "http_")
    names = {path.stem for path in FOLDER.glob("*.json") if not path.stem.startswith(calls)}
    assert names == EXPECTED.keys() | {"s3-test-event"}


@pytest.mark.parametrize("name", EXPECTED)
def test_samples_come_from_the_upload_bucket(name: str, application: Application) -> None:
    event = S3Event(json.loads((FOLDER / f"{name}.json").read_text()))
    found = [unquote_plus(record.s3.get_object.key) for record in event.records]
    subscriptions = application.function.subscriptions
    assert found == EXPECTED[name]
    for record, key in zip(event.records, found, strict=True):
        assert str(UploadKey.parse(key)) == key
        assert any(
            record.s3.bucket.name == entry.bucket and key.startswith(entry.prefix)
            for entry in subscriptions
        )
