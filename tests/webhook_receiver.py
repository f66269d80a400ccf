"""A receiver of webhooks on loopback, and the verification of docs/reference/api.md."""

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from stemdrop_local.deployment import ROOT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - that of the specification's example
WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """A request that the receiver has got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class WebhookReceiver:
    """A server that answers each request with the next status, and the last one ever after.

    Attributes
    ----------
    statuses : Statuses of the responses to come.
    requests : Requests, in their order.
    """

    port: int
    statuses: list[int]
    requests: "Queue[ReceivedWebhook]" = field(default_factory=Queue)

    def take(self) -> ReceivedWebhook:
        """Wait for the next request, and return it."""
        return self.requests.get(timeout=WAIT_S)


@contextmanager
def receive_webhooks(*statuses: int, certificate: Path | None = None) -> Iterator[WebhookReceiver]:
    """Run a receiver, with TLS if there is a file with a certificate and its key."""

    class RequestHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.statuses[0]
            del receiver.statuses[: len(receiver.statuses) > 1]
            self.send_response(status)
            self.send_header("location", f"http://127.0.0.1:{receiver.port}/elsewhere")
            self.end_headers()
            receiver.requests.put(ReceivedWebhook(self.path, headers, body))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), RequestHandler)
    receiver = WebhookReceiver(server.server_port, list(statuses))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def documented_verification() -> Callable[[dict[str, str], bytes, str], bool]:
    """Return the function `is_genuine` of the documentation."""
    page = (ROOT / "docs" / "reference" / "api.md").read_text()
    (code,) = re.findall(r"```python\n(.*?def is_genuine.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    found: Callable[[dict[str, str], bytes, str], bool] = names["is_genuine"]
    return found
