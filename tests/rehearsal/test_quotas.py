"""Quotas: sums, order, an independent implementation, chance, and rounding that is carried over."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from cogattn.errors import DataError
from cogattn.rehearsal.quotas import CarriedQuota, multinomial_quota, quota

WEIGHTS = st.lists(st.integers(0, 1000), min_size=1, max_size=50).filter(any)


def hamilton(weights: list[int], total: int) -> list[int]:
    """Largest remainders in exact fractions, one item at a time."""
    shares = [Fraction(weight * total, sum(weights)) for weight in weights]
    counts = [math.floor(share) for share in shares]
    while sum(counts) < total:
        lack = [(share - count, task) for task, (share, count) in enumerate(zip(shares, counts, strict=True))]
        counts[max(lack)[1]] += 1
    return counts


@settings(max_examples=80)
@given(weights=WEIGHTS, total=st.integers(0, 100_000))
def test_quota_sums_exactly_and_keeps_to_within_one_of_each_share(weights: list[int], total: int) -> None:
    counts = quota(weights, total)
    assert counts.sum() == total
    assert counts.dtype == np.int64
    assert (np.abs(counts - np.array(weights) * total / sum(weights)) < 1 + 1e-6).all()
    order = np.argsort(weights, kind="stable")
    assert (
        np.diff(counts[order]) >= 0
    ).all()  # more weight, no fewer items; of equal ones the newer no fewer


@settings(max_examples=60)
@given(weights=st.lists(st.integers(0, 64), min_size=1, max_size=12), total=st.integers(0, 500))
def test_quota_is_hamiltons_method_in_exact_fractions(weights: list[int], total: int) -> None:
    scale = 2 ** math.ceil(math.log2(sum(weights) + 1))
    weights = [*weights, scale - sum(weights)]  # binary shares, so that floats are exact
    assert quota(weights, total).tolist() == hamilton(weights, total)


def test_ties_go_to_the_newer_task() -> None:
    assert quota([1, 1, 1, 1], 6).tolist() == [1, 1, 2, 2]
    assert quota([3, 1, 3, 1], 4).tolist() == [1, 0, 2, 1]  # 1.5, .5, 1.5, .5: the third and the fourth


def test_nothing_is_shared_out_where_there_is_nothing() -> None:
    assert quota([0, 0], 0).tolist() == [0, 0]
    assert quota([], 0).shape == (0,)


def test_multinomial_numbers_have_the_weights_as_their_odds() -> None:
    rng = np.random.default_rng(0)
    weights = np.array([1.0, 2, 3, 4])
    counts = np.sum([multinomial_quota(weights, 50, rng) for _ in range(400)], axis=0)
    assert counts.sum() == 20_000
    assert chisquare(counts, weights / 10 * 20_000).pvalue > 0.001


@pytest.mark.parametrize(
    "share",
    [quota, lambda w, n: multinomial_quota(w, n, np.random.default_rng(0))],
    ids=["exact", "drawn"],
)
@pytest.mark.parametrize(
    ("weights", "total"),
    [([0, 0], 1), ([-1, 2], 1), ([math.nan], 1), ([math.inf, 1], 1), ([1], -1), ([], 1)],
    ids=["zeros", "negative", "nan", "inf", "total", "nobody"],
)
def test_impossible_quotas_are_refused(share, weights: list[float], total: int) -> None:
    with pytest.raises(DataError, match="must"):
        share(weights, total)


@settings(max_examples=50)
@given(weights=WEIGHTS, totals=st.lists(st.integers(0, 9), min_size=1, max_size=60))
def test_carried_rounding_stays_within_a_few_items_over_all_batches(
    weights: list[int], totals: list[int]
) -> None:
    shared = CarriedQuota(len(weights))
    counts = np.array([shared.of(weights, total) for total in totals])
    assert counts.sum(axis=1).tolist() == totals
    assert (counts >= 0).all()
    due = np.array(weights) / sum(weights) * sum(totals)
    assert np.abs(counts.sum(axis=0) - due).max() < 3


def test_a_task_that_has_no_weight_now_gets_nothing_and_is_made_up_for_later() -> None:
    shared = CarriedQuota(3)
    assert shared.of([1, 1, 1], 1).tolist() == [0, 0, 1]
    assert shared.of([0, 1, 1], 1).tolist() == [0, 1, 0]
    assert shared.of([1, 0, 1], 1).tolist() == [1, 0, 0]
    assert shared.of([0, 0, 1], 2).tolist() == [0, 0, 2]
