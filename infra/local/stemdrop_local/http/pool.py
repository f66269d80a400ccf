"""Execution environments of a function that answers calls, as many as it takes at the same time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import Empty, LifoQueue
from types import TracebackType
from typing import Any, Self

from stemdrop_local.http.events import Event, FunctionError
from stemdrop_local.http.gateway import RequestTooLargeError
from stemdrop_local.runtime.emulator import Emulator, EventTooLargeError
from stemdrop_local.runtime.outcome import Outcome

# API Gateway waits no longer for an HTTP API's integration.
PATIENCE_S = 30.0


class Pool:
    """A context manager that runs emulators of one function, and shares calls out among them.

    Parameters
    ----------
    emulators : one for each call at the same time; further calls wait for their turn.
    on_failure : is told of every call that the function did not answer.
    """

    def __init__(
        self,
        emulators: Sequence[Emulator],
        on_failure: Callable[[Outcome], object] = lambda _: None,
    ) -> None:
        self._emulators = emulators
        self._on_failure = on_failure
        # The one that has just answered is warm, and takes the next call.
        self._idle: LifoQueue[Emulator] = LifoQueue()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            started.callback(self._stop)
            for emulator in self._emulators:
                emulator.start()
                self._idle.put(emulator)
            started.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def invoke(self, event: Event) -> Any:
        """Return what the function answers to an event, as a `Gateway` asks for it.

        Raises
        ------
        FunctionError : the function failed.
        RequestTooLargeError : Lambda takes no event as large as this.
        TimeoutError : all emulators were at work for all the time that a caller waits.
        """
        try:
            emulator = self._idle.get(timeout=PATIENCE_S)
        except Empty as error:
            raise TimeoutError("No emulator was free in time.") from error
        try:
            outcome = emulator.invoke(event)
        except EventTooLargeError as error:
            raise RequestTooLargeError(error.message) from error
        finally:
            self._idle.put(emulator)
        if not outcome.succeeded:
            self._on_failure(outcome)
            raise FunctionError(outcome.ending)
        return outcome.payload

    def _stop(self) -> None:
        with ThreadPoolExecutor(len(self._emulators)) as enders:
            list(enders.map(Emulator.stop, self._emulators))
