"""All that runs on one machine: a context manager starts it and ends it, in order."""

import http.client
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Self

from stemdrop.errors import SetupError
from stemdrop.jobs import Job
from stemdrop.models import INSTRUMENTS
from stemdrop.store import Store
from stemdrop_local.completions import Completions
from stemdrop_local.console import Console
from stemdrop_local.data_folder import lock
from stemdrop_local.deployment import Deployment, Stack, deploy
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.event_log import Journal
from stemdrop_local.expiry import expire
from stemdrop_local.folders.drop_watcher import Inbox
from stemdrop_local.folders.exporter import Outbox
from stemdrop_local.folders.sync_state import Ledger
from stemdrop_local.loop import Loop
from stemdrop_local.ports import LOOPBACK, listen
from stemdrop_local.settings import Settings
from stemdrop_local.tool_files import write_tool_files
from stemdrop_local.unfinished import announce_unfinished

START_TIMEOUT_S = 40.0
EXPIRY_S = 3600.0
FAILURES_S = 5.0
# The emulator holds an upload in memory while it arrives, with a copy or two.
MAX_UPLOAD_MB = "300"


class ApiError(SetupError):
    """The API's function doesn't start."""

    code = "api"


class Services:
    """A context manager: the deployed template, and folders on disk for songs and stems.

    Attributes
    ----------
    port : of the public address.
    stack : the deployed application.
    emulator : what it runs in.
    """

    port: int
    stack: Stack
    emulator: EmulatorProcess

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._journal = Journal(console)
        self._running = ExitStack()
        self._loops: Sequence[Loop] = ()
        self._failures = 0

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
        self.emulator.check()
        for loop in self._loops:
            loop.check()

    def _start(self) -> None:
        settings = self._settings
        for folder in (settings.data, settings.drop, settings.stems):
            folder.mkdir(parents=True, exist_ok=True)
        self._running.enter_context(lock(settings.data))
        listening = self._running.enter_context(closing(listen(settings.host, settings.port)))
        self.port = listening.getsockname()[1]
        self.emulator = self._running.enter_context(
            EmulatorProcess(
                listening, settings.data, settings.token, settings.songs, self._journal.called
            )
        )
        self.stack = deploy(self.emulator, self._deployment())
        write_tool_files(settings.data, self.emulator, self.stack)
        self._await_api()
        self._start_work()

    def _deployment(self) -> Deployment:
        settings = self._settings
        parameters = {
            "AccessToken": settings.token,
            "AllowedOrigin": f"http://localhost:{self.port}",
            "Backend": self._backend(),
            "MaxUploadMb": MAX_UPLOAD_MB,
            "Models": " ".join(self._models()),
            **settings.parameters,
        }
        environment = {"MODEL_DIR": str(settings.models.resolve()), **settings.environment}
        handlers = {"SeparateFunction": settings.handler} if settings.handler else {}
        return Deployment(parameters, {"SeparateFunction": environment}, handlers)

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

    def _await_api(self) -> None:
        status = None
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=START_TIMEOUT_S)
        with closing(connection), suppress(OSError):
            connection.request("GET", "/healthz")
            status = connection.getresponse().status
        if status != HTTPStatus.OK:
            raise ApiError(f"The API doesn't start: see {self.emulator.log}.")

    def _start_work(self) -> None:
        settings, stack = self._settings, self.stack
        store = Store(stack.uploads_bucket, stack.stems_bucket, stack.s3)
        ledger = self._running.enter_context(Ledger(settings.data / "songs.sqlite"))
        outbox = Outbox(settings.stems, stack, store, ledger, self._console)
        fetching = Loop(outbox.fetch)

        def expect(key: str) -> None:
            outbox.expect(key)
            fetching.wake()

        def on_end(job: Job) -> None:
            self._journal.job_ended(job)
            expect(job.key)

        inbox = Inbox(settings.drop, stack, store, ledger, self._console, expect)
        completions = Completions(stack, self.emulator.client("sns"), on_end)
        announce_unfinished(stack)
        self._loops = (
            Loop(completions.receive, interval_s=0),
            Loop(self._expire, EXPIRY_S),
            Loop(self._watch_failures, FAILURES_S),
            fetching,
            Loop(inbox.look, settings.look_s),
        )
        for loop in self._loops:
            self._running.enter_context(loop)

    def _expire(self) -> None:
        self._journal.expired(expire(self.stack, datetime.now(UTC)))

    def _watch_failures(self) -> None:
        failures = self.stack.count_failures()
        if failures > self._failures:
            self._journal.gave_up(failures)
        self._failures = failures
