"""MiniStack as a strict, private AWS: one process, one port, one user whose signatures are checked.

    python -m stemdrop_local.emulator --fd FD --port PORT --data FOLDER --songs COUNT

FD is a listening socket; `emulator_process` starts this. Requests that carry an AWS signature in a
header or address a bucket go to the emulated AWS. All others go to the HTTP API that the stack has.

The process prints a JSON object for each request without a signature in its headers. It ends when
its standard input closes.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from stemdrop_local.emulator_gaps import ACCOUNT_ID, close_gaps, create_user

REGION = "eu-central-1"
ACCESS_KEY_ID = "local"
SECRET_VARIABLE = "STEMDROP_SECRET"  # noqa: S105 - its name
SERVICES = "s3,sqs,sns,lambda,iam,sts,logs,cloudformation,apigateway,events,transcribe"
SIGNED = b"AWS4-HMAC-SHA256 "
PRESIGNED = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature")
# MiniStack's own addresses, which take no credential; a reset is among them.
CLOSED = ("/_ministack", "/_localstack", "/_aws/", "/latest/", "/health", "/v2/", "/v4/")
OPEN = "/v2/apis/"  # API Gateway's own
API_PATH = "/_aws/execute-api"
# A page loads many files at once, and each process of the API function takes 100 MB.
MAX_API_CALLS = 2
# Source: payload size in "Quotas for configuring and running an HTTP API", API Gateway.
MAX_API_BODY_BYTES = 10_000_000

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def main() -> int:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser()
    numbers = dict.fromkeys(("fd", "port", "songs"), int)
    for name, kind in {**numbers, "data": Path}.items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    options = parser.parse_args()
    secret = os.environ.pop(SECRET_VARIABLE)
    configure(options.port, options.data.resolve())
    asyncio.run(serve(options, secret))
    return 0


def configure(port: int, data: Path) -> None:
    """Set the variables that MiniStack reads when it is imported."""
    os.environ.update(
        AUTH="true",
        GATEWAY_PORT=str(port),
        IOT_MTLS_ENABLED="0",
        MINISTACK_ACCOUNT_ID=ACCOUNT_ID,
        MINISTACK_REGION=REGION,
        S3_DATA_DIR=str(data / "objects"),
        S3_PERSIST="1",
        SERVICES=SERVICES,
        SFTP_ENABLED="0",
    )


async def serve(options: argparse.Namespace, secret: str) -> None:
    """Serve at a listening socket until standard input closes."""
    from hypercorn.asyncio import serve as serve_application
    from hypercorn.config import Config

    close_gaps(options.songs)
    config = Config()
    config.bind = [f"fd://{options.fd}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    gateway: Any = Gateway(secret)
    await serve_application(gateway, config, shutdown_trigger=_parent_ended)


async def _parent_ended() -> None:
    """Return when standard input closes, which only the parent holds open."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(1024):
        pass


class Gateway:
    """An ASGI application: AWS and the HTTP API at one address.

    Parameters
    ----------
    secret : Secret access key of the only user.
    """

    def __init__(self, secret: str) -> None:
        from ministack.app import app

        self._aws: Any = app
        self._secret = secret
        self._api_calls = asyncio.Semaphore(MAX_API_CALLS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._aws(scope, receive, self._with_user(send))
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    def _with_user(self, send: Send) -> Send:
        async def add_user(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                create_user(ACCESS_KEY_ID, self._secret)
            await send(message)

        return add_user

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        is_signed = headers.get(b"authorization", b"").startswith(SIGNED)
        call = RequestLog(scope, send)
        if not _is_own_host(headers.get(b"host", b"").decode("latin-1")):
            await refuse(call.send, 421, "This host name isn't allowed: use localhost.")
        elif not scope["path"].startswith("/"):  # it would not stay below the API's own path
            await refuse(call.send, 400, "The target isn't a path: begin it with a slash.")
        elif is_signed or _addresses_bucket(scope["path"]):
            call.is_for_s3 = True
            await self._answer_as_aws(scope, receive, call.send, is_signed=is_signed)
        elif not _is_deployed():
            await refuse(call.send, 503, "The stack isn't deployed yet: try again in a moment.")
        else:
            await self._answer_as_api(scope, receive, call.send)
        if not is_signed:
            print(call.line(), flush=True)

    async def _answer_as_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the HTTP API once its body has come, so that no client delays others.

        MiniStack takes bodies of any size, several times their size of memory, and no credential.
        """
        body = await _read_body(receive)
        if body is None:
            return  # the client has gone
        if len(body) > MAX_API_BODY_BYTES:
            await refuse(send, 413, "The body has more than 10 MB.")
            return
        messages: list[Message] = [{"type": "http.request", "body": body}]

        async def receive_read() -> Message:
            return messages.pop() if messages else await receive()

        async with self._api_calls:
            await self._aws(_as_api_call(scope), receive_read, send)

    async def _answer_as_aws(
        self, scope: Scope, receive: Receive, send: Send, *, is_signed: bool
    ) -> None:
        """Pass signed requests and CORS preflights to MiniStack, and refuse all others.

        MiniStack treats requests without a key, or with well-known keys, as the root user's.
        """
        is_known = is_signed or _is_presigned(scope) or scope["method"] == "OPTIONS"
        is_open = not scope["path"].startswith(CLOSED) or scope["path"].startswith(OPEN)
        if is_open and is_known:
            scope = {**scope, "scheme": "https", "headers": _without_conditional_range(scope)}
            await self._aws(scope, receive, send)
        else:
            await refuse(send, 403, "This request has no valid signature.")


class RequestLog:
    """Log line of a request; `send` passes the response on and keeps its status."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._began_s = time.monotonic()
        self._status = 0
        self.is_for_s3 = False

    async def send(self, message: Message) -> None:
        """Pass on a part of the response."""
        self._status = message.get("status", self._status)
        await self._send(message)

    def line(self) -> str:
        """Return the request as JSON without its query and headers, which may grant access."""
        call = {
            "method": self._scope["method"],
            "path": self._scope["path"],
            "status": self._status,
            "elapsed_s": round(time.monotonic() - self._began_s, 3),
            "is_for_s3": self.is_for_s3,
        }
        return json.dumps(call)


async def refuse(send: Send, status: int, message: str) -> None:
    """Send an error response."""
    body = json.dumps({"message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _read_body(receive: Receive) -> bytes | None:
    """Return a body, or the beginning of one that is too large; None if the client has gone."""
    body = bytearray()
    while len(body) <= MAX_API_BODY_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body)


def _is_own_host(header: str) -> bool:
    """Return whether a Host header is localhost or an IP address.

    A DNS rebinding attack uses a host name of the attacker, never an address.
    """
    try:
        host = urlsplit(f"//{header}").hostname or ""
        return host == "localhost" or bool(ip_address(host))
    except ValueError:
        return False


def _is_presigned(scope: Scope) -> bool:
    query = parse_qs(scope["query_string"].decode("latin-1"))
    has_header = any(name == b"authorization" for name, _ in scope["headers"])
    return not has_header and all(query.get(name) for name in PRESIGNED)


def _addresses_bucket(path: str) -> bool:
    from ministack.services import s3

    return s3._bucket_owner_account(path.lstrip("/").partition("/")[0]) is not None


def _is_deployed() -> bool:
    """Return whether the stack is complete; an incomplete HTTP API would reject valid tokens."""
    from ministack.services import cloudformation

    stacks = cloudformation._stacks._data.values()
    return any(stack["StackStatus"] == "CREATE_COMPLETE" for stack in stacks)


def _as_api_call(scope: Scope) -> Scope:
    """Address the stack's HTTP API, whose ID differs in each deployment."""
    from ministack.services import apigateway

    api_id = next(key[-1] for key in apigateway._apis._data)
    prefix = f"{API_PATH}/{api_id}"
    raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
    return {
        **scope,
        "path": prefix + scope["path"],
        "raw_path": prefix.encode() + raw_path,
        "headers": [*scope["headers"], (b"x-forwarded-proto", b"http")],
    }


def _without_conditional_range(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Gap: If-Range isn't supported. A request with it gets the whole object."""
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    if any(name == b"if-range" for name, _ in headers):
        return [(name, value) for name, value in headers if name not in {b"range", b"if-range"}]
    return headers


if __name__ == "__main__":
    sys.exit(main())
