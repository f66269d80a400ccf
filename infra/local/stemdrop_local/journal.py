"""What the console is told of the work: a line for each event, and never a credential."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from stemdrop.errors import StemdropError
from stemdrop.jobs import Job, Status
from stemdrop.keys import UploadKey
from stemdrop.store import Store
from stemdrop_local.console import Console, duration
from stemdrop_local.events.attempt import Attempt, keys_of
from stemdrop_local.http.front import Call
from stemdrop_local.runtime.outcome import Outcome
from stemdrop_local.s3.expiry import Expired

# What the function says of an upload whose work was done before.
SKIPPED = "skipped"
REQUEST_ID = re.compile(r"^RequestId: \S+ (Error: )?")


class Journal:
    """Turns what happens into lines.

    Parameters
    ----------
    store : where the records of the jobs are.
    backoff_s : seconds before an event is delivered the second time.
    """

    def __init__(self, console: Console, store: Store, backoff_s: int) -> None:
        self._console = console
        self._store = store
        self._backoff_s = backoff_s

    def attempt_begins(self, event: Mapping[str, Any]) -> None:
        """Tell that a function got an event."""
        for key in keys_of(event):
            self._console.say("working", key)

    def attempt_ended(self, attempt: Attempt) -> None:
        """Tell how it ended, for each upload that the event told of."""
        for key in attempt.keys:
            if attempt.outcome.succeeded:
                self._settled(key, str((attempt.outcome.payload or {}).get(key)), attempt.elapsed_s)
            else:
                self._failed(key, attempt)

    def called(self, call: Call) -> None:
        """Tell of a request, unless it is one of our own, or one whose answer is no news."""
        if call.is_signed or call.status == HTTPStatus.NOT_MODIFIED:
            return
        what = "S3" if call.is_for_s3 else "API"
        took = duration(call.elapsed_s)
        self._console.say(what, f"{call.method} {call.path}: {call.status}, {took}")

    def api_failed(self, outcome: Outcome) -> None:
        """Tell of a call that the API's function did not answer."""
        self._console.say("problem", f"the API's function failed: {_reason(outcome)}")

    def expired(self, expired: Expired) -> None:
        """Tell what the lifecycle rules removed, if anything."""
        if expired.objects or expired.uploads:
            what = f"{expired.objects} old objects, {expired.uploads} unfinished uploads"
            self._console.say("expired", what)

    def _settled(self, key: str, outcome: str, elapsed_s: float) -> None:
        job = self._find(key)
        if job is None or outcome == SKIPPED:
            self._console.say("known", f"{key}: nothing to do")
        elif job.status is Status.FAILED and job.error:
            self._console.say("failed", f"{key}: {job.error.message}")
        else:
            stems = ", ".join(stem.stem for stem in job.stems)
            copied = "" if job.usage and "separate" in job.usage.timings_s else ", copied"
            self._console.say("done", f"{key}: {stems}{copied}, {duration(elapsed_s)}")

    def _failed(self, key: str, attempt: Attempt) -> None:
        reason = _reason(attempt.outcome)
        if attempt.is_last:
            self._console.say("gave up", f"{key}: {reason}")
        else:
            wait = duration(self._backoff_s * attempt.number)
            self._console.say("retry", f"{key}: {reason} Next try in {wait}.")

    def _find(self, key: str) -> Job | None:
        try:
            return self._store.load_job(UploadKey.parse(key))[0]
        except StemdropError:
            return None


def _reason(outcome: Outcome) -> str:
    """Return what went wrong, without the id that the emulator puts before it."""
    message = str(outcome.payload.get("errorMessage") or outcome.ending)
    return REQUEST_ID.sub("", message).rstrip(".") + "."
