"""What a month of songs costs: quantities of everything that AWS counts, and their prices."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.cost import prices
from benchmarks.cost.prices import GB, Free, Price

MONTH_S = 730 * 3600
DAYS_PER_MONTH = MONTH_S / 86_400
# Nobody is promised any: what is reported of execution environments that nothing happens in.
KEPT_WARM_S = 300
# Source: "Configuring sampling rules" in the X-Ray developer guide: one trace a second, then 5%.
SAMPLED_PER_S, SAMPLED_SHARE = 1, 0.05
# Lambda polls an empty queue five times at once, for 20 s each. Source: "Configuring scaling
# behavior for SQS event source mappings" in the AWS Lambda developer guide.
IDLE_POLLS = 5 * MONTH_S / 20


@dataclass(frozen=True, slots=True)
class Runs:
    """What a function takes of Lambda.

    Attributes
    ----------
    cold_s, warm_s : billed for the first call of an execution environment, and for any other.
    """

    memory_mb: int
    cold_s: float
    warm_s: float

    def gb_seconds(self, cold: float, warm: float) -> float:
        """Return GB-seconds of so many cold and warm calls."""
        return self.memory_mb / 1024 * (cold * self.cold_s + warm * self.warm_s)


@dataclass(frozen=True, slots=True)
class SongUsage:
    """What one song takes, from its upload to the download of its stems.

    Attributes
    ----------
    separation, api : of the two functions; that of `api` is for one call.
    writes, reads : requests to S3, of whomever.
    calls : of the API.
    answers_bytes : of these calls.
    uploaded_bytes, stems_bytes : of the song, and of all its stems.
    messages : to the topic of completed jobs.
    queue_requests : to SQS, for its message in the song queue.
    logs_bytes : of all functions and of the API.
    """

    separation: Runs
    api: Runs
    writes: int
    reads: int
    calls: int
    answers_bytes: int
    uploaded_bytes: int
    stems_bytes: int
    messages: int
    queue_requests: int
    logs_bytes: int


@dataclass(frozen=True, slots=True)
class BilledDeployment:
    """What doesn't depend on songs; template.yaml says it.

    Attributes
    ----------
    scratch_mb : of the separator, under /tmp.
    retention_days, log_retention_days : until objects and logs are deleted.
    image_bytes : of the image as it is kept, compressed.
    metrics : custom metrics that get values, and that CloudWatch asks money for.
    """

    architecture: str
    scratch_mb: int
    retention_days: int
    log_retention_days: int
    image_bytes: int
    metrics: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a bill: a month's quantity of something."""

    item: str
    price: Price
    quantity: float

    def usd(self, free: frozenset[Free] = frozenset()) -> float:
        """Return what it costs."""
        return self.price.usd(self.quantity, free)


def total_usd(lines: list[Line], free: frozenset[Free] = frozenset()) -> float:
    """Return what a bill comes to."""
    return sum(line.usd(free) for line in lines)


def cold_share(songs: float) -> float:
    """Return how many of a month's songs find no execution environment that is warm.

    They come independently of each other and evenly over the month, so the time between two of them
    has an exponential distribution.
    """
    return math.exp(-songs / MONTH_S * KEPT_WARM_S)


def sampled(calls: float) -> float:
    """Return how many of a month's calls, evenly over it, X-Ray records."""
    at_once = min(calls, SAMPLED_PER_S * MONTH_S)
    return at_once + SAMPLED_SHARE * (calls - at_once)


def bill(song: SongUsage, deployment: BilledDeployment, songs: int) -> list[Line]:
    """Return the bill of a month with so many songs like one."""
    return list(_lines(song, deployment, songs))


def _lines(song: SongUsage, deployment: BilledDeployment, songs: int) -> Iterator[Line]:
    cold = songs * cold_share(songs)
    calls = songs * song.calls
    # A song's calls follow each other closely, so only the first of them can be a cold one.
    api_cold = cold if song.calls else 0.0
    separating = song.separation.gb_seconds(cold, songs - cold)
    answering = song.api.gb_seconds(api_cold, calls - api_cold)
    seconds = cold * song.separation.cold_s + (songs - cold) * song.separation.warm_s
    scratch_gb = max(deployment.scratch_mb - prices.SCRATCH_INCLUDED_MB, 0) / 1024
    stored_gb = songs * (song.uploaded_bytes + song.stems_bytes) / GB
    logs_gb = songs * song.logs_bytes / GB
    yield Line("Lambda: compute", prices.compute(deployment.architecture), separating + answering)
    yield Line("Lambda: requests", prices.INVOCATIONS, songs + calls)
    yield Line("Lambda: ephemeral storage", prices.SCRATCH, scratch_gb * seconds)
    yield Line("S3: writes", prices.S3_WRITES, songs * song.writes)
    yield Line("S3: reads", prices.S3_READS, songs * song.reads)
    yield Line("S3: storage", prices.S3_KEPT, stored_gb * kept_months(deployment))
    yield Line(
        "Data transfer: stems to the internet",
        prices.TRANSFER_OUT,
        songs * (song.stems_bytes + song.answers_bytes) / GB,
    )
    yield Line("HTTP API: requests", prices.HTTP_CALLS, calls)
    yield Line("SNS: completion messages", prices.MESSAGES, songs * song.messages)
    queue_requests = IDLE_POLLS + songs * song.queue_requests
    yield Line("SQS: requests", prices.QUEUE_REQUESTS, queue_requests)
    yield Line("CloudWatch: log ingestion", prices.LOGS_TAKEN, logs_gb)
    yield Line(
        "CloudWatch: log storage",
        prices.LOGS_KEPT,
        logs_gb * deployment.log_retention_days / DAYS_PER_MONTH,
    )
    # A metric costs for the hours in which it gets a value.
    yield Line(
        "CloudWatch: metrics",
        prices.METRICS,
        deployment.metrics * min(songs, MONTH_S / 3600) / (MONTH_S / 3600),
    )
    yield Line("X-Ray: traces", prices.TRACES, sampled(songs) + sampled(calls))
    yield Line("ECR: image storage", prices.IMAGES_KEPT, deployment.image_bytes / GB)


def kept_months(deployment: BilledDeployment) -> float:
    """Return for how long S3 keeps an object: so many days, and on to the next midnight UTC."""
    return (deployment.retention_days + 0.5) / DAYS_PER_MONTH
