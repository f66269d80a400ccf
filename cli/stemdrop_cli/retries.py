"""Retries with exponential backoff, and a stop event that ends them."""

import random
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from stemdrop_cli.errors import StoppedError, TemporaryServerError

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 5.0
GIVE_UP_AFTER_S = 120.0

Result = TypeVar("Result")


class StopEvent:
    """Stops the work of all threads."""

    def __init__(self) -> None:
        self._event = Event()

    def set(self) -> None:
        """Stop the work."""
        self._event.set()

    def check(self) -> None:
        """Raise StoppedError if the work is stopped."""
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """Wait, or raise StoppedError as soon as the work is stopped."""
        if self._event.wait(seconds):
            raise StoppedError


class Retries:
    """Retry calls with growing delays, until the delays without progress exceed a limit.

    Parameters
    ----------
    stop : Event that ends a delay.
    give_up_after_s : Limit of the sum of the delays; the calls themselves don't count.
    note : Function that shows a short message before each delay.
    """

    def __init__(
        self, stop: StopEvent, give_up_after_s: float, note: Callable[[str], None]
    ) -> None:
        self._stop = stop
        self._give_up_after_s = give_up_after_s
        self._note = note
        self._waited_s = 0.0
        self._delay_s = FIRST_DELAY_S

    def run(self, call: Callable[[], Result]) -> Result:
        """Call a function until it doesn't raise TemporaryServerError, and return its result.

        Raises
        ------
        TemporaryServerError : The last one, when the limit is reached.
        """
        while True:
            try:
                result = call()
            except TemporaryServerError as error:
                self._wait_after(error)
            else:
                self.reset()
                return result

    def reset(self) -> None:
        """Start over with the first delay and the full limit, after progress."""
        self._waited_s = 0.0
        self._delay_s = FIRST_DELAY_S

    def _wait_after(self, error: TemporaryServerError) -> None:
        self._stop.check()  # a stop closes connections, which is not the server's error
        # Jitter: clients that lost a server at the same moment don't return at the same moment.
        delay_s = max(error.retry_after_s, self._delay_s * random.uniform(0.5, 1.0))
        if self._waited_s + delay_s > self._give_up_after_s:
            raise error
        self._note("server unavailable, retrying")
        self._stop.wait(delay_s)
        self._waited_s += delay_s
        self._delay_s = min(2 * self._delay_s, MAX_DELAY_S)
