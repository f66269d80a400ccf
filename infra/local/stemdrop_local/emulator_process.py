"""The emulator as a child process, which ends with this one."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from stemdrop.errors import SetupError
from stemdrop_local.emulator import ACCESS_KEY_ID, REGION, SECRET_VARIABLE
from stemdrop_local.ports import LOOPBACK

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GRACE_S = 10.0
CLIENT_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 3},
    s3={"addressing_style": "path"},
)


class EmulatorError(SetupError):
    """The emulator doesn't start, or has ended."""

    code = "emulator"


@dataclass(frozen=True, slots=True)
class UnsignedRequest:
    """A request that wasn't signed in its headers: from a browser, curl, or the API's clients.

    Attributes
    ----------
    path : Decoded path without the query.
    is_for_s3 : Whether S3 handled it; otherwise, the API did.
    """

    method: str
    path: str
    status: int
    elapsed_s: float
    is_for_s3: bool


class EmulatorProcess:
    """A context manager that runs the emulator.

    Parameters
    ----------
    listening : Listening socket; it is closed here once the emulator has it.
    data : Folder of the objects and of `emulator.log`.
    secret : Secret access key of the user `local`.
    songs : Number of songs to separate at a time.
    report : Function that is called with each unsigned request, from a thread.

    Attributes
    ----------
    endpoint_url : URL of all services.
    log : Log file of the emulator and the functions.
    process : Process of the emulator.
    """

    def __init__(
        self,
        listening: socket.socket,
        data: Path,
        secret: str,
        songs: int = 1,
        report: Callable[[UnsignedRequest], object] = lambda _: None,
    ) -> None:
        self._listening = listening
        self._data = data
        self._secret = secret
        self._songs = songs
        self._report = report
        self.port = listening.getsockname()[1]
        self.endpoint_url = f"http://{LOOPBACK}:{self.port}"
        self.log = data / "emulator.log"

    def __enter__(self) -> Self:
        self._data.mkdir(parents=True, exist_ok=True)
        descriptor = self._listening.fileno()
        options = {"fd": descriptor, "port": self.port, "data": self._data, "songs": self._songs}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        with self.log.open("wb") as log:
            # In a session of its own, Ctrl-C reaches the parent alone.
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stemdrop_local.emulator", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self._environment(),
                pass_fds=[descriptor],
                start_new_session=True,
                text=True,
            )
        # While this process holds it open, requests would wait for an emulator that has ended.
        self._listening.close()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        if self.process.stdout:
            self.process.stdout.close()

    @property
    def credentials(self) -> dict[str, str]:
        """Return the environment variables with the access key of the stack's user."""
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": self._secret}

    def check(self) -> None:
        """Check that the emulator is running.

        Raises
        ------
        EmulatorError : The emulator has ended.
        """
        if self.process.poll() is not None:
            raise EmulatorError(f"The local AWS has ended: see {self.log}.")

    def client(self, service: str) -> Any:
        """Return a client of an AWS service, as the user of this stack."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=self._secret,
            config=CLIENT_CONFIG,
        )

    def s3(self) -> "S3Client":
        """Return a client of S3."""
        client: S3Client = self.client("s3")
        return client

    def _environment(self) -> dict[str, str]:
        """Return the environment of the emulator and the functions, without credentials.

        SSL_CERT_FILE names the certificate authorities for an issuer of JSON web tokens.
        """
        kept = ("HOME", "LANG", "PYTHONPATH", "PYTHONWARNINGS", "SSL_CERT_FILE")
        known = {name: os.environ[name] for name in kept if name in os.environ}
        return {
            **known,
            "PATH": os.defpath,
            "MALLOC_ARENA_MAX": "2",
            "TMPDIR": str(self._data.resolve()),  # of functions, which /tmp may be too small for
            SECRET_VARIABLE: self._secret,
        }

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self._report(UnsignedRequest(**json.loads(line)))
