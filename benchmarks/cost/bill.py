"""The monthly bill: billed quantities and their prices."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.cost import prices
from benchmarks.cost.prices import GB, Free, Price

MONTH_S = 730 * 3600
DAYS_PER_MONTH = MONTH_S / 86_400
# AWS doesn't guarantee how long idle execution environments stay warm. This is a reported value.
KEPT_WARM_S = 300
# Source: "Configuring sampling rules" in the X-Ray developer guide: one trace a second, then 5%.
SAMPLED_PER_S, SAMPLED_SHARE = 1, 0.05
# Lambda polls an empty queue with five concurrent long polls of 20 s. Source: "Configuring scaling
# behavior for SQS event source mappings" in the AWS Lambda developer guide.
IDLE_POLLS = 5 * MONTH_S / 20


@dataclass(frozen=True, slots=True)
class Runs:
    """Billed usage of a Lambda function.

    Attributes
    ----------
    cold_s, warm_s : Billed duration of a cold start and of any other invocation.
    """

    memory_mb: int
    cold_s: float
    warm_s: float

    def gb_seconds(self, cold: float, warm: float) -> float:
        """Return the GB-seconds of a number of cold and warm invocations."""
        return self.memory_mb / 1024 * (cold * self.cold_s + warm * self.warm_s)


@dataclass(frozen=True, slots=True)
class SongUsage:
    """Usage of one song, from its upload to the download of its stems.

    Attributes
    ----------
    separation, api : Usage of the two functions; `api` is for one request.
    writes, reads : Requests to S3 from all components.
    calls : Requests to the API.
    answers_bytes : Size of the API's responses.
    uploaded_bytes, stems_bytes : Size of the song, and of all stems.
    messages : Messages to the completion topic.
    queue_requests : Requests to SQS for the message in the song queue.
    logs_bytes : Size of the logs of functions and API.
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
    """Settings that determine the bill, from template.yaml.

    Attributes
    ----------
    scratch_mb : Ephemeral storage of the separator.
    retention_days, log_retention_days : Days until objects and logs expire.
    image_bytes : Compressed size of the image in the registry.
    metrics : Number of billed custom metrics.
    """

    architecture: str
    scratch_mb: int
    retention_days: int
    log_retention_days: int
    image_bytes: int
    metrics: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a bill: the monthly quantity of an item."""

    item: str
    price: Price
    quantity: float

    def usd(self, free: frozenset[Free] = frozenset()) -> float:
        """Return the cost."""
        return self.price.usd(self.quantity, free)


def total_usd(lines: list[Line], free: frozenset[Free] = frozenset()) -> float:
    """Return the total of a bill."""
    return sum(line.usd(free) for line in lines)


def cold_share(songs: float) -> float:
    """Return the share of a month's songs that cause a cold start.

    Songs are independent and evenly distributed over the month, so the time between two of them has
    an exponential distribution.
    """
    return math.exp(-songs / MONTH_S * KEPT_WARM_S)


def sampled(calls: float) -> float:
    """Return how many of a month's calls X-Ray records, if they are evenly distributed."""
    at_once = min(calls, SAMPLED_PER_S * MONTH_S)
    return at_once + SAMPLED_SHARE * (calls - at_once)


def bill(song: SongUsage, deployment: BilledDeployment, songs: int) -> list[Line]:
    """Return the bill of a month with a number of equal songs."""
    return list(_lines(song, deployment, songs))


def _lines(song: SongUsage, deployment: BilledDeployment, songs: int) -> Iterator[Line]:
    cold = songs * cold_share(songs)
    calls = songs * song.calls
    # A song's requests are close together, so only the first one can cause a cold start.
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
    # A metric is billed for the hours in which it has values.
    yield Line(
        "CloudWatch: metrics",
        prices.METRICS,
        deployment.metrics * min(songs, MONTH_S / 3600) / (MONTH_S / 3600),
    )
    yield Line("X-Ray: traces", prices.TRACES, sampled(songs) + sampled(calls))
    yield Line("ECR: image storage", prices.IMAGES_KEPT, deployment.image_bytes / GB)


def kept_months(deployment: BilledDeployment) -> float:
    """Return how many months S3 keeps an object: the retention, rounded up to midnight UTC."""
    return (deployment.retention_days + 0.5) / DAYS_PER_MONTH
