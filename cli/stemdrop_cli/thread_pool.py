"""Several songs at once, a thread each."""

import queue
import time
from collections.abc import Callable, Sequence
from threading import Thread

from stemdrop_cli.errors import StoppedError
from stemdrop_cli.retries import Stop

# Threads that wait for a dead network are left behind; they end with the process.
GRACE_S = 2.0

Task = Callable[[], None]


def run_all(tasks: Sequence[Task], parallel: int, stop: Stop) -> None:
    """Run all tasks, some of them at a time.

    Raises
    ------
    KeyboardInterrupt : on Ctrl-C, after the threads were told to end.
    Exception : the first one of a task; the others were told to end.
    """
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    failures: list[BaseException] = []
    threads = [
        Thread(target=_work, args=(waiting, failures, stop), daemon=True)
        for _ in range(min(parallel, len(tasks)))
    ]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        stop.set()
        until_s = time.monotonic() + GRACE_S
        for thread in threads:
            if thread.is_alive():
                thread.join(max(until_s - time.monotonic(), 0))
        raise
    if failures:
        raise failures[0]


def _work(waiting: "queue.SimpleQueue[Task]", failures: list[BaseException], stop: Stop) -> None:
    while True:
        try:
            task = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            stop.check()
            task()
        except StoppedError:
            return
        except BaseException as failure:  # noqa: BLE001  # goes to the thread that waits
            failures.append(failure)
            stop.set()
            return
