"""Sources: chances of being held and drawn, and what is never held."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from cogattn.errors import ConfigError
from cogattn.rehearsal.sources import Environment, Met, PerTask, Reservoir, pick, source_of


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("n", [0, 1, 6, 7, 15])
def test_no_item_is_picked_again_before_all_were_picked(size: int, n: int) -> None:
    picked = pick(size, n, np.random.default_rng(0))
    assert len(picked) == n
    for start in range(0, n, size):
        one_pass = picked[start : start + size]
        assert len(set(one_pass.tolist())) == len(one_pass)
    assert set(picked.tolist()) <= set(range(size))


def test_the_environment_gives_all_items_of_a_task_alike() -> None:
    source, rng = Environment([40, 3]), np.random.default_rng(1)
    assert source.held(2).tolist() == [40, 3]
    for n in (1, 5):
        drawn = np.concatenate([source.draw(0, n, rng) for _ in range(4000 // n)])
        assert chisquare(np.bincount(drawn, minlength=40)).pvalue > 0.001


def test_a_reservoir_holds_each_item_of_the_stream_with_the_same_chance() -> None:
    counts = np.zeros(60, dtype=np.int64)
    for seed in range(800):
        source, rng = Reservoir(12), np.random.default_rng(seed)
        for part in np.split(np.arange(60), [5, 25, 26]):  # in unequal parts, the first not filling it
            source.keep(part // 20, part, rng)
        held = np.concatenate([source._index[source._task == task] for task in range(3)])
        assert len(set(held.tolist())) == 12
        assert source.held(3).sum() == 12
        counts[held] += 1
    expected = 800 * 12 / 60
    # drawn without replacement: variances are 1 - 12 / 60 of a Poisson's
    assert chisquare(counts).statistic / (1 - 12 / 60) == pytest.approx(59, abs=4 * np.sqrt(2 * 59))
    assert counts.mean() == expected


def test_a_reservoir_that_is_not_full_holds_all() -> None:
    source = Reservoir(10)
    source.keep(ints(0, 0, 1), ints(4, 5, 6), np.random.default_rng(0))
    assert source.held(3).tolist() == [2, 1, 0]
    assert sorted(source.draw(0, 4, np.random.default_rng(0)).tolist()) == [4, 4, 5, 5]


def test_a_memory_of_each_task_holds_as_much_of_each_whatever_comes_later() -> None:
    source, rng = PerTask(3), np.random.default_rng(0)
    source.keep(ints(*[0] * 10), np.arange(10), rng)
    before = sorted(source.draw(0, 3, rng).tolist())
    source.keep(ints(*[1] * 500, *[2] * 2), np.arange(502), rng)
    assert source.held(4).tolist() == [3, 3, 2, 0]
    assert sorted(source.draw(0, 3, rng).tolist()) == before
    assert sorted(source.draw(2, 2, rng).tolist()) == [500, 501]


def test_what_was_met_comes_back_and_nothing_else() -> None:
    source, rng = Met(), np.random.default_rng(0)
    source.keep(ints(0, 1, 0), ints(7, 8, 9), rng)
    assert source.held(2).tolist() == [2, 1]
    assert sorted(source.draw(0, 2, rng).tolist()) == [7, 9]
    source.keep(ints(0), ints(7), rng)  # met again: twice as likely
    drawn = np.array([source.draw(0, 1, rng)[0] for _ in range(3000)])
    assert chisquare([(drawn == 7).sum(), (drawn == 9).sum()], [2000, 1000]).pvalue > 0.001


def test_a_memory_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"rehearsal\.memory must be at least 1; got 0"):
        source_of("reservoir", 0, [3])
