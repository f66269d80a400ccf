"""All that runs on one machine, put together: a context manager starts it and ends it, in order."""

import http.client
import socket
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Self

from stemdrop.errors import SetupError
from stemdrop.options import INSTRUMENTS
from stemdrop.store import Store
from stemdrop_local.console import Console
from stemdrop_local.events.attempt import Attempt
from stemdrop_local.events.backlog import announce_unfinished
from stemdrop_local.events.delivery import Delivery
from stemdrop_local.folders.inbox import Inbox
from stemdrop_local.folders.ledger import Ledger
from stemdrop_local.folders.outbox import Outbox
from stemdrop_local.http.front import Front, PublicServer, listen
from stemdrop_local.http.gateway import Gateway
from stemdrop_local.http.pool import Pool
from stemdrop_local.journal import Journal
from stemdrop_local.loop import Loop
from stemdrop_local.ports import LOOPBACK
from stemdrop_local.runtime.emulator import Emulator
from stemdrop_local.runtime.execution import ExecutionEnvironment
from stemdrop_local.s3.door import s3_door
from stemdrop_local.s3.expiry import expire
from stemdrop_local.s3.server import S3Server
from stemdrop_local.settings import Settings
from stemdrop_local.stack import Stack, create_stack
from stemdrop_local.template import Application, read_application

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

API_HANDLER = "stemdrop_api.handler.handler"
API_CALLS = 2
START_TIMEOUT_S = 40.0
EXPIRY_S = 3600.0


class ApiError(SetupError):
    """The API's function doesn't come up."""

    code = "api"


class Services:
    """A context manager: S3, API, event delivery, expiry and drop folder, one upon the other.

    The functions run under Lambda's emulator. A subclass may run them elsewhere, with other models,
    and serve at more than one address: see `_models`, `_start_api`, `_separators`, `_serve`.

    Attributes
    ----------
    port : of the public address.
    stack : the buckets and queues.
    logs : the folder of what all processes write.
    """

    port: int
    stack: Stack

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self.logs = settings.data / "logs"
        self._running = ExitStack()
        self._parts: Sequence[Delivery | Loop] = ()

    def __enter__(self) -> Self:
        with self._running:
            self._start()
            self._running = self._running.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.__exit__(kind, error, traceback)

    def check(self) -> None:
        """Raise what has ended a part of it, if anything has."""
        for part in self._parts:
            part.check()

    def _start(self) -> None:
        settings = self._settings
        for folder in (settings.data, settings.drop, settings.stems):
            folder.mkdir(parents=True, exist_ok=True)
        listening = self._running.enter_context(closing(listen(settings.host, settings.port)))
        self.port = listening.getsockname()[1]
        application = self._read_application()
        server = self._running.enter_context(
            S3Server(self.logs / "s3.log", settings.data / "objects")
        )
        self.stack = self._running.enter_context(create_stack(server, application))
        self._store = Store(self.stack.uploads_bucket, self.stack.stems_bucket, self.stack.s3)
        self._journal = Journal(self._console, self._store, settings.backoff_s)
        front = Front(
            api=self._start_api(application),
            s3=s3_door(self.stack, server.endpoint_url, settings.token),
            buckets=[bucket.name for bucket in application.buckets],
            report=self._journal.called,
        )
        self._serve(listening, front)
        self._await_api()
        self._start_work(application)

    def _serve(self, listening: socket.socket, front: Front) -> None:
        self._running.enter_context(PublicServer(listening, front))

    def _read_application(self) -> Application:
        return read_application(
            parameters={
                "AccessToken": self._settings.token,
                "AllowedOrigin": f"http://localhost:{self.port}",
                "Models": " ".join(self._models()),
                "Backend": self._backend(),
            }
        )

    def _backend(self) -> str:
        """Return the engine that there are networks for; an image has those of one engine."""
        folder = self._settings.models
        return "tensorflow" if any(folder.glob("*.pb")) > any(folder.glob("*.onnx")) else "onnx"

    def _models(self) -> list[str]:
        folder = self._settings.models
        models = [name for name in INSTRUMENTS if (folder / f"{name}.json").is_file()]
        if not models:
            raise SetupError(f"There is no model in {folder}: run `make models`.")
        return models

    def _start_api(self, application: Application) -> "WSGIApplication":
        # S3 at its public address, so that what the function signs is good from outside. Who has
        # the token may do with the buckets as an AWS account may; nobody else can sign.
        url = f"http://{LOOPBACK}:{self.port}"
        secret = {"AWS_SECRET_ACCESS_KEY": self._settings.token}
        emulators = [
            Emulator(application.api, url, self.logs / f"api-{number}.log", secret, API_HANDLER)
            for number in range(1, API_CALLS + 1)
        ]
        pool = self._running.enter_context(Pool(emulators, self._journal.api_failed))
        return Gateway(pool.invoke, application.api.allowed_origins)

    def _await_api(self) -> None:
        status = None
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=START_TIMEOUT_S)
        with closing(connection), suppress(OSError):
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
        if status != HTTPStatus.OK:
            raise ApiError(f"The API doesn't start: see {self.logs / 'api-2.log'}.")

    def _start_work(self, application: Application) -> None:
        settings = self._settings
        ledger = self._running.enter_context(Ledger(settings.data / "songs.sqlite"))
        outbox = Outbox(settings.stems, self.stack, self._store, ledger, self._console)
        fetching = Loop(outbox.fetch)

        def expect(key: str) -> None:
            outbox.expect(key)
            fetching.wake()

        def on_attempt(attempt: Attempt) -> None:
            self._journal.attempt_ended(attempt)
            for key in attempt.keys:
                expect(key)

        inbox = Inbox(settings.drop, self.stack, self._store, ledger, self._console, expect)
        looking = Loop(inbox.look, settings.look_s)
        expiring = Loop(self._expire, EXPIRY_S)
        delivery = Delivery(
            self.stack,
            self._separators(application),
            settings.backoff_s,
            on_attempt,
            self._journal.attempt_begins,
        )
        self._parts = (delivery, expiring, fetching, looking)
        announce_unfinished(self.stack)
        for part in self._parts:
            self._running.enter_context(part)

    def _expire(self) -> None:
        self._journal.expired(expire(self.stack, datetime.now(UTC)))

    def _separators(self, application: Application) -> Sequence[ExecutionEnvironment]:
        settings = self._settings
        return [
            Emulator(
                application.function,
                self.stack.endpoint_url,
                self.logs / f"separate-{number}.log",
                {"MODEL_DIR": str(settings.models.resolve()), **settings.environment},
                settings.handler,
            )
            for number in range(1, settings.songs + 1)
        ]
