"""Work that is done again and again, beside everything else."""

from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self


class PeriodicWorker:
    """A context manager that does some work in a thread, at once and then again and again.

    Parameters
    ----------
    work : is done until it raises; `check` tells.
    interval_s : from the end of the work to its next start; without it, only `wake` starts it.
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
        """Have the work done without waiting."""
        self._awake.set()

    def check(self) -> None:
        """Raise what has ended the work, if anything has."""
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
        except Exception as error:  # noqa: BLE001 - handed over to who asks
            self._error = error
