"""The embedded S3 has the template's buckets and announces uploads as AWS does."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.s3 import notifications
from stemdrop_local.s3.process import EventsAfterRequests
from stemdrop_local.s3.server import S3Server
from stemdrop_local.template import read_application

from stemdrop.keys import DROP_PREFIX
from stemdrop_local.deployment import Stack, create_stack

EVENTS = Path(__file__).parents[1] / "events"
PART_BYTES = 5 << 20


def receive(stack: Stack) -> list[dict[str, Any]]:
    """Return the events that are waiting, and remove them."""
    events = []
    while messages := stack.sqs.receive_message(
        QueueUrl=stack.event_queue_url, MaxNumberOfMessages=10
    ).get("Messages"):
        for message in messages:
            events.append(json.loads(message["Body"]))
            stack.sqs.delete_message(
                QueueUrl=stack.event_queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
    return events


def put(stack: Stack, key: str, body: bytes = b"song") -> None:
    stack.s3.put_object(Bucket=stack.uploads_bucket, Key=key, Body=body)


def objects(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    records = [record for event in events for record in event["Records"]]
    return [record["s3"]["object"] | {"event": record["eventName"]} for record in records]


def test_the_buckets_have_the_templates_rules(stack: Stack) -> None:
    names = {bucket["Name"] for bucket in stack.s3.list_buckets()["Buckets"]}
    assert names == {stack.uploads_bucket, stack.stems_bucket}
    for name in names:
        (rule,) = stack.s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        assert rule["Expiration"]["Days"] == 7
        assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
        assert stack.s3.get_bucket_cors(Bucket=name)["CORSRules"][0]["MaxAgeSeconds"] == 3600


def test_parameters_reach_the_server(s3_server: S3Server) -> None:
    s3_server.reset()
    application = read_application(parameters={"RetentionDays": "3"})
    with create_stack(s3_server, application) as stack:
        answer = stack.s3.get_bucket_lifecycle_configuration(Bucket=stack.stems_bucket)
        assert answer["Rules"][0]["Expiration"]["Days"] == 3


def test_the_failure_queue_keeps_messages_as_long_as_the_template_says(stack: Stack) -> None:
    answer = stack.sqs.get_queue_attributes(
        QueueUrl=stack.failure_queue_url, AttributeNames=["MessageRetentionPeriod"]
    )
    assert answer["Attributes"]["MessageRetentionPeriod"] == str(14 * 24 * 3600)


def test_s3_tests_the_connection_first(stack: Stack) -> None:
    sample = json.loads((EVENTS / "s3-test-event.json").read_text())
    (event,) = receive(stack)
    assert event["Event"] == sample["Event"]
    assert event.keys() <= sample.keys()


def test_an_upload_is_one_event_like_the_samples(stack: Stack) -> None:
    receive(stack)
    put(stack, "drop/song.mp3")
    (event,) = receive(stack)
    (record,) = event["Records"]
    (sample,) = json.loads((EVENTS / "drop-put.json").read_text())["Records"]
    assert record.keys() <= sample.keys()
    assert record["s3"].keys() == sample["s3"].keys()
    assert record["s3"]["object"].keys() == sample["s3"]["object"].keys()
    assert record["eventName"] == sample["eventName"]
    assert record["s3"]["bucket"]["name"] == sample["s3"]["bucket"]["name"]
    assert record["s3"]["object"]["size"] == 4


def test_a_key_is_quoted_as_aws_quotes_it(stack: Stack) -> None:
    receive(stack)
    put(stack, "drop/4stems/café + 🎵 100%.mp3")
    (sample,) = json.loads((EVENTS / "drop-quoted-key.json").read_text())["Records"]
    assert [found["key"] for found in objects(receive(stack))] == [sample["s3"]["object"]["key"]]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=60))
def test_any_key_comes_back_from_its_event(stack: Stack, name: str) -> None:
    key = f"{DROP_PREFIX}{name}"
    put(stack, key)
    found = [item for event in receive(stack) if "Records" in event for item in objects([event])]
    assert [unquote_plus(item["key"]) for item in found] == [key]
    assert all(item["key"].isascii() for item in found)


def test_nothing_outside_the_prefixes_is_announced(stack: Stack) -> None:
    receive(stack)
    for key in ["song.mp3", "dropped/song.mp3", "Drop/song.mp3", "x/drop/song.mp3", "job/7"]:
        put(stack, key)
    stack.s3.put_object(Bucket=stack.stems_bucket, Key="drop/song.mp3/vocals.wav", Body=b"stem")
    put(stack, "jobs/7f3c9a5e2b814d60a1f4c8e97b25d036")
    keys = [found["key"] for found in objects(receive(stack))]
    assert keys == ["jobs/7f3c9a5e2b814d60a1f4c8e97b25d036"]


def test_every_way_of_uploading_is_one_event(stack: Stack) -> None:
    receive(stack)
    bucket = stack.uploads_bucket
    put(stack, "elsewhere")
    stack.s3.copy_object(Bucket=bucket, Key="drop/copy", CopySource=f"{bucket}/elsewhere")
    upload = stack.s3.create_multipart_upload(Bucket=bucket, Key="drop/parts")["UploadId"]
    parts: list[Any] = []
    for number, body in enumerate([b"x" * PART_BYTES, b"y"], start=1):
        answer = stack.s3.upload_part(
            Bucket=bucket, Key="drop/parts", UploadId=upload, PartNumber=number, Body=body
        )
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    stack.s3.complete_multipart_upload(
        Bucket=bucket, Key="drop/parts", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    assert [(found["key"], found["event"]) for found in objects(receive(stack))] == [
        ("drop/copy", "ObjectCreated:Copy"),
        ("drop/parts", "ObjectCreated:CompleteMultipartUpload"),
    ]


def test_events_are_numbered_in_order(stack: Stack) -> None:
    receive(stack)
    for _ in range(3):
        put(stack, "drop/again.mp3")
    numbers = [found["sequencer"] for found in objects(receive(stack))]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 3


def test_an_upload_is_announced_after_its_metadata_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []

    def application(*_: object) -> list[bytes]:
        notifications._send_sqs_message("account", {"Event": "s3:TestEvent"}, "events", "region")
        happened.append("metadata")
        return [b"answer"]

    monkeypatch.setattr(notifications, "_send_sqs_message", lambda *_: happened.append("event"))
    assert EventsAfterRequests(application)({}, None) == [b"answer"]
    assert happened == ["metadata", "event"]
