"""The `stemdrop` command. Each subcommand is imported on use, since some are slow to import."""

import argparse
import atexit
import gc
import importlib
import io
import os
import signal
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import stemdrop
from stemdrop.errors import OptionError, StemdropError
from stemdrop_cli.arguments import require_no_dashes, with_underscores
from stemdrop_cli.display import discarding_once_closed, print_error
from stemdrop_cli.errors import (
    DONE,
    INTERRUPTED,
    SONG_FAILED,
    USAGE_ERROR,
    ClientError,
    describe_os_error,
)
from stemdrop_cli.names import displayable

# Closing the terminal sends the second one.
if sys.platform == "win32":
    ENDINGS = (signal.SIGTERM, signal.SIGBREAK)
else:
    ENDINGS = (signal.SIGTERM, signal.SIGHUP)

# Name of a command to its help, and to the module with its `add_arguments` and `run`.
COMMANDS = {
    "separate": ("split songs into stems on this machine", "stemdrop_cli.separate"),
    "submit": ("have a server split songs into stems", "stemdrop_cli.submit"),
    "completion": ("print a script for completion in a shell", "stemdrop_cli.completion"),
    "models": ("list, fetch and remove the models of separate", "stemdrop_cli.models"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return the exit status.

    It is 0, 2 for wrong usage, 130 after an interruption, or one of the command's.
    """
    atexit.register(gc.freeze)  # the end needn't wait for a search for garbage
    # Python has no stream for a descriptor that is closed.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may be any bytes
    with discarding_once_closed(sys.stdout):
        return _status(list(sys.argv[1:] if arguments is None else arguments))
    return DONE  # what is left to print has no reader


def _status(given: Sequence[str]) -> int:
    """Run a command, print its error, and return the exit status."""
    try:
        with _signals_as_interrupts():
            return _run(given)
    except KeyboardInterrupt:
        print_error("Interrupted.")
        return INTERRUPTED
    except OptionError as error:
        return _fail(error, USAGE_ERROR)
    except StemdropError as error:
        return _fail(error, error.exit_status if isinstance(error, ClientError) else SONG_FAILED)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(describe_os_error(error), SONG_FAILED)


def _run(given: Sequence[str]) -> int:
    require_no_dashes(given)
    parsed = _parse(given)
    status: int = parsed.run(parsed)
    return status


def _parse(given: Sequence[str]) -> argparse.Namespace:
    """Parse a command line; unlike with argparse alone, songs may follow options as well."""
    end = [*given, "--"].index("--")
    parsed, others = build_parser(given[:1]).parse_known_args(with_underscores(given[:end]))
    songs = [*others, *given[end + 1 :]]
    takes_songs = "songs" in parsed
    flags = [word for word in others if word.startswith("-") and word != "-"]
    if wrong := flags if takes_songs else songs:
        parsed.refuse(f"unrecognized arguments: {' '.join(map(displayable, wrong))}")
    if takes_songs:
        parsed.songs += songs
    return parsed


@contextmanager
def _signals_as_interrupts() -> Iterator[None]:
    """Treat these signals like Ctrl-C, so that unfinished files are removed."""
    handlers = {number: signal.getsignal(number) for number in ENDINGS}
    for number, handler in handlers.items():
        if handler is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def build_parser(chosen: Collection[str]) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of the chosen commands only."""
    parser = argparse.ArgumentParser(prog="stemdrop", description="Split songs into stems.")
    parser.add_argument("--version", action="version", version=f"stemdrop {stemdrop.__version__}")
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for name, (description, module) in COMMANDS.items():
        command = commands.add_parser(name, help=description)
        if name in chosen:
            loaded = importlib.import_module(module)
            loaded.add_arguments(command)
            command.set_defaults(run=loaded.run, refuse=command.error)
    return parser


def _fail(error: StemdropError, status: int) -> int:
    print_error(error.message)
    return status
