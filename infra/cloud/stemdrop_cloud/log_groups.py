"""The entries of several log groups in the order of time: those that are there, or as they come."""

import heapq
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

POLL_S = 2.0
# CloudWatch shows entries some seconds after they were written, and not in order.
LATENESS_MS = 60_000


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """An entry of a log group.

    Attributes
    ----------
    timestamp_ms : when it was written.
    source : the name that we gave its group.
    """

    timestamp_ms: int
    source: str
    id: str
    text: str


def read(logs: Any, groups: Mapping[str, str], since_ms: int) -> Iterator[Entry]:
    """Yield the entries of all groups since a moment, oldest first, page by page.

    Parameters
    ----------
    logs : boto3's client.
    groups : our name of each to its own.
    """
    sources = [_read_group(logs, source, group, since_ms) for source, group in groups.items()]
    yield from heapq.merge(*sources)


def follow(
    logs: Any,
    groups: Mapping[str, str],
    since_ms: int,
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[Entry]:
    """Yield the entries since a moment and then each that comes, once, for ever.

    Parameters
    ----------
    wait : called with seconds between two looks.
    """
    seen: dict[tuple[str, str], int] = {}
    newest_ms = since_ms
    while True:
        for entry in read(logs, groups, max(since_ms, newest_ms - LATENESS_MS)):
            newest_ms = max(newest_ms, entry.timestamp_ms)
            if (entry.source, entry.id) not in seen:
                seen[entry.source, entry.id] = entry.timestamp_ms
                yield entry
        # What is older than that is never read again.
        seen = {key: at for key, at in seen.items() if at >= newest_ms - LATENESS_MS}
        wait(POLL_S)


def _read_group(logs: Any, source: str, group: str, since_ms: int) -> Iterator[Entry]:
    pages = logs.get_paginator("filter_log_events")
    for page in pages.paginate(logGroupName=group, startTime=since_ms):
        for event in page["events"]:
            yield Entry(event["timestamp"], source, event["eventId"], event["message"])
