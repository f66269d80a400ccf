"""What API Gateway makes of a request, and of what a function returns: payload format 2.0.

Source: "Create AWS Lambda proxy integrations for HTTP APIs" in the API Gateway developer guide. The
path comes decoded although it is called raw, which is told by those whom it surprised (honojs/hono
2156, fastify/aws-lambda-fastify 169).
"""

import base64
import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from stemdrop_local.intrinsics import ACCOUNT_ID

# Bodies of any other type are handed over in base64.
TEXT_TYPES = ("text/", "application/json", "application/javascript", "application/xml")
# What concerns the connection goes no further. Cookies have a field of their own.
DROPPED_HEADERS = {"connection", "cookie", "keep-alive", "te", "transfer-encoding", "upgrade"}
JSON_TYPE = "application/json"

Event = dict[str, Any]


class FunctionError(Exception):
    """The function raised, crashed, ran into its time limit, or returned what is no response."""


def event_of(request: Request, body: bytes) -> Event:
    """Describe a request, as the function is told of it.

    Parameters
    ----------
    body : all of it; `request` is not read.
    """
    path = request.environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query_string.decode("latin-1"),
        "headers": _headers(request),
        "requestContext": _context(request, path),
        "isBase64Encoded": False,
    }
    if cookies := list(_cookies(request)):
        event["cookies"] = cookies
    if request.args:
        event["queryStringParameters"] = {
            name: ",".join(values) for name, values in request.args.lists()
        }
    return event | _body(request, body)


def _headers(request: Request) -> dict[str, str]:
    headers = {
        name.lower(): value
        for name, value in request.headers.items()
        if name.lower() not in DROPPED_HEADERS
    }
    client = request.remote_addr or ""
    trace = f"{secrets.token_hex(4)}-{secrets.token_hex(12)}"
    return headers | {
        "x-amzn-trace-id": f"Root=1-{trace}",
        "x-forwarded-for": ", ".join([*request.headers.getlist("X-Forwarded-For"), client]),
        "x-forwarded-port": request.environ["SERVER_PORT"],
        "x-forwarded-proto": request.scheme,
    }


def _cookies(request: Request) -> Iterator[str]:
    for cookie in request.headers.get("Cookie", "").split(";"):
        if cookie.strip():
            yield cookie.strip()


def _context(request: Request, path: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "accountId": ACCOUNT_ID,
        "apiId": "local",
        "domainName": request.headers.get("Host", "").partition(":")[0],
        "domainPrefix": "local",
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.environ["SERVER_PROTOCOL"],
            "sourceIp": request.remote_addr or "",
            "userAgent": request.headers.get("User-Agent", ""),
        },
        "requestId": secrets.token_urlsafe(12),
        "routeKey": "$default",
        "stage": "$default",
        "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now.timestamp() * 1000),
    }


def _body(request: Request, body: bytes) -> Event:
    if not body:
        return {}
    if request.headers.get("Content-Type", "").lower().startswith(TEXT_TYPES):
        try:
            return {"body": body.decode()}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def response_of(answer: Any) -> Response:
    """Make a response of what a function returned.

    An object without `statusCode`, like any other value, is a body in JSON.

    Raises
    ------
    FunctionError : there is a `statusCode`, but no response can be made of the object.
    """
    if not isinstance(answer, dict) or "statusCode" not in answer:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return Response(text, content_type=JSON_TYPE)
    try:
        return _described(answer)
    except (TypeError, ValueError, AttributeError) as error:
        raise FunctionError(f"The answer describes no response: {error!r}.") from error


def _described(answer: dict[str, Any]) -> Response:
    body = (answer.get("body") or "").encode()
    if answer.get("isBase64Encoded"):
        body = base64.b64decode(body, validate=True)
    response = Response(body, status=_status(answer["statusCode"]))
    for name, value in (answer.get("headers") or {}).items():
        if name.lower() != "content-length":
            response.headers[name] = str(value)
    for cookie in answer.get("cookies") or ():
        response.headers.add("Set-Cookie", cookie)
    return response


def _status(code: Any) -> int:
    status = int(code)
    if not 200 <= status <= 599:
        raise ValueError(f"{status} is not the status of a response.")
    return status
