"""Common S3 clients upload, list and download songs, and S3 sends a notification for each key."""

import json
import os

import boto3
import pytest
from boto3.s3.transfer import TransferConfig

from s3_clients import S3Clients, digest
from stemdrop.keys import UploadKey
from stemdrop_local.deployment import Stack
from stemdrop_local.emulator import REGION
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_separate.job.context import JobContext, Outcome
from stemdrop_separate.s3_event import announced_uploads
from uploads import attempt, song

NAME = "Björk + 50% (live).wav"
KEY = f"drop/{NAME}"
SMALL_BYTES = 100_000
LARGE_BYTES = 17 << 20  # at least two parts with all defaults except rclone's


def announced(buckets: Stack) -> list[str]:
    """Return the keys of one message of the song queue, and delete it."""
    answer = buckets.sqs.receive_message(QueueUrl=buckets.song_queue_url, WaitTimeSeconds=10)
    (message,) = answer["Messages"]
    receipt = message["ReceiptHandle"]
    buckets.sqs.delete_message(QueueUrl=buckets.song_queue_url, ReceiptHandle=receipt)
    return list(announced_uploads(json.loads(message["Body"])))


def parts_of(buckets: Stack, key: str) -> int:
    """Return the number of parts of a multipart upload; 0 for a single request."""
    etag = buckets.s3.head_object(Bucket=buckets.uploads_bucket, Key=key)["ETag"].strip('"')
    return int(etag.partition("-")[2] or 0)


def test_aws_copies_and_lists(buckets: Stack, clients: S3Clients) -> None:
    file, folder = clients.file(NAME, SMALL_BYTES), f"s3://{buckets.uploads_bucket}/drop/"
    clients.aws("cp", str(file), folder)
    assert announced(buckets) == [KEY]
    assert f"{SMALL_BYTES} {NAME}" in clients.aws("ls", folder)


def test_aws_syncs_a_folder(buckets: Stack, clients: S3Clients) -> None:
    sizes = {"a.wav": SMALL_BYTES, "album/b.wav": LARGE_BYTES}
    files = [clients.file(f"songs/{name}", size) for name, size in sizes.items()]
    target = f"s3://{buckets.uploads_bucket}/drop/"
    clients.aws("sync", "songs", target)
    assert sorted(announced(buckets) + announced(buckets)) == [f"drop/{name}" for name in sizes]
    assert parts_of(buckets, "drop/album/b.wav") > 1
    assert clients.aws("sync", "songs", target) == ""
    clients.aws("sync", target, "back")
    back = [clients.folder / "back" / name for name in sizes]
    assert [digest(path) for path in back] == [digest(path) for path in files]


@pytest.mark.parametrize("size_bytes", [SMALL_BYTES, LARGE_BYTES])
def test_s3cmd_puts_gets_and_lists(buckets: Stack, clients: S3Clients, size_bytes: int) -> None:
    file, url = clients.file("song.wav", size_bytes), f"s3://{buckets.uploads_bucket}/{KEY}"
    clients.s3cmd("put", str(file), url)
    assert announced(buckets) == [KEY]
    assert (parts_of(buckets, KEY) > 1) == (size_bytes == LARGE_BYTES)
    assert f"s3://{buckets.stems_bucket}" in clients.s3cmd("ls")
    assert url in clients.s3cmd("ls", f"s3://{buckets.uploads_bucket}/drop/")
    clients.s3cmd("get", url, "back")
    assert digest(clients.folder / "back") == digest(file)


@pytest.mark.parametrize("size_bytes", [SMALL_BYTES, LARGE_BYTES])
def test_rclone_copies_and_lists(buckets: Stack, clients: S3Clients, size_bytes: int) -> None:
    file, folder = clients.file(NAME, size_bytes), f"s3:{buckets.uploads_bucket}/drop"
    clients.rclone("copy", "--s3-upload-cutoff=8M", str(file), folder)
    assert announced(buckets) == [KEY]
    assert (parts_of(buckets, KEY) > 1) == (size_bytes == LARGE_BYTES)
    assert buckets.stems_bucket in clients.rclone("lsf", "s3:")
    assert clients.rclone("lsf", folder) == f"{NAME}\n"
    clients.rclone("check", "--download", "--include", "*.wav", str(clients.folder), folder)
    clients.rclone("copyto", f"{folder}/{NAME}", "back")
    assert digest(clients.folder / "back") == digest(file)


@pytest.mark.parametrize("size_bytes", [SMALL_BYTES, LARGE_BYTES])
def test_rclone_uploads_what_it_reads(buckets: Stack, clients: S3Clients, size_bytes: int) -> None:
    data = os.urandom(size_bytes)
    clients.rclone("rcat", f"s3:{buckets.uploads_bucket}/{KEY}", stdin=data)
    assert announced(buckets) == [KEY]
    found = buckets.s3.get_object(Bucket=buckets.uploads_bucket, Key=KEY)["Body"].read()
    assert found == data


def test_song_with_rclones_own_metadata_is_separated(
    buckets: Stack, clients: S3Clients, job_context: JobContext
) -> None:
    (clients.folder / NAME).write_bytes(song())
    clients.rclone("copy", "-M", NAME, f"s3:{buckets.uploads_bucket}/drop")
    assert announced(buckets) == [KEY]
    kept = buckets.s3.head_object(Bucket=buckets.uploads_bucket, Key=KEY)["Metadata"]
    assert "mtime" in kept
    assert attempt(job_context, UploadKey.parse(KEY)) is Outcome.DONE


@pytest.mark.parametrize("size_bytes", [SMALL_BYTES, LARGE_BYTES])
def test_boto3_transfers_and_lists(
    buckets: Stack, clients: S3Clients, emulator: EmulatorProcess, size_bytes: int
) -> None:
    """A client without a configuration of its own adds checksums in the trailer."""
    s3 = boto3.client(
        "s3",
        endpoint_url=emulator.endpoint_url,
        region_name=REGION,
        aws_access_key_id=emulator.credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=emulator.credentials["AWS_SECRET_ACCESS_KEY"],
    )
    file, bucket = clients.file("song.wav", size_bytes), buckets.uploads_bucket
    parts = TransferConfig(multipart_threshold=8 << 20)
    s3.upload_file(str(file), bucket, KEY, Config=parts)
    assert announced(buckets) == [KEY]
    assert (parts_of(buckets, KEY) > 1) == (size_bytes == LARGE_BYTES)
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [KEY]
    s3.download_file(bucket, KEY, str(clients.folder / "back"), Config=parts)
    assert digest(clients.folder / "back") == digest(file)


@pytest.mark.parametrize("action", ["stream", "presigned"])
def test_javascript_sdk_uploads_lists_and_downloads(
    buckets: Stack, clients: S3Clients, action: str
) -> None:
    file, back = clients.file("song.wav", SMALL_BYTES), clients.folder / "back"
    clients.node(action, buckets.uploads_bucket, KEY, file)
    assert announced(buckets) == [KEY]
    assert clients.node("list", buckets.uploads_bucket, "drop/") == f"{KEY}\n"
    clients.node("download", buckets.uploads_bucket, KEY, back)
    assert digest(back) == digest(file)
