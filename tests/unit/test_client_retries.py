import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop_cli.errors import BusyError, SongError, StoppedError, UnreachableError
from stemdrop_cli.retries import FIRST_DELAY_S, MAX_DELAY_S, Retries, StopEvent


class RecordedDelays(StopEvent):
    """Records delays instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses_s: list[float] = []

    def check(self) -> None:
        pass

    def wait(self, seconds: float) -> None:
        self.pauses_s.append(seconds)


class Call:
    """Raises its errors in order, then returns a result."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_successful_call_is_not_retried() -> None:
    delays, call = RecordedDelays(), Call()
    assert Retries(delays, 120, pytest.fail).run(call) == "answer"
    assert (call.times, delays.pauses_s) == (1, [])


def test_temporary_error_is_retried_with_growing_delays() -> None:
    delays, call = RecordedDelays(), Call(*[UnreachableError("gone")] * 8)
    notes: list[str] = []
    assert Retries(delays, 120, notes.append).run(call) == "answer"
    longest = [min(FIRST_DELAY_S * 2**index, MAX_DELAY_S) for index in range(8)]
    assert all(
        most / 2 <= pause <= most for pause, most in zip(delays.pauses_s, longest, strict=True)
    )
    assert set(notes) == {"server unavailable, retrying"}


def test_retry_after_sets_the_delay() -> None:
    delays = RecordedDelays()
    Retries(delays, 120, lambda _: None).run(Call(BusyError("later", 30.0)))
    assert delays.pauses_s == [30.0]


def test_retry_after_beyond_the_limit_is_not_waited_for() -> None:
    delays, call = RecordedDelays(), Call(BusyError("much later", 3600.0))
    with pytest.raises(BusyError, match="much later"):
        Retries(delays, 120, pytest.fail).run(call)
    assert (call.times, delays.pauses_s) == (1, [])


def test_permanent_error_is_raised_at_once() -> None:
    call = Call(SongError("refused"))
    with pytest.raises(SongError):
        Retries(RecordedDelays(), 120, pytest.fail).run(call)
    assert call.times == 1


@given(st.floats(0, 200))
def test_total_delay_stays_within_the_limit(give_up_after_s: float) -> None:
    delays, call = RecordedDelays(), Call(*[UnreachableError("gone")] * 10_000)
    with pytest.raises(UnreachableError):
        Retries(delays, give_up_after_s, lambda _: None).run(call)
    assert sum(delays.pauses_s) <= give_up_after_s
    assert sum(delays.pauses_s) >= give_up_after_s - MAX_DELAY_S


def test_progress_resets_delays_and_limit() -> None:
    delays = RecordedDelays()
    retries = Retries(delays, 1.0, lambda _: None)
    for _ in range(20):
        assert retries.run(Call(UnreachableError("gone"))) == "answer"
    assert sum(delays.pauses_s) > 1.0
    assert max(delays.pauses_s) <= FIRST_DELAY_S

    def gains_then_fails() -> str:
        retries.reset()
        return failures()

    failures = Call(*[UnreachableError("gone")] * 20)
    assert retries.run(gains_then_fails) == "answer"


def test_stop_ends_a_delay() -> None:
    stop = StopEvent()
    stop.check()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    with pytest.raises(StoppedError):
        stop.wait(60)
    with pytest.raises(StoppedError):
        stop.check()
    timer.join()


@pytest.mark.parametrize("give_up_after_s", [0, 120])
def test_errors_after_a_stop_are_not_shown(give_up_after_s: float) -> None:
    stop, call = StopEvent(), Call(UnreachableError("gone"))
    stop.set()
    with pytest.raises(StoppedError):
        Retries(stop, give_up_after_s, pytest.fail).run(call)
    assert call.times == 1
