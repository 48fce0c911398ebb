"""Values, intervals and errors on the scales on which they are compared."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cogattn.measures import Measure
from cogattn.statistics.scales import RANGES, from_scale, limits_of, on_scale, standard_error, to_scale


@pytest.mark.parametrize(
    ("scale", "values"),
    [
        ("linear", [-3.0, 0.0, 2.5]),
        ("log", [0.2, 1.0, 30.0]),
        ("share", [0.0, 0.3, 1.0]),
        ("correlation", [-0.9, 0.0, 0.6]),
    ],
)
def test_there_and_back_is_where_one_was(scale, values) -> None:
    assert from_scale(to_scale(values, scale), scale) == pytest.approx(values)
    assert np.diff(to_scale(values, scale)).min() > 0
    assert np.array_equal(on_scale(values, scale), to_scale(values, scale))


def test_what_is_none_is_missing_and_what_is_one_but_for_rounding_is_one() -> None:
    assert np.isnan(to_scale([-1.0, math.nan], "log")).all()
    assert to_scale([1 + 1e-12, -1 - 1e-12], "correlation").tolist() == [math.inf, -math.inf]
    assert from_scale([-0.1, 2.0], "share").tolist() == [0.0, 1.0]


def test_a_standard_error_is_that_of_the_normal_interval_on_its_scale() -> None:
    assert standard_error(2 - 0.196, 2 + 0.196) == pytest.approx(0.1, rel=1e-4)
    assert standard_error(math.exp(1 - 0.196), math.exp(1 + 0.196), "log") == pytest.approx(0.1, rel=1e-4)
    assert standard_error(math.tanh(-0.196), math.tanh(0.196), "correlation") == pytest.approx(0.1, rel=1e-4)
    assert standard_error(-0.2, 1.3, "share") == pytest.approx(math.pi / 2 / 3.92, rel=1e-4)


def test_an_interval_without_two_ends_on_its_scale_tells_no_error() -> None:
    ends = np.array([[0.0, 1.0], [math.nan, 1.0], [1.0, math.inf]])
    assert np.isnan(standard_error(ends[:, 0], ends[:, 1], "log")).all()
    assert all(low < high for low, high in RANGES.values())


def test_a_measure_lies_within_its_own_limits_or_those_of_its_scale() -> None:
    assert limits_of(Measure("a", "", "a")) == (-math.inf, math.inf)
    assert limits_of(Measure("a", "", "a", scale="share")) == (0, 1)
    assert limits_of(Measure("a", "", "a", limits=(-1, 1)).at("b", label="b")) == (-1, 1)
