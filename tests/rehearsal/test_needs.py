"""Need kernels: closed forms, the likely ancestor's own numbers, clocks, and sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogattn.errors import ConfigError, DataError
from cogattn.rehearsal.diary import ROOM, Diary
from cogattn.rehearsal.needs import (
    ActR,
    Cumulative,
    Exponential,
    Linear,
    Need,
    NoRehearsal,
    PowerLaw,
    ShiftedPower,
    Table,
    TaskIndex,
    Uniform,
)

LAGS = np.array([1.0, 2, 3, 7, 20])
FORMS = {
    "uniform": (Uniform(), lambda t: 1.0),
    "power 1": (PowerLaw(1), lambda t: 1 / t),
    "power .5": (PowerLaw(0.5), lambda t: 1 / math.sqrt(t)),
    "ACT-R": (ActR(0.5), lambda t: 1 / math.sqrt(t)),
    "shifted": (ShiftedPower(0.1, 5.6), lambda t: 1 / (1 + 0.1 * t) ** 5.6),
    "exponential": (Exponential(3), lambda t: math.e ** (-t / 3)),
    "linear": (Linear(), lambda t: 1 - t / (20 * 6 / 5)),
    "none": (NoRehearsal(), lambda t: 0.0),
    "cumulative": (Cumulative(), lambda t: 1.0),
}
EVERY: tuple[Need, ...] = (
    Uniform(), PowerLaw(2), ShiftedPower(), Exponential(0.01), Linear(), ActR(), TaskIndex(), Cumulative(),
    PowerLaw(1, since="last"), Exponential(2, since="all"), Linear(since="last"),
)  # fmt: skip


def once(n_past: int, items: int = 100) -> list[list[list[int]]]:
    """A task in each phase, never rehearsed."""
    return [[[phase, items]] for phase in range(n_past)]


@pytest.mark.parametrize("name", FORMS)
def test_each_kernel_is_its_closed_form(name: str) -> None:
    need, form = FORMS[name]
    assert need.kernel(LAGS) == pytest.approx([form(t) for t in LAGS], rel=1e-14)
    assert need.kernel(LAGS).dtype == np.float64


def test_the_unrestricted_counts_are_the_likely_ancestors_table_within_an_item() -> None:
    published = [33969, 20867, 13329, 8802, 5981, 4167, 2968, 2155, 1592]
    assert Table().counts(np.arange(1, 10), 57_927) == pytest.approx(published, abs=1)
    t = np.arange(20, 41)  # all 21 of the table, of which these nine lags are every second one
    counts = 57_927 * (t / 20) ** -5.6
    assert counts[[0, 1, 20]] == pytest.approx([57_927, 44_078, 1195], abs=1)
    assert 57_927 * ShiftedPower(0.1, 5.6).kernel(t[2:] / 2 - 10) == pytest.approx(counts[2:])


def test_the_likely_ancestors_polynomial_and_exponential_are_its_ratios() -> None:
    by_index = TaskIndex(4).weights(9, once(9))
    assert by_index / by_index[0] == pytest.approx([((10 + j) / 10) ** 4 for j in range(9)])
    assert TaskIndex(4).kernel(np.arange(9, 0, -1)) == pytest.approx([(10 + j) ** 4 for j in range(9)])
    decayed = Exponential(1).weights(9, once(9))
    assert decayed[-1] / decayed[0] == pytest.approx(math.exp(8))


def test_linear_weights_are_the_tasks_numbers() -> None:
    assert Linear().weights(4, once(4)) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    in_items = [[[20_000 * phase, 100]] for phase in range(4)]
    assert Linear().weights(80_000, in_items) == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_kernels_that_look_to_the_oldest_task_hold_for_one_alone() -> None:
    assert Linear().kernel([1]).tolist() == [0.5]
    assert TaskIndex(4).kernel([1]) == pytest.approx([10_000])
    assert Linear().kernel([]).shape == (0,)
    assert TaskIndex(0).kernel([1, 2]).tolist() == [1, 1]


def test_actr_is_the_literal_sum_over_encounters_and_a_rehearsal_refreshes() -> None:
    met = [[[0, 50], [2, 3], [3, 4]], [[1, 50]], [[2, 50], [3, 1]]]
    sums = [sum(n / math.sqrt(5 - t) for t, n in task) for task in met]
    assert ActR().weights(5, met) == pytest.approx(np.array(sums) / sum(sums), rel=1e-12)
    before = ActR().weights(5, [met[0], met[1], met[2][:1]])
    assert ActR().weights(5, met)[2] > before[2]


def test_the_clock_runs_from_the_first_or_the_last_encounter() -> None:
    met = [[[0, 10], [3, 1]], [[1, 10]]]
    assert PowerLaw(1).weights(4, met) == pytest.approx(np.array([1 / 4, 1 / 3]) / (7 / 12))
    assert PowerLaw(1, since="last").weights(4, met) == pytest.approx([3 / 4, 1 / 4])
    assert PowerLaw(1, since="all").weights(4, met) == pytest.approx(np.array([3.5, 10 / 3]) / (41 / 6))


def test_equal_lags_have_weights_that_are_equal_to_the_last_bit() -> None:
    for n_past in range(2, 50):
        met = [[[task, 9], [n_past - 1, 1]] for task in range(n_past)]
        assert len(set(PowerLaw(1, since="last").weights(n_past, met).tolist())) == 1


def test_a_lag_below_one_counts_as_one() -> None:
    assert PowerLaw(1).weights(2, [[[1, 5]], [[2, 5]]]).tolist() == [0.5, 0.5]
    assert PowerLaw(1).kernel([0, 0.5, 1]).tolist() == [1, 1, 1]


@pytest.mark.parametrize("need", EVERY, ids=lambda need: f"{type(need).__name__} {need.since}")
@settings(max_examples=20)
@given(gaps=st.lists(st.integers(1, 100_000), min_size=1, max_size=12), data=st.data())
def test_weights_sum_to_one_at_any_lag(need: Need, gaps: list[int], data: st.DataObject) -> None:
    times = np.cumsum(gaps)
    again = data.draw(st.integers(0, len(gaps) - 1))
    met = [[[t, 7]] + [[times[-1], 2]] * (task == again) for task, t in enumerate(times)]
    weights = need.weights(float(times[-1] + 1), met)
    assert abs(math.fsum(weights) - 1) <= 2**-52
    assert (weights >= 0).all()
    if need.since == "introduced":
        assert (np.diff(weights) >= 0).all()  # the newer, the more


def test_without_rehearsal_all_weights_are_zero_and_no_past_has_none() -> None:
    assert NoRehearsal().weights(3, once(3)).tolist() == [0, 0, 0]
    assert PowerLaw().weights(0, []).shape == (0,)


def test_shares_among_some_are_the_weights_of_these() -> None:
    diary = Diary.of(once(4), every=False)
    among = np.array([True, False, True, False])
    shares = PowerLaw(1).shares(4, diary, among)
    assert shares == pytest.approx([1 / 3, 0, 2 / 3, 0])
    far = Exponential(0.001).shares(4, diary, among)
    assert far.tolist() == [0, 0, 1, 0]


def test_merged_encounters_change_shares_by_less_than_a_ten_thousandth() -> None:
    rng, n = np.random.default_rng(0), 5 * ROOM
    tasks, items = rng.integers(3, size=n), rng.integers(1, 9, size=n)
    tasks[:3] = range(3)
    diary = Diary(every=True)
    for step in range(n):
        diary.record(tasks[step : step + 1], step, items[step : step + 1])
    assert len(diary.events[0]) < n / 2
    assert diary.events[2].sum() == pytest.approx(items.sum())
    for now in (n, n + 500):
        sums = np.bincount(tasks, items * (now - np.arange(n)) ** -0.5)
        assert ActR().shares(now, diary) == pytest.approx(sums / sums.sum(), rel=1e-4)


@pytest.mark.parametrize(
    ("met", "match"),
    [
        ([[[0, 1]], np.empty((0, 2))], "at least one"),
        ([[[0, 1]], [[5, 1]]], "no later than now"),
        ([[[3, 1], [2, 1]]], "in order"),
        ([[[0, 0]]], "above 0"),
        ([[[math.nan, 1]]], "in order"),
    ],
    ids=["never met", "future", "not in order", "no items", "no time"],
)
def test_impossible_encounters_are_refused(met: list, match: str) -> None:
    with pytest.raises(DataError, match=match):
        PowerLaw().weights(4, met)


@pytest.mark.parametrize(
    "make",
    [
        lambda: PowerLaw(0),
        lambda: PowerLaw(math.inf),
        lambda: ActR(-1),
        lambda: ShiftedPower(0, 1),
        lambda: ShiftedPower(1, -1),
        lambda: Exponential(math.nan),
        lambda: TaskIndex(-1),
        lambda: TaskIndex(4, 0),
    ],
    ids=["d 0", "d inf", "ACT-R d", "beta", "psi", "tau", "degree", "offset"],
)
def test_parameters_out_of_bounds_are_refused(make) -> None:
    with pytest.raises(ConfigError, match="must be"):
        make()
