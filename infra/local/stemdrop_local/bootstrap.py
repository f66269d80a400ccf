"""Process of a function: AWS's runtime interface client with the code of this environment.

    python -m stemdrop_local.bootstrap

It ends with its parent, even during an invocation.
"""

import os
import select
import signal
from threading import Thread
from typing import Any

from awslambdaric.bootstrap import run
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient


class RuntimeClient(LambdaRuntimeClient):  # type: ignore[misc]  # it has no types
    """Client of the Runtime API, whose address has a password here; see emulator_gaps.py."""

    def post_init_error(self, *_: Any) -> None:
        """Report nothing: the request can't have the password, and the log has the error."""


def main() -> None:
    """Handle invocations until the parent ends."""
    parent = os.pidfd_open(os.getppid())
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    run(os.environ["_HANDLER"], RuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"]))


def _end_with(process_fd: int) -> None:
    select.select([process_fd], [], [])
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
