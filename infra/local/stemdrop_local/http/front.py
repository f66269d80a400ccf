"""The one public port of the stack: buckets are S3's, everything else is the API's."""

import errno
import socket
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wsgi import ClosingIterator

from stemdrop.errors import SetupError
from stemdrop_local.s3.door import S3RequestHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

POLL_S = 0.05


class PortTakenError(SetupError):
    """Something else listens at the port."""

    code = "port_taken"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was answered.

    Attributes
    ----------
    path : decoded; neither the query nor a header is kept, for they may let in who knows them.
    is_for_s3 : whether S3 answered; otherwise the API did.
    is_signed : whether a header says who called, as AWS's own tools do.
    """

    method: str
    path: str
    status: int
    elapsed_s: float
    is_for_s3: bool
    is_signed: bool


class Front:
    """A WSGI application that leaves each request to who has to answer it.

    Parameters
    ----------
    api, s3 : who answers.
    buckets : the names of the buckets, the first part of a path that is S3's.
    report : is called after each answer, from the request's thread.
    """

    def __init__(
        self,
        api: "WSGIApplication",
        s3: "WSGIApplication",
        buckets: Collection[str],
        report: Callable[[Call], object],
    ) -> None:
        self._api = api
        self._s3 = s3
        self._buckets = frozenset(buckets)
        self._report = report

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request, and report it once the answer has been sent."""
        began_s = time.monotonic()
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        is_for_s3 = path.removeprefix("/").partition("/")[0] in self._buckets
        statuses: list[str] = []

        def start(status: str, *details: Any) -> Any:
            statuses.append(status)
            return start_response(status, *details)

        def report() -> None:
            call = Call(
                method=environ["REQUEST_METHOD"],
                path=path,
                status=int(statuses[-1].partition(" ")[0]),
                elapsed_s=time.monotonic() - began_s,
                is_for_s3=is_for_s3,
                is_signed=environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-"),
            )
            self._report(call)

        application = self._s3 if is_for_s3 else self._api
        return ClosingIterator(application(environ, start), report)


class _Handler(S3RequestHandler):
    """Answers requests without a word; an answer that breaks off ends its connection."""

    protocol_version = "HTTP/1.1"

    def connection_dropped(self, *_: Any) -> None:
        self.close_connection = True

    def log(self, *_: Any) -> None:
        pass


class PublicServer:
    """A context manager that serves at a port from its beginning to its end.

    Parameters
    ----------
    listening : see `listen`; it is closed at the end.
    application : what answers, a thread for each request.
    """

    def __init__(self, listening: socket.socket, application: "WSGIApplication") -> None:
        host, port = listening.getsockname()[:2]
        self._server: BaseWSGIServer = make_server(
            host,
            port,
            application,
            threaded=True,
            request_handler=_Handler,
            fd=listening.fileno(),
        )
        self._thread = Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True)

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


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that takes connections from now on, although nobody answers them yet.

    Raises
    ------
    PortTakenError : the port can't be had.
    """
    try:
        return socket.create_server((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(
                f"Port {port} is taken: end what listens there, or choose another one with "
                f"PORT={port + 1}."
            ) from error
        raise PortTakenError(f"Port {port} of {host} can't be had: {error.strerror}.") from error
