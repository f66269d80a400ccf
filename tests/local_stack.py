"""A local stack with tiny models and generated songs."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

import numpy as np

from benchmarks.songs.wav import write_wav
from captured_output import CapturedOutput
from stemdrop_local.console import Console
from stemdrop_local.services import LocalServices
from stemdrop_local.settings import LocalSettings
from tiny_models import install

TOKEN = "a-token-of-exactly-32-characters"  # noqa: S105 - only of this stack
RATE_HZ = 44_100
END_TIMEOUT_S = 20.0


def stack_settings(folder: Path) -> LocalSettings:
    """Return the settings of a stack in a folder, with short intervals and retry delays."""
    models = folder / "models"
    if not models.exists():
        models.mkdir()
        install(models)
    return LocalSettings(
        data=folder / "data",
        drop=folder / "drop",
        stems=folder / "stems",
        models=models,
        token=TOKEN,
        port=0,
        scan_interval_s=0.2,
        environment={"RETRY_DELAYS_S": "1 1"},
    )


@contextmanager
def run_stack(settings: LocalSettings) -> Iterator[tuple[LocalServices, CapturedOutput]]:
    """Run a stack in this process."""
    output = CapturedOutput()
    with LocalServices(settings, Console(output)) as services:
        yield services, output


def drop(folder: Path, name: str, seed: int, duration_s: float = 0.3) -> None:
    """Write a song of noise, which depends on the seed, into the drop folder of a stack."""
    path = folder / "drop" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (round(duration_s * RATE_HZ), 2))
    write_wav(path, [noise.astype(np.float32)])


class BackgroundProcess(subprocess.Popen[str]):
    """A context manager for a process, which is killed at the end.

    Attributes
    ----------
    output : Output of the process.
    """

    def __init__(
        self, command: list[str], folder: Path, environment: dict[str, str] | None = None
    ) -> None:
        super().__init__(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = CapturedOutput()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        self._reader.join()
        super().__exit__(kind, value, traceback)

    def __enter__(self) -> Self:
        return self

    def end(self, how: signal.Signals | None = None, timeout_s: float = END_TIMEOUT_S) -> int:
        """Send a signal, if given, wait for the end, and return the exit status."""
        if how:
            self.send_signal(how)
        status = self.wait(timeout_s)
        self._reader.join()
        return status

    def _read(self) -> None:
        for line in self.stdout or ():
            self.output.write(line)


class LocalStackProcess(BackgroundProcess):
    """A stack in a separate process, started as by `make local`."""

    def __init__(
        self, folder: Path, *options: str, environment: dict[str, str] | None = None
    ) -> None:
        settings = stack_settings(folder)
        command = [sys.executable, "-m", "stemdrop_local.local", "--models", str(settings.models)]
        super().__init__([*command, "--port", "0", *options], folder, environment)
