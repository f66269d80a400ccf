"""Run the application on this machine without Docker: API, S3, events and a drop folder.

    python -m stemdrop_local.local [--port 5000] [--songs 1] [--data .stemdrop] [--drop drop] ...

Ctrl-C or SIGTERM ends it with exit status 0, and the next start finishes the interrupted songs. An
error ends it with exit status 1.
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
from stemdrop_local.ports import ALL_ADDRESSES, LOOPBACK, MAX_PORT
from stemdrop_local.services import LocalServices
from stemdrop_local.settings import LocalSettings

TOKEN_VARIABLE = "STEMDROP_TOKEN"  # noqa: S105 - its name
WEBHOOKS = {"WEBHOOK_HOSTS": "WebhookHosts", "WEBHOOK_SECRET": "WebhookSecret"}
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{32,256}")
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CHECK_S = 0.5


class TokenError(SetupError):
    """The access token is invalid."""

    code = "token"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal or an error, and return the exit status."""
    end_by_signal()
    try:
        _run(_settings(_parser().parse_args(arguments), os.environ))
    except KeyboardInterrupt:
        return 0
    except StemdropError as error:
        print(f"stemdrop: {error.message}", file=sys.stderr)
    except OSError as error:
        print(f"stemdrop: {_sentence(error)}", file=sys.stderr)
    return 1


def _sentence(error: OSError) -> str:
    """Return what is wrong with a file or a folder."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{error.filename} is not a folder: rename it."
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}." if error.filename else f"{reason}."


def end_by_signal() -> None:
    """Raise KeyboardInterrupt once, on Ctrl-C, SIGTERM or SIGHUP."""
    for number in ENDINGS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, and ignore further signals during the shutdown."""
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
            console.say("ends", "the next start finishes the interrupted songs")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make local",
        description="Run stemdrop on this machine.",
        epilog=f"Set {TOKEN_VARIABLE} to choose the token; by default, a random one is kept.",
    )
    option = parser.add_argument
    option(
        "--host",
        choices=(LOOPBACK, ALL_ADDRESSES),  # AWS's clients here use the loopback address
        default=LOOPBACK,
        help="address to listen on (default: %(default)s)",
    )
    option("--port", type=_port, default=5000, help="port of API and S3 (default: %(default)s)")
    option("--songs", type=_count, default=1, help="songs at a time (default: %(default)s)")
    for name, default, what in (
        ("data", Path(".stemdrop"), "folder of persistent data"),
        ("drop", Path("drop"), "folder whose songs are separated"),
        ("stems", Path("stems"), "folder for their stems"),
        ("models", ROOT / "build" / "models", "folder of the networks"),
    ):
        option(f"--{name}", type=Path, default=default, help=f"{what} (default: {default.name})")
    option("--lyrics", help="Whisper model, or none (default: the largest one that is installed)")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not 0 to {MAX_PORT}")
    return int(text)


def _settings(parsed: argparse.Namespace, environment: Mapping[str, str]) -> LocalSettings:
    parameters = {name: environment[key] for key, name in WEBHOOKS.items() if key in environment}
    return LocalSettings(
        data=parsed.data,
        drop=parsed.drop,
        stems=parsed.stems,
        models=parsed.models,
        token=token_of(parsed.data / "token", environment.get(TOKEN_VARIABLE)),
        host=parsed.host,
        port=parsed.port,
        songs=parsed.songs,
        parameters=parameters | ({"Lyrics": parsed.lyrics} if parsed.lyrics else {}),
    )


def token_of(path: Path, given: str | None) -> str:
    """Return the given token, or else the one in a file, which is created if it doesn't exist.

    Raises
    ------
    TokenError : The token is invalid.
    """
    if given is None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"{secrets.token_urlsafe(32)}\n")
    token = path.read_text().strip() if given is None else given
    if TOKEN.fullmatch(token):
        return token
    if given is None:
        raise TokenError(f"{path} contains no valid token: delete it to create a new one.")
    raise TokenError(f"{TOKEN_VARIABLE} is invalid: use 32 or more letters, digits and ._~+/=-.")


def _welcome(settings: LocalSettings, port: int) -> str:
    url = f"http://localhost:{port}"
    return f"""
stemdrop runs at {url}, with API documentation at {url}/docs. Press Ctrl-C to end it.

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
