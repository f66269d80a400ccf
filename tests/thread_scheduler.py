"""Runs functions side by side, one step at a time, in an order that a test chooses."""

import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue

# Far more than a step takes: for a function that never comes to its next one.
STUCK_AFTER_S = 60.0


class ThreadScheduler:
    """Lets the functions' threads take turns, so that each order of steps can be had again."""

    def __init__(self) -> None:
        self._arrivals: SimpleQueue[tuple[str, BaseException | None, bool]] = SimpleQueue()
        self._semaphores: dict[str, threading.Semaphore] = {}

    def step(self) -> None:
        """Wait for the next turn; called by the functions, and harmless anywhere else."""
        name = threading.current_thread().name
        if name in self._semaphores:
            self._arrivals.put((name, None, False))
            self._semaphores[name].acquire()

    def run(
        self, functions: Mapping[str, Callable[[], object]], choose: Callable[[list[str]], str]
    ) -> None:
        """Run all functions to their ends.

        Parameters
        ----------
        functions : by names that tell them apart.
        choose : picks whose turn it is from the names of those that are not at their end.
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
