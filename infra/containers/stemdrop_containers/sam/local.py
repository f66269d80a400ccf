"""The whole application under SAM: its own servers and containers, and the embedded S3.

    python -m stemdrop_containers.sam.local [--port 5000] [--offline] [--by-hand] ...

Ctrl-C ends it, and so does a SIGTERM. With --by-hand only S3 runs, for SAM's commands as one types
them. With --offline Podman is used, and what registries have is made on this machine.
"""

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import BotoCoreError
from stemdrop_local.s3.server import ServerError
from stemdrop_local.template import ROOT

from stemdrop.errors import StemdropError
from stemdrop_containers.engine import Engine, find_engine
from stemdrop_containers.image import provide_base
from stemdrop_containers.sam.base import provide_runtime
from stemdrop_containers.sam.cli import FOLDER, Sam, SamError, variables
from stemdrop_containers.sam.engine_service import Service, find_gateway
from stemdrop_containers.sam.services import (
    Build,
    ByHand,
    SamServices,
    listen_for_containers,
)
from stemdrop_local.console import Console
from stemdrop_local.local import TOKEN_VARIABLE, end_by_signal, token_of
from stemdrop_local.services import Services
from stemdrop_local.settings import Settings
from stemdrop_separate.models import BackendName

CHECK_S = 0.5
TAKEN = "`make sam-local` or `make invoke` runs in this folder already: end it first."
BY_HAND = """
The embedded S3 runs at {url}, for SAM's commands as you type them. Ctrl-C ends it.
In another terminal, in the same folder:

  source build/sam/environment
  aws s3 cp song.mp3 s3://{bucket}/drop/
  sam local invoke SeparateFunction -e tests/events/s3_put.json
  sam local start-lambda
  sam local start-api

While start-api runs, the page is at {url}, too.
"""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to run.

    Attributes
    ----------
    settings : of the embedded stack.
    build : of the image.
    is_by_hand : whether SAM's commands are typed by somebody.
    """

    settings: Settings
    build: Build
    is_by_hand: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until somebody ends it, and return the exit status."""
    end_by_signal()
    parsed = _parser().parse_args(arguments)
    try:
        _run(_order(parsed), find_engine(is_offline=parsed.offline))
    except KeyboardInterrupt:
        return 0
    except StemdropError as error:
        print(f"stemdrop: {error.message}", file=sys.stderr)
    return 1


def _run(order: Order, engine: Engine) -> None:
    console = Console()
    with running(order, engine, console) as (_, services):
        console.show(_welcome(order, services))
        try:
            while True:
                time.sleep(CHECK_S)
                services.check()
        except BotoCoreError as error:
            raise ServerError(f"The embedded S3 has gone: see {services.logs}.") from error
        finally:
            console.say("ends", "what is unfinished goes on with the next start")


@contextmanager
def running(order: Order, engine: Engine, console: Console) -> Iterator[tuple[Sam, Services]]:
    """Build all that SAM takes, and run it.

    Yields
    ------
    SAM's command line as it is set up, and the services.

    Raises
    ------
    SamError : it runs in this folder already.
    """
    settings = order.settings
    gateway = find_gateway(engine)
    with _alone(), closing(listen_for_containers(gateway, settings.port)) as inside:
        mark = f"AWS_ENDPOINT_URL_S3=http://{gateway}:{inside.getsockname()[1]}"
        with Service(engine, mark, settings.data / "logs" / "engine.log") as service:
            sam = Sam(variables(service.variables, settings.token), service.client_fds)
            if engine.is_offline:
                provide_base(engine)
                provide_runtime(engine)
            sam.build(order.build.models, order.build.backend)
            kind = ByHand if order.is_by_hand else SamServices
            with kind(settings, console, sam, order.build, inside) as services:
                yield sam, services


@contextmanager
def _alone() -> Iterator[None]:
    """Keep others from building what is in use."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SamError(TAKEN) from error
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make sam-local", description="Run stemdrop under SAM.")
    option = parser.add_argument
    option("--port", type=int, default=5000, help="of API and S3 (default: %(default)s)")
    option("--offline", action="store_true", help="use Podman, and no image registry")
    option("--by-hand", action="store_true", help="only S3, for SAM's commands as one types them")
    option("--models", default="2stems", help='such as "2stems 4stems" (default: %(default)s)')
    option("--backend", default="onnx", choices=list(BackendName))
    option("--backoff", type=int, default=60, help="seconds before a second try (default: 60)")
    for name in ("data", "drop", "stems"):
        default = Path(".stemdrop" if name == "data" else name)
        option(f"--{name}", type=Path, default=default, help=f"a folder (default: {default})")
    return parser


def _order(parsed: argparse.Namespace) -> Order:
    settings = Settings(
        data=parsed.data,
        drop=parsed.drop,
        stems=parsed.stems,
        models=ROOT / "build" / "models",
        token=token_of(parsed.data / "token", os.environ.get(TOKEN_VARIABLE)),
        port=parsed.port,
        backoff_s=parsed.backoff,
    )
    return Order(settings, Build(parsed.models, parsed.backend), parsed.by_hand)


def _welcome(order: Order, services: Services) -> str:
    url = f"http://localhost:{services.port}"
    if order.is_by_hand:
        return BY_HAND.format(url=url, bucket=services.stack.uploads_bucket)
    settings = order.settings
    return f"""
stemdrop runs under SAM at {url}. Ctrl-C ends it.

  token   {settings.token}
  drop    {settings.drop.resolve()}
  stems   {settings.stems.resolve()}
  logs    {(settings.data / "logs").resolve()}

Try, in another terminal; the first song waits for its function's container:

  cp song.mp3 {settings.drop}/
  .venv/bin/stemdrop submit song.mp3{f" --url {url}" if services.port != 5000 else ""}
  curl -H "Authorization: Bearer {settings.token}" {url}/options
"""


if __name__ == "__main__":
    sys.exit(main())
