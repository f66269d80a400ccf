"""SAM's command line: its builds, its servers, and what they find in their environment."""

import http.client
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stemdrop_local.intrinsics import REGION
from stemdrop_local.runtime.processes import Companion
from stemdrop_local.s3.server import CREDENTIALS, SESSION_TOKEN
from stemdrop_local.template import ROOT

from stemdrop.errors import SetupError
from stemdrop_containers.sam.zips import compile_zips
from stemdrop_local.ports import LOOPBACK, reserve_port

PROGRAM = ROOT / ".venv-sam" / "bin" / "sam"
FOLDER = ROOT / "build" / "sam"
LEASH = [sys.executable, "-m", "stemdrop_local.runtime.leash"]
START_TIMEOUT_S = 60.0
POLL_S = 0.05


class SamError(SetupError):
    """SAM's command line isn't there, or fails."""

    code = "sam"


@dataclass(frozen=True, slots=True)
class Sam:
    """SAM's command line with a container engine.

    Attributes
    ----------
    variables : of its environment, in addition to ours.
    client_fds : what its servers inherit; see Service.
    values : the file of the functions' variables, for --env-vars.
    """

    variables: Mapping[str, str]
    client_fds: Sequence[int] = ()
    values: Path = FOLDER / "env.json"

    @property
    def environment(self) -> dict[str, str]:
        """Return all of its environment."""
        return {**os.environ, **self.variables}

    def build(self, models: str, backend: str) -> None:
        """Build image, zip and layer under .aws-sam; SAM's own words go to standard error.

        Raises
        ------
        SamError : it failed.
        """
        overrides = [f'Models="{models}"', f"Backend={backend}"]
        words = ["build", "--cached", "--parameter-overrides", *overrides]
        self.run(*words, stdout=sys.stderr.fileno())
        compile_zips()

    def run(self, *arguments: str, stdout: int | None = None) -> str:
        """Run a command of SAM's to its end, and return what it said if `stdout` is a pipe.

        Raises
        ------
        SamError : it failed.
        """
        if not PROGRAM.is_file():
            raise SamError(f"There is no {PROGRAM}: run `make setup`.")
        with subprocess.Popen(
            [*LEASH, str(PROGRAM), *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,  # it ends when this closes
            stdout=stdout,
            text=True,
            pass_fds=self.client_fds,
            start_new_session=True,
        ) as process:
            said = process.stdout.read() if process.stdout else ""
            status = process.wait()
        if status != 0:
            raise SamError(f"`sam {arguments[0]}` ended with {status}.")
        return said

    def server(self, kind: str, log: Path) -> "Server":
        """Return one of SAM's servers, ``start-api`` or ``start-lambda``; it isn't started yet."""
        return Server(self, kind, log)


@dataclass(slots=True)
class Server:
    """One of SAM's servers, which keeps its containers warm."""

    sam: Sam
    kind: str
    log: Path
    port: int = 0
    _process: Companion | None = field(default=None, init=False)

    @property
    def is_running(self) -> bool:
        """Return whether it is there."""
        return self._process is not None and self._process.is_running

    def start(self) -> None:
        """Start it, and return when it answers.

        Raises
        ------
        SamError : it doesn't.
        """
        self.port = reserve_port()
        options = {"--port": str(self.port), "--env-vars": str(self.sam.values)}
        words = [word for option in options.items() for word in option]
        warm = ["--warm-containers", "LAZY"]  # the rest is in samconfig.toml
        self._process = Companion(
            ["env", f"--chdir={ROOT}", *LEASH, str(PROGRAM), "local", self.kind, *words, *warm],
            self.log,
            self.sam.environment,
            self.sam.client_fds,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.is_running and time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex((LOOPBACK, self.port)) == 0:
                    return
            time.sleep(POLL_S)
        self.stop()
        raise SamError(f"`sam local {self.kind}` does not start: see {self.log}.")

    def stop(self) -> None:
        """End it, also in the middle of a call."""
        if self._process:
            self._process.stop()

    def post(self, path: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        """Send it something, and return the answer's status and body."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=timeout_s)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def variables(engine: Mapping[str, str], token: str) -> dict[str, str]:
    """Return the environment in which SAM finds engine and embedded S3, and writes nowhere else.

    Parameters
    ----------
    engine : what leads to the engine.
    token : the secret key of the embedded S3.
    """
    return {
        **engine,
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": token,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(FOLDER / "home"),
    }


def exports(given: Mapping[str, str]) -> str:
    """Write variables as a shell reads them, with SAM's program among its commands."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in given.items()]
    return "".join([*lines, f'export PATH={shlex.quote(str(PROGRAM.parent))}:"$PATH"\n'])
