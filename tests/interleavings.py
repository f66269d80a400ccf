"""Run concurrent functions in every order of their steps."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from functools import partial
from heapq import heappop, heappush

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

    def run(self, choose: Callable[[list[str], Callable[[], Hashable]], str | None]) -> None:
        """Run all functions.

        Parameters
        ----------
        choose : Returns one of the choices; None ends all functions. The choices are the names of
            the functions, and ``kill <name>``. The second argument checks and returns the state.
        """
        ended = False

        def choose_next(waiting: list[str]) -> str:
            nonlocal ended
            alive = [name for name in waiting if name not in self.killed]
            kills = [f"kill {name}" for name in alive if name in self.killable]
            look = partial(self._checked_state, alive)
            choice = None if ended else choose([*alive, *kills], look)
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

    def _checked_state(self, alive: list[str]) -> Hashable:
        self.check_always()
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
        make_scenario().run(search.begin())
        runs += 1
    return runs


class _Search:
    """Chooses the next step, and keeps the other choices for later runs.

    Attributes
    ----------
    beginnings : First choices of the runs to come, each with the preemptions among them. Those with
        the fewest come first: the states that they lead to need no run with more.
    """

    def __init__(self, preemptions: int) -> None:
        self.beginnings: list[tuple[int, tuple[str, ...]]] = [(0, ())]
        self._seen: defaultdict[Hashable, list[tuple[str | None, int]]] = defaultdict(list)
        self._preemptions = preemptions

    def begin(self) -> Callable[[list[str], Callable[[], Hashable]], str | None]:
        """Return the chooser of the next run."""
        _, beginning = heappop(self.beginnings)
        path: list[str] = []
        used = 0

        def choose(choices: list[str], look: Callable[[], Hashable]) -> str | None:
            nonlocal used
            current = path[-1] if path and path[-1] in choices else None
            if len(path) < len(beginning):  # as in an earlier run, which has checked the states
                choice = beginning[len(path)]
            else:
                if self._is_explored(look(), current, used):
                    return None
                choice, *others = self._allowed(choices, path, current, used)
                for other in others:
                    heappush(self.beginnings, (used + _cost(other, current), (*path, other)))
            used += _cost(choice, current)
            path.append(choice)
            return choice

        return choose

    def _is_explored(self, state: Hashable, current: str | None, used: int) -> bool:
        """Return whether the state was reached with as many preemptions left; remember it."""
        seen = self._seen[state]
        if any(before + _cost(current, other) <= used for other, before in seen):
            return True
        seen.append((current, used))
        return False

    def _allowed(
        self, choices: list[str], path: list[str], current: str | None, used: int
    ) -> list[str]:
        """Return the choices, the running function first.

        A function that waits needs no kill: it is the same as one right after its last step.
        """
        names = [name for name in choices if not name.startswith("kill ")]
        if used == self._preemptions:
            return [current] if current else names
        kills = [kill for kill in choices if kill not in names]
        if path:
            kills = [kill for kill in kills if kill == f"kill {current}"]
        return [*sorted(names, key=lambda name: name != current), *kills]


def _cost(choice: str | None, current: str | None) -> int:
    """Return the preemptions that a choice takes after a step of the current function."""
    is_kill = choice is not None and choice.startswith("kill ")
    return int(is_kill or (current is not None and choice != current))
