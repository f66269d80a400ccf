"""Who asks whom, and how often, for one song: counted on its way through the whole application."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stemdrop_local.s3.door import Forward
from stemdrop_local.s3.gate import headers_of
from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Source: "PutLogEvents" in the CloudWatch Logs API reference: what is added to each event.
EVENT_OVERHEAD_BYTES = 26
# A line of the API's access log, in the form that template.yaml gives it.
ACCESS_LINE_BYTES = 250


class Who(StrEnum):
    """Who sends a request."""

    SEPARATOR = "the separator"
    API = "the API"
    CLIENT = "the client"


class Kind(StrEnum):
    """What a request is on the bill."""

    WRITE = "writes"
    READ = "reads"
    DELETE = "deletes"
    CALL = "calls of the API"
    MESSAGE = "messages"


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and how many bytes its answer's body had."""

    who: Who
    kind: Kind
    path: str
    answer_bytes: int


class Recorder:
    """A WSGI application that notes every request to another one.

    Parameters
    ----------
    application : what answers.
    buckets : names; what isn't for one of these is for the API, or for SNS.
    seen : where the requests are noted, once they are answered.
    is_inside : whether only the separator asks.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        buckets: Sequence[str],
        seen: list[Request],
        *,
        is_inside: bool,
    ) -> None:
        self._application = application
        self._buckets = frozenset(buckets)
        self._seen = seen
        self._is_inside = is_inside

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request, and note it."""
        sizes: list[int] = []

        def counted(chunks: Iterable[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                sizes.append(len(chunk))
                yield chunk

        def note() -> None:
            self._seen.append(self._request(environ, sum(sizes)))

        answer = self._application(environ, start_response)
        closing = [answer.close] if hasattr(answer, "close") else []
        return ClosingIterator(counted(answer), [*closing, note])

    def _request(self, environ: "WSGIEnvironment", answer_bytes: int) -> Request:
        path = urlsplit(environ["REQUEST_URI"]).path
        bucket, _, key = path.removeprefix("/").partition("/")
        is_for_s3 = bucket in self._buckets
        is_signed = environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-")
        if self._is_inside:
            who, other = Who.SEPARATOR, Kind.MESSAGE
        else:
            who, other = (Who.API if is_for_s3 and is_signed else Who.CLIENT), Kind.CALL
        kind = s3_kind(environ["REQUEST_METHOD"], key) if is_for_s3 else other
        return Request(who, kind, path, answer_bytes)


def s3_kind(method: str, key: str) -> Kind:
    """Return what S3 asks money for; to list a bucket is as dear as to write.

    Source: the price list of S3, "PUT, COPY, POST, LIST requests".
    """
    if method == "DELETE":
        return Kind.DELETE
    if method in {"PUT", "POST"}:
        return Kind.WRITE
    return Kind.READ if key else Kind.WRITE


class Through(Forward):
    """Passes requests on as they are, credentials and all."""

    def _headers(self, environ: "WSGIEnvironment") -> dict[str, str]:
        return {**headers_of(environ), "host": self._address}


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one song took, from its upload to the download of its stems.

    Attributes
    ----------
    requests : all of them.
    uploaded_bytes, stems_bytes : of the song, and of its stems.
    lines : what the functions have written.
    """

    requests: tuple[Request, ...]
    uploaded_bytes: int
    stems_bytes: int
    lines: tuple[str, ...]

    def count(self, kind: Kind, *who: Who) -> int:
        """Return how many requests of a kind somebody sent, or anybody."""
        return sum(
            request.kind is kind and (not who or request.who in who) for request in self.requests
        )

    @property
    def answers_bytes(self) -> int:
        """Return what the API has answered."""
        return sum(request.answer_bytes for request in self.requests if request.kind is Kind.CALL)

    @property
    def logs_bytes(self) -> int:
        """Return what CloudWatch counts of all that was logged."""
        access = self.count(Kind.CALL) * (ACCESS_LINE_BYTES + EVENT_OVERHEAD_BYTES)
        return access + sum(len(line.encode()) + EVENT_OVERHEAD_BYTES for line in self.lines)
