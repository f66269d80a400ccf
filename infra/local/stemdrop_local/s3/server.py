"""S3, SQS and SNS on this machine: moto's server, over real HTTP on loopback."""

import http.client
import os
import socket
import sys
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config

from stemdrop.errors import SetupError
from stemdrop_local.intrinsics import REGION
from stemdrop_local.ports import LOOPBACK
from stemdrop_local.runtime.processes import Companion
from stemdrop_local.s3.keeper import lock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

START_TIMEOUT_S = 60.0
# The path of a call that S3 doesn't have; see process.py, and events.backlog.
ANNOUNCEMENTS = "/announce"
# moto accepts any, and no real ones may be used by accident.
CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
SESSION_TOKEN = "local"  # noqa: S105  # nor is this a secret: Lambda's credentials have one


class ServerError(SetupError):
    """The embedded S3 doesn't answer."""

    code = "server"


class S3Server:
    """A context manager that runs the server in a process of its own.

    Parameters
    ----------
    log : the file for its output.
    data : a folder that keeps all objects, for the next server; without it, they are in memory.
        Queues, topics and their messages are in memory in any case.

    Attributes
    ----------
    endpoint_url : of S3, SQS and SNS, from the moment the server answers.

    Raises
    ------
    DataFolderError : another server has the folder.
    """

    def __init__(self, log: Path, data: Path | None = None) -> None:
        self._log = log
        self._data = data
        self._process: Companion | None = None
        self._port = 0

    def __enter__(self) -> Self:
        # The server's process inherits the lock, so the folder is taken for as long as it lives.
        held = [lock(self._data)] if self._data else []
        try:
            self._process = self._start(held)
        finally:
            for fd in held:
                os.close(fd)
        try:
            self._call("GET", "/moto-api/data.json")
        except BaseException:
            self._process.stop()
            raise
        return self

    def _start(self, inherited_fds: list[int]) -> Companion:
        # The socket listens before the server starts, so nobody can take the port in between.
        with socket.create_server((LOOPBACK, 0)) as listening:
            self._port = listening.getsockname()[1]
            fd = listening.fileno()
            command = [sys.executable, "-m", "stemdrop_local.s3.process", str(fd)]
            command += [str(self._data.resolve())] if self._data else []
            return Companion(command, self._log, inherited_fds=[fd, *inherited_fds])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process:
            self._process.stop()

    @property
    def endpoint_url(self) -> str:
        """Return the address of the server."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        """Return the id of the server's process."""
        return self._process.pid if self._process else None

    def reset(self) -> None:
        """Forget all buckets and queues; a server with a data folder can't."""
        if self._data:
            raise ServerError(f"What is under {self._data} stays: delete it object by object.")
        self._call("POST", "/moto-api/reset")

    def s3_client(self) -> "S3Client":
        """Return a client of S3."""
        return boto3.client("s3", **self._client_options())

    def sqs_client(self) -> "SQSClient":
        """Return a client of SQS."""
        return boto3.client("sqs", **self._client_options())

    def sns_client(self) -> Any:
        """Return a client of SNS."""
        return boto3.client("sns", **self._client_options())

    def _client_options(self) -> dict[str, Any]:
        return {
            **CREDENTIALS,
            "endpoint_url": self.endpoint_url,
            "region_name": REGION,
            "config": Config(proxies={}),
        }

    def _call(self, method: str, path: str) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=START_TIMEOUT_S)
        with closing(connection):
            try:
                connection.request(method, path)
                status = connection.getresponse().status
            except OSError as error:
                raise ServerError(f"The embedded S3 does not answer: see {self._log}.") from error
        if status != http.HTTPStatus.OK:
            raise ServerError(f"The embedded S3 answered {status} to {path}: see {self._log}.")
