"""The functions as SAM runs them, in containers: to the embedded stack they are as any others."""

import http.client
import json
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from stemdrop_local.runtime.emulator import MARGIN_S, MAX_EVENT_BYTES, EventTooLargeError
from stemdrop_local.runtime.outcome import Outcome, lost, read_answer
from stemdrop_local.s3.door import Forward
from stemdrop_local.s3.gate import headers_of
from stemdrop_local.template import FUNCTION, Function

from stemdrop_containers.sam.cli import SamError, Server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

INVOCATIONS = f"/2015-03-31/functions/{FUNCTION}/invocations"
# Messages go nowhere: SAM has no topics.
TOPICS = {"COMPLETION_TOPIC_ARN"}
# Of this connection alone, and so for nobody behind it.
OF_CONNECTION = ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")


@dataclass(slots=True)
class SamFunction:
    """An execution environment behind `sam local start-lambda`: a container that is kept warm.

    Attributes
    ----------
    function : what runs there.
    server : SAM's.
    """

    function: Function
    server: Server
    _invoking: Lock = field(default_factory=Lock, init=False)

    @property
    def log(self) -> Path:
        """Return the file for what SAM and the handler write."""
        return self.server.log

    def start(self) -> None:
        """Start SAM's server; the container starts with the first event."""
        self.server.start()

    def stop(self) -> None:
        """End the server and its container, also in the middle of an invocation."""
        self.server.stop()

    def invoke(self, event: object) -> Outcome:
        """Have the handler work on an event, and return how that ended.

        Raises
        ------
        EventTooLargeError : nothing was invoked.
        """
        body = json.dumps(event, ensure_ascii=False).encode()
        if len(body) > MAX_EVENT_BYTES:
            raise EventTooLargeError(f"An event of {len(body)} bytes is too large for Lambda.")
        with self._invoking:
            try:
                if not self.server.is_running:
                    self.server.start()
                timeout_s = self.function.timeout_s + MARGIN_S
                return read_answer(*self.server.post(INVOCATIONS, body, timeout_s))
            except SamError as error:
                return lost(error.message)
            except (OSError, http.client.HTTPException) as error:
                return lost(f"SAM went away: {error!r}.")


class ApiForward(Forward):
    """A WSGI application that has `sam local start-api` answer, and keeps every header."""

    def _headers(self, environ: "WSGIEnvironment") -> dict[str, str]:
        headers = headers_of(environ)
        return {name: value for name, value in headers.items() if name not in OF_CONNECTION}


def values_of(functions: dict[str, Function], endpoint_url: str) -> dict[str, dict[str, str]]:
    """Return the functions' variables as --env-vars takes them."""
    return {
        logical_id: {
            **function.environment,
            **dict.fromkeys(TOPICS & function.environment.keys(), ""),
            "AWS_ENDPOINT_URL_S3": endpoint_url,
        }
        for logical_id, function in functions.items()
    }
