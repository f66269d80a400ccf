"""Run concurrent functions in every order of their steps."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress

from step_scheduler import StepScheduler


class SimulatedKillError(BaseException):
    """Ends a function as SIGKILL ends a process: no handler of errors sees it."""


class Scenario(ABC):
    """Functions that run at the same time.

    Attributes
    ----------
    killable : Names of the functions that may be killed at any step.
    killed : Names of those that were killed.
    """

    killable: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.killed: set[str] = set()
        self._scheduler = StepScheduler()
        self._results: dict[str | None, list[object]] = {}

    @property
    def current(self) -> str | None:
        """Return the name of the running function; None outside of all."""
        return self._scheduler.current

    @abstractmethod
    def functions(self) -> Mapping[str, Callable[[], object]]:
        """Return the functions by name."""

    @abstractmethod
    def state(self) -> Hashable:
        """Return everything that the functions share."""

    @abstractmethod
    def check_always(self) -> None:
        """Check what holds after each step."""

    @abstractmethod
    def check_end(self) -> None:
        """Check what holds after all functions have ended."""

    def step(self) -> None:
        """Wait for the next turn; called before each access to what is shared."""
        self._scheduler.step()
        if self.current in self.killed:
            raise SimulatedKillError

    def saw(self, result: object) -> None:
        """Record the result of an access, on which everything depends that the function does."""
        self._results.setdefault(self.current, []).append(result)

    def run(self, choose: Callable[[list[str], Hashable], str | None]) -> None:
        """Run all functions.

        Parameters
        ----------
        choose : Returns one of the choices, given the state; None ends all functions. The choices
            are the names of the functions, and ``kill <name>``.
        """
        ended = False

        def choose_next(waiting: list[str]) -> str:
            nonlocal ended
            self.check_always()
            alive = [name for name in waiting if name not in self.killed]
            kills = [f"kill {name}" for name in alive if name in self.killable]
            choice = None if ended else choose([*alive, *kills], self._whole_state(alive))
            if choice is None:
                ended = True
                self.killed.update(waiting)
                return waiting[0]
            name = choice.removeprefix("kill ")
            if name != choice:
                self.killed.add(name)
            return name

        wrapped = {name: _killable(function) for name, function in self.functions().items()}
        self._scheduler.run(wrapped, choose_next)
        if not ended:
            self.check_always()
            self.check_end()

    def _whole_state(self, alive: list[str]) -> Hashable:
        seen = tuple((name, tuple(self._results.get(name, ()))) for name in alive)
        return seen, tuple(sorted(self.killed)), self.state()


def _killable(function: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        with suppress(SimulatedKillError):
            function()

    return run


def explore(make_scenario: Callable[[], Scenario], preemptions: int) -> int:
    """Run a scenario in every order of steps that leads to another state, and count the runs.

    Parameters
    ----------
    preemptions : Number of times that a function is interrupted between two of its steps, or
        killed. The number of orders grows with its power.
    """
    search = _Search(preemptions)
    runs = 0
    while search.beginnings:
        make_scenario().run(search.begin(search.beginnings.pop()))
        runs += 1
    return runs


class _Search:
    """Chooses the next step, and keeps the other choices for later runs.

    Attributes
    ----------
    beginnings : First choices of the runs to come.
    """

    def __init__(self, preemptions: int) -> None:
        self.beginnings: list[tuple[str, ...]] = [()]
        self._seen: set[Hashable] = set()
        self._preemptions = preemptions

    def begin(self, beginning: tuple[str, ...]) -> Callable[[list[str], Hashable], str | None]:
        """Return the chooser of a run that begins with some choices."""
        path: list[str] = []
        left = self._preemptions

        def choose(choices: list[str], state: Hashable) -> str | None:
            nonlocal left
            current = path[-1] if path and path[-1] in choices else None
            if len(path) < len(beginning):
                choice = beginning[len(path)]
            else:
                if (state, current, left) in self._seen:
                    return None
                self._seen.add((state, current, left))
                allowed = self._allowed(choices, current, left)
                self.beginnings.extend((*path, other) for other in allowed[1:])
                choice = allowed[0]
            left -= (current is not None and choice != current) or choice.startswith("kill ")
            path.append(choice)
            return choice

        return choose

    def _allowed(self, choices: list[str], current: str | None, left: int) -> list[str]:
        names = [name for name in choices if not name.startswith("kill ")]
        if left == 0:
            return [current] if current else names
        return sorted(choices, key=lambda choice: (choice != current, choice not in names))
