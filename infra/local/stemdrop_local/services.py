"""All services of the local stack, started and ended in order by a context manager."""

import http.client
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.util import find_spec
from types import TracebackType
from typing import Self

from stemdrop.errors import SetupError
from stemdrop.job_record import Job
from stemdrop.lyrics import WHISPER_FOLDER, LyricsEngine
from stemdrop.models import INSTRUMENTS
from stemdrop.store import Store
from stemdrop_local.completions import CompletionQueue
from stemdrop_local.console import Console
from stemdrop_local.data_folder import lock
from stemdrop_local.deployment import Deployment, Stack, deploy
from stemdrop_local.emulator_process import EmulatorProcess
from stemdrop_local.event_log import EventLog
from stemdrop_local.expiry import expire
from stemdrop_local.folders.drop_watcher import DropWatcher
from stemdrop_local.folders.exporter import RETRY_S, Exporter
from stemdrop_local.folders.sync_state import SyncState
from stemdrop_local.periodic_worker import PeriodicWorker
from stemdrop_local.ports import LOOPBACK, listen
from stemdrop_local.settings import LocalSettings
from stemdrop_local.tool_files import write_tool_files
from stemdrop_local.unfinished import forget_lost_uploads, requeue_unfinished

START_TIMEOUT_S = 40.0
EXPIRY_S = 3600.0
FAILURES_S = 5.0
# The emulator holds up to three copies of an upload in memory.
MAX_UPLOAD_MB = "300"


class ApiError(SetupError):
    """The API's function doesn't start."""

    code = "api"


class LocalServices:
    """A context manager that runs the deployed template, and folders for songs and stems.

    Attributes
    ----------
    port : Public port.
    stack : Deployed application.
    emulator : Emulator that it runs in.
    """

    port: int
    stack: Stack
    emulator: EmulatorProcess

    def __init__(self, settings: LocalSettings, console: Console) -> None:
        self._settings = settings
        self._console = console
        self._event_log = EventLog(console)
        self._running = ExitStack()
        self._workers: Sequence[PeriodicWorker] = ()
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
        """Raise the error that has ended a service, if there is one."""
        self.emulator.check()
        for loop in self._workers:
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
                listening,
                settings.data,
                settings.token,
                settings.songs,
                self._event_log.log_request,
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
            "Lyrics": self._lyrics(),
            "MaxUploadMb": MAX_UPLOAD_MB,
            "Models": " ".join(self._models()),
            **settings.parameters,
        }
        environment = {"MODEL_DIR": str(settings.models.resolve()), **settings.environment}
        handlers = {"SeparateFunction": settings.handler} if settings.handler else {}
        return Deployment(parameters, {"SeparateFunction": environment}, handlers)

    def _backend(self) -> str:
        """Return the engine of the installed networks; an image has those of one engine."""
        folder = self._settings.models
        return "tensorflow" if any(folder.glob("*.pb")) > any(folder.glob("*.onnx")) else "onnx"

    def _lyrics(self) -> str:
        """Return the name of the largest Whisper model that is installed, or `none`."""
        models = (self._settings.models / WHISPER_FOLDER).glob("*/model.bin")
        sizes_bytes = {path.parent.name: path.stat().st_size for path in models}
        if not sizes_bytes or not find_spec("faster_whisper"):
            return LyricsEngine.NONE
        return max(sizes_bytes, key=lambda name: sizes_bytes[name])

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
            raise ApiError(f"The API failed to start: see {self.emulator.log}.")

    def _start_work(self) -> None:
        settings, stack = self._settings, self.stack
        store = Store(stack.uploads_bucket, stack.stems_bucket, stack.s3)
        sync_state = self._running.enter_context(SyncState(settings.data / "songs.sqlite"))
        exporter = Exporter(settings.stems, store, sync_state, self._console)
        export_worker = PeriodicWorker(exporter.export, RETRY_S)

        def expect(key: str) -> None:
            exporter.enqueue(key)
            export_worker.run_now()

        def on_end(job: Job) -> None:
            self._event_log.log_job(job)
            expect(job.key)

        drop_watcher = DropWatcher(settings.drop, stack, store, sync_state, self._console, expect)
        completions = CompletionQueue(stack, self.emulator.client("sns"), on_end)
        exporter.export()
        self._expire()
        forget_lost_uploads(store, sync_state)
        requeue_unfinished(stack)
        self._workers = (
            PeriodicWorker(completions.receive, interval_s=0),
            PeriodicWorker(self._expire, EXPIRY_S),
            PeriodicWorker(self._watch_failures, FAILURES_S),
            export_worker,
            PeriodicWorker(drop_watcher.scan, settings.scan_interval_s),
        )
        for loop in self._workers:
            self._running.enter_context(loop)

    def _expire(self) -> None:
        self._event_log.log_expired(expire(self.stack, datetime.now(UTC)))

    def _watch_failures(self) -> None:
        failures = self.stack.count_failures()
        if failures > self._failures:
            self._event_log.log_failures(failures, self._settings.data)
        self._failures = failures
