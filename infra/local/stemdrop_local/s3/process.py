"""moto's server, with the events of S3 as AWS sends them; its parent starts it (see s3.py).

    python -m stemdrop_local.s3.process FD [FOLDER]

FD is a socket that listens already, FOLDER keeps the objects. The server ends when its standard
input closes.
"""

import itertools
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3 import notifications
from moto.s3.models import s3_backends
from moto.s3.notifications import S3NotificationEvent
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from stemdrop_local.intrinsics import ACCOUNT_ID
from stemdrop_local.s3.keeper import Keeper
from stemdrop_local.s3.multipart import remember_beginnings
from stemdrop_local.s3.server import ANNOUNCEMENTS
from stemdrop_local.s3.write_through import PARTITION, WriteThrough

Event = dict[str, Any]
Application = Callable[..., Iterable[bytes]]


class EventsAfterRequests:
    """Holds back the events of a request until it is done, and puts them right.

    moto announces an object before it has set its metadata, and S3 never does.
    """

    def __init__(self, application: Application) -> None:
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


class Announcer:
    """Sends the event of an object once more, on a call that S3 doesn't know (see backlog.py)."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Announce what the body names, or leave the request to S3."""
        if environ["PATH_INFO"] != ANNOUNCEMENTS:
            return self._application(environ, start_response)
        named = json.loads(Request(environ).get_data())
        bucket = s3_backends[ACCOUNT_ID][PARTITION].get_bucket(named["bucket"])
        found = bucket.keys.get(named["key"])
        if found is None:
            return Response(status=HTTPStatus.NOT_FOUND)(environ, start_response)
        in_parts = "-" in found.etag
        how = "COMPLETE_MULTIPART_UPLOAD" if in_parts else "PUT"
        kind = S3NotificationEvent[f"OBJECT_CREATED_{how}_EVENT"]
        notifications.send_event(ACCOUNT_ID, kind, bucket, found)
        return Response(status=HTTPStatus.NO_CONTENT)(environ, start_response)


class QuietRequestHandler(MotoRequestHandler):  # type: ignore[misc]
    """Logs requests without their queries, which may be signatures."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write a line about a request."""
        path = self.path.partition("?")[0]
        self.log("info", "%s %s %s %s", self.command, path, code, size)


def main() -> None:
    """Serve until standard input closes."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    keeper = Keeper(Path(sys.argv[2])) if len(sys.argv) > 2 else None
    WriteThrough(keeper).restore()
    remember_beginnings()
    moto = DomainDispatcherApplication(create_backend_app)
    host, port = listening.getsockname()
    server = make_server(
        host,
        port,
        EventsAfterRequests(Announcer(moto)),
        threaded=True,
        request_handler=QuietRequestHandler,
        fd=listening.fileno(),
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
