"""Rows and tables of a set: who is set beside whom, over which conditions, and in what order."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.observers.observer import Observer
from cogattn.psychophysics.naming.sets.by_condition import STATISTICS, Answers
from cogattn.psychophysics.naming.sets.published import Conditions
from cogattn.psychophysics.naming.sets.rows import (
    CONDITION_COLUMNS,
    ORDER_COLUMNS,
    PAIR_COLUMNS,
    Named,
    accuracy,
    ceiling,
    condition_table,
    likeness,
    order_table,
    pair_table,
    people_accuracy,
    person_values,
    remark_on_conditions,
    set_rows,
)
from cogattn.statistics.stats import wilson_interval

CONDITIONS = Conditions("contrast, %", ("c100", "c30", "c01"), ("100", "30", "1"), (False, True, True))


def a_set(n_networks: int = 2, n_people: int = 3, *, alike: bool = True, seed: int = 0) -> Named:
    rng = np.random.default_rng(seed)
    n = 240
    condition = np.arange(n) % 3
    ease = rng.random(n)
    level = np.array([0.1, 0.3, 0.6])[condition]
    skill = np.linspace(-0.2, 0.2, n_networks + n_people)[:, None]
    right = (ease + skill + 0.3 * rng.normal(size=(n_networks + n_people, n)) > level).astype(float)
    names = [Observer(f"net{i}", role="network") for i in range(n_networks)]
    names += [Observer(f"person {i}", role="person") for i in range(n_people)]
    people = tuple(range(n_networks, n_networks + n_people))
    return Named("contrast", CONDITIONS, tuple(names), Answers(right, condition, 3), people, 0.95, alike)


def test_accuracy_is_the_mean_over_conditions_with_wilsons_interval():
    named = a_set()
    right = named.answers.right[0]
    found = accuracy(named, 0, [1, 2])
    counted = right[named.answers.condition > 0]
    assert found.estimate == pytest.approx(counted.mean())
    assert (found.lo, found.hi) == pytest.approx(wilson_interval(counted.sum(), 160))
    assert found.n == 160


def test_conditions_of_unequal_size_weigh_the_same():
    named = a_set()
    right = named.answers.right.copy()
    right[0, (named.answers.condition == 1) & (np.arange(240) > 40)] = np.nan
    uneven = Named(
        "x", CONDITIONS, named.observers, Answers(right, named.answers.condition, 3), named.people, 0.95
    )
    parts = [accuracy(uneven, 0, [one]) for one in (1, 2)]
    both = accuracy(uneven, 0, [1, 2])
    assert both.estimate == pytest.approx(np.mean([part.estimate for part in parts]))
    assert both.n == parts[0].n + parts[1].n
    assert both.hi - both.lo > accuracy(named, 0, [1, 2]).hi - accuracy(named, 0, [1, 2]).lo


def test_a_person_is_set_beside_the_others_only():
    named = a_set(n_networks=0, n_people=4)
    rest = [accuracy(named, person, [1]).estimate for person in (1, 2, 3)]
    assert people_accuracy(named, 0, [1]).estimate == pytest.approx(np.mean(rest))
    assert people_accuracy(named, 0, [1]).n == 3
    without = Named("x", CONDITIONS, named.observers[1:], Answers(named.answers.right[1:], named.answers.condition, 3),
                    (0, 1, 2), 0.95)  # fmt: skip
    assert ceiling(named, "error_consistency", 0, [1]) == ceiling(without, "error_consistency", -1, [1])
    assert likeness(named, "error_consistency", 0, [1]).n == 3


def test_rows_are_over_the_conditions_that_count_and_people_stand_beside():
    named = a_set()
    rows = {row.measure.key: row for row in set_rows(named, 0)}
    assert list(rows) == [
        "accuracy.contrast", "error_consistency.people.contrast", "observed_consistency.people.contrast",
        "accuracy_difference.people.contrast", "copy_probability.people.contrast",
    ]  # fmt: skip
    assert rows["accuracy.contrast"].value == accuracy(named, 0, [1, 2])
    assert rows["accuracy.contrast"].human == people_accuracy(named, 0, [1, 2])
    for statistic in STATISTICS:
        row = rows[f"{statistic}.people.contrast"]
        assert row.value == likeness(named, statistic, 0, [1, 2])
        assert row.human == ceiling(named, statistic, 0, [1, 2])
        assert row.value.n == row.human.n == 3


def test_other_images_than_peoples_leave_accuracy_alone():
    named = a_set(alike=False)
    assert [row.measure.key for row in set_rows(named, 0)] == ["accuracy.contrast"]
    assert set(condition_table(named)["measure"]) == {"accuracy"}


def test_without_people_a_network_has_its_accuracy():
    alone = a_set(n_people=0)
    rows = set_rows(alone, 0)
    assert [row.measure.key for row in rows] == ["accuracy.contrast"]
    assert rows[0].human is None
    assert (condition_table(alone)["human_n"] == 0).all()


def test_where_no_condition_counts_there_is_no_number_and_the_row_says_so():
    named = a_set()
    hard = Named(
        named.name, Conditions("", CONDITIONS.names, CONDITIONS.labels, (False,) * 3), named.observers, named.answers,
        named.people, 0.95,
    )  # fmt: skip
    (row,) = set_rows(hard, 0)
    assert np.isnan(row.value.estimate)
    assert row.value.n == 0
    assert row.note == "no condition that was shown counts"
    assert len(condition_table(hard)) == len(condition_table(named))
    assert pair_table(hard).empty


def test_the_table_has_each_condition_and_says_which_count():
    named = a_set(n_networks=1, n_people=2)
    table = condition_table(named)
    assert tuple(table) == CONDITION_COLUMNS
    assert len(table) == 3 * 3 * 5 - 2 * 0
    own = table[(table["observer"] == "net0") & (table["measure"] == "accuracy")]
    assert own["label"].tolist() == ["100", "30", "1"]
    assert own["counted"].tolist() == [False, True, True]
    assert own["estimate"].tolist() == [accuracy(named, 0, [one]).estimate for one in range(3)]
    assert (own["n"] == 80).all()


def test_pairs_name_a_network_before_a_person_and_the_less_accurate_first():
    named = a_set()
    table = pair_table(named)
    assert tuple(table) == PAIR_COLUMNS
    assert len(table) == 10
    level = {one.id: accuracy(named, i, named.counted).estimate for i, one in enumerate(named.observers)}
    for first, second in zip(table["first"], table["second"], strict=True):
        assert not (first.startswith("person") and second.startswith("net"))
        if first[:3] == second[:3]:
            assert level[first] <= level[second]
    own = table[(table["first"] == "net0") & table["second"].str.startswith("person")]
    assert own["kappa"].mean() == pytest.approx(
        likeness(named, "error_consistency", 0, named.counted).estimate
    )
    assert own["copy"].mean() == pytest.approx(likeness(named, "copy_probability", 0, named.counted).estimate)
    assert (table["n_trials"] == 160).all()
    assert (table["lo"] < table["kappa"]).all()


def test_the_order_is_by_the_mean_of_three_ranks():
    named = a_set(n_networks=3)
    table = order_table(named).set_index("observer")
    assert tuple(order_table(named)) == ORDER_COLUMNS
    assert set(table.index) == {"net0", "net1", "net2"}
    ranks = (
        table["accuracy_difference"].rank()
        + table["observed_consistency"].rank(ascending=False)
        + table["error_consistency"].rank(ascending=False)
    ) / 3
    assert table["mean_rank"].tolist() == ranks.tolist()
    assert table["mean_rank"].is_monotonic_increasing
    assert order_table(a_set(n_networks=0)).empty


def test_persons_have_values_with_errors():
    named = a_set()
    values = list(person_values(named))
    assert len(values) == 3 * 5
    person, measure, estimate, error, n = values[1]
    assert (person, measure.key, n) == ("person 0", "error_consistency.people.contrast", 160)
    assert estimate == likeness(named, "error_consistency", 2, [1, 2]).estimate
    assert 0 < error < 0.3


def test_the_remark_names_what_is_left_out():
    assert "left out" in remark_on_conditions(a_set())
    assert "(100)" in remark_on_conditions(a_set())
    everything = Conditions("", ("0",), ("sketch",), (True,))
    named = a_set()
    assert remark_on_conditions(Named("s", everything, named.observers, named.answers, (), 0.95)) == ""
