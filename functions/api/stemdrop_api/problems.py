"""Problem details, RFC 9457: how every error is answered."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from aws_lambda_powertools import Logger
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import Scope

from stemdrop.errors import StemdropError, StorageError
from stemdrop_api.errors import (
    HEADERS,
    STATUSES,
    BadRequestError,
    InternalError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    UnsupportedMediaTypeError,
)

MEDIA_TYPE = "application/problem+json"
# What FastAPI raises by itself.
FRAMEWORK: dict[int, StemdropError] = {
    400: BadRequestError("The body can't be read: send a JSON object."),
    404: NotFoundError("There is nothing under this path: see /docs."),
    405: MethodNotAllowedError("This path takes other methods: see the header Allow."),
}

logger = Logger(child=True)


class Flaw(BaseModel):
    """One thing that is wrong with a request's body."""

    pointer: str = Field(description="JSON pointer to it.", examples=["#/size_bytes"])
    detail: str


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    type: str = Field(description="`urn:problem-type:stemdrop:` and the code.")
    title: str = Field(description="The code in words.")
    status: int
    code: str = Field(description="For programs: it stays as it is.")
    detail: str | None = Field(None, description="For people: what is wrong, and what to do.")
    request_id: str | None = Field(None, description="The name of this request in the log.")
    errors: list[Flaw] | None = Field(None, description="Only with `invalid_request`.")


def describe(
    code: str, status: HTTPStatus, detail: str | None = None, errors: list[Flaw] | None = None
) -> Problem:
    """Return the problem of an error's code."""
    return Problem(
        type=f"urn:problem-type:stemdrop:{code}",
        title=code.replace("_", " ").capitalize(),
        status=int(status),
        code=code,
        detail=detail,
        request_id=None,
        errors=errors,
    )


def respond(scope: Scope, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a request with a problem."""
    problem.request_id = getattr(scope.get("aws.context"), "aws_request_id", None)
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, headers, MEDIA_TYPE)


def internal_error(scope: Scope) -> Response:
    """Answer what nobody expected: it is told in the log, and nowhere else."""
    return respond(scope, describe(InternalError.code, STATUSES[InternalError]))


def install(app: FastAPI) -> None:
    """Have an application answer all of its errors with problems."""
    app.add_exception_handler(StemdropError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_body)


def _on_error(request: Request, error: Exception) -> Response:
    kind = next((kind for kind in type(error).__mro__ if kind in STATUSES), None)
    if kind is None:
        raise error
    detail = str(error)
    if kind is StorageError:
        logger.error("storage_failed", reason=detail)
        detail = "S3 doesn't do what it is asked for: try again."
    headers = dict(HEADERS.get(kind, {}))
    if kind is MethodNotAllowedError:
        headers["Allow"] = _allowed_methods(request)
    return respond(request.scope, describe(kind.code, STATUSES[kind], detail), headers)


def _on_http_error(request: Request, error: Exception) -> Response:
    return _on_error(request, FRAMEWORK.get(getattr(error, "status_code", 0), error))


def _on_invalid_body(request: Request, error: Exception) -> Response:
    error = cast(RequestValidationError, error)
    found = error.errors()
    if error.body and not _is_json(request):
        return _on_error(request, UnsupportedMediaTypeError("Send Content-Type: application/json."))
    if any(flaw["type"] == "json_invalid" for flaw in found):
        return _on_error(request, FRAMEWORK[400])
    flaws = [_flaw(flaw) for flaw in found]
    detail = "The body is not what this call takes: " + "; ".join(
        f"{flaw.pointer} {flaw.detail}" for flaw in flaws
    )
    status = STATUSES[InvalidRequestError]
    return respond(request.scope, describe(InvalidRequestError.code, status, detail, flaws))


def _flaw(found: dict[str, Any]) -> Flaw:
    path = (str(part).replace("~", "~0").replace("/", "~1") for part in found["loc"][1:])
    return Flaw(pointer="/".join(("#", *path)), detail=found["msg"].removeprefix("Value error, "))


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _allowed_methods(request: Request) -> str:
    """Return all methods of a path; the framework names those of one of its routes only."""
    documented: dict[str, Any] = request.app.openapi()["paths"]
    methods = {*documented.get(request.scope["route"].path_format, ["get"])}
    if "get" in methods:
        methods.add("head")
    return ", ".join(sorted(method.upper() for method in methods))
