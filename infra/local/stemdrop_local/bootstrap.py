"""Process of a function: AWS's runtime interface client with the code of this environment.

    python -m stemdrop_local.bootstrap

It ends with its parent, even during an invocation.
"""

import os
import select
import signal
import sys
from threading import Thread

from awslambdaric.__main__ import main as run_client


def main() -> None:
    """Handle invocations until the parent ends."""
    parent = os.pidfd_open(os.getppid())
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    run_client([sys.argv[0], os.environ["_HANDLER"]])


def _end_with(process_fd: int) -> None:
    select.select([process_fd], [], [])
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
