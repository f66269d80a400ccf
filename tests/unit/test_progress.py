from types import SimpleNamespace
from typing import Any, cast

import pytest

from clock import Clock
from stemdrop.errors import StorageError, TimedOutError
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.job.progress import INTERVAL_S, SEPARATION_SHARE, ProgressReporter
from stemdrop_separate.job.record_writer import RecordWriter


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("stemdrop_separate.job.progress.time", clock)
    return clock


def reporter(
    saved: list[float],
    error: Exception | None = None,
    estimates: list[float | None] | None = None,
    parallel: int = 1,
) -> ProgressReporter:
    def update(*, progress: float, seconds_left: float | None) -> None:
        saved.append(progress)
        if estimates is not None:
            estimates.append(seconds_left)
        if error:
            raise error

    record: Any = SimpleNamespace(update=update)
    return ProgressReporter(cast(RecordWriter, record), Deadline(), parallel)


def test_progress_leaves_room_for_the_upload_and_is_saved_rarely(clock: Clock) -> None:
    saved: list[float] = []
    report = reporter(saved)
    for step in range(100):
        clock.now_s += INTERVAL_S / 4
        report((step + 1) / 100)
    assert len(saved) == 25
    assert 0.9 < saved[-1] <= SEPARATION_SHARE
    assert saved == sorted(saved)


@pytest.mark.parametrize(
    ("segment_s", "parallel", "start_s"),
    [(0.5, 1, 0.0), (4.0, 1, 5.0), (4.0, 2, 0.0), (0.5, 2, 5.0), (0.5, 6, 0.0), (4.0, 6, 5.0)],
)
def test_first_estimate_does_not_count_the_start(
    clock: Clock, segment_s: float, parallel: int, start_s: float
) -> None:
    """Segments of equal length, some at the same time, after a start of any length."""
    saved: list[float] = []
    estimates: list[float | None] = []
    report = reporter(saved, estimates=estimates, parallel=parallel)
    ends_at_s = [start_s + segment_s * (n // parallel + 1) for n in range(16 * parallel)]
    truths_s = []
    for number, end_s in enumerate(ends_at_s, start=1):
        clock.now_s, known = 1000.0 + end_s, len(saved)
        report(number / len(ends_at_s))
        if len(saved) > known:
            truths_s.append(ends_at_s[-1] - end_s)
    assert estimates[0] is None
    first = next(n for n, estimate_s in enumerate(estimates) if estimate_s is not None)
    assert estimates[first] == pytest.approx(truths_s[first], rel=0.3)
    assert truths_s[first] > ends_at_s[-1] / 4


def test_failure_of_s3_does_not_end_a_separation(clock: Clock) -> None:
    saved: list[float] = []
    report = reporter(saved, StorageError("S3 failed."))
    clock.now_s += INTERVAL_S
    report(0.5)
    assert saved == [pytest.approx(0.5 * SEPARATION_SHARE, abs=1e-3)]


def test_passed_deadline_ends_a_separation() -> None:
    late = ProgressReporter(cast(RecordWriter, None), Deadline.after(-1.0), 1)
    with pytest.raises(TimedOutError, match="was 25% done"):
        late(0.25)
