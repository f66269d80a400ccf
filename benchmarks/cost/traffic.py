"""Requests for one song, counted in the whole application."""

from dataclasses import dataclass
from enum import StrEnum

# Source: "PutLogEvents" in the CloudWatch Logs API reference: what is added to each event.
EVENT_OVERHEAD_BYTES = 26
# A line of the API's access log, in the form that template.yaml gives it.
ACCESS_LINE_BYTES = 250
# S3 sends a message for each song, and Lambda receives and deletes it.
DELIVERY_REQUESTS = 3


class Requester(StrEnum):
    """Sender of a request."""

    SEPARATOR = "the separator"
    API = "the API"
    CLIENT = "the client"


class RequestKind(StrEnum):
    """What a request is on the bill."""

    WRITE = "writes"
    READ = "reads"
    DELETE = "deletes"
    CALL = "API requests"
    MESSAGE = "messages"
    QUEUE = "SQS requests"


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and how many bytes its answer's body had."""

    who: Requester
    kind: RequestKind
    path: str
    answer_bytes: int


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

    def count(self, kind: RequestKind, *who: Requester) -> int:
        """Return how many requests of a kind somebody sent, or anybody."""
        return sum(
            request.kind is kind and (not who or request.who in who) for request in self.requests
        )

    @property
    def queue_requests(self) -> int:
        """Return how many requests SQS counts."""
        return DELIVERY_REQUESTS + self.count(RequestKind.QUEUE)

    @property
    def answers_bytes(self) -> int:
        """Return what the API has answered."""
        return sum(
            request.answer_bytes for request in self.requests if request.kind is RequestKind.CALL
        )

    @property
    def logs_bytes(self) -> int:
        """Return what CloudWatch counts of all that was logged."""
        access = self.count(RequestKind.CALL) * (ACCESS_LINE_BYTES + EVENT_OVERHEAD_BYTES)
        return access + sum(len(line.encode()) + EVENT_OVERHEAD_BYTES for line in self.lines)
