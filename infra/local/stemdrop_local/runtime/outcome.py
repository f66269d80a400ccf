"""How an invocation ended, told from what the runtime interface emulator answers."""

import json
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

TIMED_OUT = "Task timed out"


class Ending(StrEnum):
    """The ways in which an invocation ends."""

    RETURNED = "returned"
    RAISED = "raised"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an invocation.

    Attributes
    ----------
    ending : which of the ways it was.
    payload : what the handler returned; else Lambda's description with `errorType` and
        `errorMessage`.
    """

    ending: Ending
    payload: Any

    @property
    def succeeded(self) -> bool:
        """Return whether the event is done with."""
        return self.ending is Ending.RETURNED


def read_answer(status: int, body: bytes) -> Outcome:
    """Tell how an invocation ended.

    The emulator answers 200 to a handler that returned, to one that raised, which a JSON object
    describes, and to one that took too long, which a sentence outside of JSON says. When the
    process ended or never came up it answers 502, with a description if there is one.
    """
    text = body.decode(errors="replace")
    try:
        payload = json.loads(text)
    except ValueError:
        if status == HTTPStatus.OK and text.startswith(TIMED_OUT):
            return Outcome(Ending.TIMED_OUT, _error("Sandbox.Timedout", text))
        return lost(text or "No answer.")
    describes = isinstance(payload, dict) and {"errorType", "errorMessage"} <= payload.keys()
    if status != HTTPStatus.OK:
        return Outcome(Ending.CRASHED, payload) if describes else lost(text)
    if describes:
        return Outcome(Ending.RAISED, payload)
    return Outcome(Ending.RETURNED, payload)


def lost(reason: str) -> Outcome:
    """Return the outcome of an invocation whose process ended without a description."""
    return Outcome(Ending.CRASHED, _error("Runtime.ExitError", reason))


def _error(kind: str, message: str) -> dict[str, str]:
    return {"errorType": kind, "errorMessage": message}
