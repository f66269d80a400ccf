import pytest

from clock import Clock
from stemdrop_separate.job.usage import UsageMeter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("stemdrop_separate.job.usage.time", clock)
    return clock


def test_time_is_added_up_by_stage(clock: Clock) -> None:
    meter = UsageMeter(1024, 1.0)
    for stage, seconds in (("download", 2.0), ("separate", 10.5), ("download", 0.25)):
        with meter.stage(stage):
            clock.now_s += seconds
    clock.now_s += 1
    assert meter.read().timings_s == {"download": 2.25, "separate": 10.5, "total": 13.75}


def test_failed_stage_is_counted(clock: Clock) -> None:
    meter = UsageMeter(1024, 1.0)

    def fail() -> None:
        with meter.stage("upload"):
            clock.now_s += 3
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert meter.read().timings_s["upload"] == 3


def test_cost_follows_from_memory_and_time(clock: Clock) -> None:
    meter = UsageMeter(3008, 0.0000166667)
    clock.now_s += 60
    usage = meter.read()
    assert usage.gb_seconds == 176.25
    assert usage.cost_usd == pytest.approx(0.0029375, abs=1e-8)


def test_memory_is_that_of_this_process(clock: Clock) -> None:
    # An interpreter with numpy takes some tens of megabytes; in kilobytes it would be 1000 fewer.
    assert clock.now_s
    assert 10e6 < UsageMeter(1024, 1.0).read().peak_rss_bytes < 100e9
