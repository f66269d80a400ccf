"""Events that the HTTP API sends to the API function, and the responses of the function."""

import asyncio
import base64
import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Self
from urllib.parse import parse_qsl

import boto3
from mangum import Mangum

from lambda_context import Context
from stemdrop_api.app import create_app
from stemdrop_api.dependencies import Dependencies
from stemdrop_api.http_event import HttpApiEvent
from stemdrop_api.settings import ApiSettings

TOKEN = "a-token-of-the-tests.0123456789~+/="  # noqa: S105
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# Enough for tests that don't call S3.
ENVIRONMENT = {
    "UPLOADS_BUCKET": "songs",
    "STEMS_BUCKET": "stems",
    "MODELS": "2stems 4stems",
    "MAX_UPLOAD_BYTES": "1000000000",
    "MAX_DURATION_S": "3600",
    "RETENTION_DAYS": "7",
    "URL_LIFETIME_S": "900",
    "ARCHITECTURE": "x86_64",
    "SEPARATE_MEMORY_MB": "3008",
    "ACCESS_TOKEN": TOKEN,
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}
HOST = "abc123.execute-api.eu-central-1.amazonaws.com"

Event = dict[str, Any]
Handler = Callable[[Event, Any], dict[str, Any]]


def request_event(
    method: str,
    path: str,
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    claims: Mapping[str, str] | None = None,
) -> Event:
    """Return the event of a request.

    Parameters
    ----------
    path : Path, decoded as by API Gateway.
    query : Query string, not decoded.
    claims : Claims of a JWT that the authorizer has accepted.
    """
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": HOST, "x-forwarded-proto": "https", **(headers or {})},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": HOST,
            "domainPrefix": "abc123",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "15/Jan/2026:10:15:00 +0000",
            "timeEpoch": 1768472100000,
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict(parse_qsl(query))
    if claims is not None:
        jwt = {"claims": dict(claims), "scopes": None}
        event["requestContext"]["authorizer"] = {"jwt": jwt}
    if body is not None:
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return event


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response, with the names of its headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def parse_response(returned: Mapping[str, Any]) -> ApiResponse:
    """Read what a function returned, as API Gateway does."""
    body = returned.get("body", "")
    data = base64.b64decode(body) if returned["isBase64Encoded"] else body.encode()
    assert not returned.get("cookies")
    return ApiResponse(returned["statusCode"], returned["headers"], data)


@dataclass(frozen=True, slots=True)
class Api:
    """Calls a handler.

    Attributes
    ----------
    token : Bearer token, if any.
    claims : Claims of the JWT that the authorizer has accepted, if any.
    """

    handler: Handler
    token: str | None = TOKEN
    claims: Mapping[str, str] | None = None

    def call(
        self,
        method: str,
        path: str,
        given: object = None,
        headers: Mapping[str, str] | None = None,
        query: str = "",
    ) -> ApiResponse:
        """Send a request. Bytes are sent unchanged, anything else as JSON."""
        sent = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if given is not None:
            sent["content-type"] = "application/json"
        body = given if given is None or isinstance(given, bytes) else json.dumps(given).encode()
        event = request_event(
            method,
            path,
            query=query,
            headers=sent | dict(headers or {}),
            body=body,
            claims=self.claims,
        )
        return self.send(event)

    def send(self, event: Event) -> ApiResponse:
        """Pass an event to the handler."""
        # Lambda serializes the return value as JSON.
        returned = json.loads(json.dumps(self.handler(event, Context(function_name="api"))))
        return parse_response(returned)

    def get(self, path: str, **headers: str) -> ApiResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("GET", path, headers=named)

    def post(self, path: str, given: object) -> ApiResponse:
        return self.call("POST", path, given)

    def delete(self, path: str) -> ApiResponse:
        return self.call("DELETE", path)


def create_handler(environment: Mapping[str, str]) -> Handler:
    """Return a handler with its own settings, created as in handler.py.

    Its S3 credentials come from this process's environment, not from boto3's cached session.
    """
    boto3.DEFAULT_SESSION = _session(*map(os.environ.get, CREDENTIALS))
    app = create_app(Dependencies.create(ApiSettings.from_env(environment)))
    return Mangum(app, lifespan="off", custom_handlers=[HttpApiEvent])


@cache
def _session(*_: str | None) -> boto3.Session:
    """Return the session of some credentials. To read boto3's data files again takes 0.1 s."""
    return boto3.Session()


class ExecutionEnvironment:
    """A context manager that runs a handler as Lambda does: one event at a time, in one thread.

    The tests' servers and clients have many threads, and Mangum needs its own event loop.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._loop = asyncio.new_event_loop()
        self._thread = ThreadPoolExecutor(1, "handler", asyncio.set_event_loop, (self._loop,))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._loop.close()

    def handle(self, event: Event, context: object) -> dict[str, Any]:
        """Pass an event to the handler, and return its response."""
        return self._thread.submit(self._handler, event, context).result()

    def invoke(self, event: Event) -> dict[str, Any]:
        """Pass an event to the handler, and return its response as Lambda serializes it."""
        answer = self.handle(event, Context(function_name="api"))
        returned: dict[str, Any] = json.loads(json.dumps(answer))
        return returned
