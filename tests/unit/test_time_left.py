import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop_separate.time_left import TimeLeft


def finished_at(start_s: float, segments_s: list[float], processors: int) -> list[float]:
    """Return when each segment is done, in order, as `ordered_map` yields them."""
    free_at, done_at = [start_s] * processors, [0.0]
    for segment_s in segments_s:
        processor = free_at.index(min(free_at))
        free_at[processor] += segment_s
        done_at.append(max(done_at[-1], free_at[processor]))
    return done_at[1:]


@given(
    segment_s=st.floats(0.1, 30),
    start=st.floats(0, 1),
    processors=st.integers(1, 16),
    waves=st.integers(5, 40),
    rest=st.integers(0, 15),
    seed=st.integers(0, 2**32),
)
def test_first_estimate_is_within_half_of_the_truth(
    segment_s: float, start: float, processors: int, waves: int, rest: int, seed: int
) -> None:
    vary = random.Random(seed).uniform
    count = waves * processors + min(rest, processors - 1)
    segments_s = [segment_s * vary(0.9, 1.1) for _ in range(count)]
    done_at = finished_at(start * segment_s, segments_s, processors)
    time_left = TimeLeft(processors)
    for number, at_s in enumerate(done_at, start=1):
        estimate_s = time_left.update(number / count, at_s)
        if estimate_s is not None:
            truth_s = done_at[-1] - at_s
            assert 0.5 * truth_s <= estimate_s <= 1.5 * truth_s
            assert 1 < number < count
            return
    raise AssertionError


def test_estimate_for_equal_segments_is_exact_after_the_first_ones() -> None:
    done_at = finished_at(0.7, [2.0] * 16, processors=4)
    time_left = TimeLeft(4)
    estimates = [time_left.update(n / 16, at_s) for n, at_s in enumerate(done_at, start=1)]
    assert estimates[:6] == [None] * 6
    assert estimates[6:] == pytest.approx([done_at[-1] - at_s for at_s in done_at[6:]])
