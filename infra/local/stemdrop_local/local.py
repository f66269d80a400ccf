"""The whole application on this machine, without Docker: API, S3, events and a drop folder.

    python -m stemdrop_local.local [--port 5000] [--songs 1] [--data .stemdrop] [--drop drop] ...

Ctrl-C ends it, and so does a SIGTERM: what is being worked on is left as it is, and finished by the
next start. The exit status is 0 then, and 1 if something was wrong.
"""

import argparse
import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from botocore.exceptions import BotoCoreError

from stemdrop.errors import SetupError, StemdropError
from stemdrop_local.console import Console
from stemdrop_local.deployment import ROOT
from stemdrop_local.emulator_process import EmulatorError
from stemdrop_local.ports import LOOPBACK
from stemdrop_local.services import LocalServices
from stemdrop_local.settings import LocalSettings

TOKEN_VARIABLE = "STEMDROP_TOKEN"  # noqa: S105 - its name
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{32,256}")
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CHECK_S = 0.5


class TokenError(SetupError):
    """The token isn't one that the API takes."""

    code = "token"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until somebody ends it, and return the exit status."""
    end_by_signal()
    try:
        _run(_settings(_parser().parse_args(arguments), os.environ))
    except KeyboardInterrupt:
        return 0
    except StemdropError as error:
        print(f"stemdrop: {error.message}", file=sys.stderr)
    return 1


def end_by_signal() -> None:
    """Have Ctrl-C and its like raise KeyboardInterrupt, once."""
    for number in ENDINGS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End in order, which a second signal doesn't interrupt."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(settings: LocalSettings) -> None:
    console = Console()
    with LocalServices(settings, console) as services:
        console.show(_welcome(settings, services.port))
        try:
            while True:
                time.sleep(CHECK_S)
                services.check()
        except BotoCoreError as error:
            raise EmulatorError(f"The local AWS has ended: see {services.emulator.log}.") from error
        finally:
            console.say("ends", "what is unfinished goes on with the next start")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make local",
        description="Run stemdrop on this machine.",
        epilog=f"The token is {TOKEN_VARIABLE} in the environment, else it is made once and kept.",
    )
    option = parser.add_argument
    option("--host", default=LOOPBACK, help="to listen at, or 0.0.0.0 (default: %(default)s)")
    option("--port", type=int, default=5000, help="of API and S3 (default: %(default)s)")
    option("--songs", type=_count, default=1, help="separated at a time (default: %(default)s)")
    for name, default, what in (
        ("data", Path(".stemdrop"), "what is kept over a restart"),
        ("drop", Path("drop"), "songs that are put here are separated"),
        ("stems", Path("stems"), "their stems come here"),
        ("models", ROOT / "build" / "models", "the networks"),
    ):
        option(f"--{name}", type=Path, default=default, help=f"{what} (default: {default.name})")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def _settings(parsed: argparse.Namespace, environment: Mapping[str, str]) -> LocalSettings:
    return LocalSettings(
        data=parsed.data,
        drop=parsed.drop,
        stems=parsed.stems,
        models=parsed.models,
        token=token_of(parsed.data / "token", environment.get(TOKEN_VARIABLE)),
        host=parsed.host,
        port=parsed.port,
        songs=parsed.songs,
    )


def token_of(path: Path, given: str | None) -> str:
    """Return the token that is given, or the one that is kept in a file, made when it isn't there.

    Raises
    ------
    TokenError : it isn't one.
    """
    if given is None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"{secrets.token_urlsafe(32)}\n")
    token = path.read_text().strip() if given is None else given
    if TOKEN.fullmatch(token):
        return token
    if given is None:
        raise TokenError(f"There is no token in {path}: delete it, and a new one is made.")
    raise TokenError(f"{TOKEN_VARIABLE} is no token: use 32 letters, digits and ._~+/=- or more.")


def _welcome(settings: LocalSettings, port: int) -> str:
    url = f"http://localhost:{port}"
    return f"""
stemdrop runs at {url}, and its documentation at {url}/docs. Ctrl-C ends it.

  token   {settings.token}
  drop    {settings.drop.resolve()}
  stems   {settings.stems.resolve()}

Try, in another terminal:

  cp song.mp3 {settings.drop}/
  .venv/bin/stemdrop submit song.mp3{f" --url {url}" if port != 5000 else ""}
  curl -H "Authorization: Bearer {settings.token}" {url}/options
"""


if __name__ == "__main__":
    sys.exit(main())
