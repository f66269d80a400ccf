"""Health check of the local stack in a container.

    python -m stemdrop_local.health

The port is that of the command line of the container's first process.
"""

import argparse
import http.client
import sys
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

from stemdrop_local.ports import LOOPBACK

FIRST_PROCESS = Path("/proc/1/cmdline")
TIMEOUT_S = 10.0


def main() -> int:
    """Return 0 if the stack is healthy, and 1 otherwise."""
    words = FIRST_PROCESS.read_bytes().decode(errors="replace").split("\0")
    return 0 if answers(port_of(words)) else 1


def port_of(words: list[str]) -> int:
    """Return the port in the stack's command line."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=5000)
    parsed, _ = parser.parse_known_args([word for word in words if word != "--"])
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
