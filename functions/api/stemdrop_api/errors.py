"""The errors of the API, and the one table from errors to HTTP statuses.

StemdropError
├── BadRequestError            bad_request
├── UnauthorizedError          unauthorized
├── NotFoundError              not_found
├── NotReadyError              not_ready
├── JobFailedError             job_failed
├── LyricsFailedError          lyrics_failed
├── BodyTooLargeError          body_too_large
├── UnsupportedMediaTypeError  unsupported_media_type
├── InvalidRequestError        invalid_request
├── IdempotencyKeyReusedError  idempotency_key_reused
└── InternalError              internal_error

OptionError, ModelUnavailableError, LyricsUnavailableError, LanguageUnavailableError, TooLargeError,
CallbackUrlError and StorageError come from the core.
"""

from collections.abc import Mapping
from http import HTTPStatus

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

POLL_S = 2


class BadRequestError(StemdropError):
    """The body is not JSON."""

    code = "bad_request"


class UnauthorizedError(StemdropError):
    """The credential is missing or invalid."""

    code = "unauthorized"


class NotFoundError(StemdropError):
    """The resource does not exist, or belongs to another user."""

    code = "not_found"


class NotReadyError(StemdropError):
    """The job is not finished yet."""

    code = "not_ready"


class JobFailedError(StemdropError):
    """The job failed, so it has no stems."""

    code = "job_failed"


class LyricsFailedError(StemdropError):
    """The lyrics failed, so they have no files."""

    code = "lyrics_failed"


class BodyTooLargeError(StemdropError):
    """The body exceeds the size limit of requests."""

    code = "body_too_large"


class UnsupportedMediaTypeError(StemdropError):
    """The content type of the body is not JSON."""

    code = "unsupported_media_type"


class InvalidRequestError(StemdropError):
    """The body or a parameter does not match its schema."""

    code = "invalid_request"


class IdempotencyKeyReusedError(StemdropError):
    """An earlier request with another body has the same idempotency key."""

    code = "idempotency_key_reused"


class InternalError(StemdropError):
    """The server failed unexpectedly; the log has the details under the request's ID."""

    code = "internal_error"


STATUSES: dict[type[StemdropError], HTTPStatus] = {
    BadRequestError: HTTPStatus.BAD_REQUEST,
    UnauthorizedError: HTTPStatus.UNAUTHORIZED,
    NotFoundError: HTTPStatus.NOT_FOUND,
    NotReadyError: HTTPStatus.CONFLICT,
    JobFailedError: HTTPStatus.CONFLICT,
    LyricsFailedError: HTTPStatus.CONFLICT,
    BodyTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    TooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaTypeError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidRequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    IdempotencyKeyReusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    OptionError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ModelUnavailableError: HTTPStatus.UNPROCESSABLE_ENTITY,
    LyricsUnavailableError: HTTPStatus.UNPROCESSABLE_ENTITY,
    LanguageUnavailableError: HTTPStatus.UNPROCESSABLE_ENTITY,
    CallbackUrlError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InternalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    StorageError: HTTPStatus.SERVICE_UNAVAILABLE,
}
HEADERS: dict[type[StemdropError], Mapping[str, str]] = {
    UnauthorizedError: {"WWW-Authenticate": "Bearer"},
    NotReadyError: {"Retry-After": str(POLL_S)},
    StorageError: {"Retry-After": str(POLL_S)},
}
