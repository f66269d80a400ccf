"""Work on the items of a stream in threads, with the results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    functions: Iterable[Callable[[Item], Result]], items: Iterable[Item], parallel: int
) -> Iterator[Result]:
    """Yield the result of each function on its item, while threads work on the next ones.

    Parameters
    ----------
    functions : One function per item; it may be endless.
    items : Stream that is read no further than needed.
    parallel : Number of threads. One more item waits.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(parallel, thread_name_prefix="segment") as pool:
        for item, function in zip(items, functions, strict=False):
            pending.append(pool.submit(function, item))
            if len(pending) > parallel:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
