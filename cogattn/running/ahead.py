"""Work that threads do ahead of the one who needs it: images are read while a network looks at the ones before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Made = TypeVar("Made")


def ahead(make: Callable[[Job], Made], jobs: Iterable[Job], *, n_threads: int) -> Iterator[Made]:
    """Yield ``make(job)`` in order; while the caller works on one, `n_threads` threads make the next ones."""
    coming: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(max_workers=n_threads) as pool:
        for job in jobs:
            coming.append(pool.submit(make, job))
            if len(coming) > n_threads:
                yield coming.popleft().result()
        yield from (last.result() for last in coming)
