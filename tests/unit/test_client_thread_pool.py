import signal
import threading

import pytest

from stemdrop_cli.errors import StoppedError
from stemdrop_cli.retries import StopEvent
from stemdrop_cli.thread_pool import run_all


def test_tasks_run_in_parallel_until_all_are_done() -> None:
    together = threading.Barrier(3, timeout=20)
    done: list[int] = []

    def task(number: int) -> None:
        together.wait()
        done.append(number)

    tasks = [lambda number=number: task(number) for number in range(9)]
    run_all(tasks, 3, StopEvent())
    assert sorted(done) == list(range(9))


def test_more_threads_than_tasks_and_no_tasks() -> None:
    done: list[str] = []
    run_all([lambda: done.append("x")], 8, StopEvent())
    run_all([], 8, StopEvent())
    assert done == ["x"]


def test_failed_task_stops_others_and_is_raised() -> None:
    stop, done = StopEvent(), []

    def bug() -> None:
        raise LookupError("bug")

    def waits() -> None:
        stop.wait(60)

    with pytest.raises(LookupError, match="bug"):
        run_all([waits, bug, lambda: done.append("x")], 2, stop)
    assert done == []


def test_ctrl_c_stops_all_tasks() -> None:
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
