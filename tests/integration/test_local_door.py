"""Through the public door, S3 is what it is inside, and what is refused leaves nothing behind."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stemdrop_local.http.front import PublicServer, listen
from stemdrop_local.s3.door import s3_door
from stemdrop_local.s3.server import CREDENTIALS, S3Server
from stemdrop_local.template import read_application

from stemdrop_local.deployment import Stack, create_stack
from stemdrop_local.ports import LOOPBACK

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ORIGIN = "http://localhost:5000"
JOB = "jobs/7f3c9a5e2b814d60a1f4c8e97b25d036"
SONG = b"RIFF\r\n--song\x00" * 1000
PART_BYTES = 5 << 20


class Door:
    """A server in front of a stack."""

    def __init__(self, stack: Stack, url: str) -> None:
        self.stack = stack
        self.url = url
        self.uploads = stack.uploads_bucket
        self.s3: S3Client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="eu-central-1",
            config=Config(signature_version="s3v4", proxies={}, retries={"total_max_attempts": 1}),
            aws_access_key_id=CREDENTIALS["aws_access_key_id"],
            aws_secret_access_key=CREDENTIALS["aws_secret_access_key"],
        )

    def form(self, key: str = JOB, size: int = len(SONG), lifetime_s: int = 60) -> Any:
        conditions = [["content-length-range", size, size]]
        return self.s3.generate_presigned_post(
            self.uploads, key, Conditions=conditions, ExpiresIn=lifetime_s
        )

    def sign(self, key: str, method: str = "get_object", **parameters: Any) -> str:
        named = {"Bucket": self.uploads, "Key": key, **parameters}
        return self.s3.generate_presigned_url(method, Params=named, ExpiresIn=60)

    def announced(self) -> list[str]:
        """Return the keys of the uploads that were announced since the last time."""
        keys = []
        while messages := self.stack.sqs.receive_message(
            QueueUrl=self.stack.event_queue_url, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                self.stack.sqs.delete_message(
                    QueueUrl=self.stack.event_queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
                records = json.loads(message["Body"]).get("Records", [])
                keys += [record["s3"]["object"]["key"] for record in records]
        return keys

    def objects(self) -> list[str]:
        """Return all uploads."""
        listed = self.stack.s3.list_objects_v2(Bucket=self.uploads)
        return [found["Key"] for found in listed.get("Contents", [])]


@pytest.fixture(scope="module")
def opened(s3_server: S3Server) -> Iterator[Door]:
    s3_server.reset()
    application = read_application(parameters={"AllowedOrigin": ORIGIN})
    with create_stack(s3_server, application) as stack, in_front_of(stack) as door:
        yield door


@contextmanager
def in_front_of(stack: Stack, *secret_key: str) -> Iterator[Door]:
    """Serve a stack's door at a port of its own."""
    listening = listen(LOOPBACK, 0)
    port = listening.getsockname()[1]
    door = s3_door(stack, stack.endpoint_url, *secret_key)
    with closing(listening), PublicServer(listening, door):
        visitor = Door(stack, f"http://{LOOPBACK}:{port}")
        yield visitor
        visitor.s3.close()


@pytest.fixture
def door(opened: Door) -> Door:
    """Return a door to empty buckets, after which nothing has been announced."""
    for key in opened.objects():
        opened.stack.s3.delete_object(Bucket=opened.uploads, Key=key)
    opened.announced()
    return opened


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
    | st.sampled_from(["a//b", "..", "../x", "%2e%2e/x", "a%2Fb", "?x#y", "+ +", "x" * 1000])
)
def test_an_object_of_any_key_goes_in_and_out(door: Door, name: str) -> None:
    key = f"drop/{name}"
    metadata = {"bit_depth": "24", "model": "4stems"}
    put = door.s3.put_object(Bucket=door.uploads, Key=key, Body=SONG, Metadata=metadata)
    inside = door.stack.s3.head_object(Bucket=door.uploads, Key=key)
    head = door.s3.head_object(Bucket=door.uploads, Key=key)
    assert put["ETag"] == head["ETag"] == inside["ETag"]
    assert head["Metadata"] == inside["Metadata"] == metadata
    part = door.s3.get_object(Bucket=door.uploads, Key=key, Range="bytes=5-9")
    assert part["Body"].read() == SONG[5:10]
    assert part["ContentRange"] == f"bytes 5-9/{len(SONG)}"
    door.s3.delete_object(Bucket=door.uploads, Key=key)
    assert door.objects() == []


def test_a_client_does_what_it_does_on_aws(door: Door) -> None:
    bucket = door.uploads
    upload = door.s3.create_multipart_upload(Bucket=bucket, Key="drop/parts")["UploadId"]
    parts: list[Any] = []
    for number, body in enumerate([b"x" * PART_BYTES, b"y"], start=1):
        answer = door.s3.upload_part(
            Bucket=bucket, Key="drop/parts", UploadId=upload, PartNumber=number, Body=body
        )
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    door.s3.complete_multipart_upload(
        Bucket=bucket, Key="drop/parts", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    source: Any = {"Bucket": bucket, "Key": "drop/parts"}
    etag = door.s3.copy_object(Bucket=bucket, Key="drop/copy", CopySource=source)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        door.s3.put_object(Bucket=bucket, Key="drop/copy", Body=b"", IfNoneMatch="*")
    with pytest.raises(ClientError, match="304"):
        door.s3.get_object(
            Bucket=bucket, Key="drop/copy", IfNoneMatch=etag["CopyObjectResult"]["ETag"]
        )
    with pytest.raises(ClientError, match="NoSuchKey"):
        door.s3.get_object(Bucket=bucket, Key="drop/none")
    listed = door.s3.list_objects_v2(Bucket=bucket, Prefix="drop/", Delimiter="/")["Contents"]
    assert [found["Key"] for found in listed] == ["drop/copy", "drop/parts"]
    names: Any = [{"Key": found["Key"]} for found in listed]
    assert len(door.s3.delete_objects(Bucket=bucket, Delete={"Objects": names})["Deleted"]) == 2
    assert door.announced() == ["drop/parts", "drop/copy"]


def test_a_form_uploads_a_song(door: Door) -> None:
    signed = door.form()
    answer = httpx.post(signed["url"], data=signed["fields"], files={"file": ("Ω.mp3", SONG)})
    assert (answer.status_code, answer.content) == (204, b"")
    found = door.stack.s3.get_object(Bucket=door.uploads, Key=JOB)
    assert found["Body"].read() == SONG
    assert found["Metadata"] == {}
    assert door.announced() == [JOB]


def test_a_form_may_say_what_the_song_is(door: Door) -> None:
    fields = {"x-amz-meta-bit_depth": "24", "Content-Type": "audio/mpeg"}
    conditions = [{name: value} for name, value in fields.items()]
    signed = door.s3.generate_presigned_post(door.uploads, "drop/song", fields, conditions)
    answer = httpx.post(signed["url"], data=signed["fields"], files={"file": SONG})
    assert answer.status_code == 204
    head = door.stack.s3.head_object(Bucket=door.uploads, Key="drop/song")
    assert (head["Metadata"], head["ContentType"]) == ({"bit_depth": "24"}, "audio/mpeg")


def test_what_is_refused_leaves_no_object_and_no_event(door: Door) -> None:
    right = door.form()
    wrong = [
        (400, right["fields"], SONG + b"!"),
        (400, right["fields"], SONG[1:]),
        (403, {**right["fields"], "key": "drop/other"}, SONG),
        (403, {**right["fields"], "acl": "public-read"}, SONG),
        (403, {**right["fields"], "x-amz-signature": "0" * 64}, SONG),
        (403, door.form(lifetime_s=-1)["fields"], SONG),
        (403, {"key": "drop/other"}, SONG),
    ]
    for status, fields, song in wrong:
        answer = httpx.post(right["url"], data=fields, files={"file": song})
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/xml"
    assert httpx.put(f"{door.url}/{door.uploads}/drop/song", content=SONG).status_code == 403
    url = door.s3.generate_presigned_url(
        "put_object", Params={"Bucket": door.uploads, "Key": "drop/song"}, ExpiresIn=0
    )
    assert httpx.put(url, content=SONG).status_code == 403
    assert httpx.put(url.replace("drop/song", "drop/x"), content=SONG).status_code == 403
    assert door.objects() == []
    assert door.announced() == []


@pytest.mark.parametrize("how", ["form", "put"])
def test_an_upload_that_breaks_off_leaves_nothing(door: Door, how: str) -> None:
    if how == "form":
        signed = door.form(size=10_000_000)
        request = httpx.Request(
            "POST", signed["url"], data=signed["fields"], files={"file": bytes(10_000_000)}
        )
    else:
        url = door.sign("drop/song", "put_object")
        request = httpx.Request("PUT", url, content=bytes(10_000_000))
    address = urlsplit(door.url)
    with socket.create_connection((LOOPBACK, address.port or 0)) as client:
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        target = request.url.raw_path.decode()
        client.sendall(f"{request.method} {target} HTTP/1.1\r\n".encode())
        client.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        client.sendall(request.read()[:5_000_000])
        client.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.status == 400
        assert b"<Code>" in answer.read()
    assert door.objects() == []
    assert door.announced() == []


def test_a_large_file_goes_in_and_out(door: Door) -> None:
    size = 60_000_000
    signed = door.form(size=size)
    body = bytes(range(250)) * (size // 250)
    answer = httpx.post(signed["url"], data=signed["fields"], files={"file": body}, timeout=60)
    assert answer.status_code == 204
    with httpx.stream("GET", door.sign(JOB)) as download:
        assert download.headers["content-length"] == str(size)
        assert b"".join(download.iter_bytes()) == body


def test_a_large_file_that_is_refused_is_told_so(door: Door) -> None:
    body = bytes(30_000_000)
    signed = door.form(size=1_000_000)
    for fields, status in [(signed["fields"], 400), ({"key": JOB}, 403)]:
        answer = httpx.post(signed["url"], data=fields, files={"file": body}, timeout=60)
        assert answer.status_code == status
    assert httpx.put(f"{door.url}/{door.uploads}/drop/x", content=body).status_code == 403
    assert door.objects() == []


def test_a_signed_url_downloads_with_a_name(door: Door) -> None:
    door.s3.put_object(Bucket=door.uploads, Key="drop/song", Body=SONG)
    disposition = "attachment; filename=\"Song.wav\"; filename*=UTF-8''S%C3%B6ng.wav"
    url = door.sign("drop/song", ResponseContentDisposition=disposition)
    answer = httpx.get(url, headers={"Authorization": "Bearer of the API"})
    assert answer.content == SONG
    assert answer.headers["content-disposition"] == disposition
    assert answer.headers["accept-ranges"] == "bytes"
    part = httpx.get(url, headers={"Range": "bytes=-3"})
    assert (part.status_code, part.content) == (206, SONG[-3:])
    assert httpx.get(url, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert httpx.head(url).status_code == 403
    head = httpx.head(door.sign("drop/song", "head_object"))
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(SONG)))
    assert httpx.get(door.sign("drop/none")).status_code == 404


def test_pages_of_one_origin_may_upload_and_download(door: Door) -> None:
    signed = door.form()
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    assert httpx.options(signed["url"], headers=asked).status_code == 200
    asked["Origin"] = "http://localhost:5001"
    assert httpx.options(signed["url"], headers=asked).status_code == 403
    stems = door.stack.stems_bucket
    door.s3.put_object(Bucket=stems, Key="drop/song/vocals.wav", Body=SONG)
    url = door.s3.generate_presigned_url(
        "get_object", Params={"Bucket": stems, "Key": "drop/song/vocals.wav"}
    )
    for origin, allowed in [(ORIGIN, ORIGIN), ("http://localhost:5001", None), ("null", None)]:
        answer = httpx.get(url, headers={"Origin": origin})
        assert answer.status_code == 200
        assert answer.headers.get("access-control-allow-origin") == allowed
        assert answer.headers.get_list("access-control-allow-origin") == ([allowed] * bool(allowed))


@pytest.mark.parametrize(
    "path", ["/", "/announce", "/moto-api/reset", "/other-bucket/x", "//", "/%2e%2e/announce"]
)
def test_nothing_but_the_buckets_is_behind_the_door(door: Door, path: str) -> None:
    door.s3.put_object(Bucket=door.uploads, Key="drop/song", Body=SONG)
    with closing(http.client.HTTPConnection(urlsplit(door.url).netloc)) as connection:
        connection.request("POST", path, b"{}")
        assert connection.getresponse().status == 404
    assert door.objects() == ["drop/song"]


def test_nobody_is_taken_to_another_account(door: Door) -> None:
    url = door.sign("drop/song", "put_object")
    headers = {"x-moto-account-id": "210987654321"}
    assert httpx.put(url, content=SONG, headers=headers).status_code == 200
    assert door.announced() == ["drop/song"]


def test_a_door_may_have_a_key_of_its_own(door: Door) -> None:
    with in_front_of(door.stack, "secret") as other:
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            other.s3.put_object(Bucket=door.uploads, Key="drop/song", Body=SONG)
        assert httpx.get(other.sign("drop/song")).status_code == 403
    assert door.objects() == []


def test_a_server_that_is_gone_is_said_so(tmp_path: Path) -> None:
    with ExitStack() as running:
        server = S3Server(tmp_path / "s3.log")
        with server, create_stack(server, read_application()) as stack:
            door = running.enter_context(in_front_of(stack))
        answer = httpx.get(door.sign("drop/song"))
    assert answer.status_code == 503
    assert b"<Code>ServiceUnavailable</Code>" in answer.content
