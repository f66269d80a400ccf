"""moto's server, with the events of S3 as AWS sends them; its parent starts it (see s3.py).

    python -m stemdrop_local.s3_server FD

FD is a socket that listens already. The server ends when its standard input closes.
"""

import itertools
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3 import notifications
from werkzeug.serving import make_server

Event = dict[str, Any]


class EventsAfterRequests:
    """Holds back the events of a request until it is done, and puts them right.

    moto announces an object before it has set its metadata, and S3 never does.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._held = threading.local()
        self._send = notifications._send_sqs_message
        notifications._send_sqs_message = self._hold

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Answer a request, then send its events."""
        self._held.events = []
        response = self._application(environ, start_response)
        for account_id, event, *queue in self._held.events:
            if not is_surplus(event):
                self._send(account_id, as_aws_sends_it(event), *queue)
        return response

    def _hold(self, *event: Any) -> None:
        self._held.events.append(event)


def is_surplus(event: Event) -> bool:
    """Tell moto's own event of a multipart upload, which comes before the one that S3 sends too.

    Only a multipart upload's etag has a dash.
    """
    return any(
        record["eventName"] == "ObjectCreated:Put" and "-" in record["s3"]["object"]["eTag"]
        for record in event.get("Records", [])
    )


_sequence = itertools.count(1)


def as_aws_sends_it(event: Event) -> Event:
    """Return an event with slashes as they are, and numbered in the order of what happened."""
    for record in event.get("Records", []):
        s3_object = record["s3"]["object"]
        s3_object["key"] = quote_plus(unquote_plus(s3_object["key"]), safe="/")
        s3_object["sequencer"] = f"{next(_sequence):016X}"
    return event


def main() -> None:
    """Serve until standard input closes."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    host, port = listening.getsockname()
    application = EventsAfterRequests(DomainDispatcherApplication(create_backend_app))
    server = make_server(
        host,
        port,
        application,
        threaded=True,
        request_handler=MotoRequestHandler,
        fd=listening.fileno(),
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
