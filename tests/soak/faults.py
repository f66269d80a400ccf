"""The proxy of a soak run: random faults of S3, outages, and what happens to songs meanwhile."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from fault_proxy import (
    Fault,
    FaultProxy,
    S3Request,
    S3Response,
    drop_response,
    truncate_body,
    unavailable,
)
from soak.plan import Outage, PlannedSong

# Share of the requests that have a fault of their own.
FAULT_SHARE = 0.04
INTERNAL_ERROR = b"<Error><Code>InternalError</Code><Message>Internal error</Message></Error>"


def fail(_: Callable[[], S3Response]) -> S3Response:
    """Return 500 without calling S3."""
    return S3Response(500, (), INTERNAL_ERROR)


def reset(_: Callable[[], S3Response]) -> None:
    """Close the connection without calling S3."""


def delay(forward: Callable[[], S3Response]) -> S3Response:
    """Forward the request after a moment."""
    time.sleep(0.3)
    return forward()


FAULTS = {
    "503": unavailable,
    "500": fail,
    "reset before": reset,
    "reset after": drop_response,
    "cut": truncate_body,
    "delay": delay,
}


@dataclass(frozen=True, slots=True)
class _Watched:
    """A song, and what happens to it at its moment."""

    song: PlannedSong
    happen: Callable[[], object]


class SoakProxy(FaultProxy):
    """A proxy that injects the faults of a plan.

    Parameters
    ----------
    endpoint_url : URL of S3.
    seed : Seed that chooses the faults.

    Attributes
    ----------
    injected : Kind of fault to the number of requests that had it.
    total : Number of requests.
    is_calm : Whether all requests are passed on.
    """

    def __init__(self, endpoint_url: str, seed: int) -> None:
        super().__init__(endpoint_url)
        self._seed = seed
        self._watched: dict[str, _Watched] = {}
        self._requests: Counter[str] = Counter()
        self._counting = threading.Lock()
        self.injected: Counter[str] = Counter()
        self.total = 0
        self.is_calm = False

    def watch(self, key: str, song: PlannedSong, happen: Callable[[], object]) -> None:
        """Count the requests for a song, and call a function at its moment."""
        self._watched[key] = _Watched(song, happen)

    def forget(self) -> None:
        """Stop watching songs."""
        self._watched.clear()

    def fault_for(self, request: S3Request) -> Fault | None:
        """Return the fault of a request, if any, after what happens before it."""
        watched = self._watched.get(_upload_key(request.key))
        is_uploaded = request.method == "PUT" and "-uploads-" in request.bucket
        with self._counting:
            self.total += 1
            name = watched.song.name if watched else f"{request.method} {request.key}"
            if is_uploaded or self.is_calm:
                return None
            self._requests[name] += 1
            number = self._requests[name]
        if watched and number == watched.song.moment:
            watched.happen()
        outage = watched.song.outage if watched else None
        kind = self._choose(request, outage, Random(f"{self._seed} {name} {number}"), number)
        if kind is None:
            return None
        with self._counting:
            self.injected[kind] += 1
        return FAULTS[kind]

    def _choose(
        self, request: S3Request, outage: Outage | None, random: Random, number: int
    ) -> str | None:
        if (
            outage
            and outage.covers(number)
            and not (outage.is_of_upload and "-stems-" in request.bucket)
        ):
            return random.choice(("503", "500", "reset before"))
        if random.random() >= FAULT_SHARE:
            return None
        kinds = set(FAULTS) - (set() if request.method == "GET" else {"cut"})
        return random.choice(sorted(kinds))


def _upload_key(key: str) -> str:
    """Return the key of the upload that a key belongs to: a song has no folder here."""
    return "/".join(key.split("/")[:2])
