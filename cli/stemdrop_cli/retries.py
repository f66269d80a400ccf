"""What is done again after it failed, and when that ends."""

import random
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from stemdrop_cli.errors import StoppedError, TroubleError

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
GIVE_UP_AFTER_S = 120.0

Result = TypeVar("Result")


class Stop:
    """Tells all threads to end."""

    def __init__(self) -> None:
        self._event = Event()

    def set(self) -> None:
        """Tell them."""
        self._event.set()

    def check(self) -> None:
        """Raise StoppedError if this has to end."""
        self.pause(0)

    def pause(self, seconds: float) -> None:
        """Wait, or raise StoppedError as soon as this has to end."""
        if self._event.wait(seconds):
            raise StoppedError


class Retries:
    """Tries again, ever more slowly, until it has waited too long without anything gained.

    Parameters
    ----------
    stop : ends the waiting.
    give_up_after_s : seconds to wait in all, the time of the tries aside.
    note : told what is wrong, in a few words, before each wait.
    """

    def __init__(self, stop: Stop, give_up_after_s: float, note: Callable[[str], None]) -> None:
        self._stop = stop
        self._give_up_after_s = give_up_after_s
        self._note = note
        self._waited_s = 0.0
        self._pause_s = FIRST_PAUSE_S

    def run(self, call: Callable[[], Result]) -> Result:
        """Return what a call returns once it doesn't end in a TroubleError.

        Raises
        ------
        TroubleError : the last one, when the time is up.
        """
        while True:
            try:
                result = call()
            except TroubleError as error:
                self._pause_after(error)
            else:
                self.start_anew()
                return result

    def start_anew(self) -> None:
        """Forget the failures so far, because something was gained."""
        self._waited_s = 0.0
        self._pause_s = FIRST_PAUSE_S

    def _pause_after(self, error: TroubleError) -> None:
        self._stop.check()  # an end closes connections, which is no trouble to tell of
        # Not all clients that lost a server at the same moment should be back at the same moment.
        pause_s = max(error.retry_after_s, self._pause_s * random.uniform(0.5, 1.0))
        if self._waited_s + pause_s > self._give_up_after_s:
            raise error
        self._note("no answer, trying again")
        self._stop.pause(pause_s)
        self._waited_s += pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
