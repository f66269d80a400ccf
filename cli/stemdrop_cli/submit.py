"""`stemdrop submit`: upload songs to a server, and download their stems."""

import argparse
import math
import shlex
from collections.abc import Iterator, Sequence
from functools import partial

from stemdrop.options import Options
from stemdrop_cli import server_options
from stemdrop_cli.api_client import ApiClient
from stemdrop_cli.arguments import (
    DEFAULT_FOLDER,
    ZIP,
    add_common_arguments,
    add_option,
    parse_options,
)
from stemdrop_cli.display import open_display, print_error
from stemdrop_cli.errors import DONE, INTERRUPTED, SONG_FAILED
from stemdrop_cli.inputs import find_songs
from stemdrop_cli.job_client import Session
from stemdrop_cli.results import SongReporter
from stemdrop_cli.retries import GIVE_UP_AFTER_S, Retries, StopEvent
from stemdrop_cli.runner import Runner
from stemdrop_cli.tasks import Layout, Task, parse_tasks
from stemdrop_cli.thread_pool import run_all
from stemdrop_cli.transfers import Transfers
from stemdrop_separate.output_paths import DEFAULT_FORMAT

PARALLEL = 3
MAX_PARALLEL = 64
EXIT_STATUS = """exit status:
  0    all songs are done
  1    a song failed
  2    wrong usage; nothing was sent
  3    the server can't be reached, or isn't stemdrop
  4    the server rejects the token
  130  interrupted
If songs fail in several ways, the highest status counts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_common_arguments(parser)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXIT_STATUS
    add = parser.add_argument
    server_options.add_arguments(parser)
    add_option(parser, ZIP)
    add(
        "--resume",
        nargs="+",
        default=[],
        metavar="ID",
        help="jobs to resume, whose songs are uploaded: wait for them, and download the stems",
    )
    add(
        "--parallel",
        type=_count,
        default=PARALLEL,
        metavar="N",
        help="number of songs at a time (default: %(default)s)",
    )
    add(
        "--give_up_after",
        type=_seconds,
        default=GIVE_UP_AFTER_S,
        metavar="SECONDS",
        help="limit for waiting while the server doesn't respond (default: %(default)g)",
    )


def run(parsed: argparse.Namespace) -> int:
    """Get the stems of all songs, and return the exit status.

    Raises
    ------
    OptionError : An argument is invalid.
    ClientError : The server can't be reached, or rejects the token.
    """
    options = parse_options(parsed)
    url = server_options.find_url(parsed.url)
    token = server_options.find_token(parsed.token, url)
    songs = find_songs(parsed)
    tasks = parse_tasks(songs, parsed.resume)
    layout = Layout(parsed.output_path, parsed.filename_format)
    layout.check(songs, options, resumes=bool(parsed.resume))
    interrupted = False
    try:
        with ApiClient(url, token) as api, Transfers() as transfers:
            session = Session(api, transfers, StopEvent(), parsed.give_up_after)
            _run_all(tasks, session, layout, options, parsed)
    except KeyboardInterrupt:
        interrupted = True
        print_error("Interrupted; unfinished files are removed.")
    for line in _resume_hints(tasks, url, layout):
        print_error(line)
    return INTERRUPTED if interrupted else max(task.status or DONE for task in tasks)


def _run_all(
    tasks: Sequence[Task],
    session: Session,
    layout: Layout,
    options: Options,
    parsed: argparse.Namespace,
) -> None:
    with open_display(quiet=parsed.quiet) as display:
        first = Retries(session.stop, session.give_up_after_s, display.print_error)
        first.run(session.api.check)
        reporter = SongReporter(display, parsed.json, parsed.quiet)
        runner = Runner(session, reporter, layout, options)
        run_all([partial(runner.run, task) for task in tasks], parsed.parallel, session.stop)


def _resume_hints(tasks: Sequence[Task], url: str, layout: Layout) -> Iterator[str]:
    """Yield how to resume the tasks that neither are done nor have failed for good."""
    left = [task for task in tasks if task.status not in {DONE, SONG_FAILED}]
    if left and layout.needs_songs:
        yield "To resume, run this command again: songs that are separated aren't uploaded again."
        return
    job_ids = [task.job_id for task in left if task.job_id]
    if job_ids:
        command = [
            "stemdrop",
            "submit",
            *_option_unless_default("--url", url, server_options.DEFAULT_URL),
        ]
        command += _option_unless_default("-o", str(layout.folder), str(DEFAULT_FOLDER))
        command += _option_unless_default("-f", layout.filename_format, DEFAULT_FORMAT)
        yield f"To resume: {shlex.join([*command, '--resume', *job_ids])}"
    songs = [str(task.song) for task in left if not task.job_id]
    if songs:
        yield f"Not uploaded, so submit again: {shlex.join(songs)}"


def _option_unless_default(option: str, value: str, default: str) -> list[str]:
    return [] if value == default else [option, value]


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PARALLEL:
        raise argparse.ArgumentTypeError(f"use 1 to {MAX_PARALLEL}, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"use seconds, such as 60, not {text!r}")
    return seconds
