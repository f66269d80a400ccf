from types import SimpleNamespace
from typing import Any, cast

import pytest

from stemdrop.errors import StorageError, TimedOutError
from stemdrop_separate.deadline import Deadline
from stemdrop_separate.job.progress import INTERVAL_S, SEPARATION_SHARE, ProgressReporter
from stemdrop_separate.job.record_writer import RecordWriter


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("stemdrop_separate.job.progress.time", clock)
    return clock


def reporter(saved: list[float], error: Exception | None = None) -> ProgressReporter:
    def update(*, progress: float) -> None:
        saved.append(progress)
        if error:
            raise error

    record: Any = SimpleNamespace(update=update)
    return ProgressReporter(cast(RecordWriter, record), Deadline())


def test_progress_leaves_room_for_the_upload_and_is_saved_rarely(clock: Clock) -> None:
    saved: list[float] = []
    report = reporter(saved)
    for step in range(100):
        clock.now_s += INTERVAL_S / 4
        report((step + 1) / 100)
    assert len(saved) == 25
    assert 0.9 < saved[-1] <= SEPARATION_SHARE
    assert saved == sorted(saved)


def test_failure_of_s3_does_not_end_a_separation(clock: Clock) -> None:
    saved: list[float] = []
    report = reporter(saved, StorageError("S3 failed."))
    clock.now_s += INTERVAL_S
    report(0.5)
    assert saved == [pytest.approx(0.5 * SEPARATION_SHARE, abs=1e-3)]


def test_passed_deadline_ends_a_separation() -> None:
    late = ProgressReporter(cast(RecordWriter, None), Deadline.after(-1.0))
    with pytest.raises(TimedOutError, match="was 25% done"):
        late(0.25)
