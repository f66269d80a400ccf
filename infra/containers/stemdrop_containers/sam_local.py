"""Build with `sam build`, then run one of `sam local`'s commands against the S3 of `make local`.

    python -m stemdrop_containers.sam_local [--offline] start-api --port 3000
    python -m stemdrop_containers.sam_local invoke SeparateFunction -e tests/events/s3_put.json

SAM publishes a port of each container, so containers can't share the host's network. They are on
the engine's bridge, whose address leads to S3 on the loopback interface while SAM runs.
"""

import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import SplitResult, urlsplit

from stemdrop.errors import StemdropError
from stemdrop_containers.engine import ROOT, ContainerEngine, EngineError, find_engine, run_server
from stemdrop_containers.image import BASE_IMAGE, INTERRUPTED, RELEASE
from stemdrop_local.ports import LOOPBACK

SAM = ROOT / ".venv-sam" / "bin" / "sam"
UV = ROOT / ".venv" / "bin" / "uv"  # needed by the build
# File for --env-vars, written by `make local`.
VARIABLES = ROOT / ".stemdrop" / "sam-env.json"
ENDPOINT = "AWS_ENDPOINT_URL_S3"
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
# Replacement for Lambda's image of Python 3.13: see infra/sam/Dockerfile.
PYTHON_BASE, PYTHON_RELEASE = "localhost/debian:trixie-python", "trixie"
PYTHON_PACKAGES = ("python3", "python3-pip")
PYTHON_IMAGE = "public.ecr.aws/lambda/python:3.13-x86_64"
GATEWAYS = {
    "docker": ("bridge", "{{(index .IPAM.Config 0).Gateway}}"),
    "podman": ("podman", "{{(index .Subnets 0).Gateway}}"),
}
# Source: asm/socket.h and ip(7): an address can be bound before the network's interface is there.
IP_FREEBIND = 15
CHUNK_BYTES = 1 << 16


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, run SAM's command, and return its exit status."""
    parsed = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        variables = _read_variables(parsed.variables)
        engine = find_engine(is_offline=parsed.offline)
        with ExitStack() as running:
            environment = _environment(variables, running.enter_context(serve_engine(engine)))
            if not parsed.no_build:
                _build(engine, environment, _overrides(parsed))
            if parsed.build_only:
                return 0
            here = running.enter_context(forward_endpoint(engine, variables))
            path = running.enter_context(_written(here))
            command = ["local", *parsed.command, "--env-vars", path, "--skip-pull-image"]
            return _sam(environment, *command)
    except KeyboardInterrupt:
        return INTERRUPTED
    except StemdropError as error:
        print(f"sam-local: {error.message}", file=sys.stderr)
        return 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _read_variables(path: Path) -> dict[str, dict[str, str]]:
    """Return the functions' variables by logical ID, if the stack that wrote them still runs."""
    try:
        variables: dict[str, dict[str, str]] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise EngineError(f"There is no {path}: run `make local` first.") from error
    url = _endpoint(variables)
    try:
        socket.create_connection((url.hostname or LOOPBACK, url.port or 80)).close()
    except OSError as error:
        raise EngineError(f"Nothing answers at {url.geturl()}: run `make local` first.") from error
    return variables


def _endpoint(variables: dict[str, dict[str, str]]) -> SplitResult:
    return urlsplit(next(iter(variables.values()))[ENDPOINT])


def _environment(variables: dict[str, dict[str, str]], engine: dict[str, str]) -> dict[str, str]:
    """Return SAM's environment, whose credentials it passes on to the functions."""
    given = next(iter(variables.values()))
    credentials = {name: given[name] for name in CREDENTIALS if name in given}
    region = credentials.get("AWS_REGION", "eu-central-1")
    path = os.pathsep.join([str(UV.parent), os.environ.get("PATH", os.defpath)])
    ours = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": region, "PATH": path}
    others = {name: value for name, value in os.environ.items() if name not in CREDENTIALS}
    return {**others, **engine, **credentials, **ours}


def _overrides(parsed: argparse.Namespace) -> list[str]:
    values = {"Models": parsed.models, "Backend": parsed.backend, "Lyrics": parsed.lyrics}
    return [f'{name}="{value}"' for name, value in values.items()]


def _build(engine: ContainerEngine, environment: dict[str, str], overrides: list[str]) -> None:
    """Build the functions and the layer."""
    if engine.is_offline:
        engine.ensure_base(BASE_IMAGE, RELEASE)
        engine.ensure_base(PYTHON_BASE, PYTHON_RELEASE, *PYTHON_PACKAGES)
        engine.build(PYTHON_IMAGE, ROOT / "infra" / "sam")
    status = _sam(environment, "build", "--cached", "--parameter-overrides", *overrides)
    if status != 0:
        raise EngineError(f"`sam build` ended with {status}; see above.")


def _sam(environment: dict[str, str], *arguments: str) -> int:
    """Run SAM's command line; it receives Ctrl-C directly."""
    process = subprocess.Popen([str(SAM), *arguments], cwd=ROOT, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)  # it removes its containers
        process.wait()
        raise


@contextmanager
def serve_engine(engine: ContainerEngine) -> Iterator[dict[str, str]]:
    """Yield the variables that connect SAM to an engine, and run Podman's service meanwhile."""
    if engine.name == "docker":
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="stemdrop-") as folder:  # its path has to be short
        path = f"{folder}/podman.sock"
        command = ["podman", "system", "service", "--time=0", f"unix://{path}"]
        with run_server(command, path, engine.environment, sys.stderr):
            yield {**engine.variables, "DOCKER_HOST": f"unix://{path}"}


@contextmanager
def forward_endpoint(
    engine: ContainerEngine, variables: dict[str, dict[str, str]]
) -> Iterator[dict[str, dict[str, str]]]:
    """Forward S3 to the containers' network, and yield the functions' variables with its URL."""
    endpoint = _endpoint(variables)
    network, form = GATEWAYS[engine.name]
    gateway = engine.run("network", "inspect", "--format", form, network).stdout.strip()
    with socket.socket() as listening:
        listening.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((gateway, endpoint.port or 80))
        listening.listen()
        threading.Thread(target=_forward, args=(listening, endpoint.port), daemon=True).start()
        text = re.sub(r"//(127\.0\.0\.1|localhost)\b", f"//{gateway}", json.dumps(variables))
        yield json.loads(text)


def _forward(listening: socket.socket, port: int) -> None:
    while True:
        try:
            asking, _ = listening.accept()
        except OSError:  # it was closed
            return
        threading.Thread(target=_connect, args=(asking, port), daemon=True).start()


def _connect(asking: socket.socket, port: int) -> None:
    """Pass on what both sides send, or close the connection if the stack has ended."""
    with (
        asking,
        suppress(OSError),
        socket.create_connection((LOOPBACK, port)) as answering,
    ):
        back = threading.Thread(target=_copy, args=(answering, asking), daemon=True)
        back.start()
        _copy(asking, answering)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(CHUNK_BYTES):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def _written(variables: Any) -> Iterator[str]:
    """Write variables, which contain a secret, to a private file."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(variables, file)
        file.flush()
        yield file.name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make sam-local", description="Run stemdrop under SAM.")
    option = parser.add_argument
    option("--offline", action="store_true", help="use Podman, and no image registry")
    option("--models", default="2stems", help="models to build (default: %(default)s)")
    option("--backend", default="onnx", help="onnx or tensorflow (default: %(default)s)")
    option("--lyrics", default="none", help="engine for lyrics (default: %(default)s)")
    option("--variables", type=Path, default=VARIABLES, help="file that `make local` writes")
    option("--build-only", action="store_true", help="build, but run nothing")
    option("--no-build", action="store_true", help="run the previous build")
    option("command", nargs=argparse.REMAINDER, help="command of `sam local` with its options")
    return parser


if __name__ == "__main__":
    sys.exit(main())
