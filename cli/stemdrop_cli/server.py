"""The API, one call at a time; what to do when a call fails is up to the caller."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from stemdrop.options import Options
from stemdrop.presigned import PresignedUpload
from stemdrop_cli.errors import (
    BusyError,
    NotLetInError,
    ServerError,
    SongError,
    UnreachableError,
)
from stemdrop_cli.responses import JobView, read_job, read_upload

# An API function may take 29 seconds.
TIMEOUT = httpx.Timeout(35.0, connect=10.0)
# A proxy of the environment is for other hosts than this one.
DIRECT: Mapping[str, httpx.BaseTransport | None] = {
    "all://localhost": None,
    "all://127.0.0.1": None,
    "all://[::1]": None,
}
DEFAULT_RETRY_AFTER_S = 2.0
LOWEST_RETRY_AFTER_S = 0.2


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is to be made of which song; `sha256` in hex."""

    filename: str
    size_bytes: int
    sha256: str
    options: Options


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a job gave.

    Attributes
    ----------
    job : None if nothing has changed.
    etag : to have that told the next time.
    retry_after_s : when to look again.
    """

    job: JobView | None
    etag: str | None
    retry_after_s: float


class Server:
    """An API; a context manager that closes its connections. Threads may share it.

    Parameters
    ----------
    url : of the API.
    token : None if there is none; the server will say what it thinks of that.

    All calls raise UnreachableError or BusyError if it may be better in a moment, NotLetInError,
    SongError if the server refuses, and ServerError if it isn't one of stemdrop's.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, mounts=DIRECT)

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
        """Find out whether a stemdrop is there and lets us in.

        Raises
        ------
        ServerError : nobody answers; at the first call that isn't bad luck.
        """
        try:
            answer = self._call("GET", "/options")
        except UnreachableError as error:
            hint = "start one by `make local`, or name another by --url"
            raise ServerError(f"{error.message[:-1]}: {hint}.") from error
        if "limits" not in self._read(answer):
            raise ServerError(f"What answers at {self.url} is no stemdrop.")

    def create_job(self, new: NewJob) -> tuple[JobView, PresignedUpload | None]:
        """Make a job, and return it with its upload URL; a known song needs none.

        To call it twice does no harm: a job that nobody uploads to costs nothing and expires.
        """
        song = {"filename": new.filename, "size_bytes": new.size_bytes, "sha256": new.sha256}
        answer = self._read(self._call("POST", "/jobs", json=song | new.options.to_json()))
        return read_job(answer), read_upload(answer)

    def look_at_job(self, job_id: str, etag: str | None = None) -> Look:
        """Look at a job, and tell if it is still as it was under an etag."""
        headers = {"If-None-Match": etag} if etag else {}
        answer = self._call("GET", f"/jobs/{job_id}", headers=headers)
        unchanged = answer.status_code == httpx.codes.NOT_MODIFIED
        return Look(
            job=None if unchanged else read_job(self._read(answer)),
            etag=answer.headers.get("ETag", etag),
            retry_after_s=max(_retry_after_s(answer, DEFAULT_RETRY_AFTER_S), LOWEST_RETRY_AFTER_S),
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
            raise NotLetInError(
                f"{self.url} doesn't let us in: set STEMDROP_TOKEN to its token, or give --token."
            )
        if is_temporary(answer):
            said = f"{self.url} can't do it for now: {self._explain(answer)}"
            raise BusyError(said, _retry_after_s(answer, 0.0))
        if answer.is_error:
            raise SongError(self._explain(answer))
        return answer

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            value = answer.json()
        except ValueError:
            value = None
        if not answer.is_success or not isinstance(value, dict):
            raise ServerError(f"What answers at {self.url} is no stemdrop.")
        return value

    def _explain(self, answer: httpx.Response) -> str:
        """Return the sentence of a problem; API Gateway itself calls it `message`."""
        try:
            problem = answer.json()
            said = problem.get("detail") or problem.get("message") or problem.get("title")
        except (ValueError, AttributeError):
            said = None
        return str(said or f"{self.url} answered {answer.status_code} {answer.reason_phrase}.")


def is_temporary(answer: httpx.Response) -> bool:
    """Return whether a server says that it may be better in a moment."""
    return answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS


def reason(error: httpx.RequestError) -> str:
    """Return why there was no answer, in a few words and without the request's URL."""
    return str(error).rstrip(".") or type(error).__name__


def _retry_after_s(answer: httpx.Response, default: float) -> float:
    value = answer.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdecimal() else default
