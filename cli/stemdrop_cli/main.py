"""The `stemdrop` command. What it does is loaded when it is asked for, since it may be large."""

import argparse
import importlib
import io
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import stemdrop
from stemdrop.errors import OptionError, StemdropError
from stemdrop_cli.arguments import add_arguments, parse_options
from stemdrop_cli.errors import SONG_FAILED, WRONG_USAGE, ClientError

# Names to what they do, and to the modules with their `add_arguments` and `run`.
COMMANDS = {
    "separate": ("split songs into stems on this machine", "stemdrop_cli.separate"),
    "submit": ("have a server split songs into stems", "stemdrop_cli.submit"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit status: 0, 2 for wrong usage, others of the command's."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may be any bytes
    given = list(sys.argv[1:] if arguments is None else arguments)
    parsed = _parser(given[0] if given else "").parse_args(given)
    try:
        with _ended_in_order():
            status: int = parsed.run(parsed, parse_options(parsed))
    except OptionError as error:
        return _fail(error, WRONG_USAGE)
    except StemdropError as error:
        return _fail(error, error.exit_status if isinstance(error, ClientError) else SONG_FAILED)
    return status


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Take what ends a process for Ctrl-C, so that no unfinished file stays."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in handlers.items():
        if handler is signal.SIG_DFL:  # nohup has SIGHUP ignored
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _parser(chosen: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stemdrop", description="Split songs into stems.")
    parser.add_argument("--version", action="version", version=f"stemdrop {stemdrop.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (does, module) in COMMANDS.items():
        command = commands.add_parser(name, help=does)
        if name == chosen:
            loaded = importlib.import_module(module)
            add_arguments(command)
            loaded.add_arguments(command)
            command.set_defaults(run=loaded.run)
    return parser


def _fail(error: StemdropError, status: int) -> int:
    print(f"stemdrop: {error.message}", file=sys.stderr)
    return status
