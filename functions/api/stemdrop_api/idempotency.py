"""Idempotency keys: a request that is sent again with its key gives the same job.

The ID of the job is made of its owner and the key, and a record is only written where none is. So
two requests with one key can't create two jobs, even at the same time.

Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

import hashlib
import json
import re
import secrets
from typing import Annotated

from fastapi import Header
from pydantic import AfterValidator

from stemdrop.job_record import Job
from stemdrop_api.errors import IdempotencyKeyReusedError
from stemdrop_api.schemas import JobRequest

PATTERN = "^[!-~]{1,255}$"
ID_BYTES = 16


def _require_visible(key: str | None) -> str | None:
    if key is not None and not re.fullmatch(PATTERN, key):
        raise ValueError("Use 1 to 255 visible ASCII characters, such as those of a UUID.")
    return key


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description=(
            "Key of this request, such as a UUID. The same request with the same key gives the "
            "same job, as long as the job exists."
        ),
        json_schema_extra={"pattern": PATTERN},
    ),
    AfterValidator(_require_visible),
]


def job_id(owner: str | None, idempotency_key: str | None) -> str:
    """Return the ID of an owner's job with this key; a random one without a key."""
    if idempotency_key is None:
        return secrets.token_hex(ID_BYTES)
    return _digest([owner, idempotency_key])[: 2 * ID_BYTES]


def request_digest(request: JobRequest) -> str:
    """Return a digest that equal requests have, whether or not they name defaults."""
    song = [request.filename, request.size_bytes, request.sha256, request.callback_url]
    return _digest([*song, request.options().to_dict()])


def require_same_request(found: Job, job: Job) -> None:
    """Require that two jobs with one idempotency key are of the same request.

    Raises
    ------
    IdempotencyKeyReusedError : The requests differ.
    """
    if (found.owner, found.request_sha256) != (job.owner, job.request_sha256):
        raise IdempotencyKeyReusedError(
            "An earlier request with another body has this Idempotency-Key: use a new one."
        )


def _digest(values: list[object]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
