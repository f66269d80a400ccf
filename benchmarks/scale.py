"""Simulate the song queue at a million songs per month, and at 100,000 songs within an hour.

    python -m benchmarks.scale

Prints the table of docs/operations/scale.md. The durations and requests of a song are those of
docs/operations/cost.md, and the settings are the defaults of template.yaml.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import accumulate

from benchmarks.cost import prices
from benchmarks.cost.bill import KEPT_WARM_S, MONTH_S
from benchmarks.cost.service_limits import FIRST_INVOCATIONS, MORE_PER_MINUTE, PEAK
from benchmarks.cost.template import read_template
from stemdrop_api.errors import POLL_S
from stemdrop_local.deployment import ROOT
from stemdrop_separate.settings import RETRY_DELAYS_S

HOUR_S = 3600
TEMPLATE = read_template()
# SeparateTimeoutS and a minute; see VisibilityTimeouts in template.yaml.
VISIBILITY_S = TEMPLATE.timeout_s + 60
# Assumptions: the spread of durations, and shares of attempts that Lambda or an error of S3 ends.
SIGMA, KILLED, FAILED = 0.4, 0.005, 0.005
SCENARIOS = (
    ("1,000,000 per month, a busy hour", round(PEAK * 1e6 / MONTH_S * HOUR_S), (5, 30)),
    ("100,000 within an hour", 100_000, (5, 75, 200)),
)
HEADS = (
    "Songs", "At a time", "Longest wait", "All done after", "Retries", "Failure queue",
    "S3 writes/s", "S3 reads/s", "API requests/s", "Lambda compute, USD",
)  # fmt: skip


@dataclass(slots=True)
class QueueRun:
    """When each song was done, the longest wait for a delivery, and what was retried or failed."""

    done_s: list[float] = field(default_factory=list)
    longest_wait_s: float = 0.0
    retries: int = 0
    failures: int = 0
    billed_s: float = 0.0


@dataclass(slots=True)
class EventSource:
    """Lambda's event source: 5 invocations at a time, and 300 more per minute while songs wait.

    Attributes
    ----------
    running : End of each invocation, and whether its environment survives.
    idle : Time since which each environment is idle. The last one is used first.
    """

    concurrency: int
    now_s: float = 0.0
    allowed: float = FIRST_INVOCATIONS
    running: list[tuple[float, bool]] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)

    def deliver(self, visible_s: float) -> bool:
        """Wait until a message can be delivered, and return whether its environment is warm."""
        self._wait(max(self.now_s, visible_s))
        if len(self.running) < FIRST_INVOCATIONS:
            self.allowed = FIRST_INVOCATIONS
        while len(self.running) >= int(min(self.allowed, self.concurrency)):
            next_s = min(self.running[0][0], self.now_s + 60 / MORE_PER_MINUTE)
            self.allowed += MORE_PER_MINUTE / 60 * (next_s - self.now_s)
            self._wait(next_s)
        return bool(self.idle) and self.now_s - self.idle.pop() <= KEPT_WARM_S

    def _wait(self, until_s: float) -> None:
        self.now_s = until_s
        while self.running and self.running[0][0] <= until_s:
            ended_s, survives = heappop(self.running)
            self.idle += [ended_s] * survives


def simulate(uploads_s: Sequence[float], cold_s: float, warm_s: float, limit: int) -> QueueRun:
    """Deliver the messages of uploads until each is deleted or has been received three times.

    A killed attempt's message returns when its visibility ends, and a failed one's after the
    separator's delay.
    """
    dice, run, source = random.Random(1), QueueRun(), EventSource(limit)
    messages = [(uploaded_s, uploaded_s, 1) for uploaded_s in uploads_s]
    heapify(messages)
    while messages:
        visible_s, uploaded_s, received = heappop(messages)
        took_s = warm_s if source.deliver(visible_s) else cold_s
        took_s *= dice.lognormvariate(-(SIGMA**2) / 2, SIGMA)  # the mean is 1
        chance, now_s = dice.random(), source.now_s
        is_killed = chance < KILLED
        took_s *= dice.random() if is_killed else 1
        heappush(source.running, (now_s + took_s, not is_killed))
        run.billed_s += took_s
        if received == 1:
            run.longest_wait_s = max(run.longest_wait_s, now_s - uploaded_s)
        if chance >= KILLED + FAILED:
            run.done_s.append(now_s + took_s)
        elif received > len(RETRY_DELAYS_S):
            run.failures += 1
        else:
            run.retries += 1
            delay_s = VISIBILITY_S if is_killed else took_s + RETRY_DELAYS_S[received - 1]
            heappush(messages, (now_s + delay_s, uploaded_s, received + 1))
    return run


def table() -> str:
    """Return the table of docs/operations/scale.md."""
    rows = [HEADS, ("---", *("---:" for _ in HEADS[1:]))]
    for name, songs, concurrencies in SCENARIOS:
        dice = random.Random(songs)
        uploads_s = sorted(dice.uniform(0, HOUR_S) for _ in range(songs))
        rows += [(name, str(number), *_cells(uploads_s, number)) for number in concurrencies]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(uploads_s: Sequence[float], concurrency: int) -> tuple[str, ...]:
    page = (ROOT / "docs" / "operations" / "cost.md").read_text()
    row = rf"^\| {TEMPLATE.memory_mb:,} MB .*?([\d.]+) s \| ([\d.]+) s"
    cold_s, warm_s = map(float, re.findall(row, page, re.M)[0])
    run = simulate(uploads_s, cold_s, warm_s, concurrency)
    songs_per_s = max(Counter(int(done_s // 60) for done_s in run.done_s).values()) / 60
    requests = (
        re.findall(rf"^\| S3 {kind} by .*?\| (\d+)", page, re.M) for kind in ("w.*?", "r.*?")
    )
    # Every client of a song that isn't done polls.
    changes = [*((at_s, 1) for at_s in uploads_s), *((at_s, -1) for at_s in run.done_s)]
    clients = max(accumulate(change for _, change in sorted(changes)))
    usd_per_s = prices.compute("x86_64").first_usd * TEMPLATE.memory_mb / 1024
    return (
        *(f"{end_s / 60:,.1f} min" for end_s in (run.longest_wait_s, max(run.done_s))),
        *(f"{count:,}" for count in (run.retries, run.failures)),
        *(f"{songs_per_s * sum(map(int, counts)):,.0f}" for counts in requests),
        f"{clients / POLL_S:,.0f}",
        f"{run.billed_s * usd_per_s:,.2f}",
    )


if __name__ == "__main__":
    print(table())
