"""Run concurrent functions in every order of their steps."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from heapq import heappop, heappush

from step_scheduler import StepScheduler


class SimulatedKillError(BaseException):
    """Ends a function as SIGKILL ends a process: no handler of errors sees it."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the next steps depend on.

    Attributes
    ----------
    results : Results of all accesses so far of each function that runs.
    killed : Names of the killed functions.
    shared : What the functions share.
    """

    results: frozenset[tuple[str, tuple[object, ...]]]
    killed: frozenset[str]
    shared: Hashable

    def of(self, name: str) -> tuple[object, ...] | None:
        """Return the results of a function; None if it doesn't run."""
        return dict(self.results).get(name)

    def after_kill(self, name: str) -> "State":
        """Return the state after a function is killed."""
        return State(self._but(name), self.killed | {name}, self.shared)

    def after_step(
        self, name: str, results: tuple[object, ...] | None, shared: Hashable
    ) -> "State":
        """Return the state after a step of a function, which ends with no results."""
        own = set() if results is None else {(name, results)}
        return State(self._but(name) | own, self.killed, shared)

    def _but(self, name: str) -> frozenset[tuple[str, tuple[object, ...]]]:
        return frozenset(found for found in self.results if found[0] != name)


Look = Callable[[], State]


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

    def run(self, choose: Callable[[list[str], Look], str | None]) -> None:
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

    def _checked_state(self, alive: list[str]) -> State:
        self.check_always()
        seen = frozenset((name, tuple(self._results.get(name, ()))) for name in alive)
        return State(seen, frozenset(self.killed), self.state())


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
    while chooser := search.begin():
        make_scenario().run(chooser)
        runs += 1
    return runs


@dataclass(frozen=True, slots=True, order=True)
class _Beginning:
    """First choices of a run; the state is the one before the last choice."""

    preemptions: int
    path: tuple[str, ...] = ()
    state: State | None = field(default=None, compare=False)


class _Search:
    """Chooses the next step, and keeps the other choices for later runs.

    Those with the fewest preemptions come first: the states that they lead to need no run with
    more. A step of a function depends on its earlier results and on what is shared, so it is known
    where it leads if it was seen in another order.
    """

    def __init__(self, preemptions: int) -> None:
        self._beginnings = [_Beginning(0)]
        self._seen: defaultdict[State, list[tuple[str | None, int]]] = defaultdict(list)
        self._steps: dict[Hashable, tuple[tuple[object, ...] | None, Hashable]] = {}
        self._preemptions = preemptions

    def begin(self) -> Callable[[list[str], Look], str | None] | None:
        """Return the chooser of the next run; None after the last one."""
        while self._beginnings:
            beginning = heappop(self._beginnings)
            if not self._leads_to_explored(beginning):
                return self._chooser(beginning)
        return None

    def _chooser(self, beginning: _Beginning) -> Callable[[list[str], Look], str | None]:
        path: list[str] = []
        used = 0
        before = beginning.state

        def choose(choices: list[str], look: Look) -> str | None:
            nonlocal before, used
            current = path[-1] if path and path[-1] in choices else None
            if len(path) < len(beginning.path):  # as in an earlier run, which checked the states
                choice = beginning.path[len(path)]
            else:
                state = look()
                if before:
                    self._learn(before, path[-1], state)
                before = state
                if self._is_explored(state, current, used):
                    return None
                self._seen[state].append((current, used))
                choice, *others = self._allowed(choices, path, current, used)
                for other in others:
                    preemptions = used + _cost(other, current)
                    heappush(self._beginnings, _Beginning(preemptions, (*path, other), state))
            used += _cost(choice, current)
            path.append(choice)
            return choice

        return choose

    def _learn(self, before: State, choice: str, after: State) -> None:
        if not _is_kill(choice):
            key = choice, before.of(choice), before.shared
            self._steps[key] = after.of(choice), after.shared

    def _leads_to_explored(self, beginning: _Beginning) -> bool:
        if beginning.state is None:
            return False
        state, choice = beginning.state, beginning.path[-1]
        if _is_kill(choice):
            after = state.after_kill(choice.removeprefix("kill "))
            return self._is_explored(after, None, beginning.preemptions)
        step = self._steps.get((choice, state.of(choice), state.shared))
        if step is None:
            return False
        current = None if step[0] is None else choice
        return self._is_explored(state.after_step(choice, *step), current, beginning.preemptions)

    def _is_explored(self, state: State, current: str | None, used: int) -> bool:
        """Return whether the state was reached with as many preemptions left."""
        seen = self._seen.get(state, [])
        return any(before + _cost(current, other) <= used for other, before in seen)

    def _allowed(
        self, choices: list[str], path: list[str], current: str | None, used: int
    ) -> list[str]:
        """Return the choices, the running function first.

        A function that waits needs no kill: it is the same as one right after its last step.
        """
        names = [name for name in choices if not _is_kill(name)]
        if used == self._preemptions:
            return [current] if current else names
        kills = [kill for kill in choices if _is_kill(kill)]
        if path:
            kills = [kill for kill in kills if kill == f"kill {current}"]
        return [*sorted(names, key=lambda name: name != current), *kills]


def _is_kill(choice: str) -> bool:
    return choice.startswith("kill ")


def _cost(choice: str | None, current: str | None) -> int:
    """Return the preemptions that a choice takes after a step of the current function."""
    is_kill = choice is not None and _is_kill(choice)
    return int(is_kill or (current is not None and choice != current))
