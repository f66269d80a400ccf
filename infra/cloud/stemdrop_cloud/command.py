"""What all commands have in common: arguments, errors as sentences, and an end in order."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError

from stemdrop.errors import StemdropError
from stemdrop_cloud.errors import FAILED, INTERRUPTED, CloudError, UnpreparedError, translated

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_STATUS = """\
exit status: 0 done, 1 something failed, 2 nothing was changed, because a prerequisite is missing or
an argument is wrong, 3 AWS can't be reached or has no such stack, 4 AWS doesn't take the
credentials, 130 interrupted"""


def parser(name: str, does: str) -> argparse.ArgumentParser:
    """Return a parser with the arguments that name a stack."""
    made = argparse.ArgumentParser(
        prog=f"python -m stemdrop_cloud.{name}",
        description=does,
        epilog=EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--environment", help="of samconfig.toml, default: dev")
    made.add_argument("--stack", help="its name, default: that of samconfig.toml, or else stemdrop")
    made.add_argument(
        "--region", help="of AWS, default: that of samconfig.toml, AWS_REGION or your profile"
    )
    return made


def count(text: str) -> int:
    """Return an argument as a number that is at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("it has to be a whole number, and at least 1")
    return int(text)


def run(
    work: Callable[[argparse.Namespace], int],
    arguments: argparse.ArgumentParser,
    given: Sequence[str] | None = None,
) -> int:
    """Do a command's work, and return its exit status.

    Parameters
    ----------
    work : is given the parsed arguments, and returns the exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace", line_buffering=True)
    parsed = arguments.parse_args(given)
    try:
        with _ended_in_order():
            return work(parsed)
    except KeyboardInterrupt:
        print("stemdrop: Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (BotoCoreError, ClientError) as error:
        return _fail(translated(error))
    except StemdropError as error:
        return _fail(error)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Take what ends a process for Ctrl-C, so that nothing is left half done."""
    handlers = {number: signal.getsignal(number) for number in ENDINGS}
    for number, handler in handlers.items():
        if handler != signal.SIG_IGN:  # nohup
            signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _fail(error: StemdropError) -> int:
    sentences = error.problems if isinstance(error, UnpreparedError) else (error.message,)
    for sentence in sentences:
        print(f"stemdrop: {sentence}", file=sys.stderr)
    return error.exit_status if isinstance(error, CloudError) else FAILED


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End in order; who insists doesn't interrupt that."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
