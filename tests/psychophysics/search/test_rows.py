"""What rows of the summary say beyond the tables; whole summaries are in `test_summary`."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.psychophysics.search.rows import _share


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
def test_intervals_of_shares_hold_the_truth_however_alike_searches_of_a_display_are(alike: float) -> None:
    """From independent searches to ones that end alike: hardly less often than is said."""
    rng, truth, runs = np.random.default_rng(0), 0.2, 600
    held = 0
    for _ in range(runs):
        own = rng.random((40, 4)) < truth
        same = np.repeat(rng.random((40, 1)) < truth, 4, axis=1)
        wrong = np.where(rng.random((40, 1)) < alike, same, own)
        found = _share(int(wrong.sum()), 160, 40)
        assert (found.estimate, found.n) == (wrong.mean(), 40)
        held += found.lo <= truth <= found.hi
    assert held / runs > 0.9
    if alike == 1:
        assert held / runs < 0.98
