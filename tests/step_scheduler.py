"""Run functions one step at a time, in an order that a test chooses."""

from collections.abc import Callable, Mapping

from greenlet import getcurrent, greenlet


class StepScheduler:
    """Runs one function at a time, so that each order of steps is reproducible."""

    def __init__(self) -> None:
        self._names: dict[greenlet, str] = {}

    @property
    def current(self) -> str | None:
        """Return the name of the running function; None outside of all."""
        return self._names.get(getcurrent())

    def step(self) -> None:
        """Wait for the next turn. Does nothing outside of the scheduler's functions."""
        running = getcurrent()
        if running in self._names and running.parent:
            running.parent.switch()

    def run(
        self, functions: Mapping[str, Callable[[], object]], choose: Callable[[list[str]], str]
    ) -> None:
        """Run all functions until they return.

        Parameters
        ----------
        functions : Functions by unique name.
        choose : Returns the next function to run, from the names of the unfinished ones.
        """
        running = {name: greenlet(function) for name, function in functions.items()}
        self._names = {function: name for name, function in running.items()}
        for function in running.values():
            function.switch()
        while waiting := sorted(name for name, function in running.items() if not function.dead):
            running[choose(waiting)].switch()
