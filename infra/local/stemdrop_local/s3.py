"""S3 and SQS on this machine: moto's server, over real HTTP on loopback, all in memory."""

import http.client
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
from stemdrop_local.processes import Companion

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

START_TIMEOUT_S = 60.0
# moto accepts any, and no real ones may be used by accident.
CREDENTIALS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}


class ServerError(SetupError):
    """The embedded S3 doesn't answer."""

    code = "server"


class S3Server:
    """A context manager that runs the server in a process of its own.

    Parameters
    ----------
    log : the file for its output.

    Attributes
    ----------
    endpoint_url : of S3 and SQS, from the moment the server answers.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: Companion | None = None
        self._port = 0

    def __enter__(self) -> Self:
        # The socket listens before the server starts, so nobody can take the port in between.
        with socket.create_server((LOOPBACK, 0)) as listening:
            self._port = listening.getsockname()[1]
            module = "stemdrop_local.s3_server"
            command = [sys.executable, "-m", module, str(listening.fileno())]
            self._process = Companion(command, self._log, inherited_fds=[listening.fileno()])
        try:
            self._call("GET", "/moto-api/data.json")
        except BaseException:
            self._process.stop()
            raise
        return self

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
        """Forget all buckets and queues."""
        self._call("POST", "/moto-api/reset")

    def s3_client(self) -> "S3Client":
        """Return a client of S3."""
        return boto3.client("s3", **self._client_options())

    def sqs_client(self) -> "SQSClient":
        """Return a client of SQS."""
        return boto3.client("sqs", **self._client_options())

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
