"""Periodic work in a thread."""

from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self


class PeriodicWorker:
    """A context manager that calls a function in a thread, at once and then periodically.

    Parameters
    ----------
    work : Function to call until it raises an error, which `check` raises again.
    interval_s : Time between two calls; without it, only `run_now` causes another call.
    """

    def __init__(self, work: Callable[[], object], interval_s: float | None = None) -> None:
        self._work = work
        self._interval_s = interval_s
        self._stopping = False
        self._awake = Event()
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping = True
        self._awake.set()
        self._thread.join()

    def run_now(self) -> None:
        """Call the function now."""
        self._awake.set()

    def check(self) -> None:
        """Raise the error that has ended the work, if there is one."""
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            while True:
                self._awake.clear()
                if self._stopping:
                    return
                self._work()
                self._awake.wait(self._interval_s)
        except Exception as error:  # noqa: BLE001 - raised by `check`
            self._error = error
