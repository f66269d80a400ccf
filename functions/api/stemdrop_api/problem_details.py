"""Problem details for HTTP APIs, RFC 9457: the body of every error response."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from aws_lambda_powertools import Logger
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from stemdrop.errors import RecordError, StemdropError, StorageError
from stemdrop.s3 import describe_cause
from stemdrop_api.errors import (
    HEADERS,
    STATUSES,
    BadRequestError,
    InternalError,
    InvalidRequestError,
    UnsupportedMediaTypeError,
)

MEDIA_TYPE = "application/problem+json"
BAD_JSON = "The body is not valid JSON: send a JSON object."
NO_OBJECT = "The body is not a JSON object: send one."
FAILED = "The server failed unexpectedly, and its log says why under the request_id."
# What FastAPI and Starlette say, to what helps the caller.
DETAILS = {
    "There was an error parsing the body": BAD_JSON,
    "Not Found": "There is no such path: see /docs.",
    "Method Not Allowed": "This path does not support the method: see the header Allow.",
}

# Places of parameters, in words.
PARAMETERS = {"query": "query parameter", "header": "header"}

logger = Logger(child=True)


class Flaw(BaseModel):
    """One error in the body of a request."""

    pointer: str = Field(description="JSON pointer to the value.", examples=["#/size_bytes"])
    detail: str


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    type: str = Field(description="`urn:problem-type:stemdrop:` and the code.")
    title: str = Field(description="The code in words.")
    status: int
    code: str = Field(description="Stable identifier of the error, for programs.")
    detail: str | None = Field(None, description="What is wrong, and what to do.")
    request_id: str | None = Field(None, description="ID of the request in the log.")
    errors: list[Flaw] | None = Field(None, description="Only with an invalid body.")


def problem(
    code: str, status: int, detail: str | None = None, errors: list[Flaw] | None = None
) -> Problem:
    """Return the problem details of an error code."""
    return Problem(
        type=f"urn:problem-type:stemdrop:{code}",
        title=code.replace("_", " ").capitalize(),
        status=int(status),
        code=code,
        detail=detail,
        request_id=None,
        errors=errors,
    )


def respond(scope: Scope, body: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response of a problem."""
    body.request_id = getattr(scope.get("aws.context"), "aws_request_id", None)
    content = body.model_dump_json(exclude_none=True)
    return Response(content, body.status, headers, MEDIA_TYPE)


def internal_error(scope: Scope) -> Response:
    """Return the response to a failure of the server; only the log says what it was."""
    return respond(scope, problem(InternalError.code, STATUSES[InternalError], FAILED))


def install(app: FastAPI) -> None:
    """Make an application answer all errors with problem details."""
    app.add_exception_handler(StemdropError, _on_stemdrop_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)


def _on_stemdrop_error(request: Request, error: Exception) -> Response:
    kind = next((kind for kind in type(error).__mro__ if kind in STATUSES), None)
    if kind is None:
        raise error
    detail = str(error)
    if isinstance(error, RecordError):  # no later request can read it either
        logger.error("record_unreadable", reason=describe_cause(error))
        return internal_error(request.scope)
    if kind is StorageError:
        logger.error("storage_failed", reason=describe_cause(cast(StorageError, error)))
        detail = "S3 is unavailable: try again."
    return respond(request.scope, problem(kind.code, STATUSES[kind], detail), HEADERS.get(kind))


def _on_http_exception(request: Request, error: Exception) -> Response:
    """Keep the status, the headers and the text of any exception of the framework's type."""
    error = cast(HTTPException, error)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed_methods(request)
    status, detail = error.status_code, str(error.detail)
    body = problem(_code_of(status), status, DETAILS.get(detail, detail))
    return respond(request.scope, body, headers)


def _code_of(status: int) -> str:
    """Return the code of a status that no error of this API stands for, such as ``gone``."""
    known = {status.value: status.phrase for status in HTTPStatus}
    return known.get(status, f"HTTP {status}").lower().replace(" ", "_")


def _allowed_methods(request: Request) -> str:
    """Return all methods of a path; Starlette names those of one of its routes only."""
    methods = {
        method
        for route in iter_route_contexts(request.app.routes)
        if route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def _on_invalid_request(request: Request, error: Exception) -> Response:
    error = cast(RequestValidationError, error)
    found = error.errors()
    if error.body and not _is_json(request):
        return _on_stemdrop_error(
            request, UnsupportedMediaTypeError("Send Content-Type: application/json.")
        )
    if any(flaw["type"] == "json_invalid" for flaw in found):
        return _on_stemdrop_error(request, BadRequestError(BAD_JSON))
    flaws = [_flaw(flaw) for flaw in found if flaw["loc"][0] not in PARAMETERS]
    said = [
        f"The {PARAMETERS[flaw['loc'][0]]} {flaw['loc'][1]} is invalid: {_detail(flaw)}"
        for flaw in found
        if flaw["loc"][0] in PARAMETERS
    ]
    if flaws:
        listed = "; ".join(f"{flaw.pointer} {flaw.detail}" for flaw in flaws)
        is_object = all(flaw.pointer != "#" for flaw in flaws)
        said.append(f"The body is invalid: {listed}" if is_object else NO_OBJECT)
    status = STATUSES[InvalidRequestError]
    body = problem(InvalidRequestError.code, status, " ".join(said), flaws or None)
    return respond(request.scope, body)


def _flaw(found: dict[str, Any]) -> Flaw:
    path = (str(part).replace("~", "~0").replace("/", "~1") for part in found["loc"][1:])
    return Flaw(pointer="/".join(("#", *path)), detail=_detail(found))


def _detail(found: dict[str, Any]) -> str:
    return str(found["msg"].removeprefix("Value error, "))


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")
