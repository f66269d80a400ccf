import math

import pytest

from stemdrop_separate.deadline import Deadline


def test_deadline_passes_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemdrop_separate.deadline.time.monotonic", lambda: 100.0)
    deadline = Deadline.after(20.0)
    assert (deadline.at_s, deadline.remaining_s, deadline.has_passed) == (120.0, 20.0, False)
    assert not deadline.earlier(20.0).has_passed
    assert deadline.earlier(20.1).has_passed


def test_no_deadline_never_passes() -> None:
    assert Deadline().remaining_s == math.inf
    assert not Deadline().earlier(1e9).has_passed
