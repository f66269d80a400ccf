"""Run functions in threads, one step at a time, in an order that a test chooses."""

import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue

# For a function that never reaches its next step.
STUCK_AFTER_S = 60.0


class ThreadScheduler:
    """Runs one thread at a time, so that each order of steps is reproducible."""

    def __init__(self) -> None:
        self._arrivals: SimpleQueue[tuple[str, BaseException | None, bool]] = SimpleQueue()
        self._semaphores: dict[str, threading.Semaphore] = {}

    def step(self) -> None:
        """Wait for the next turn. Does nothing outside of the scheduler's threads."""
        name = threading.current_thread().name
        if name in self._semaphores:
            self._arrivals.put((name, None, False))
            self._semaphores[name].acquire()

    def run(
        self, functions: Mapping[str, Callable[[], object]], choose: Callable[[list[str]], str]
    ) -> None:
        """Run all functions until they return.

        Parameters
        ----------
        functions : Functions by unique name.
        choose : Returns the next function to run, from the names of the unfinished ones.
        """
        self._semaphores = {name: threading.Semaphore(0) for name in functions}
        waiting: list[str] = []
        threads = [
            threading.Thread(target=self._run, args=(function,), name=name, daemon=True)
            for name, function in functions.items()
        ]
        for thread in threads:
            thread.start()
            self._await(waiting)
        while waiting:
            name = choose(sorted(waiting))
            waiting.remove(name)
            self._semaphores[name].release()
            self._await(waiting)
        for thread in threads:
            thread.join(STUCK_AFTER_S)

    def _run(self, function: Callable[[], object]) -> None:
        failure = None
        try:
            function()
        except BaseException as error:  # noqa: BLE001  # goes to the thread of the test
            failure = error
        self._arrivals.put((threading.current_thread().name, failure, True))

    def _await(self, waiting: list[str]) -> None:
        name, failure, ended = self._arrivals.get(timeout=STUCK_AFTER_S)
        if failure is not None:
            raise failure
        if not ended:
            waiting.append(name)
