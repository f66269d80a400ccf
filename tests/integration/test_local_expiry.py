"""Old objects go when the template's lifecycle rules say so, and no others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from stemdrop_local.s3.expiry import Expired, expire, expires_at
from stemdrop_local.s3.server import S3Server
from stemdrop_local.template import read_application

from stemdrop_local.deployment import Stack, create_stack

DAYS = 3


@pytest.fixture
def stack(s3_server: S3Server) -> Iterator[Stack]:
    s3_server.reset()
    application = read_application(parameters={"RetentionDays": str(DAYS)})
    with create_stack(s3_server, application) as stack:
        yield stack


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


@pytest.mark.parametrize(
    ("began_at", "days", "ends_at"),
    [
        ("2014-01-15T10:30:00+00:00", 3, "2014-01-19T00:00:00+00:00"),  # Amazon's own example
        ("2014-01-15T00:00:00+00:00", 3, "2014-01-19T00:00:00+00:00"),
        ("2014-01-15T23:59:59+00:00", 1, "2014-01-17T00:00:00+00:00"),
        ("2014-01-16T00:30:00+01:00", 1, "2014-01-17T00:00:00+00:00"),
        ("2024-02-28T12:00:00+00:00", 1, "2024-03-01T00:00:00+00:00"),
    ],
)
def test_objects_expire_at_midnight(began_at: str, days: int, ends_at: str) -> None:
    assert expires_at(datetime.fromisoformat(began_at), days) == datetime.fromisoformat(ends_at)


def test_what_is_too_old_goes_from_both_buckets(stack: Stack) -> None:
    put(stack, "drop/Ω song", "jobs/7f3c9a5e2b814d60a1f4c8e97b25d036")
    stack.s3.put_object(Bucket=stack.stems_bucket, Key="content/x.json", Body=b"{}")
    before = keys(stack)
    for early in (datetime.now(UTC), midnight(DAYS), midnight(DAYS + 1) - timedelta(seconds=1)):
        assert expire(stack, early) == Expired(0, 0)
        assert keys(stack) == before
    elsewhere = timezone(timedelta(hours=-8))
    assert expire(stack, midnight(DAYS + 1).astimezone(elsewhere)) == Expired(3, 0)
    assert keys(stack) == []
    assert expire(stack, midnight(DAYS + 9)) == Expired(0, 0)


def test_there_may_be_more_objects_than_a_list_has(stack: Stack) -> None:
    put(stack, *(f"drop/{number}" for number in range(8)))
    event = "before-parameter-build.s3.ListObjectsV2"
    stack.s3.meta.events.register(event, lambda params, **_: params.setdefault("MaxKeys", 3))
    assert expire(stack, midnight(DAYS + 1)) == Expired(8, 0)
    assert keys(stack) == []


def test_only_enabled_rules_count_and_only_for_their_prefix(stack: Stack) -> None:
    rules: Any = [
        {"ID": "a", "Status": "Enabled", "Filter": {"Prefix": "drop/"}, "Expiration": {"Days": 1}},
        {"ID": "b", "Status": "Disabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}},
    ]
    stack.s3.put_bucket_lifecycle_configuration(
        Bucket=stack.uploads_bucket, LifecycleConfiguration={"Rules": rules}
    )
    put(stack, "drop/song", "jobs/7f3c9a5e2b814d60a1f4c8e97b25d036", "dropped")
    assert expire(stack, midnight(9)) == Expired(1, 0)
    assert keys(stack) == ["dropped", "jobs/7f3c9a5e2b814d60a1f4c8e97b25d036"]


def test_a_bucket_without_rules_keeps_everything(stack: Stack) -> None:
    stack.s3.delete_bucket_lifecycle(Bucket=stack.uploads_bucket)
    put(stack, "drop/song")
    assert expire(stack, midnight(999)) == Expired(0, 0)
    assert keys(stack) == ["drop/song"]


def test_an_object_that_was_replaced_meanwhile_stays(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stack, "drop/replaced", "drop/deleted", "drop/old")
    delete = stack.s3.delete_object

    def replace_first(**named: Any) -> Any:
        monkeypatch.undo()
        stack.s3.put_object(Bucket=stack.uploads_bucket, Key="drop/replaced", Body=b"new")
        delete(Bucket=stack.uploads_bucket, Key="drop/deleted")
        return delete(**named)

    monkeypatch.setattr(stack.s3, "delete_object", replace_first)
    assert expire(stack, midnight(DAYS + 1)) == Expired(1, 0)
    assert keys(stack) == ["drop/replaced"]


def test_uploads_that_were_given_up_go_and_others_stay(stack: Stack) -> None:
    bucket = stack.uploads_bucket
    for key in ("drop/one", "drop/two"):
        stack.s3.create_multipart_upload(Bucket=bucket, Key=key)
    begun = stack.s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    now = datetime.now(UTC)
    assert all(abs(now - upload["Initiated"]) < timedelta(minutes=5) for upload in begun)
    assert expire(stack, midnight(2) - timedelta(seconds=1)) == Expired(0, 0)
    stack.s3.abort_multipart_upload(Bucket=bucket, Key="drop/one", UploadId=begun[0]["UploadId"])
    assert expire(stack, midnight(2)) == Expired(0, 1)
    assert "Uploads" not in stack.s3.list_multipart_uploads(Bucket=bucket)
