"""Health check of the local stack in a container.

    python -m stemdrop_local.health

The port is that of the command line of the container's first process. A container that runs a
function instead of the stack is always healthy.
"""

import argparse
import http.client
import sys
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

from stemdrop_local.ports import LOOPBACK

FIRST_PROCESS = Path("/proc/1/cmdline")
WORD = "local"
TIMEOUT_S = 10.0


def main() -> int:
    """Return 0 if the stack is healthy or isn't running here, and 1 otherwise."""
    port = port_of(FIRST_PROCESS.read_bytes().decode(errors="replace").split("\0"))
    return 0 if port is None or answers(port) else 1


def port_of(words: list[str]) -> int | None:
    """Return the port in the stack's command line, or None for another command line."""
    starts = [
        number for number, word in enumerate(words) if word in {WORD, f"stemdrop_local.{WORD}"}
    ]
    if not starts:
        return None
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--port", type=int, default=5000)
    parsed, _ = parser.parse_known_args(words[starts[0] + 1 :])
    port: int = parsed.port
    return port


def answers(port: int) -> bool:
    """Return whether the API is healthy."""
    with closing(http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_S)) as connection:
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


if __name__ == "__main__":
    sys.exit(main())
