"""The embedded stack with SAM in the place of the emulators: the same S3, the same deliveries."""

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stemdrop_local.http.front import Front, PublicServer
from stemdrop_local.runtime.execution import ExecutionEnvironment
from stemdrop_local.template import API_FUNCTION, FUNCTION, Application

from stemdrop_containers.sam.cli import FOLDER, Sam, exports
from stemdrop_containers.sam.functions import ApiForward, SamFunction, values_of
from stemdrop_local.console import Console
from stemdrop_local.ports import LOOPBACK
from stemdrop_local.services import Services
from stemdrop_local.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Source: asm/socket.h and ip(7): a container network's address can be bound before it is there.
IP_FREEBIND = 15
# Where `sam local start-api` listens unless told otherwise.
START_API_PORT = 3000
# What a shell reads before SAM's commands are typed.
EXPORTS = FOLDER / "environment"


@dataclass(frozen=True, slots=True)
class Build:
    """What the image is built with."""

    models: str = "2stems"
    backend: str = "onnx"


def listen_for_containers(gateway: str, port: int) -> socket.socket:
    """Return a socket at the address where containers find this machine, and nobody else does.

    Parameters
    ----------
    port : that is asked for; if it is taken there, the system chooses one.
    """
    for wanted in (port, 0):
        listening = socket.socket()
        listening.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((gateway, wanted))
        except OSError:
            listening.close()
            if wanted == 0:
                raise
            continue
        listening.listen()
        return listening
    raise AssertionError


class ByHand(Services):
    """A context manager: S3 for SAM's commands as one types them, without functions or deliveries.

    Parameters
    ----------
    inside : a socket at the address where containers find S3.
    """

    def __init__(
        self, settings: Settings, console: Console, sam: Sam, build: Build, inside: socket.socket
    ) -> None:
        super().__init__(settings, console)
        self._sam = sam
        self._build = build
        self._inside = inside

    def _models(self) -> list[str]:
        return self._build.models.split()

    def _serve(self, listening: socket.socket, front: Front) -> None:
        super()._serve(listening, front)
        self._running.enter_context(PublicServer(self._inside, front))

    def _start_api(self, application: Application) -> "WSGIApplication":
        self._write_values(application)
        return ApiForward(f"http://{LOOPBACK}:{START_API_PORT}")

    def _write_values(self, application: Application) -> None:
        """Write what SAM's commands take, and what a shell reads before them."""
        host, port = self._inside.getsockname()
        functions = {API_FUNCTION: application.api, FUNCTION: application.function}
        values = values_of(functions, f"http://{host}:{port}")
        FOLDER.mkdir(parents=True, exist_ok=True)
        for path, text in (
            (self._sam.values, json.dumps(values, indent=2)),
            (EXPORTS, exports({**self._sam.variables, "AWS_ENDPOINT_URL_S3": self._url()})),
        ):
            path.touch(mode=0o600)  # the token is in both
            path.write_text(text)

    def _url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def _await_api(self) -> None:
        pass

    def _start_work(self, application: Application) -> None:
        pass


class SamServices(ByHand):
    """A context manager: all of the stack, its functions behind SAM's own servers."""

    def _start_api(self, application: Application) -> "WSGIApplication":
        self._write_values(application)
        server = self._sam.server("start-api", self.logs / "start-api.log")
        self._running.callback(server.stop)
        server.start()
        return ApiForward(f"http://{LOOPBACK}:{server.port}")

    def _await_api(self) -> None:
        Services._await_api(self)

    def _start_work(self, application: Application) -> None:
        Services._start_work(self, application)

    def _separators(self, application: Application) -> Sequence[ExecutionEnvironment]:
        server = self._sam.server("start-lambda", self.logs / "start-lambda.log")
        return [SamFunction(application.function, server)]
