"""Several songs at a time, in a pool of threads."""

from collections.abc import Callable, Sequence
from multiprocessing.pool import ThreadPool

from stemdrop_cli.errors import StoppedError
from stemdrop_cli.retries import StopEvent

GRACE_S = 2.0
POLL_S = 0.2


def run_all(tasks: Sequence[Callable[[], None]], parallel: int, stop: StopEvent) -> None:
    """Run all tasks, some of them at a time.

    The threads are daemons, unlike those of concurrent.futures: one that waits for a dead network
    doesn't keep the process from ending.

    Parameters
    ----------
    parallel : Number of threads, at least 1.
    stop : Event that is set when a task fails or on Ctrl-C, so that the other tasks end.

    Raises
    ------
    KeyboardInterrupt : On Ctrl-C, after the tasks had some time to remove their unfinished files.
    Exception : The first one of a task.
    """
    failures: list[Exception] = []

    def run(task: Callable[[], None]) -> None:
        try:
            stop.check()
            task()
        except StoppedError:
            return
        except Exception as failure:  # noqa: BLE001  # raised below
            failures.append(failure)
            stop.set()

    with ThreadPool(parallel) as pool:
        results = pool.map_async(run, tasks, chunksize=1)
        try:
            while not results.ready():
                results.wait(POLL_S)  # without a timeout, it could miss a Ctrl-C
        except KeyboardInterrupt:
            stop.set()
            results.wait(GRACE_S)
            raise
    if failures:
        raise failures[0]
