"""The OpenAPI document: the responses of every operation, with errors and examples."""

from collections import defaultdict
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import stemdrop
from stemdrop.errors import (
    CallbackUrlError,
    LanguageUnavailableError,
    LyricsUnavailableError,
    ModelUnavailableError,
    OptionError,
    StemdropError,
    StorageError,
    TooLargeError,
)
from stemdrop_api import examples, option_schema
from stemdrop_api.errors import (
    HEADERS,
    STATUSES,
    BadRequestError,
    BodyTooLargeError,
    IdempotencyKeyReusedError,
    InternalError,
    InvalidRequestError,
    JobFailedError,
    LyricsFailedError,
    NotFoundError,
    NotReadyError,
    UnauthorizedError,
    UnsupportedMediaTypeError,
)
from stemdrop_api.problem_details import MEDIA_TYPE, Flaw, Problem, problem

DESCRIPTION = """\
Send a song and get its stems: create a job, PUT the song to the job's upload URL, poll the job
until it is `done`, and download the stems. Songs and stems never pass through this API.

Every error is a problem of RFC 9457: `code` is for programs, and `detail` says what to do. Paths
that accept `GET` also accept `HEAD`.
"""
JSON = "application/json"
SCHEMAS = "#/components/schemas/"
Responses = dict[int | str, dict[str, Any]]


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application.

    FastAPI adds a validation error to every operation with a parameter, although no path of this
    API is invalid, and leaves nulls out of examples.
    """
    document = get_openapi(
        title="stemdrop",
        version=stemdrop.__version__,
        description=DESCRIPTION,
        routes=app.routes,
    )
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template=SCHEMAS + "{model}")
    schemas |= schemas["Problem"].pop("$defs")
    for name, schema in option_schema.enumerations().items():
        schemas[name] = schema | schemas.get(name, {})
    for schema in schemas.values():
        schema["description"] = schema["description"].partition("\n\n")[0]
    for path in document["paths"].values():
        for operation in path.values():
            _complete(operation)
    return document


def _complete(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status, response in list(responses.items()):
        if "HTTPValidationError" in str(response):
            del responses[status]
    for status, shown in _EXAMPLES.get(operation["operationId"], {}).items():
        responses[status]["content"][JSON]["examples"] = _named(shown)


def _named(values: dict[str, Any]) -> dict[str, Any]:
    return {name: {"value": value} for name, value in values.items()}


def _problems(*kinds: type[StemdropError]) -> Responses:
    """Return the responses of some errors, and of those that every operation has."""
    by_status: defaultdict[HTTPStatus, list[type[StemdropError]]] = defaultdict(list)
    for kind in (*kinds, UnauthorizedError, InternalError):
        by_status[STATUSES[kind]].append(kind)
    return {int(status): _problem(status, by_status[status]) for status in sorted(by_status)}


def _problem(status: HTTPStatus, kinds: list[type[StemdropError]]) -> dict[str, Any]:
    values = {kind.code: _example(status, kind) for kind in kinds}
    headers = {name: value for kind in kinds for name, value in HEADERS.get(kind, {}).items()}
    schema = {"$ref": f"{SCHEMAS}Problem"}
    return {
        "description": " ".join(str(kind.__doc__) for kind in kinds),
        "headers": {name: _header(f"`{value}`") for name, value in headers.items()},
        "content": {MEDIA_TYPE: {"schema": schema, "examples": _named(values)}},
    }


def _example(status: HTTPStatus, kind: type[StemdropError]) -> dict[str, Any]:
    """Return the body of a response to an error."""
    errors = [Flaw(**examples.FLAW)] if kind is InvalidRequestError else None
    shown = problem(kind.code, status, kind.__doc__, errors)
    shown.request_id = examples.REQUEST_ID
    return shown.model_dump(exclude_none=True)


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


_POLLED = {
    "ETag": _header("Validator for `If-None-Match`."),
    "Retry-After": _header("Seconds to wait before the next request; absent if all has ended."),
}
_UNCHANGED = {"description": "The job has not changed since the response with this `ETag`."}
_FOLLOW_UPS = {
    name: {"operationId": name, "parameters": {"id": "$response.body#/id"}}
    for name in ("showJob", "deleteJob")
}
CREATE_JOB: Responses = {
    201: {
        "description": "The job, and an upload URL for its song.",
        "headers": {"Location": _header("URL of the job.")},
        "links": _FOLLOW_UPS,
    },
    **_problems(
        BadRequestError,
        BodyTooLargeError,
        TooLargeError,
        UnsupportedMediaTypeError,
        InvalidRequestError,
        IdempotencyKeyReusedError,
        OptionError,
        ModelUnavailableError,
        LyricsUnavailableError,
        LanguageUnavailableError,
        CallbackUrlError,
        StorageError,
    ),
}
LIST_JOBS: Responses = _problems(InvalidRequestError, StorageError)
SHOW_JOB: Responses = {
    200: {"description": "The job.", "headers": _POLLED},
    304: _UNCHANGED,
    **_problems(NotFoundError, StorageError),
}
DOWNLOAD: Responses = {
    307: {
        "description": "Redirect to the file.",
        "headers": {"Location": _header("Presigned URL, which needs no credential.")},
    },
    **_problems(NotFoundError, NotReadyError, JobFailedError, LyricsFailedError, StorageError),
}
DELETE_JOB: Responses = {
    204: {"description": "The job is deleted."},
    **_problems(NotFoundError, StorageError),
}
SHOW_OPTIONS: Responses = _problems()
REQUESTS: dict[str, Any] = {
    "song": {"summary": "A song", "value": examples.REQUEST},
    "known": {"summary": "A song that may be known", "value": examples.KNOWN},
    "part": {"summary": "The vocals of half a minute, and the rest", "value": examples.PART},
}
# Operation and status to examples.
_EXAMPLES: dict[str, dict[str, dict[str, Any]]] = {
    "createJob": {
        "201": {
            "new": {**examples.AWAITING, "upload": examples.UPLOAD},
            "known": {**examples.DONE, "upload": None},
        }
    },
    "listJobs": {"200": {"jobs": {"jobs": [examples.DONE], "next_cursor": examples.CURSOR}}},
    "showJob": {
        "200": {
            "processing": examples.PROCESSING,
            "done": examples.DONE,
            "lyrics": examples.WITH_LYRICS,
            "failed": examples.FAILED,
        }
    },
    "showSong": {"200": {"done": examples.DROPPED}},
    "showOptions": {"200": {"options": examples.CAPABILITIES}},
}
