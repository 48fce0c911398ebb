"""The five behaviours and OAT's deviation, by hand and by counting."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogattn.psychophysics.scanpath.behaviour import behaviour_of, deviation, metric
from cogattn.psychophysics.scanpath.columns import BEHAVIOURS


def test_behaviours_by_hand() -> None:
    found = behaviour_of(np.array([3, 3, 5, 3, 5, 5, 7, 7]), target=7)
    assert found == {
        "on_target": 1.0,
        "length": 8.0,
        "first_visits": 3 / 8,
        "refixations": 3 / 8,
        "revisits": 2 / 8,
    }
    assert behaviour_of(np.array([7, 3]), target=7)["on_target"] == 0
    assert np.isnan(behaviour_of(np.array([7, 3]), target=None)["on_target"])
    assert list(behaviour_of(np.array([4]), None).values())[1:] == [1, 1, 0, 0]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_every_fixation_is_a_first_visit_a_refixation_or_a_revisit(objects: list[int]) -> None:
    kinds = [
        "refixations" if k and objects[k - 1] == own else "revisits" if own in objects[:k] else "first_visits"
        for k, own in enumerate(objects)
    ]
    found = behaviour_of(np.array(objects), None)
    for name in BEHAVIOURS[2:]:
        assert found[name] == pytest.approx(kinds.count(name) / len(objects))


def test_deviation_is_relative_to_people_and_leaves_out_what_they_do_not_show() -> None:
    person = np.array([0.5, 10, 0.8, 0.2, 0.0])
    own = np.array([0.25, 12, 0.8, 0.3, 0.4])
    assert deviation(own, person) == pytest.approx((0.5 + 0.2 + 0 + 0.5) / 4)
    assert deviation(person, person) == 0
    free = np.array([np.nan, 10, 0.8, 0.2, 0.0])
    assert deviation(np.r_[np.nan, own[1:]], free) == pytest.approx((0.2 + 0 + 0.5) / 3)
    only = np.where(np.arange(5) == 1, person, np.nan)
    assert deviation(own, only) == pytest.approx(0.2)
    assert np.isnan(deviation(np.full(5, np.nan), person))
    many = deviation(np.stack([own, person]), person)
    np.testing.assert_allclose(many, [0.3, 0])


def test_metric_compares_means_over_scanpaths_not_scanpaths() -> None:
    values = {name: [1.0, 1.0] for name in BEHAVIOURS} | {"length": [4.0, 8.0]}
    swapped = values | {"length": [8.0, 4.0]}
    rows = pd.DataFrame(
        {f"own_{name}": own for name, own in values.items()}
        | {f"person_{name}": own for name, own in swapped.items()}
    )
    assert metric(rows) == 0  # blind to which path is long: why it says little
    assert metric(rows.assign(own_length=[9.0, 9.0])) == pytest.approx(0.5 / 5)
