from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from cogattn.reporting.card.row import CardRow
from cogattn.reporting.card.self_check import left_out, self_check


def t_test(own: float, others: np.ndarray) -> float:
    n = len(others)
    away = abs(own - others.mean()) / others.std(ddof=1) / math.sqrt(1 + 1 / n)
    return float(2 * stats.t.sf(away, n - 1))


def test_a_person_is_placed_among_the_others_by_the_t_test_of_one_more() -> None:
    values = np.random.default_rng(0).normal(size=9)
    expected = [t_test(values[i], np.delete(values, i)) for i in range(9)]
    assert left_out(values.tolist(), "linear") == pytest.approx(expected)


def test_values_are_compared_on_the_measure_s_scale() -> None:
    values = np.random.default_rng(1).lognormal(size=9)
    assert left_out(values.tolist(), "log") == pytest.approx(left_out(np.log(values).tolist(), "linear"))


def test_of_normal_people_one_in_twenty_comes_out_outside() -> None:
    rng = np.random.default_rng(2)
    outside = [sum(p <= 0.05 for p in left_out(rng.normal(size=8).tolist(), "linear")) for _ in range(60)]
    share = sum(outside) / (60 * 8)
    assert 0.025 < share < 0.08


def test_a_row_s_check_counts_persons_and_holds_the_nominal_share() -> None:
    values = [0.9, 1.0, 1.1, 1.05, 0.95, 5.0]
    row = CardRow(
        study="made", kind="behaves like", status="outside", measure="speed", label="speed", n_people=6,
        people=tuple((f"person {i}", value) for i, value in enumerate(values)),
    )  # fmt: skip
    (check,) = self_check([row])
    assert (check.n, check.outside) == (6, 1)
    assert check.share == pytest.approx(1 / 6)
    assert check.lo < check.nominal < check.hi
    assert check.holds


@pytest.mark.parametrize("status", ["no people", "not run", "does not apply"])
def test_a_row_without_people_to_be_placed_among_is_not_checked(status: str) -> None:
    people = tuple((f"person {i}", float(i)) for i in range(6))
    row = CardRow(study="made", kind="behaves like", status=status, people=people)  # type: ignore[arg-type]
    assert self_check([row]) == ()
