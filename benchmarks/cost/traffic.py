"""Requests of one song in the whole application."""

from dataclasses import dataclass
from enum import StrEnum

# Bytes added to each log event. Source: "PutLogEvents" in the CloudWatch Logs API reference.
EVENT_OVERHEAD_BYTES = 26
# A line of the API's access log in the format of template.yaml.
ACCESS_LINE_BYTES = 250
# S3 sends a message for each song, and Lambda receives and deletes it.
DELIVERY_REQUESTS = 3


class Requester(StrEnum):
    """Sender of a request."""

    SEPARATOR = "the separator"
    API = "the API"
    CLIENT = "the client"


class RequestKind(StrEnum):
    """Billed kind of a request."""

    WRITE = "writes"
    READ = "reads"
    DELETE = "deletes"
    CALL = "API requests"
    MESSAGE = "messages"
    QUEUE = "SQS requests"


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and the size of its response body."""

    who: Requester
    kind: RequestKind
    path: str
    answer_bytes: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Traffic of one song, from its upload to the download of its stems.

    Attributes
    ----------
    requests : All requests.
    uploaded_bytes, stems_bytes : Size of the song, and of its stems.
    lines : Log lines of the functions.
    """

    requests: tuple[Request, ...]
    uploaded_bytes: int
    stems_bytes: int
    lines: tuple[str, ...]

    def count(self, kind: RequestKind, *who: Requester) -> int:
        """Return the number of requests of a kind, from all or from given senders."""
        return sum(
            request.kind is kind and (not who or request.who in who) for request in self.requests
        )

    @property
    def queue_requests(self) -> int:
        """Return the number of SQS requests."""
        return DELIVERY_REQUESTS + self.count(RequestKind.QUEUE)

    @property
    def answers_bytes(self) -> int:
        """Return the size of the API's responses."""
        return sum(
            request.answer_bytes for request in self.requests if request.kind is RequestKind.CALL
        )

    @property
    def logs_bytes(self) -> int:
        """Return the billed size of the logs."""
        access = self.count(RequestKind.CALL) * (ACCESS_LINE_BYTES + EVENT_OVERHEAD_BYTES)
        return access + sum(len(line.encode()) + EVENT_OVERHEAD_BYTES for line in self.lines)
