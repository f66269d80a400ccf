"""A Lambda function on this machine: the runtime interface emulator and client.

The emulator takes one invocation at a time: one Emulator is one execution environment of Lambda's.
"""

import http.client
import json
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from stemdrop.errors import SetupError
from stemdrop_local.ports import LOOPBACK, reserve_port
from stemdrop_local.runtime.environment import lambda_environment
from stemdrop_local.runtime.outcome import Outcome, lost, read_answer
from stemdrop_local.runtime.place import EmulatorError, HostProcess, Place
from stemdrop_local.runtime.processes import Companion
from stemdrop_local.template import Function

HANDLER = "stemdrop_separate.handler.handler"
INVOCATIONS = "/2015-03-31/functions/function/invocations"
MAX_EVENT_BYTES = 6 << 20
START_TIMEOUT_S = 30.0
POLL_S = 0.02
# Lambda's own time limit ends an invocation; this is for an emulator that doesn't.
MARGIN_S = 60.0


class EventTooLargeError(EmulatorError):
    """The event is larger than Lambda allows; the emulator would cut it."""

    code = "event_too_large"


class Emulator:
    """A context manager that runs a handler as Lambda does.

    Parameters
    ----------
    function : its name, limits and environment.
    endpoint_url : where S3 and SNS answer.
    log : the file for what the handler and the emulator write.
    environment : variables in addition to the template's, or in place of them.
    handler : its dotted name.
    place : where it runs: as a process of this machine by default.
    """

    def __init__(
        self,
        function: Function,
        endpoint_url: str,
        log: Path,
        environment: Mapping[str, str] | None = None,
        handler: str = HANDLER,
        place: Place | None = None,
    ) -> None:
        self.function = function
        self.log = log
        self._environment = {
            **lambda_environment(function, endpoint_url),
            **function.environment,
            **(environment or {}),
        }
        self._handler = handler
        self._place = place or HostProcess()
        self._process: Companion | None = None
        self._port = 0
        self._invoking = Lock()
        self._changing = Lock()
        self._wanted = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Return the id of the process that all of the emulator's processes end with."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the emulator; the handler is loaded when the first event comes.

        Raises
        ------
        SetupError : it doesn't come up.
        """
        with self._changing:
            self._wanted = True
            self._start()

    def stop(self) -> None:
        """End the emulator and the handler, also in the middle of an invocation."""
        with self._changing:
            self._wanted = False
            self._end()

    def invoke(self, event: object) -> Outcome:
        """Have the handler work on an event, and return how that ended.

        A call that comes while another one is running waits for its end. An emulator that has ended
        by itself is started again.

        Raises
        ------
        EventTooLargeError : nothing was invoked.
        """
        body = json.dumps(event, ensure_ascii=False).encode()
        if len(body) > MAX_EVENT_BYTES:
            raise EventTooLargeError(f"An event of {len(body)} bytes is too large for Lambda.")
        with self._invoking:
            try:
                self._revive()
                return self._post(body)
            except SetupError as error:
                return lost(error.message)
            except (OSError, http.client.HTTPException) as error:
                with self._changing:
                    self._end()
                return lost(f"The emulator went away: {error!r}.")

    def _revive(self) -> None:
        with self._changing:
            if self._wanted and not (self._process and self._process.is_running):
                self._start()

    def _post(self, body: bytes) -> Outcome:
        timeout_s = self.function.timeout_s + MARGIN_S
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=timeout_s)
        with closing(connection):
            connection.request("POST", INVOCATIONS, body)
            answer = connection.getresponse()
            return read_answer(answer.status, answer.read())

    def _start(self) -> None:
        self._end()
        self._port = reserve_port()
        addresses = {
            "--runtime-interface-emulator-address": f"{LOOPBACK}:{self._port}",
            "--runtime-api-address": f"{LOOPBACK}:{reserve_port()}",
        }
        options = [word for option in addresses.items() for word in option]
        launch = self._place.launch(self.function, self._handler, options, self._environment)
        self._process = Companion(launch.command, self.log, launch.environment)
        try:
            self._wait(self._process)
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        if self._process:
            self._process.stop()

    def _wait(self, process: Companion) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while process.is_running and time.monotonic() < deadline:
            try:
                socket.create_connection((LOOPBACK, self._port), timeout=POLL_S).close()
            except OSError:
                time.sleep(POLL_S)
            else:
                return
        raise EmulatorError(f"The runtime interface emulator does not start: see {self.log}.")
