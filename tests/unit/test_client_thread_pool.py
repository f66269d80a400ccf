import signal
import threading

import pytest

from stemdrop_cli.errors import StoppedError
from stemdrop_cli.retries import StopEvent
from stemdrop_cli.thread_pool import run_all


def test_all_are_done_and_some_at_a_time() -> None:
    together = threading.Barrier(3, timeout=20)
    done: list[int] = []

    def task(number: int) -> None:
        together.wait()
        done.append(number)

    tasks = [lambda number=number: task(number) for number in range(9)]
    run_all(tasks, 3, StopEvent())
    assert sorted(done) == list(range(9))


def test_more_hands_than_work_and_no_work() -> None:
    done: list[str] = []
    run_all([lambda: done.append("x")], 8, StopEvent())
    run_all([], 8, StopEvent())
    assert done == ["x"]


def test_a_bug_ends_all_and_is_raised() -> None:
    stop, done = StopEvent(), []

    def bug() -> None:
        raise LookupError("bug")

    def waits() -> None:
        stop.wait(60)

    with pytest.raises(LookupError, match="bug"):
        run_all([waits, bug, lambda: done.append("x")], 2, stop)
    assert done == []


def test_ctrl_c_ends_all() -> None:
    stop, ended = StopEvent(), []

    def waits() -> None:
        try:
            stop.wait(60)
        except StoppedError:
            ended.append("x")
            raise

    def interrupts() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        waits()

    with pytest.raises(KeyboardInterrupt):
        run_all([waits, interrupts, waits], 2, stop)
    assert ended == ["x", "x"]
