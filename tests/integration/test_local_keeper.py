"""With a data folder, the embedded S3 has after a restart what it had before, however it ended."""

import json
import os
import random
import resource
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response
from stemdrop_local.s3.keeper import DataFolderError
from stemdrop_local.s3.server import S3Server, ServerError
from stemdrop_local.s3.write_through import WriteThrough
from stemdrop_local.template import Application

from stemdrop_local.deployment import Stack, create_stack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 5 << 20
KEYS = ["drop/a.mp3", "drop/../Ω ü//x", "drop/" + "ü" * 497, "drop/%2e?#+ ", "drop/a.mp3/x"]


class Host:
    """Runs one server after another on one data folder."""

    def __init__(self, folder: Path, application: Application) -> None:
        self.folder = folder
        self.application = application

    @contextmanager
    def running(self) -> Iterator[tuple[Stack, S3Server]]:
        with (
            S3Server(self.folder / "s3.log", self.folder / "data") as server,
            create_stack(server, self.application) as stack,
        ):
            yield stack, server


@pytest.fixture
def host(tmp_path: Path, application: Application) -> Host:
    return Host(tmp_path, application)


def everything(stack: Stack) -> dict[tuple[str, str], dict[str, Any]]:
    """Return all there is to know of all objects."""
    known = {}
    for bucket in (stack.uploads_bucket, stack.stems_bucket):
        for found in stack.s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            got: dict[str, Any] = dict(stack.s3.get_object(Bucket=bucket, Key=found["Key"]))
            del got["ResponseMetadata"]
            known[bucket, found["Key"]] = {**got, "Body": got["Body"].read(), "listed": found}
    return known


def upload_in_parts(s3: "S3Client", bucket: str, key: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, Metadata={"model": "4stems"})
    parts: list[Any] = []
    for number, body in enumerate([b"x" * PART_BYTES, b"y"], start=1):
        named: Any = {"Bucket": bucket, "Key": key, "UploadId": upload["UploadId"]}
        answer = s3.upload_part(**named, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})


def fill(stack: Stack) -> None:
    """Write in every way that there is."""
    s3, bucket = stack.s3, stack.uploads_bucket
    for number, key in enumerate(KEYS):
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=key.encode() * number,
            Metadata={"bit_depth": "24", "title": "a"},
            ContentType="audio/mpeg",
            CacheControl="no-cache",
            ContentDisposition="inline",
        )
    upload_in_parts(s3, bucket, "drop/parts")
    s3.copy_object(Bucket=bucket, Key="drop/copy", CopySource={"Bucket": bucket, "Key": KEYS[0]})
    parts: Any = {"Bucket": bucket, "Key": "drop/parts"}
    s3.copy_object(Bucket=stack.stems_bucket, Key="copy", CopySource=parts)
    signed = s3.generate_presigned_post(bucket, "drop/form")
    httpx.post(signed["url"], data=signed["fields"], files={"file": b"song"}).raise_for_status()
    etag = s3.put_object(Bucket=bucket, Key="drop/twice", Body=b"once")["ETag"]
    s3.put_object(Bucket=bucket, Key="drop/twice", Body=b"twice", IfMatch=etag)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="drop/twice", Body=b"thrice", IfMatch=etag)
    for key in ("drop/gone", "drop/gone 2", "drop/gone 3"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"gone")
    s3.delete_object(Bucket=bucket, Key="drop/gone")
    gone: Any = [{"Key": "drop/gone 2"}, {"Key": "drop/gone 3"}, {"Key": "drop/none"}]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": gone})


def test_everything_is_there_after_a_restart(host: Host) -> None:
    with host.running() as (stack, _):
        fill(stack)
        before = everything(stack)
    assert {key for _, key in before} == {
        *KEYS,
        *("drop/parts", "drop/copy", "copy", "drop/form", "drop/twice"),
    }
    with host.running() as (stack, _):
        assert everything(stack) == before
        change(stack)
        before = everything(stack)
    assert before[stack.uploads_bucket, KEYS[2]]["ContentLength"] == PART_BYTES + 1
    with host.running() as (stack, _):
        assert everything(stack) == before


def change(stack: Stack) -> None:
    """Change what an earlier server has left."""
    bucket = stack.uploads_bucket
    for key in KEYS[:2]:
        stack.s3.delete_object(Bucket=bucket, Key=key)
    source: Any = {"Bucket": bucket, "Key": "drop/parts"}
    stack.s3.copy_object(Bucket=bucket, Key=KEYS[2], CopySource=source)
    etag = stack.s3.head_object(Bucket=bucket, Key="drop/twice")["ETag"]
    stack.s3.put_object(Bucket=bucket, Key="drop/twice", Body=b"thrice", IfMatch=etag)


def test_only_what_comes_after_a_restart_is_announced(host: Host) -> None:
    with host.running() as (stack, _):
        fill(stack)
    with host.running() as (stack, server):
        stack.s3.put_object(Bucket=stack.uploads_bucket, Key="drop/new", Body=b"song")
        stack.s3.put_object(Bucket=stack.stems_bucket, Key="drop/new/x", Body=b"stem")
        events = receive(stack)
        assert [event["Event"] for event in events if "Event" in event] == ["s3:TestEvent"]
        records = [record for event in events for record in event.get("Records", [])]
        assert [record["s3"]["object"]["key"] for record in records] == ["drop/new"]
        with create_stack(server, host.application):
            assert len(everything(stack)) == 12
        rules = stack.s3.get_bucket_lifecycle_configuration(Bucket=stack.uploads_bucket)
        assert rules["Rules"][0]["Expiration"]["Days"] == 7


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


def write_until(stop: threading.Event, s3: "S3Client", bucket: str, key: str) -> list[int]:
    """Write an object again and again; return the numbers of the writes that were answered."""
    answered = []
    number = 0
    while not stop.is_set():
        number += 1
        body = f"{number} ".encode() * 20_000
        metadata = {"number": str(number), "sha256": sha256(body).hexdigest()}
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)
        except (ClientError, BotoCoreError):
            break
        answered.append(number)
    return answered


def test_killed_at_any_moment_it_has_whole_objects_and_all_that_was_answered(host: Host) -> None:
    keys = [f"drop/{number}" for number in range(3)]
    answered = dict.fromkeys(keys, 0)
    for _ in range(3):
        with host.running() as (stack, server):
            require(stack, answered)
            stop = threading.Event()
            s3, bucket = stack.s3, stack.uploads_bucket
            assert server.pid
            with ThreadPoolExecutor(len(keys)) as writers:
                work = {key: writers.submit(write_until, stop, s3, bucket, key) for key in keys}
                stop.wait(random.uniform(0.2, 1.0))
                os.kill(server.pid, signal.SIGKILL)
                stop.set()
            answered = {key: len(writing.result()) for key, writing in work.items()}
    assert any(answered.values())
    with host.running() as (stack, _):
        require(stack, answered)


def require(stack: Stack, answered: dict[str, int]) -> None:
    """Check that objects are whole and no older than the last write that was answered."""
    found = everything(stack)
    for key, number in answered.items():
        if has := found.get((stack.uploads_bucket, key)):
            assert sha256(has["Body"]).hexdigest() == has["Metadata"]["sha256"]
            assert int(has["Metadata"]["number"]) in {number, number + 1}
            stack.s3.delete_object(Bucket=stack.uploads_bucket, Key=key)
        else:
            assert number == 0


def test_without_room_nothing_changes_and_nobody_is_told(host: Host) -> None:
    with host.running() as (stack, server):
        s3, bucket = stack.s3, stack.uploads_bucket
        s3.put_object(Bucket=bucket, Key="drop/old", Body=b"old", Metadata={"model": "2stems"})
        before = everything(stack)
        receive(stack)
        assert server.pid
        small = (1_000_000, resource.RLIM_INFINITY)  # the largest file that it can write
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, small)
        for key in ("drop/old", "drop/new"):
            with pytest.raises(ClientError):
                s3.put_object(Bucket=bucket, Key=key, Body=bytes(2_000_000))
        assert everything(stack) == before
        assert receive(stack) == []
        s3.put_object(Bucket=bucket, Key="drop/new", Body=b"new")
        before = everything(stack)
    with host.running() as (stack, _):
        assert everything(stack) == before


def test_a_folder_is_one_servers_and_its_log_has_no_signatures(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stemdrop_local.s3.keeper.LOCK_TIMEOUT_S", 0.1)
    second = S3Server(host.folder / "second.log", host.folder / "data")
    with host.running() as (stack, server):
        with pytest.raises(DataFolderError, match=r"is in use: end the other stack"):
            second.__enter__()
        fill(stack)
        with pytest.raises(ServerError, match="stays"):
            server.reset()
        assert len(everything(stack)) == 10
        url = stack.s3.generate_presigned_url(
            "get_object", Params={"Bucket": stack.uploads_bucket, "Key": "drop/form"}
        )
        assert httpx.get(url).content == b"song"
    log = (host.folder / "s3.log").read_text()
    assert "GET /stemdrop-uploads-123456789012-eu-central-1/drop/form 200" in log
    assert "Signature" not in log
    with second:
        assert len(second.s3_client().list_buckets()["Buckets"]) == 2


def test_bodies_are_not_in_memory(host: Host) -> None:
    with host.running() as (stack, server):
        before_bytes = memory_bytes(server)
        for number in range(100):
            stack.s3.put_object(
                Bucket=stack.uploads_bucket, Key=f"drop/{number}", Body=bytes(4_000_000)
            )
        assert memory_bytes(server) - before_bytes < 200_000_000
    with host.running() as (stack, server):
        assert memory_bytes(server) - before_bytes < 40_000_000
        found = stack.s3.get_object(Bucket=stack.uploads_bucket, Key="drop/99")
        assert found["Body"].read() == bytes(4_000_000)


def memory_bytes(server: S3Server) -> int:
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["VmRSS"].split()[0]) * 1024


def test_only_one_of_many_makes_an_object(stack: Stack) -> None:
    writers = 16
    together = threading.Barrier(writers)

    def create(number: int) -> bool:
        together.wait()
        try:
            stack.s3.put_object(
                Bucket=stack.stems_bucket, Key="only", Body=bytes([number]), IfNoneMatch="*"
            )
        except ClientError as error:
            return error.response["Error"]["Code"] != "PreconditionFailed"
        return True

    for _ in range(3):
        with ThreadPoolExecutor(writers) as pool:
            assert sum(pool.map(create, range(writers))) == 1
        stack.s3.delete_object(Bucket=stack.stems_bucket, Key="only")


def test_requests_have_s3_to_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    inside, leaving = threading.Semaphore(0), threading.Event()

    def respond(*_: Any) -> str:
        inside.release()
        assert leaving.wait(30)
        return "answer"

    for owner, name in [
        (S3Response, "_key_response"),
        (S3Response, "_bucket_response"),
        (S3Backend, "put_object"),
        (S3Backend, "delete_object"),
    ]:
        monkeypatch.setattr(owner, name, respond)  # and what is made of it is undone in the end
    WriteThrough(None)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(S3Response._key_response), pool.submit(S3Response._bucket_response)]
        assert inside.acquire(timeout=30)
        assert not inside.acquire(timeout=0.2)
        leaving.set()
        assert [answer.result(30) for answer in answers] == ["answer"] * 2
