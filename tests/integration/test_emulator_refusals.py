"""Access to the emulator's port, which requires a valid signature."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from conftest import SECRET
from integration.process_tree import descendants
from stemdrop_local.deployment import Stack
from stemdrop_local.emulator import (
    ACCESS_KEY_ID,
    MAX_API_BODY_BYTES,
    MAX_API_CALLS,
    REGION,
)
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.ports import LOOPBACK

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCOPE = f"20261128/{REGION}"
ZERO = "SignedHeaders=host, Signature=00"
UPLOADS = f"/stemdrop-uploads-123456789012-{REGION}"
LIST_QUEUES = {
    "x-amz-target": "AmazonSQS.ListQueues",
    "content-type": "application/x-amz-json-1.0",
}
FORM = {"files": {"file": b"x"}, "data": {"key": "drop/x"}}


def v4(key: str, service: str = "s3", signature: str = f", {ZERO}") -> dict[str, str]:
    credential = f"Credential={key}/{SCOPE}/{service}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 {credential}{signature}"}


def query(**changes: str) -> str:
    fields = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"local/{SCOPE}/s3/aws4_request",
        "X-Amz-Signature": "00",
        **{f"X-Amz-{name}": value for name, value in changes.items()},
    }
    return urlencode(fields)


JUNK = {"authorization": "junk"}
TARGET = {"headers": LIST_QUEUES, "json": {}}
FULL_QUERY = query(Date="20261128T014900Z", Expires="600", SignedHeaders="host")
SQS_QUERY = query(Algorithm="x", Credential=f"local/{SCOPE}/sqs/aws4_request")
Request = tuple[str, str, Mapping[str, Any]]

# Each of these requests has an effect in an unmodified MiniStack with AUTH=true.
REQUESTS: dict[str, Request] = {
    "junk, PUT": ("PUT", "/hole1", {"headers": JUNK}),
    "junk, SQS": ("POST", "/", {"headers": JUNK | LIST_QUEUES, "json": {}}),
    "no credential": ("PUT", "/hole2", {"headers": {"authorization": "AWS4-HMAC-SHA256 x"}}),
    "no signature": ("PUT", "/hole3", {"headers": v4("local", signature="")}),
    "zero signature": ("PUT", "/hole4", {"headers": v4("local")}),
    "no credential, SQS": (
        "POST",
        "/",
        {"headers": {"authorization": "AWS4-HMAC-SHA256 x"} | LIST_QUEUES, "json": {}},
    ),
    "empty key, SQS": ("POST", "/", {"headers": v4("", "sqs") | LIST_QUEUES, "json": {}}),
    "empty key, query": ("GET", f"{UPLOADS}?{query(Credential=f'/{SCOPE}/s3/aws4_request')}", {}),
    "no algorithm of version 4": ("GET", f"{UPLOADS}?{query(Algorithm='x', Credential='x')}", {}),
    "space for a key": ("PUT", "/hole5", {"headers": v4(" ")}),
    "key test": ("PUT", "/hole6", {"headers": v4("test")}),
    "key test, SQS": ("POST", "/", {"headers": v4("test", "sqs") | LIST_QUEUES, "json": {}}),
    "zero signature, SQS": (
        "POST",
        "/",
        {"headers": v4("local", "sqs") | LIST_QUEUES, "json": {}},
    ),
    "version 2": ("PUT", "/hole7", {"headers": {"authorization": "AWS local:AAAA"}}),
    "query, zero signature": ("PUT", f"/hole8?{FULL_QUERY}", {}),
    "query, no algorithm": ("PUT", f"/hole9?{query(Algorithm='x')}", {}),
    "query, SQS": ("POST", f"/?{SQS_QUERY}", TARGET),
    "query, version 2": (
        "PUT",
        "/hole10?AWSAccessKeyId=local&Signature=x&Expires=9999999999",
        {},
    ),
    "two authorizations": (
        "PUT",
        "/hole11",
        {"headers": [*v4("local").items(), ("authorization", "junk")]},
    ),
    "nothing, list": ("GET", UPLOADS, {}),
    "nothing, PUT": ("PUT", f"{UPLOADS}/drop/x", {"content": b"x"}),
    "junk, bucket": ("PUT", f"{UPLOADS}/drop/x", {"headers": JUNK, "content": b"x"}),
    "form": ("POST", UPLOADS, FORM),
    "form, delete": ("POST", f"{UPLOADS}?delete", FORM),
    "form, SQS": (
        "POST",
        "/hole12",
        {"files": {"a": b"b"}, "headers": {"x-amz-target": LIST_QUEUES["x-amz-target"]}},
    ),
    "create a user": (
        "POST",
        "/",
        {"headers": JUNK, "data": {"Action": "CreateUser", "UserName": "x"}},
    ),
    "form, functions": ("POST", "/functions", {"files": {"a": b"b"}}),
    "preflight": (
        "OPTIONS",
        "/",
        {"headers": {"origin": "https://evil.example", "access-control-request-method": "PUT"}},
    ),
    # Browsers send this without asking first.
    "query, open service": ("POST", f"/oauth2/token?{FULL_QUERY}", {"data": {"a": "b"}}),
    "query, preflight": (
        "OPTIONS",
        f"/?{FULL_QUERY}",
        {"headers": {"origin": "https://evil.example", "access-control-request-method": "PUT"}},
    ),
    "invoke": (
        "POST",
        "/2015-03-31/functions/stemdrop-api/invocations",
        {"headers": JUNK, "json": {}},
    ),
}
CLOSED = ("/_ministack/reset", "/_ministack/health", "/_localstack/health", "/health", "/v2/apis")


def state(emulator: EmulatorProcess, stack: Stack) -> tuple[object, ...]:
    """Return the state that requests might have changed."""
    return (
        [bucket["Name"] for bucket in stack.s3.list_buckets()["Buckets"]],
        stack.s3.list_objects_v2(Bucket=stack.uploads_bucket)["KeyCount"],
        [user["UserName"] for user in emulator.client("iam").list_users()["Users"]],
        stack.sqs.list_queues()["QueueUrls"],
    )


def test_request_without_valid_signature_is_refused(
    emulator: EmulatorProcess, deployed: Stack
) -> None:
    before = state(emulator, deployed)
    for name, (method, path, details) in REQUESTS.items():
        answer = httpx.request(method, f"{emulator.endpoint_url}{path}", timeout=60, **details)
        assert 400 <= answer.status_code < 500, (name, answer.text)
        assert "QueueUrls" not in answer.text, name
        assert "access-control-allow-origin" not in answer.headers, name
    assert state(emulator, deployed) == before


def test_administration_is_closed(emulator: EmulatorProcess, deployed: Stack) -> None:
    before = state(emulator, deployed)
    with httpx.Client(base_url=emulator.endpoint_url) as client:
        for request in product(("GET", "POST"), CLOSED, ({}, v4("local"), v4("test"))):
            method, path, headers = request
            answer = client.request(method, path, headers=headers)
            assert answer.status_code in {401, 403, 404, 405}, request
            assert "services" not in answer.text, request
    assert state(emulator, deployed) == before


def test_administration_is_closed_with_valid_signature(
    emulator: EmulatorProcess, deployed: Stack
) -> None:
    before = state(emulator, deployed)
    for path in CLOSED:
        url = f"{emulator.endpoint_url}{path}"
        request = AWSRequest("POST", url, data=b"")
        SigV4Auth(Credentials(ACCESS_KEY_ID, SECRET), "s3", REGION).add_auth(request)
        answer = httpx.post(url, headers=dict(request.headers))
        assert (answer.status_code, answer.json().keys()) == (403, {"message"})
    assert state(emulator, deployed) == before


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("evil.example:{port}", 421),
        ("localhost.evil.example:{port}", 421),
        ("127.0.0.1.evil.example:{port}", 421),
        ("user@evil.example:{port}", 421),
        ("[::1]:{port}", 200),
        ("192.0.2.1:{port}", 200),
        ("", 421),
        ("localhost:{port}", 200),
        ("127.0.0.1:{port}", 200),
        ("localhost", 200),
    ],
)
def test_only_local_hosts_are_accepted(
    host: str, status: int, emulator: EmulatorProcess, deployed: Stack
) -> None:
    assert deployed.outputs
    headers = {"host": host.format(port=emulator.port)}
    url = f"{emulator.endpoint_url}/healthz"
    assert httpx.get(url, headers=headers, timeout=60).status_code == status


@pytest.mark.parametrize("target", ["*", "jobs", "http://localhost/", "localhost:80"])
def test_target_that_is_no_path_reaches_no_service(
    target: str, emulator: EmulatorProcess, deployed: Stack
) -> None:
    assert deployed.outputs
    with closing(HTTPConnection(LOOPBACK, emulator.port, timeout=60)) as connection:
        connection.request("OPTIONS", target, headers={"origin": "https://evil.example"})
        answer = connection.getresponse()
        assert answer.status == 400
        assert not answer.getheader("access-control-allow-origin")


def test_client_that_sends_no_body_delays_no_other(
    emulator: EmulatorProcess, deployed: Stack
) -> None:
    with ExitStack() as running:
        for _ in range(MAX_API_CALLS):
            silent = running.enter_context(socket.create_connection((LOOPBACK, emulator.port)))
            silent.sendall(b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        assert httpx.get(f"{deployed.endpoint_url}/healthz", timeout=60).status_code == 200


def test_body_larger_than_an_http_api_takes_is_refused(deployed: Stack) -> None:
    url = f"{deployed.endpoint_url}/jobs"
    assert httpx.post(url, content=bytes(MAX_API_BODY_BYTES + 1), timeout=60).status_code == 413


def runtime_apis(emulator: EmulatorProcess) -> Iterator[str]:
    """Yield the addresses of the Runtime APIs of all running functions."""
    for pid in descendants(emulator.process.pid):
        for entry in Path(f"/proc/{pid}/environ").read_text().split("\0"):
            name, _, value = entry.partition("=")
            if name == "AWS_LAMBDA_RUNTIME_API":
                yield value


def test_runtime_api_gives_no_event_without_its_password(
    emulator: EmulatorProcess, deployed: Stack
) -> None:
    healthz = f"{deployed.endpoint_url}/healthz"
    assert httpx.get(healthz, timeout=60).status_code == 200
    addresses = list(runtime_apis(emulator))
    assert addresses
    for address in addresses:
        credential, _, host = address.rpartition("@")
        wrong = f"{credential[:-1]}@{host}"
        for where, name in product((host, wrong), (host, "evil.example")):
            for method, path in (
                ("POST", "init/error"),
                ("POST", "invocation/x/response"),
                ("GET", "invocation/next"),
            ):
                url = f"http://{where}/2018-06-01/runtime/{path}"
                answer = httpx.request(method, url, headers={"host": name}, timeout=60)
                assert answer.status_code == 403, (method, path)
    assert httpx.get(healthz, timeout=60).status_code == 200


def test_foreign_host_reaches_no_bucket(emulator: EmulatorProcess, deployed: Stack) -> None:
    url = deployed.s3.generate_presigned_url(
        "list_objects_v2", Params={"Bucket": deployed.uploads_bucket}
    )
    assert httpx.get(url).status_code == 200
    assert httpx.get(url, headers={"host": f"evil.example:{emulator.port}"}).status_code == 421


def test_secret_is_not_a_process_argument(emulator: EmulatorProcess) -> None:
    arguments = Path(f"/proc/{emulator.process.pid}/cmdline").read_bytes()
    assert b"stemdrop_local.emulator" in arguments
    assert SECRET.encode() not in arguments


def _client(emulator: EmulatorProcess, key: str, secret: str) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=emulator.endpoint_url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        (ACCESS_KEY_ID, "wrong"),
        ("test", "test"),
        ("123456789012", "test"),
        ("AKIAIOSFODNN7EXAMPLE", SECRET),
    ],
)
def test_unknown_access_keys_are_rejected(key: str, secret: str, emulator: EmulatorProcess) -> None:
    with pytest.raises(ClientError) as refused:
        _client(emulator, key, secret).list_buckets()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
