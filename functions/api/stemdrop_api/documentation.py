"""The OpenAPI document: what every call answers, errors and examples included."""

from collections import defaultdict
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import stemdrop
from stemdrop.errors import (
    ModelUnavailableError,
    OptionError,
    StemdropError,
    StorageError,
    TooLargeError,
)
from stemdrop_api import examples
from stemdrop_api.errors import (
    HEADERS,
    STATUSES,
    BadRequestError,
    BodyTooLargeError,
    InternalError,
    InvalidRequestError,
    JobFailedError,
    NotFoundError,
    NotReadyError,
    UnauthorizedError,
    UnsupportedMediaTypeError,
)
from stemdrop_api.problems import MEDIA_TYPE, Problem, describe

TITLE = "stemdrop"
DESCRIPTION = """\
Send a song, get its stems back: make a job, PUT the song to the job's upload URL, ask for the
job until it is `done`, and download the stems. Songs and stems never pass through this API.

Every error is a problem of RFC 9457; `code` is for programs, and `detail` says what to do. Paths
that take `GET` take `HEAD` as well.
"""
JSON = "application/json"
Responses = dict[int | str, dict[str, Any]]


def openapi(app: FastAPI) -> dict[str, Any]:
    """Return the document of an application.

    FastAPI documents any response as JSON of its own, and an error of its own for every call with
    a parameter, though no path is invalid here, only unknown. From examples it takes what is null.
    """
    document = get_openapi(
        title=TITLE, version=stemdrop.__version__, description=DESCRIPTION, routes=app.routes
    )
    for path in document["paths"].values():
        for operation in path.values():
            _put_right(operation)
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for schema in schemas.values():
        schema["description"] = schema["description"].partition("\n\n")[0]
    return document


def _put_right(operation: dict[str, Any]) -> None:
    summary, _, operation["description"] = operation["description"].partition("\n\n")
    operation["summary"] = summary.removesuffix(".")
    operation["responses"] = {
        status: _as_problem(response) if status >= "400" else response
        for status, response in operation["responses"].items()
        if "HTTPValidationError" not in str(response)
    }
    for status, shown in _SHOWN.get(operation["operationId"], {}).items():
        operation["responses"][status]["content"][JSON]["examples"] = {
            name: {"value": value} for name, value in shown.items()
        }


def _as_problem(response: dict[str, Any]) -> dict[str, Any]:
    return response | {"content": {MEDIA_TYPE: response["content"][JSON]}}


def _problems(*kinds: type[StemdropError]) -> Responses:
    """Describe the responses of some errors, and of those that any call may have."""
    by_status: defaultdict[HTTPStatus, list[type[StemdropError]]] = defaultdict(list)
    for kind in (*kinds, UnauthorizedError, InternalError):
        by_status[STATUSES[kind]].append(kind)
    return {int(status): _described(status, by_status[status]) for status in sorted(by_status)}


def _described(status: HTTPStatus, kinds: list[type[StemdropError]]) -> dict[str, Any]:
    values = {
        kind.code: describe(kind.code, status, kind.__doc__).model_dump(exclude_none=True)
        for kind in kinds
    }
    return {
        "model": Problem,
        "description": " ".join(str(kind.__doc__) for kind in kinds),
        "headers": {
            name: _header(f"`{value}`")
            for kind in kinds
            for name, value in HEADERS.get(kind, {}).items()
        },
        "content": {JSON: {"examples": {code: {"value": value} for code, value in values.items()}}},
    }


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


_POLLED = {
    "ETag": _header("For `If-None-Match`."),
    "Retry-After": _header("Seconds until it is worth asking again; none for a finished job."),
}
_UNCHANGED = {"description": "Nothing has changed since the answer with this `ETag`."}
_FOLLOW_UPS = {
    name: {"operationId": name, "parameters": {"id": "$response.body#/id"}}
    for name in ("showJob", "deleteJob")
}
CREATE_JOB: Responses = {
    201: {
        "description": "The job, and an upload URL for its song.",
        "headers": {"Location": _header("The URL of the job.")},
        "links": _FOLLOW_UPS,
    },
    **_problems(
        BadRequestError,
        BodyTooLargeError,
        TooLargeError,
        UnsupportedMediaTypeError,
        InvalidRequestError,
        OptionError,
        ModelUnavailableError,
        StorageError,
    ),
}
SHOW_JOB: Responses = {
    200: {
        "description": "The job.",
        "headers": _POLLED,
    },
    304: _UNCHANGED,
    **_problems(NotFoundError, StorageError),
}
SHOW_SONG: Responses = {
    200: {
        "description": "The song.",
        "headers": _POLLED,
    },
    304: _UNCHANGED,
    **_problems(NotFoundError, StorageError),
}
DOWNLOAD: Responses = {
    307: {
        "description": "The file is there.",
        "headers": {"Location": _header("A presigned URL, which needs no credential.")},
    },
    **_problems(NotFoundError, NotReadyError, JobFailedError, StorageError),
}
DELETE_JOB: Responses = {
    204: {"description": "It is gone."},
    **_problems(NotFoundError, StorageError),
}
SHOW_OPTIONS: Responses = _problems()
REQUESTS: dict[str, Any] = {
    "song": {"summary": "A song", "value": examples.REQUEST},
    "known": {"summary": "A song that may be known", "value": examples.KNOWN},
    "part": {"summary": "Half a minute in four stems", "value": examples.PART},
}
# Operation and status to examples.
_SHOWN: dict[str, dict[str, dict[str, Any]]] = {
    "createJob": {
        "201": {
            "new": {**examples.AWAITING, "upload": examples.UPLOAD},
            "known": {**examples.DONE, "upload": None},
        }
    },
    "showJob": {
        "200": {
            "processing": examples.PROCESSING,
            "done": examples.DONE,
            "failed": examples.FAILED,
        }
    },
    "showSong": {"200": {"done": examples.DROPPED}},
    "showOptions": {"200": {"options": examples.OFFER}},
}
