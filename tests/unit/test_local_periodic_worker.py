"""A worker that repeats a function until it fails or is stopped."""

from queue import SimpleQueue
from threading import Event

import pytest

from stemdrop_local.periodic_worker import PeriodicWorker

WAIT_S = 20.0


def test_worker_runs_at_once_and_periodically() -> None:
    done: SimpleQueue[None] = SimpleQueue()
    with PeriodicWorker(lambda: done.put(None), interval_s=0) as loop:
        for _ in range(3):
            done.get(timeout=WAIT_S)
        loop.check()


def test_run_now_skips_the_interval() -> None:
    done: SimpleQueue[None] = SimpleQueue()
    with PeriodicWorker(lambda: done.put(None)) as loop:
        for _ in range(3):
            done.get(timeout=WAIT_S)
            loop.run_now()


def test_run_now_during_work_is_not_lost() -> None:
    done: SimpleQueue[None] = SimpleQueue()
    may_end = Event()

    def work() -> None:
        done.put(None)
        may_end.wait(WAIT_S)

    with PeriodicWorker(work, interval_s=600) as loop:
        done.get(timeout=WAIT_S)
        loop.run_now()
        may_end.set()
        done.get(timeout=WAIT_S)


def test_exit_waits_for_work_but_not_for_interval() -> None:
    ended: list[bool] = []
    begun = Event()

    def work() -> None:
        begun.set()
        ended.append(True)

    with PeriodicWorker(work, interval_s=600):
        begun.wait(WAIT_S)
    assert ended == [True]


def test_check_raises_error_of_work() -> None:
    failed = Event()

    def work() -> None:
        try:
            raise ZeroDivisionError("no luck")
        finally:
            failed.set()

    with PeriodicWorker(work, interval_s=0) as loop:
        failed.wait(WAIT_S)
    with pytest.raises(ZeroDivisionError, match="no luck"):
        loop.check()
