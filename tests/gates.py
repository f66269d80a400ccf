"""Requests to the gate of the embedded S3, signed by boto3, without any network."""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree as ET

import boto3
import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from stemdrop_local.s3.gate import HEADERS, Gate
from stemdrop_local.s3.signatures import Signer
from werkzeug.test import create_environ, run_wsgi_app

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HOST = "127.0.0.1:5000"
URL = f"http://{HOST}"
UPLOADS = "uploads"
STEMS = "stems"
REGION = "eu-central-1"
SIGNER = Signer("local", "local", "token", REGION)
BOUNDARY = "------------------------boundary"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def code(self) -> str | None:
        """Return S3's name of the error; None for anything else."""
        if self.status < 400:
            return None
        return ET.fromstring(self.body).findtext("Code")  # noqa: S314  # our own

    @property
    def message(self) -> str | None:
        """Return S3's sentence about the error."""
        return ET.fromstring(self.body).findtext("Message")  # noqa: S314


@dataclass
class Inside:
    """An application behind the gate that takes everything, and remembers it."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.requests.append(environ)
        self.bodies.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        start_response("200 OK", [("ETag", '"etag"')])
        return [b"inside"]

    @property
    def target(self) -> str:
        """Return path and query of the only request."""
        (environ,) = self.requests
        target: str = environ["REQUEST_URI"]
        return target


class Visitor:
    """Stands before a gate.

    Parameters
    ----------
    rules : CORS rules of the upload bucket.
    """

    def __init__(self, *rules: Mapping[str, Any]) -> None:
        self.inside = Inside()
        self.now: datetime | None = None
        self.gate = Gate(self.inside, {UPLOADS: rules, STEMS: ()}, SIGNER, self._clock)

    def _clock(self) -> datetime:
        return self.now or datetime.now(UTC)

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Send a request, its target exactly as it is."""
        environ = environ_of(method, url, headers or {}, body)
        chunks, status, given = run_wsgi_app(self.gate, environ, buffered=True)
        return Answer(int(status.split()[0]), dict(given), b"".join(chunks))

    def send(self, prepared: AWSPreparedRequest) -> Answer:
        """Send what boto3 would have sent."""
        return self.ask(prepared.method, prepared.url, headers_of(prepared), body_of(prepared))


def environ_of(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> dict[str, Any]:
    """Return a request as a server would hand it over."""
    target = url.removeprefix(URL) or "/"
    path, _, query = target.partition("?")
    sent = {"host": HOST, **{name.lower(): value for name, value in headers.items()}}
    if body is not None:
        sent.setdefault("content-length", str(len(body)))
    environ = create_environ(method=method)
    for name, value in sent.items():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    return {
        **environ,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "wsgi.input": io.BytesIO(body or b""),
        HEADERS: sent,
    }


def client(**changes: Any) -> "S3Client":
    """Return a client that signs for the gate's buckets."""
    options: dict[str, Any] = {
        "endpoint_url": URL,
        "region_name": REGION,
        "aws_access_key_id": SIGNER.access_key,
        "aws_secret_access_key": SIGNER.secret_key,
        "config": Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    }
    return boto3.client("s3", **{**options, **changes})


def prepared(operation: str, signer: "S3Client | None" = None, **parameters: Any) -> Any:
    """Return the request that boto3 sends for a call, instead of sending it."""
    caught: list[AWSPreparedRequest] = []

    def catch(request: AWSPreparedRequest, **_: Any) -> Any:
        caught.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), urllib3.HTTPResponse(io.BytesIO()))

    s3 = signer or client()
    s3.meta.events.register_first("before-send.s3", catch)
    getattr(s3, operation)(**parameters)
    s3.meta.events.unregister("before-send.s3", catch)
    (request,) = caught
    return request


def form(
    fields: Mapping[str, str] | Iterable[tuple[str, str]],
    file: bytes,
    filename: str | None = "song.mp3",
    after: Mapping[str, str] | None = None,
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a form, the file last but for some fields."""
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    parts: list[Any] = [(name, (None, value, None)) for name, value in pairs]
    parts.append(("file", (filename, file, None)))
    parts.extend((name, (None, value, None)) for name, value in (after or {}).items())
    body, content_type = urllib3.encode_multipart_formdata(parts, BOUNDARY)
    return {"Content-Type": content_type}, body


def headers_of(prepared: AWSPreparedRequest) -> dict[str, str]:
    """Return the headers that boto3 would have sent."""
    return {
        name: value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in prepared.headers.items()
    }


def body_of(prepared: AWSPreparedRequest) -> bytes:
    """Return the body that boto3 would have sent."""
    body: Any = prepared.body or b""
    if isinstance(body, bytes):
        return body
    body.seek(0)
    return bytes(body.read())
