"""What a call may be refused with, and the one table from errors to statuses.

StemdropError
├── BadRequestError            bad_request
├── UnauthorizedError          unauthorized
├── NotFoundError              not_found
├── MethodNotAllowedError      method_not_allowed
├── NotReadyError              not_ready
├── JobFailedError             job_failed
├── BodyTooLargeError          body_too_large
├── UnsupportedMediaTypeError  unsupported_media_type
├── InvalidRequestError        invalid_request
└── InternalError              internal_error

OptionError, ModelUnavailableError, TooLargeError and StorageError are those of the core.
"""

from collections.abc import Mapping
from http import HTTPStatus

from stemdrop.errors import (
    ModelUnavailableError,
    OptionError,
    StemdropError,
    StorageError,
    TooLargeError,
)

POLL_S = 2


class UnauthorizedError(StemdropError):
    """There is no credential, or it doesn't let in."""

    code = "unauthorized"


class NotFoundError(StemdropError):
    """What was asked for isn't there, or belongs to somebody else: nobody is told which."""

    code = "not_found"


class NotReadyError(StemdropError):
    """The job hasn't ended yet."""

    code = "not_ready"


class JobFailedError(StemdropError):
    """The job has ended without stems."""

    code = "job_failed"


class BadRequestError(StemdropError):
    """The body can't be read."""

    code = "bad_request"


class MethodNotAllowedError(StemdropError):
    """There is such a path, but nothing to be done with it this way."""

    code = "method_not_allowed"


class BodyTooLargeError(StemdropError):
    """The body is larger than any that makes sense."""

    code = "body_too_large"


class UnsupportedMediaTypeError(StemdropError):
    """The body isn't declared to be JSON."""

    code = "unsupported_media_type"


class InvalidRequestError(StemdropError):
    """The body has another shape than the documentation says."""

    code = "invalid_request"


class InternalError(StemdropError):
    """Something that nobody expected: it is in the log, under the id of the request."""

    code = "internal_error"


STATUSES: dict[type[StemdropError], HTTPStatus] = {
    BadRequestError: HTTPStatus.BAD_REQUEST,
    UnauthorizedError: HTTPStatus.UNAUTHORIZED,
    NotFoundError: HTTPStatus.NOT_FOUND,
    MethodNotAllowedError: HTTPStatus.METHOD_NOT_ALLOWED,
    NotReadyError: HTTPStatus.CONFLICT,
    JobFailedError: HTTPStatus.CONFLICT,
    BodyTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidRequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    OptionError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ModelUnavailableError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    StorageError: HTTPStatus.SERVICE_UNAVAILABLE,
}
HEADERS: dict[type[StemdropError], Mapping[str, str]] = {
    UnauthorizedError: {"WWW-Authenticate": "Bearer"},
    NotReadyError: {"Retry-After": str(POLL_S)},
    StorageError: {"Retry-After": str(POLL_S)},
}
