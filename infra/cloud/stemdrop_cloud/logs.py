"""Show what both functions and the HTTP API have logged, in the order of time.

python -m stemdrop_cloud.logs --help
"""

import argparse
import re
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from stemdrop_cloud import log_groups
from stemdrop_cloud.account import Account, Stack, open_account, require_stack
from stemdrop_cloud.command import parser, run
from stemdrop_cloud.configuration import load_environment
from stemdrop_cloud.errors import DONE, UnreachableError
from stemdrop_cloud.log_lines import render

SINCE = re.compile(r"(?P<number>\d+)(?P<unit>[smhd])")
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DEFAULT_SINCE = "1h"


def main(arguments: Sequence[str] | None = None) -> int:
    """Show logs, and return the exit status."""
    made = parser("logs", "Show what a stack has logged, times in UTC.")
    made.add_argument(
        "--since",
        type=moment_ms,
        default=DEFAULT_SINCE,
        help="such as 30s, 15m, 1h, 2d or 2026-01-31T12:00; default %(default)s",
    )
    made.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    return run(_show, made, arguments)


def moment_ms(text: str) -> int:
    """Return a moment, given by its time or by how long ago it was, in ms since 1970."""
    ago = SINCE.fullmatch(text)
    if ago:
        return int((time.time() - int(ago["number"]) * UNITS_S[ago["unit"]]) * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write it as 1h") from error
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, int(aware.timestamp() * 1000))


def _show(parsed: argparse.Namespace) -> int:
    environment = load_environment(parsed.environment)
    account = open_account(parsed.region or environment.region)
    stack = require_stack(account, parsed.stack or environment.stack)
    read = log_groups.follow if parsed.follow else log_groups.read
    for entry in read(account.client("logs"), _groups(account, stack), max(0, parsed.since)):
        line = render(entry.timestamp_ms, entry.source, entry.text)
        if line:
            print(line, flush=True)
    return DONE


def _groups(account: Account, stack: Stack) -> dict[str, str]:
    """Return the stack's log groups, named after what writes them."""
    found = {
        _source(logical_id): group
        for logical_id, group in account.resources(stack, "AWS::Logs::LogGroup")
    }
    if not found:
        raise UnreachableError(f"The stack {stack.name} is {stack.status} and has no logs.")
    return found


def _source(logical_id: str) -> str:
    """Return separate for SeparateLogGroup, api for ApiLogGroup, access for ApiAccessLogGroup."""
    name = logical_id.removesuffix("LogGroup")
    return re.findall(r"[A-Z][a-z]*", name)[-1].lower() if name else "log"


if __name__ == "__main__":
    sys.exit(main())
