"""Metrics: the 4-task table of the papers' definitions and the libraries' own code, and what tells variants apart."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cogattn.errors import DataError
from cogattn.rehearsal import metrics

R = np.array(
    [[0.90, 0.12, 0.11, 0.10], [0.80, 0.92, 0.13, 0.12], [0.85, 0.95, 0.94, 0.15], [0.88, 0.75, 0.97, 0.96]]
)
UNTRAINED = np.array([0.10, 0.11, 0.09, 0.10])
# what each library's own code returned for this matrix (Mammoth e75a491, Continuum 1.2.7, Avalanche 0.6.0, GEM's code)
MEASURED = {
    "backward_transfer": -0.0533,
    "backward_transfer_gem": -0.0400,
    "backward_transfer_continuum": -0.0467,
    "forgetting": 0.0633,
    "forgetting_mammoth": 0.0733,
    "forgetting_continuum": 0.0633,
    "forgetting_avalanche": 0.0533,
    "forward_transfer": 0.0333,
    "forward_transfer_gem": 0.0250,
    "forward_transfer_continuum": 0.1333,
}


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_each_variant_is_what_its_library_returned(name: str) -> None:
    assert metrics.variants(R, UNTRAINED)[name] == pytest.approx(MEASURED[name], abs=5e-5)


def test_the_public_names_are_the_papers_definitions() -> None:
    n = len(R)
    transfer = sum(R[n - 1, i] - R[i, i] for i in range(n - 1)) / (n - 1)
    ahead = sum(R[i - 1, i] - UNTRAINED[i] for i in range(1, n)) / (n - 1)
    lost = sum(max(R[row, j] for row in range(n - 1)) - R[n - 1, j] for j in range(n - 1)) / (n - 1)
    assert metrics.backward_transfer(R) == pytest.approx(transfer)
    assert metrics.forward_transfer(R, UNTRAINED) == pytest.approx(ahead)
    assert metrics.forgetting(R) == pytest.approx(lost)
    assert metrics.average_accuracy(R) == pytest.approx((0.88 + 0.75 + 0.97 + 0.96) / 4)


def test_averages_over_rows_count_only_tasks_that_were_met() -> None:
    assert metrics.average_incremental([[0.8, 0.0], [0.4, 0.6]]) == pytest.approx((0.8 + 0.5) / 2)
    assert metrics.average_accuracy_continuum([[0.8, 0.0], [0.4, 0.6]]) == pytest.approx(1.8 / 3)


def test_a_best_before_the_task_was_learnt_counts_for_chaudhry_and_not_for_continuum() -> None:
    before = R.copy()
    before[0, 1] = 0.99
    assert metrics.forgetting(before) == pytest.approx((0.02 + 0.24 - 0.03) / 3)
    assert metrics.forgetting_mammoth(before) == pytest.approx((0.02 + 0.24 + 0.0) / 3)
    assert metrics.forgetting_continuum(before) == pytest.approx(metrics.forgetting_continuum(R))


def test_forgetting_is_of_all_tasks_but_the_last() -> None:
    changed = R.copy()
    changed[:, -1] = [0.99, 0.99, 0.99, 0.0]
    for name in ("forgetting", "forgetting_mammoth", "forgetting_continuum", "forgetting_avalanche"):
        assert metrics.BACKWARD[name](changed) == metrics.BACKWARD[name](R)


def test_a_lower_triangle_is_enough_for_all_but_forward_transfer() -> None:
    lower = np.where(np.tril(np.ones(R.shape, bool)), R, np.nan)
    whole, part = metrics.variants(R, UNTRAINED), metrics.variants(lower, UNTRAINED)
    for name in metrics.BACKWARD:
        assert part[name] == whole[name]
    assert all(np.isnan(part[name]) for name in metrics.FORWARD)
    with pytest.raises(DataError, match="not measured"):
        metrics.forward_transfer(lower, UNTRAINED)


def test_need_weighs_tasks_whatever_the_weights_sum_to() -> None:
    assert metrics.need_weighted([0.6, 0.9, np.nan], [1, 2, 0]) == pytest.approx(0.8)
    assert metrics.need_weighted(R[-1], np.full(4, 7.0)) == pytest.approx(metrics.average_accuracy(R))


def test_the_newest_tasks_are_the_last_columns() -> None:
    assert metrics.newest(R, 3) == pytest.approx((0.75 + 0.97 + 0.96) / 3)
    assert metrics.newest(R[:2, :2], 3) == pytest.approx((0.80 + 0.92) / 2)


def test_an_area_weighs_bins_by_their_items_and_takes_part_of_the_last() -> None:
    assert metrics.area([0.2, 0.6, 0.9], [10, 30, 40], items=25) == pytest.approx((10 * 0.2 + 15 * 0.6) / 25)
    assert metrics.area([0.2, 0.6], [10, 30], items=100) == pytest.approx((2 + 18) / 40)
    assert metrics.area([np.nan, 0.6], [0, 30], items=3) == pytest.approx(0.6)
    assert np.isnan(metrics.area([np.nan], [0], items=3))


@pytest.mark.parametrize(("n_phases", "n_late"), [(2, 1), (5, 1), (6, 2), (10, 3), (20, 6)])
def test_a_rise_is_from_the_first_phase_to_the_last_third(n_phases: int, n_late: int) -> None:
    areas = np.full(n_phases, 0.3)
    areas[-n_late:] = 0.8
    assert metrics.rise(areas) == pytest.approx(0.5)
    areas[-n_late] = 0.3
    assert metrics.rise(areas) < 0.5


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: metrics.backward_transfer(R[:3]), r"R must be square.*2 at least; got \(3, 4\)"),
        (lambda: metrics.forgetting([[0.5]]), r"2 at least; got \(1, 1\)"),
        (lambda: metrics.average_accuracy([0.5]), r"1 at least; got \(1,\)"),
        (lambda: metrics.forward_transfer(R, UNTRAINED[:3]), r"baseline must be of shape \(4,\); got \(3,\)"),
        (lambda: metrics.need_weighted([0.5, 0.5], [1]), "one a task"),
        (lambda: metrics.need_weighted([0.5, 0.5], [1, -1]), "0 or more"),
        (lambda: metrics.need_weighted([0.5, 0.5], [0, 0]), "not all 0"),
        (lambda: metrics.rise([0.5]), "at least two phases"),
    ],
    ids=["square", "two tasks", "matrix", "baseline", "one a task", "negative", "all zero", "phases"],
)
def test_what_is_no_matrix_is_refused(call: Callable[[], float], said: str) -> None:
    with pytest.raises(DataError, match=said):
        call()


def test_one_task_has_an_average_and_nothing_else() -> None:
    assert metrics.average_accuracy([[0.5]]) == metrics.average_incremental([[0.5]]) == 0.5
