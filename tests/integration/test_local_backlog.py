"""After a restart, exactly the uploads are announced whose jobs aren't finished."""

import json
from pathlib import Path
from typing import Any

import pytest
from stemdrop_local.events.backlog import announce_unfinished
from stemdrop_local.s3.server import S3Server
from stemdrop_local.template import Application

from stemdrop.jobs import Job, Source, Status, now, timestamp
from stemdrop.keys import UploadKey, record_key
from stemdrop_local.deployment import Stack, create_stack

ID = "7f3c9a5e2b814d60a1f4c8e97b25d036"


def receive(stack: Stack) -> list[dict[str, Any]]:
    """Return the records of the events that are waiting, and remove them."""
    records = []
    while messages := stack.sqs.receive_message(
        QueueUrl=stack.event_queue_url, MaxNumberOfMessages=10
    ).get("Messages"):
        for message in messages:
            records += json.loads(message["Body"]).get("Records", [])
            stack.sqs.delete_message(
                QueueUrl=stack.event_queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
    return records


def keys(records: list[dict[str, Any]]) -> list[str]:
    return [record["s3"]["object"]["key"] for record in records]


def put(stack: Stack, key: str, body: bytes = b"song") -> Source:
    stack.s3.put_object(Bucket=stack.uploads_bucket, Key=key, Body=body)
    head = stack.s3.head_object(Bucket=stack.uploads_bucket, Key=key)
    return Source(key, head["ETag"].strip('"'), len(body), timestamp(head["LastModified"]))


def record(stack: Stack, key: str, status: Status, source: Source | None) -> None:
    job = Job(key=key, status=status, created_at=now(), updated_at=now(), source=source)
    stack.s3.put_object(
        Bucket=stack.stems_bucket,
        Key=record_key(UploadKey.parse(key)),
        Body=job.to_json().encode(),
    )


@pytest.fixture
def stack(stack: Stack) -> Stack:
    """Return a stack in whose queue nothing waits."""
    receive(stack)
    return stack


def test_there_is_nothing_to_say_of_nothing(stack: Stack) -> None:
    assert announce_unfinished(stack) == 0
    assert receive(stack) == []


def test_what_has_ended_is_not_announced(stack: Stack) -> None:
    for status in (Status.DONE, Status.FAILED):
        key = f"drop/{status}"
        record(stack, key, status, put(stack, key))
    put(stack, "elsewhere/song")
    put(stack, "drop/folder/")
    put(stack, "jobs/no-id")
    put(stack, f"drop/{'x' * 1000}")
    receive(stack)
    assert announce_unfinished(stack) == 0
    assert receive(stack) == []


def test_what_has_not_ended_is_announced(stack: Stack) -> None:
    put(stack, "drop/no record")
    record(stack, "drop/in work", Status.PROCESSING, put(stack, "drop/in work"))
    put(stack, f"jobs/{ID}")
    record(stack, f"jobs/{ID}", Status.AWAITING_UPLOAD, None)
    first = put(stack, "drop/other bytes")
    put(stack, "drop/other bytes", b"other")
    record(stack, "drop/other bytes", Status.DONE, first)
    source = put(stack, "drop/sent again")
    earlier = Source(source.key, source.etag, source.size_bytes, "2026-01-01T00:00:00.000Z")
    record(stack, "drop/sent again", Status.FAILED, earlier)
    put(stack, "drop/unreadable")
    stack.s3.put_object(
        Bucket=stack.stems_bucket, Key="drop/unreadable/job.json", Body=b"no record"
    )
    put(stack, "drop/failed unread")
    record(stack, "drop/failed unread", Status.FAILED, None)
    receive(stack)
    assert announce_unfinished(stack) == 7
    assert sorted(keys(receive(stack))) == [
        "drop/failed+unread",
        "drop/in+work",
        "drop/no+record",
        "drop/other+bytes",
        "drop/sent+again",
        "drop/unreadable",
        f"jobs/{ID}",
    ]


def test_an_announcement_is_the_event_of_the_upload(stack: Stack) -> None:
    part_bytes = 5 << 20
    put(stack, "drop/café + 🎵 100%.mp3")
    stack.s3.put_object(Bucket=stack.uploads_bucket, Key="drop/large", Body=bytes(part_bytes))
    upload = stack.s3.create_multipart_upload(Bucket=stack.uploads_bucket, Key="drop/parts")
    named: Any = {
        "Bucket": stack.uploads_bucket,
        "Key": "drop/parts",
        "UploadId": upload["UploadId"],
    }
    etag = stack.s3.upload_part(**named, PartNumber=1, Body=bytes(part_bytes))["ETag"]
    stack.s3.complete_multipart_upload(
        **named, MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]}
    )
    first = receive(stack)
    assert announce_unfinished(stack) == 3
    again = receive(stack)
    for events in (first, again):
        events.sort(key=lambda event: event["s3"]["object"]["key"])
    last = max(event["s3"]["object"]["sequencer"] for event in first)
    for event, announced in zip(first, again, strict=True):
        assert announced["s3"]["object"]["sequencer"] > last
        for moving in (event, announced):
            del moving["eventTime"], moving["s3"]["object"]["sequencer"]
        assert announced == event


def test_the_oldest_comes_first(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("drop/b", "drop/a", "drop/c"):
        put(stack, key)
    moments = {"drop/b": "2026-01-01", "drop/a": "2026-01-02", "drop/c": "2026-01-03"}
    monkeypatch.setattr(
        "stemdrop_local.events.backlog._uploaded_at", lambda it: _moment(moments, it)
    )
    receive(stack)
    announce_unfinished(stack)
    assert keys(receive(stack)) == ["drop/b", "drop/a", "drop/c"]


def _moment(moments: dict[str, str], found: Any) -> Any:
    return type(found["LastModified"]).fromisoformat(f"{moments[found['Key']]}T00:00:00+00:00")


def test_there_may_be_more_uploads_than_a_list_has(stack: Stack) -> None:
    for number in range(8):
        put(stack, f"drop/{number}")
    receive(stack)
    event = "before-parameter-build.s3.ListObjectsV2"
    stack.s3.meta.events.register(event, lambda params, **_: params.setdefault("MaxKeys", 3))
    assert announce_unfinished(stack) == 8
    assert len({*keys(receive(stack))}) == 8


def test_uploads_survive_a_restart_and_are_announced(
    tmp_path: Path, application: Application
) -> None:
    def running() -> S3Server:
        return S3Server(tmp_path / "s3.log", tmp_path / "data")

    with running() as server, create_stack(server, application) as stack:
        record(stack, "drop/done", Status.DONE, put(stack, "drop/done"))
        put(stack, "drop/waiting")
    with running() as server, create_stack(server, application) as stack:
        receive(stack)
        assert announce_unfinished(stack) == 1
        assert keys(receive(stack)) == ["drop/waiting"]
