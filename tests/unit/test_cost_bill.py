"""Bills, compared with manual calculations from the price lists."""

import math
from dataclasses import replace

import pytest

from benchmarks.cost import prices
from benchmarks.cost.bill import (
    BilledDeployment,
    Runs,
    SongUsage,
    bill,
    cold_share,
    sampled,
    total_usd,
)
from benchmarks.cost.prices import GB, Free

# Without cold starts, bills are easy to calculate manually.
SONG = SongUsage(
    separation=Runs(memory_mb=2048, cold_s=10.0, warm_s=10.0),
    api=Runs(memory_mb=1024, cold_s=0.1, warm_s=0.1),
    writes=20,
    reads=30,
    calls=10,
    answers_bytes=0,
    uploaded_bytes=GB // 100,
    stems_bytes=9 * GB // 100,
    messages=1,
    queue_requests=3,
    logs_bytes=GB // 100_000,
)
DEPLOYMENT = BilledDeployment(
    architecture="x86_64",
    scratch_mb=4608,
    retention_days=7,
    log_retention_days=30,
    image_bytes=GB,
    metrics=5,
)
ALL_FREE = frozenset(Free)


def usd(songs: int, free: frozenset[Free] = frozenset()) -> dict[str, float]:
    return {line.item: line.usd(free) for line in bill(SONG, DEPLOYMENT, songs)}


def test_thousand_songs_have_the_expected_bill() -> None:
    found = usd(1000)
    # 2 GB for 10 s each, and ten calls of 0.1 s with 1 GB: 21,000 GB-s.
    assert found["Lambda: compute"] == pytest.approx(21_000 * 0.0000166667)
    assert found["Lambda: requests"] == pytest.approx(11_000 * 0.20 / 1e6)
    # 4 GB beyond the included 512 MB, for 10,000 s.
    assert found["Lambda: ephemeral storage"] == pytest.approx(40_000 * 0.0000000309)
    assert found["S3: writes"] == pytest.approx(0.10)
    assert found["S3: reads"] == pytest.approx(0.012)
    # 100 GB, for 7.5 of 30.4 days.
    assert found["S3: storage"] == pytest.approx(0.567, abs=0.001)
    assert found["Data transfer: stems to the internet"] == pytest.approx(8.10)
    assert found["HTTP API: requests"] == pytest.approx(0.01)
    # Five concurrent polls of 20 s for 730 hours, and three requests per song.
    assert found["SQS: requests"] == pytest.approx(660_000 * 0.40 / 1e6)
    assert found["SNS: completion messages"] == pytest.approx(0.0005)
    # 657,000 polls of an empty queue, and three requests per song.
    assert found["SQS: requests"] == pytest.approx(660_000 * 0.40 / 1e6)
    assert found["CloudWatch: log ingestion"] == pytest.approx(0.005, rel=1e-4)
    assert found["CloudWatch: log storage"] == pytest.approx(0.0003, abs=0.00001)
    # With a thousand songs, every hour has values.
    assert found["CloudWatch: metrics"] == pytest.approx(1.50)
    assert found["X-Ray: traces"] == pytest.approx(11_000 * 5 / 1e6)
    assert found["ECR: image storage"] == pytest.approx(0.10)
    assert total_usd(bill(SONG, DEPLOYMENT, 1000)) == pytest.approx(sum(found.values()))


def test_thousand_songs_within_the_free_tier_have_the_expected_bill() -> None:
    found = usd(1000, ALL_FREE)
    left = {item: value for item, value in found.items() if value}
    assert left == {
        "Lambda: ephemeral storage": pytest.approx(40_000 * 0.0000000309),
        "S3: writes": pytest.approx(18_000 * 5e-6),
        "S3: reads": pytest.approx(10_000 * 4e-7),
        "S3: storage": pytest.approx((100 * 7.5 / 30.4167 - 5) * 0.023, rel=1e-4),
        "CloudWatch: log storage": pytest.approx(0.0003, abs=0.00001),
        "ECR: image storage": pytest.approx(0.05),
    }


def test_permanent_free_tier_excludes_the_first_years() -> None:
    found = usd(1000, frozenset({Free.ALWAYS}))
    assert found["Data transfer: stems to the internet"] == 0
    assert found["Lambda: compute"] == 0
    assert found["HTTP API: requests"] == pytest.approx(0.01)
    assert found["ECR: image storage"] == pytest.approx(0.10)


def test_million_songs_reach_the_next_price_tiers() -> None:
    found = usd(1_000_000)
    # 90,000 GB: 10 TB at 0.09, 40 TB at 0.085, and the rest at 0.07.
    tiers = 10_240 * 0.09 + 40_960 * 0.085 + (90_000 - 51_200) * 0.07
    assert found["Data transfer: stems to the internet"] == pytest.approx(tiers)
    # 24,658 GB-months, all in the first 50 TB.
    assert found["S3: storage"] == pytest.approx(100_000 * 7.5 / 30.41667 * 0.023)
    assert found["Lambda: compute"] == pytest.approx(21_000_000 * 0.0000166667)
    # One request per second, 5% of the others, and all separations.
    traces = 1_000_000 + 2_628_000 + 0.05 * (10_000_000 - 2_628_000)
    assert found["X-Ray: traces"] == pytest.approx(traces * 5 / 1e6)


def test_polling_stays_within_the_permanent_free_tier() -> None:
    assert usd(0)["SQS: requests"] == pytest.approx(0.2628)
    assert usd(0, frozenset({Free.ALWAYS}))["SQS: requests"] == 0


def test_ten_songs_are_billed_for_ten_hours_of_metrics() -> None:
    assert usd(10)["CloudWatch: metrics"] == pytest.approx(5 * 10 / 730 * 0.30)


def test_arm64_has_its_own_price() -> None:
    arm = bill(SONG, replace(DEPLOYMENT, architecture="arm64"), 1000)
    assert arm[0].usd() == pytest.approx(21_000 * 0.0000133334)


def test_included_disk_is_free() -> None:
    lines = bill(SONG, replace(DEPLOYMENT, scratch_mb=512), 1000)
    assert next(line.usd() for line in lines if "ephemeral" in line.item) == 0


def test_cold_starts_are_billed() -> None:
    song = replace(SONG, separation=Runs(1024, cold_s=5.0, warm_s=2.0), calls=0)
    cold = 1000 * cold_share(1000)
    (compute, *_) = bill(song, DEPLOYMENT, 1000)
    assert compute.quantity == pytest.approx(5 * cold + 2 * (1000 - cold))
    # A thousand songs per month are 44 minutes apart, so most of them cause cold starts.
    assert 0.85 < cold_share(1000) < 0.95
    assert cold_share(1) > 0.999
    assert cold_share(1_000_000) < 1e-6


def test_all_of_few_calls_are_traced() -> None:
    assert sampled(2_628_000) == 2_628_000
    assert sampled(2 * 2_628_000) == pytest.approx(1.05 * 2_628_000)


def test_price_applies_tiers_and_allowances() -> None:
    tiers = ((10.0, 2.0), (30.0, 1.0), (math.inf, 0.5))
    price = prices.Price("pieces", tiers, "a list", free=5, lasts=Free.ALWAYS)
    assert price.usd(0) == 0
    assert price.usd(10) == 20
    assert price.usd(25) == 20 + 15
    assert price.usd(40) == 20 + 20 + 5
    assert price.usd(5, ALL_FREE) == 0
    assert price.usd(3, ALL_FREE) == 0
    # The free quantity comes first, and the tiers begin after it.
    assert price.usd(15, ALL_FREE) == 20
    assert price.usd(15, frozenset({Free.FIRST_YEAR})) == 25
