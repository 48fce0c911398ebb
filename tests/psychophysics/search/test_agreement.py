from __future__ import annotations

import numpy as np
import pytest

from cogattn.psychophysics.search import people
from cogattn.psychophysics.search.agreement import _pearson, agreement


def test_own_slopes_reach_the_ceiling_and_flat_ones_gain_nothing() -> None:
    times = people.human_times()
    own = dict(people.human_slopes()[["condition", "slope_ms"]].to_numpy())
    scaled = agreement({k: 3 * v for k, v in own.items()}, times)
    assert scaled.log_likelihood == pytest.approx(scaled.ceiling)
    assert scaled.scale == pytest.approx(1 / 3)
    assert scaled.correlation == pytest.approx(1)
    flat = agreement(dict.fromkeys(own, 0.0), times)
    assert flat.log_likelihood == 0
    assert np.isnan(flat.correlation)
    reversed_ = agreement({k: -v for k, v in own.items()}, times)
    assert reversed_.scale == 0
    assert reversed_.log_likelihood == 0
    assert (flat.n_conditions, flat.n_times) == (12, 40)


def test_published_correlation_of_eccnet_slopes_lies_in_its_own_wide_interval() -> None:
    r, lo, hi = _pearson(np.arange(12.0), np.arange(12.0) + 8 * np.sin(np.arange(12) * 2.0))
    assert lo < r < hi
