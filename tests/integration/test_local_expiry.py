"""Objects expire by the template's lifecycle rules."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from stemdrop_local.deployment import Stack
from stemdrop_local.expiry import expire

DAYS = 7


@pytest.fixture
def stack(buckets: Stack) -> Stack:
    """Return a stack whose lifecycle rules have a number of days."""
    assert buckets.parameters["RetentionDays"] == str(DAYS)
    return buckets


def midnight(days: int) -> datetime:
    """Return the midnight that begins a day, counted from today."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=days)


def keys(stack: Stack) -> list[str]:
    return [
        found["Key"]
        for bucket in (stack.uploads_bucket, stack.stems_bucket)
        for found in stack.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    ]


def put(stack: Stack, *names: str) -> None:
    for name in names:
        stack.s3.put_object(Bucket=stack.uploads_bucket, Key=name, Body=b"song")


def test_old_objects_expire_in_both_buckets(stack: Stack) -> None:
    put(stack, "drop/Ω song", "jobs/7f3c9a5e2b814d60a1f4c8e97b25d036")
    stack.s3.put_object(Bucket=stack.stems_bucket, Key="content/x.json", Body=b"{}")
    before = keys(stack)
    for early in (datetime.now(UTC), midnight(DAYS), midnight(DAYS + 1) - timedelta(seconds=1)):
        assert expire(stack, early) == 0
        assert keys(stack) == before
    elsewhere = timezone(timedelta(hours=-8))
    assert expire(stack, midnight(DAYS + 1).astimezone(elsewhere)) == 3
    assert keys(stack) == []
    assert expire(stack, midnight(DAYS + 9)) == 0


def test_expiry_covers_more_than_one_page(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    put(stack, *(f"drop/{number}" for number in range(8)))
    listed = stack.s3.list_objects_v2
    with monkeypatch.context() as patch:
        patch.setattr(stack.s3, "list_objects_v2", lambda **options: listed(**options, MaxKeys=3))
        assert expire(stack, midnight(DAYS + 1)) == 8
    assert keys(stack) == []


def test_object_replaced_meanwhile_is_kept(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    put(stack, "drop/replaced", "drop/deleted", "drop/old")
    delete = stack.s3.delete_object

    def replace_first(**named: Any) -> Any:
        monkeypatch.undo()
        stack.s3.put_object(Bucket=stack.uploads_bucket, Key="drop/replaced", Body=b"new")
        delete(Bucket=stack.uploads_bucket, Key="drop/deleted")
        return delete(**named)

    monkeypatch.setattr(stack.s3, "delete_object", replace_first)
    expired = expire(stack, midnight(DAYS + 1))
    assert keys(stack) == ["drop/replaced"]
    assert expired in {1, 2}  # S3 accepts the deletion of a missing object
