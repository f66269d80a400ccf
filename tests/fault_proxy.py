"""A proxy in front of the emulator that can inject faults."""

import http.client
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from benchmarks.loopback_server import LoopbackHandler, LoopbackServer

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
UNAVAILABLE = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
FORBIDDEN = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@dataclass(frozen=True, slots=True)
class S3Request:
    """A request to S3, with bucket and key decoded."""

    method: str
    bucket: str
    key: str
    query: str
    headers: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class S3Response:
    """A response of S3."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


# Returns a response, with or without calling S3. None closes the connection without a response.
Fault = Callable[[Callable[[], S3Response]], S3Response | None]


def unavailable(_: Callable[[], S3Response]) -> S3Response:
    """Return 503 without calling S3."""
    return S3Response(503, (), UNAVAILABLE)


def forbidden(_: Callable[[], S3Response]) -> S3Response:
    """Return 403 without calling S3."""
    return S3Response(403, (), FORBIDDEN)


def drop_response(forward: Callable[[], S3Response]) -> None:
    """Forward the request, and drop the response."""
    forward()


def truncate_body(forward: Callable[[], S3Response]) -> S3Response:
    """Close the connection in the middle of the response body."""
    answer = forward()
    length = ("Content-Length", str(len(answer.body)))
    return S3Response(
        answer.status, (*answer.headers, length), answer.body[: len(answer.body) // 2]
    )


def run_before(callback: Callable[[], object]) -> Fault:
    """Return a fault that runs a callback before it forwards the request."""

    def fault(forward: Callable[[], S3Response]) -> S3Response:
        callback()
        return forward()

    return fault


@dataclass(slots=True)
class _FaultRule:
    """A fault from the request after `begins` to that numbered `ends`, from 1."""

    method: str
    key: str
    fault: Fault
    begins: int
    ends: int
    seen: int = 0


def _matches(pattern: str, key: str) -> bool:
    parts = [re.escape(part) for part in pattern.split("*")]
    return re.fullmatch("[^/]*".join(parts), key) is not None


class FaultProxy(LoopbackServer):
    """A context manager that runs the proxy.

    Parameters
    ----------
    endpoint_url : URL of S3.

    Attributes
    ----------
    url : URL of the proxy.
    requests : All requests in order.
    """

    def __init__(self, endpoint_url: str) -> None:
        super().__init__(_FaultProxyHandler)
        address = urlsplit(endpoint_url)
        self.upstream = (str(address.hostname), int(address.port or 80))
        self.requests: list[S3Request] = []
        self._rules: list[_FaultRule] = []
        self._lock = threading.Lock()

    def reset(self) -> None:
        """Clear the recorded requests and the faults."""
        with self._lock:
            self.requests.clear()
            self._rules.clear()

    def inject(
        self, fault: Fault, method: str, key: str, *, times: int = 1, after: int = 0
    ) -> None:
        """Inject a fault into the next requests of a method for a key.

        Parameters
        ----------
        key : Key of the object, with * for any ID in it; empty for the bucket itself.
        times : Number of requests with the fault.
        after : Number of requests without the fault before that.
        """
        self._rules.append(_FaultRule(method, key, fault, after, after + times))

    def count_requests(self, method: str, key: str) -> int:
        """Return the number of requests of a method for a key."""
        return sum(seen.method == method and _matches(key, seen.key) for seen in self.requests)

    def fault_for(self, request: S3Request) -> Fault | None:
        """Record a request, and return its fault, if any."""
        with self._lock:
            self.requests.append(request)
            for rule in self._rules:
                if rule.method == request.method and _matches(rule.key, request.key):
                    rule.seen += 1
                    if rule.begins < rule.seen <= rule.ends:
                        return rule.fault
        return None


class _FaultProxyHandler(LoopbackHandler):
    owner: FaultProxy

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        request = S3Request(self.command, bucket, key, parts.query, headers)
        fault = self.owner.fault_for(request)
        answer = fault(lambda: self._forward(body)) if fault else self._forward(body)
        if answer is None:
            self.close_connection = True
        else:
            self._send(answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve

    def _forward(self, body: bytes) -> S3Response:
        with closing(http.client.HTTPConnection(*self.owner.upstream, timeout=60)) as upstream:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
            headers["Connection"] = "close"  # Host is signed and stays
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            kept = [
                (name, value)
                for name, value in answer.getheaders()
                if name.lower() not in HOP_BY_HOP or self.command == "HEAD"
            ]
            return S3Response(answer.status, tuple(kept), answer.read())

    def _send(self, answer: S3Response) -> None:
        self.send_response_only(answer.status)
        announced = False
        for name, value in answer.headers:
            announced |= name.lower() == "content-length"
            if name.lower() != "connection":
                self.send_header(name, value)
        if not announced:
            self.send_header("Content-Length", str(len(answer.body)))
        elif self.command != "HEAD":
            self.close_connection = True  # in the middle of the body
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
