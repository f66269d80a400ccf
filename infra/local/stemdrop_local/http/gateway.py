"""An HTTP API of API Gateway on this machine: a WSGI application in front of a function.

Sources: "Configure CORS for HTTP APIs" and "Quotas for configuring and running an HTTP API" in the
API Gateway developer guide.
"""

import json
from collections.abc import Callable, Collection, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Request, Response

from stemdrop_local.http.events import JSON_TYPE, Event, FunctionError, event_of, response_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MAX_BODY_BYTES = 10 << 20
CHUNK_BYTES = 1 << 20
CORS_PREFIX = "access-control-"
# What template.yaml allows; only the origins differ from stack to stack.
ALLOWED_METHODS = "GET,POST,DELETE"
ALLOWED_HEADERS = "authorization,content-type,if-none-match"
EXPOSED_HEADERS = "etag,location,retry-after"
CORS_MAX_AGE_S = 3600


class RequestTooLargeError(Exception):
    """The request is larger than API Gateway or Lambda takes."""


STATUSES: dict[type[Exception], HTTPStatus] = {
    FunctionError: HTTPStatus.INTERNAL_SERVER_ERROR,
    TimeoutError: HTTPStatus.SERVICE_UNAVAILABLE,
    RequestTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ClientDisconnected: HTTPStatus.BAD_REQUEST,
}


class Gateway:
    """A WSGI application that has a function answer every request.

    Parameters
    ----------
    invoke : has the function work on an event and returns what it returned. It raises FunctionError
        if the function failed, TimeoutError if no answer came in time, and RequestTooLargeError.
    allowed_origins : whose pages may call; with any, CORS is the gateway's business alone.
    """

    def __init__(
        self, invoke: Callable[[Event], Any], allowed_origins: Collection[str] = ()
    ) -> None:
        self._invoke = invoke
        self._origins = frozenset(allowed_origins)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        request = Request(environ)
        preflight = bool(self._origins) and _is_preflight(request)
        response = Response(status=HTTPStatus.NO_CONTENT) if preflight else self._forward(request)
        if self._origins:
            self._set_cors(request, response, preflight=preflight)
        return response(environ, start_response)

    def _forward(self, request: Request) -> Response:
        try:
            event = event_of(request, _read(request))
            response = response_of(self._invoke(event))
        except tuple(STATUSES) as error:
            status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
            return _message(status)
        response.headers["Apigw-Requestid"] = event["requestContext"]["requestId"]
        return response

    def _set_cors(self, request: Request, response: Response, *, preflight: bool) -> None:
        for name in list(response.headers.keys()):
            if name.lower().startswith(CORS_PREFIX):
                del response.headers[name]
        origin = request.headers.get("Origin", "")
        if origin not in self._origins:
            return
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers.add("Vary", "Origin")
        if preflight:
            response.headers["Access-Control-Allow-Methods"] = ALLOWED_METHODS
            response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            response.headers["Access-Control-Max-Age"] = str(CORS_MAX_AGE_S)
        else:
            response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS


def _is_preflight(request: Request) -> bool:
    asks = {"Origin", "Access-Control-Request-Method"} <= {name for name, _ in request.headers}
    return request.method == "OPTIONS" and asks


def _read(request: Request) -> bytes:
    """Return the body. All of it is read, or who sends it would never read our answer."""
    chunks, size_bytes = [], 0
    while chunk := request.stream.read(CHUNK_BYTES):
        size_bytes += len(chunk)
        if size_bytes <= MAX_BODY_BYTES:
            chunks.append(chunk)
    if size_bytes > MAX_BODY_BYTES:
        raise RequestTooLargeError(f"The request has {size_bytes} bytes.")
    return b"".join(chunks)


def _message(status: HTTPStatus) -> Response:
    """Return an answer of the gateway's own, which says no more than the status does."""
    body = json.dumps({"message": status.phrase})
    return Response(body, status=status, content_type=JSON_TYPE)
