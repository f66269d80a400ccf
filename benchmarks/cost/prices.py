"""Prices of AWS services in us-east-1.

The price of Lambda compute is in stemdrop.pricing. All other prices are from the public price lists
of 2025. A gigabyte is 2^30 bytes.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from stemdrop.pricing import USD_PER_GB_SECOND

AS_OF = 2025
GB = 1 << 30
MILLION = 1e6


class Free(StrEnum):
    """Duration of a free tier."""

    ALWAYS = "always"
    FIRST_YEAR = "first year"


@dataclass(frozen=True, slots=True)
class Price:
    """A monthly price.

    Attributes
    ----------
    unit : Billed unit.
    tiers : End of each tier in units, and USD per unit. The last tier has no end.
    free : Free units per month.
    lasts : Duration of the free tier. `FIRST_YEAR` is for accounts created before 15 July 2025.
        Newer accounts get credits instead.
    source : Price list.
    """

    unit: str
    tiers: tuple[tuple[float, float], ...]
    source: str
    free: float = 0.0
    lasts: Free = Free.ALWAYS

    def usd(self, quantity: float, free: frozenset[Free] = frozenset()) -> float:
        """Return the cost of a monthly quantity.

        Parameters
        ----------
        free : Free tiers to apply.
        """
        charged = quantity - self.free if self.lasts in free else quantity
        total, start = 0.0, 0.0
        for end, usd_per_unit in self.tiers:
            total += max(min(charged, end) - start, 0.0) * usd_per_unit
            start = end
        return total

    @property
    def first_usd(self) -> float:
        """Return USD per unit in the first tier."""
        return self.tiers[0][1]


def _flat(usd_per_unit: float) -> tuple[tuple[float, float], ...]:
    return ((math.inf, usd_per_unit),)


def compute(architecture: str) -> Price:
    """Return the price of Lambda compute."""
    # Omits the tiers beyond 6 billion GB-seconds, which no example reaches.
    price = _flat(USD_PER_GB_SECOND[architecture])
    return Price("GB-s", price, "aws.amazon.com/lambda/pricing", free=400_000)


INVOCATIONS = Price(
    "requests", _flat(0.20 / MILLION), "aws.amazon.com/lambda/pricing", free=MILLION
)
# Ephemeral storage beyond 512 MB, while the function runs.
SCRATCH = Price("GB-s", _flat(0.0000000309), "aws.amazon.com/lambda/pricing")
SCRATCH_INCLUDED_MB = 512

S3_KEPT = Price(
    "GB-months",
    ((50 * 1024, 0.023), (500 * 1024, 0.022), (math.inf, 0.021)),
    "aws.amazon.com/s3/pricing, S3 Standard",
    free=5,
    lasts=Free.FIRST_YEAR,
)
# PUT, COPY, POST and LIST requests, including each part of a multipart upload. DELETE is free.
S3_WRITES = Price(
    "requests", _flat(5e-6), "aws.amazon.com/s3/pricing", free=2_000, lasts=Free.FIRST_YEAR
)
# GET, HEAD and all others.
S3_READS = Price(
    "requests", _flat(4e-7), "aws.amazon.com/s3/pricing", free=20_000, lasts=Free.FIRST_YEAR
)
TRANSFER_OUT = Price(
    "GB",
    ((10 * 1024, 0.09), (50 * 1024, 0.085), (150 * 1024, 0.07), (math.inf, 0.05)),
    "aws.amazon.com/ec2/pricing/on-demand, data transfer to the internet",
    free=100,
)
# Requests of up to 512 KB.
HTTP_CALLS = Price(
    "requests",
    ((300 * MILLION, 1.00 / MILLION), (math.inf, 0.90 / MILLION)),
    "aws.amazon.com/api-gateway/pricing, HTTP APIs",
    free=MILLION,
    lasts=Free.FIRST_YEAR,
)
# Standard queues, including requests from S3 and Lambda.
QUEUE_REQUESTS = Price(
    "requests",
    ((100_000 * MILLION, 0.40 / MILLION), (math.inf, 0.30 / MILLION)),
    "aws.amazon.com/sqs/pricing, standard queues",
    free=MILLION,
)
# Deliveries to SQS and Lambda are free. A million costs 0.60 USD by HTTP and 20 USD by email.
MESSAGES = Price("messages", _flat(0.50 / MILLION), "aws.amazon.com/sns/pricing", free=MILLION)
LOGS_TAKEN = Price("GB", _flat(0.50), "aws.amazon.com/cloudwatch/pricing, logs", free=5)
LOGS_KEPT = Price("GB-months", _flat(0.03), "aws.amazon.com/cloudwatch/pricing, logs")
# Prorated by the hours in which a metric has values.
METRICS = Price(
    "metric-months",
    ((10_000, 0.30), (250_000, 0.10), (1_000_000, 0.05), (math.inf, 0.02)),
    "aws.amazon.com/cloudwatch/pricing, custom metrics",
    free=10,
)
ALARMS = Price("metrics", _flat(0.10), "aws.amazon.com/cloudwatch/pricing, alarms", free=10)
DASHBOARDS = Price(
    "dashboards", _flat(3.00), "aws.amazon.com/cloudwatch/pricing, dashboards", free=3
)
TRACES = Price("traces", _flat(5.00 / MILLION), "aws.amazon.com/xray/pricing", free=100_000)
IMAGES_KEPT = Price(
    "GB-months",
    _flat(0.10),
    "aws.amazon.com/ecr/pricing, private repositories",
    free=0.5,
    lasts=Free.FIRST_YEAR,
)
