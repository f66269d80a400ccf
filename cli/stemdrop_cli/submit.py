"""`stemdrop submit`: songs go to a server, and their stems come back."""

import argparse
import math
import shlex
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from stemdrop.options import Options
from stemdrop_cli import server_options as access
from stemdrop_cli.arguments import DEFAULT_FOLDER
from stemdrop_cli.display import open_display
from stemdrop_cli.errors import DONE, INTERRUPTED, SONG_FAILED
from stemdrop_cli.job_client import Means
from stemdrop_cli.retries import GIVE_UP_AFTER_S, Retries, Stop
from stemdrop_cli.runner import Desk
from stemdrop_cli.server import Server
from stemdrop_cli.tasks import Layout, Order, read_orders
from stemdrop_cli.thread_pool import run_all
from stemdrop_cli.transfers import Transfers
from stemdrop_separate.output_paths import DEFAULT_FORMAT

PARALLEL = 3
MOST_PARALLEL = 64
EXIT_STATUS = """exit status:
  0    all stems are there
  1    a song failed
  2    wrong usage, nothing was sent
  3    the server can't be reached, or is none of stemdrop's
  4    the server doesn't take the token
  130  interrupted
If songs fail in several ways, it is the highest."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Let the command be told songs and jobs, and how to get them separated."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXIT_STATUS
    add = parser.add_argument
    add("songs", nargs="*", type=Path, metavar="SONG")
    access.add_arguments(parser)
    add("--zip", action="store_true", help="one more file: stems.zip, with all of them")
    add(
        "--resume",
        nargs="+",
        default=[],
        metavar="ID",
        help="go on with jobs whose songs were uploaded before: wait, and download",
    )
    add(
        "--parallel",
        type=_count,
        default=PARALLEL,
        metavar="N",
        help="songs at a time, default %(default)s",
    )
    add(
        "--give_up_after",
        type=_seconds,
        default=GIVE_UP_AFTER_S,
        metavar="SECONDS",
        help="of waiting for a server that is lost on the way, default %(default)g",
    )


def run(parsed: argparse.Namespace, options: Options) -> int:
    """Get the stems of all songs, and return the exit status.

    Raises
    ------
    OptionError : something about the arguments is wrong.
    ClientError : the server isn't there, or doesn't let us in.
    """
    url = access.find_url(parsed.url)
    token = access.find_token(parsed.token, url)
    orders = read_orders(parsed.songs, parsed.resume)
    layout = Layout(parsed.output_path, parsed.filename_format)
    layout.check(parsed.songs, options)
    interrupted = False
    try:
        with Server(url, token) as server, Transfers() as transfers:
            means = Means(server, transfers, Stop(), parsed.give_up_after)
            _fulfil_all(orders, means, layout, options, parsed.parallel)
    except KeyboardInterrupt:
        interrupted = True
        print("stemdrop: Interrupted; unfinished files are removed.", file=sys.stderr)
    for line in _what_is_left(orders, url, layout):
        print(f"stemdrop: {line}", file=sys.stderr)
    return INTERRUPTED if interrupted else max(order.status or DONE for order in orders)


def _fulfil_all(
    orders: Sequence[Order], means: Means, layout: Layout, options: Options, parallel: int
) -> None:
    with open_display() as display:
        first = Retries(means.stop, means.give_up_after_s, display.complain)
        first.run(means.server.check)
        desk = Desk(means, display, layout, options)
        run_all([partial(desk.fulfill, order) for order in orders], parallel, means.stop)


def _what_is_left(orders: Sequence[Order], url: str, layout: Layout) -> Iterator[str]:
    """Say how to go on with what was neither done nor refused."""
    left = [order for order in orders if order.status not in {DONE, SONG_FAILED}]
    job_ids = [order.job_id for order in left if order.job_id]
    if job_ids:
        command = ["stemdrop", "submit", *_unless_default("--url", url, access.DEFAULT_URL)]
        command += _unless_default("-o", str(layout.folder), str(DEFAULT_FOLDER))
        command += _unless_default("-f", layout.filename_format, DEFAULT_FORMAT)
        yield f"To go on: {shlex.join([*command, '--resume', *job_ids])}"
    songs = [str(order.song) for order in left if not order.job_id]
    if songs:
        yield f"Not uploaded, so submit again: {shlex.join(songs)}"


def _unless_default(option: str, value: str, default: str) -> list[str]:
    return [] if value == default else [option, value]


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_PARALLEL:
        raise argparse.ArgumentTypeError(f"use 1 to {MOST_PARALLEL}, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"use seconds, such as 60, not {text!r}")
    return seconds
