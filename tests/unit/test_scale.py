"""The simulation of the song queue."""

import pytest

from benchmarks import scale
from benchmarks.scale import EventSource, simulate
from stemdrop_separate.settings import RETRY_DELAYS_S

AT_ONCE = [0.0] * 1000


def test_every_song_is_done_or_in_the_failure_queue() -> None:
    run = simulate(AT_ONCE, 5.0, 4.0, 10)
    assert len(run.done_s) + run.failures == len(AT_ONCE)
    assert run.retries > 0


def test_songs_wait_for_those_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SIGMA", "KILLED", "FAILED"):
        monkeypatch.setattr(scale, name, 0.0)
    run = simulate(AT_ONCE, 4.0, 4.0, 5)
    assert run.longest_wait_s == pytest.approx(4.0 * (1000 / 5 - 1))
    assert run.billed_s == 4.0 * 1000
    # Only the first song of each environment is a cold start.
    assert simulate(AT_ONCE, 7.0, 4.0, 5).billed_s == pytest.approx(4.0 * 1000 + 3.0 * 5)


def test_event_source_adds_300_invocations_per_minute() -> None:
    source = EventSource(1000)
    source.running = [(1e6, True)] * 5
    for _ in range(300):
        assert not source.deliver(0.0)
        source.running.append((1e6, True))
    assert source.now_s == pytest.approx(60.0, abs=1.0)


@pytest.mark.parametrize(
    ("share", "until_s"),
    [("KILLED", 2 * scale.VISIBILITY_S), ("FAILED", sum(RETRY_DELAYS_S))],
)
def test_message_that_fails_three_times_goes_to_the_failure_queue(
    monkeypatch: pytest.MonkeyPatch, share: str, until_s: float
) -> None:
    delivered_s: list[float] = []
    deliver = EventSource.deliver

    def note(source: EventSource, visible_s: float) -> bool:
        delivered_s.append(visible_s)
        return deliver(source, visible_s)

    monkeypatch.setattr(EventSource, "deliver", note)
    monkeypatch.setattr(scale, "SIGMA", 0.0)
    monkeypatch.setattr(scale, share, 1.0)
    run = simulate([0.0], 1.0, 1.0, 5)
    assert (run.done_s, run.retries, run.failures, len(delivered_s)) == ([], 2, 1, 3)
    assert delivered_s[2] == pytest.approx(until_s, abs=2.0)
