"""The API over real HTTP on loopback: the gateway of the local stack in front of the handler."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stemdrop_local.http.gateway import Gateway
from stemdrop_local.s3.door import S3RequestHandler
from werkzeug.serving import make_server

from api_events import Event, ExecutionEnvironment, Handler
from stemdrop_local.ports import LOOPBACK

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class _Silent(S3RequestHandler):
    def log(self, *_: object) -> None:
        """Leave the reports to the tests."""


@contextmanager
def listening(application: "WSGIApplication") -> Iterator[str]:
    """Serve an application, and yield the address."""
    server = make_server(LOOPBACK, 0, application, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serve(
    handler: Handler, watch: Callable[[Event, dict[str, Any]], object] = lambda *_: None
) -> Iterator[str]:
    """Serve a handler, and yield the address.

    Parameters
    ----------
    watch : is told every event and what the handler returned.
    """
    with ExecutionEnvironment(handler) as environment:

        def invoke(event: Event) -> dict[str, Any]:
            returned = environment.invoke(event)
            watch(event, returned)
            return returned

        with listening(Gateway(invoke)) as url:
            yield url
