"""After a restart, exactly the unfinished uploads are queued again, and lost ones are uploaded."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stemdrop.job_record import Job, Status, UploadSource, now, timestamp
from stemdrop.keys import UploadKey, record_key
from stemdrop.lyrics import Lyrics, LyricsStatus
from stemdrop.store import Store
from stemdrop_local import unfinished
from stemdrop_local.deployment import Stack
from stemdrop_local.folders.sync_state import FileVersion, SyncState
from stemdrop_local.unfinished import forget_lost_uploads, requeue_unfinished
from stemdrop_separate.s3_event import announced_uploads

ID = "7f3c9a5e2b814d60a1f4c8e97b25d036"


def receive(stack: Stack) -> list[dict[str, Any]]:
    """Receive and delete all notifications in the queue."""
    notifications = []
    while found := stack.sqs.receive_message(
        QueueUrl=stack.song_queue_url, MaxNumberOfMessages=10
    ).get("Messages"):
        for message in found:
            notifications.append(json.loads(message["Body"]))
            stack.sqs.delete_message(
                QueueUrl=stack.song_queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
    return notifications


def keys(notifications: list[dict[str, Any]]) -> list[str]:
    return [key for each in notifications for key in announced_uploads(each)]


@pytest.fixture
def stack(buckets: Stack) -> Iterator[Stack]:
    """Return a stack with an empty queue, and empty it at the end."""
    receive(buckets)
    yield buckets
    receive(buckets)


def put(stack: Stack, key: str, body: bytes = b"song") -> UploadSource:
    stack.s3.put_object(Bucket=stack.uploads_bucket, Key=key, Body=body)
    head = stack.s3.head_object(Bucket=stack.uploads_bucket, Key=key)
    return UploadSource(key, head["ETag"].strip('"'), len(body), timestamp(head["LastModified"]))


def record(
    stack: Stack,
    key: str,
    status: Status,
    source: UploadSource | None,
    lyrics: Lyrics | None = None,
) -> None:
    job = Job(
        key=key, status=status, created_at=now(), updated_at=now(), source=source, lyrics=lyrics
    )
    stack.s3.put_object(
        Bucket=stack.stems_bucket,
        Key=record_key(UploadKey.parse(key)),
        Body=job.to_json().encode(),
    )


def test_empty_stack_requeues_nothing(stack: Stack) -> None:
    assert requeue_unfinished(stack) == 0
    assert receive(stack) == []


def test_only_jobs_whose_lyrics_are_pending_are_requeued_when_done(stack: Stack) -> None:
    for status in LyricsStatus:
        key = f"drop/{status}"
        record(stack, key, Status.DONE, put(stack, key), Lyrics(status, "whisper tiny.en"))
    receive(stack)  # S3's own notifications
    assert requeue_unfinished(stack) == 1
    assert keys(receive(stack)) == ["drop/pending"]


def test_finished_jobs_are_not_requeued(stack: Stack) -> None:
    for status in (Status.DONE, Status.FAILED):
        key = f"drop/{status}"
        record(stack, key, status, put(stack, key))
    put(stack, "elsewhere/song")
    put(stack, "drop/folder/", b"")
    put(stack, "drop/.DS_Store")
    put(stack, "jobs/no-id")
    put(stack, f"drop/{'x' * 1000}")
    receive(stack)
    assert requeue_unfinished(stack) == 0
    assert receive(stack) == []


def test_unfinished_jobs_are_requeued(stack: Stack) -> None:
    put(stack, "drop/no record")
    record(stack, "drop/in work", Status.PROCESSING, put(stack, "drop/in work"))
    put(stack, f"jobs/{ID}")
    record(stack, f"jobs/{ID}", Status.AWAITING_UPLOAD, None)
    first = put(stack, "drop/other bytes")
    put(stack, "drop/other bytes", b"other")
    record(stack, "drop/other bytes", Status.DONE, first)
    source = put(stack, "drop/sent again")
    earlier = UploadSource(source.key, source.etag, source.size_bytes, "2026-01-01T00:00:00.000Z")
    record(stack, "drop/sent again", Status.FAILED, earlier)
    put(stack, "drop/unreadable")
    stack.s3.put_object(
        Bucket=stack.stems_bucket, Key="drop/unreadable/job.json", Body=b"no record"
    )
    put(stack, "drop/failed unread")
    record(stack, "drop/failed unread", Status.FAILED, None)
    receive(stack)
    assert requeue_unfinished(stack) == 7
    assert sorted(keys(receive(stack))) == [
        "drop/failed unread",
        "drop/in work",
        "drop/no record",
        "drop/other bytes",
        "drop/sent again",
        "drop/unreadable",
        f"jobs/{ID}",
    ]


def is_part(part: object, whole: object) -> bool:
    """Return whether another notification contains every value of a notification."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and is_part(value, whole[name]) for name, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(map(is_part, part, whole))
    return part == whole


def test_requeued_notification_is_part_of_that_of_s3(stack: Stack) -> None:
    names = ["song.mp3", "café + 🎵 100%.mp3", "4stems/a/b;c=1&d'\".wav", "tab\t~*()!.mp3"]
    for name in names:
        put(stack, f"drop/{name}")
    sent = {tuple(announced_uploads(each)): each for each in receive(stack)}
    assert requeue_unfinished(stack) == len(names)
    for announced in receive(stack):
        notification = sent.pop(tuple(announced_uploads(announced)))
        assert is_part(announced, notification), (announced, notification)
    assert sent == {}


def test_oldest_upload_is_requeued_first(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    days = {"drop/b": 1, "drop/a": 2, "drop/c": 3}
    for key in days:
        put(stack, key)
    receive(stack)
    monkeypatch.setattr(
        unfinished, "_uploaded_at", lambda found: datetime(2026, 1, days[found["Key"]], tzinfo=UTC)
    )
    requeue_unfinished(stack)
    assert keys(receive(stack)) == ["drop/b", "drop/a", "drop/c"]


def test_requeue_covers_more_than_one_page(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        put(stack, f"drop/{number}")
    receive(stack)
    listed = stack.s3.list_objects_v2
    monkeypatch.setattr(stack.s3, "list_objects_v2", lambda **options: listed(**options, MaxKeys=3))
    assert requeue_unfinished(stack) == 8
    assert len({*keys(receive(stack))}) == 8


def test_only_files_without_results_whose_uploads_are_lost_are_forgotten(
    stack: Stack, store: Store, tmp_path: Path
) -> None:
    later = timestamp(datetime(2100, 1, 1, tzinfo=UTC))
    with SyncState(tmp_path / "songs.sqlite") as sync_state:
        for name in ("waiting", "older bytes"):
            source = put(stack, f"drop/{name}")
            uploaded_at = later if name == "older bytes" else source.uploaded_at
            sync_state.record_upload(source.key, FileVersion(4, 1), source.etag, uploaded_at)
        for name in ("lost", "saved"):
            sync_state.record_upload(f"drop/{name}", FileVersion(4, 1), "etag", later)
        saved = sync_state.find("drop/saved")
        assert saved
        sync_state.record_export("drop/saved", saved)
        forget_lost_uploads(store, sync_state)
        assert sync_state.keys(returned=False) == ["drop/waiting"]
        assert sync_state.keys(returned=True) == ["drop/saved"]
