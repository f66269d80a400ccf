import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemdrop_cli.errors import BusyError, SongError, StoppedError, UnreachableError
from stemdrop_cli.retries import FIRST_DELAY_S, MAX_DELAY_S, Retries, StopEvent


class Clock(StopEvent):
    """Notes pauses instead of making them."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses_s: list[float] = []

    def check(self) -> None:
        pass

    def wait(self, seconds: float) -> None:
        self.pauses_s.append(seconds)


class Call:
    """Fails as often as it has errors, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times = 0

    def __call__(self) -> str:
        self.times += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_what_works_is_done_once_without_a_pause() -> None:
    clock, call = Clock(), Call()
    assert Retries(clock, 120, pytest.fail).run(call) == "answer"
    assert (call.times, clock.pauses_s) == (1, [])


def test_trouble_is_waited_out_ever_more_slowly() -> None:
    clock, call = Clock(), Call(*[UnreachableError("gone")] * 8)
    notes: list[str] = []
    assert Retries(clock, 120, notes.append).run(call) == "answer"
    longest = [min(FIRST_DELAY_S * 2**index, MAX_DELAY_S) for index in range(8)]
    assert all(
        most / 2 <= pause <= most for pause, most in zip(clock.pauses_s, longest, strict=True)
    )
    assert set(notes) == {"no answer, trying again"}


def test_a_server_says_when_to_come_back() -> None:
    clock = Clock()
    Retries(clock, 120, lambda _: None).run(Call(BusyError("later", 30.0)))
    assert clock.pauses_s == [30.0]


def test_a_server_that_wants_too_much_time_does_not_get_it() -> None:
    clock, call = Clock(), Call(BusyError("much later", 3600.0))
    with pytest.raises(BusyError, match="much later"):
        Retries(clock, 120, pytest.fail).run(call)
    assert (call.times, clock.pauses_s) == (1, [])


def test_what_is_no_trouble_is_raised_at_once() -> None:
    call = Call(SongError("refused"))
    with pytest.raises(SongError):
        Retries(Clock(), 120, pytest.fail).run(call)
    assert call.times == 1


@given(st.floats(0, 200))
def test_it_ends(give_up_after_s: float) -> None:
    clock, call = Clock(), Call(*[UnreachableError("gone")] * 10_000)
    with pytest.raises(UnreachableError):
        Retries(clock, give_up_after_s, lambda _: None).run(call)
    assert sum(clock.pauses_s) <= give_up_after_s
    assert sum(clock.pauses_s) >= give_up_after_s - MAX_DELAY_S


def test_patience_starts_anew_where_something_was_gained() -> None:
    clock = Clock()
    retries = Retries(clock, 1.0, lambda _: None)
    for _ in range(20):
        assert retries.run(Call(UnreachableError("gone"))) == "answer"
    assert sum(clock.pauses_s) > 1.0
    assert max(clock.pauses_s) <= FIRST_DELAY_S

    def gains_then_fails() -> str:
        retries.reset()
        return failures()

    failures = Call(*[UnreachableError("gone")] * 20)
    assert retries.run(gains_then_fails) == "answer"


def test_a_stop_ends_a_pause() -> None:
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
def test_nothing_is_told_of_what_a_stop_breaks(give_up_after_s: float) -> None:
    stop, call = StopEvent(), Call(UnreachableError("gone"))
    stop.set()
    with pytest.raises(StoppedError):
        Retries(stop, give_up_after_s, pytest.fail).run(call)
    assert call.times == 1
