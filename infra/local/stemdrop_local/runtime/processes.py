"""Processes that end with this one."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# A leash has to end others in this time, and to clean up after them, also on a busy machine.
GRACE_S = 30.0


class Companion:
    """A process that reads its standard input and ends when it closes, so it never outlives us.

    Parameters
    ----------
    command : what to run.
    log : the file that its output is appended to.
    environment : all of its environment; ours by default.
    inherited_fds : open files to hand over.
    grace_s : how long it may take to end, before it is killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        inherited_fds: Sequence[int] = (),
        grace_s: float = GRACE_S,
    ) -> None:
        self._grace_s = grace_s
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            # In a session of its own, Ctrl-C reaches us alone, and we end the others in order.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(os.environ if environment is None else environment),
                pass_fds=inherited_fds,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Return the id of the process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Return whether it has not ended yet."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it, and return when it has ended."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(self._grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
