"""Client of the HTTP API. Each method sends one request; retries are up to the caller."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx

from stemdrop.job_record import Failure
from stemdrop.options import Options
from stemdrop.presigned import PresignedUpload
from stemdrop_cli.errors import (
    BusyError,
    FailedJobError,
    ServerError,
    SongError,
    TokenRejectedError,
    UnreachableError,
)
from stemdrop_cli.http_clients import open_client
from stemdrop_cli.responses import JobResponse, parse_job, parse_upload

# API Gateway times out after 29 seconds.
TIMEOUT = httpx.Timeout(35.0, connect=10.0)
DEFAULT_RETRY_AFTER_S = 2.0
MIN_RETRY_AFTER_S, MAX_RETRY_AFTER_S = 0.2, 3600.0


@dataclass(frozen=True, slots=True)
class JobSubmission:
    """A song, and the options of its separation.

    Attributes
    ----------
    sha256 : Digest in hex.
    idempotency_key : Key that makes the request safe to repeat.
    """

    filename: str
    size_bytes: int
    sha256: str
    options: Options
    idempotency_key: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True, slots=True)
class JobPoll:
    """A poll's result.

    Attributes
    ----------
    job : The job; None if it hasn't changed.
    etag : ETag for the next poll.
    retry_after_s : Delay before the next poll.
    """

    job: JobResponse | None
    etag: str | None
    retry_after_s: float


class ApiClient:
    """A context manager that holds the connections to the API. Threads may share it.

    Parameters
    ----------
    url : URL of the API.
    token : Access token, if there is one.

    Raises
    ------
    UnreachableError, BusyError : A retry may succeed.
    TokenRejectedError : The server rejects the token.
    FailedJobError : The server rejects the request.
    ServerError : The server isn't stemdrop.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = open_client(base_url=url, headers=headers, timeout=TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def check(self) -> None:
        """Check that the server is stemdrop and accepts the token.

        Raises
        ------
        ServerError : The server can't be reached, which isn't retried before the first success.
        """
        try:
            answer = self._call("GET", "/options")
        except UnreachableError as error:
            hint = "start it with `make local`, or set --url"
            raise ServerError(f"{error.message[:-1]}: {hint}.") from error
        except FailedJobError as error:
            raise ServerError(f"The server at {self.url} isn't stemdrop.") from error
        if "limits" not in self._read(answer):
            raise ServerError(f"The server at {self.url} isn't stemdrop.")

    def create_job(self, request: JobSubmission) -> tuple[JobResponse, PresignedUpload | None]:
        """Create a job, and return it with its upload URL; a song that is known needs none.

        To repeat a request gives the same job, and a new upload URL.
        """
        song = {
            "filename": request.filename,
            "size_bytes": request.size_bytes,
            "sha256": request.sha256,
        }
        wanted = song | request.options.to_dict()
        headers = {"Idempotency-Key": request.idempotency_key}
        answer = self._read(self._call("POST", "/jobs", json=wanted, headers=headers))
        return parse_job(answer), parse_upload(answer)

    def poll_job(self, job_id: str, etag: str | None = None) -> JobPoll:
        """Return a job, unless it still has the given ETag."""
        headers = {"If-None-Match": etag} if etag else {}
        answer = self._call("GET", f"/jobs/{job_id}", headers=headers)
        unchanged = answer.status_code == httpx.codes.NOT_MODIFIED
        return JobPoll(
            job=None if unchanged else parse_job(self._read(answer)),
            etag=answer.headers.get("ETag", etag),
            retry_after_s=max(_retry_after_s(answer, DEFAULT_RETRY_AFTER_S), MIN_RETRY_AFTER_S),
        )

    def _call(
        self,
        method: str,
        path: str,
        json: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            answer = self._http.request(method, path, json=json, headers=headers)
        except httpx.RequestError as error:
            raise UnreachableError(f"{self.url} can't be reached: {reason(error)}.") from error
        if answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            raise TokenRejectedError(
                f"{self.url} rejects the token: set STEMDROP_TOKEN or --token to its token."
            )
        if is_temporary(answer):
            said = f"{self.url} is temporarily unavailable: {self._explain(answer)}"
            raise BusyError(said, _retry_after_s(answer, 0.0))
        if answer.is_error:
            raise FailedJobError(Failure(_code(answer), self._explain(answer)))
        return answer

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        value = _json_object(answer)
        if not answer.is_success or value is None:
            raise ServerError(f"The server at {self.url} isn't stemdrop.")
        return value

    def _explain(self, answer: httpx.Response) -> str:
        """Return the sentence of a problem; in API Gateway's own errors, it is `message`."""
        problem = _json_object(answer) or {}
        said = problem.get("detail") or problem.get("message") or problem.get("title")
        return str(said or f"{self.url} returned {answer.status_code} {answer.reason_phrase}.")


def _json_object(answer: httpx.Response) -> dict[str, Any] | None:
    """Return the JSON object in a response, or None if it contains something else."""
    try:
        value = answer.json()
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _code(answer: httpx.Response) -> str:
    """Return the code of a problem; API Gateway's own errors have none."""
    return str((_json_object(answer) or {}).get("code", SongError.code))


def is_temporary(answer: httpx.Response) -> bool:
    """Return whether a retry may succeed."""
    return answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS


def reason(error: httpx.RequestError) -> str:
    """Return why there was no response, in a few words and without the request's URL."""
    return str(error).rstrip(".") or type(error).__name__


def _retry_after_s(answer: httpx.Response, default: float) -> float:
    value = answer.headers.get("Retry-After", "")
    if not (value.isascii() and value.isdecimal()):
        return default
    return min(float(value), MAX_RETRY_AFTER_S)
