"""An HTTP server in a thread: the proxies and fakes of the benchmarks and tests."""

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self

POLL_S = 0.02


class LoopbackHandler(BaseHTTPRequestHandler):
    """Keeps connections open between requests, and logs nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: Any

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


class LoopbackServer:
    """A context manager that serves HTTP at a free port of this machine.

    Parameters
    ----------
    handler : of the requests. Its attribute `owner` is this object.
    host : a name or address of this machine.
    certificate : file with a certificate and its key, for HTTPS.

    Attributes
    ----------
    url : of the server, without a slash at its end.
    """

    def __init__(
        self,
        handler: type[LoopbackHandler],
        host: str = "127.0.0.1",
        certificate: Path | None = None,
    ) -> None:
        bound = type(handler.__name__, (handler,), {"owner": self})
        self._server = _Listener((host, 0), bound)
        self.url = f"http://{host}:{self._server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")
        self._thread = Thread(target=self._server.serve_forever, args=(POLL_S,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Don't report clients that go away: tests end some of them."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)
