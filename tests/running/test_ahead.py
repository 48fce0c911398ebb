"""Work done ahead comes in order, a few jobs early and no more, and its errors reach the one who asked."""

from __future__ import annotations

import threading

import pytest

from cogattn.running.ahead import ahead


@pytest.mark.parametrize("n_threads", [1, 3])
def test_what_is_made_comes_in_order_and_not_far_ahead(n_threads: int):
    started, lock = [], threading.Lock()

    def make(job: int) -> int:
        with lock:
            started.append(job)
        return 10 * job

    for k, made in enumerate(ahead(make, range(20), n_threads=n_threads)):
        assert made == 10 * k
        assert max(started) <= k + n_threads
    assert sorted(started) == list(range(20))
    assert list(ahead(make, [], n_threads=n_threads)) == []


def test_an_error_is_raised_where_the_result_was_wanted():
    def make(job: int) -> float:
        return 1 / job

    found = ahead(make, [1, 0, 2], n_threads=1)
    assert next(found) == 1
    with pytest.raises(ZeroDivisionError):
        next(found)
