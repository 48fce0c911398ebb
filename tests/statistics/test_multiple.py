from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from cogattn.statistics.multiple import holm


def closed(p: list[float]) -> list[float]:
    """Closed testing with Bonferroni's test of each intersection, of which Holm's procedure is the short cut."""
    n = len(p)
    sets = [own for size in range(1, n + 1) for own in combinations(range(n), size)]
    return [max(min(1.0, len(own) * min(p[j] for j in own)) for own in sets if i in own) for i in range(n)]


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_closed_testing(seed: int) -> None:
    p = (np.random.default_rng(seed).random(6) ** 3).tolist()
    assert holm(p).tolist() == pytest.approx(closed(p))


def test_a_test_that_was_not_made_is_not_counted() -> None:
    found = holm([0.02, float("nan"), 0.03])
    assert np.isnan(found[1])
    assert found[[0, 2]].tolist() == pytest.approx([0.04, 0.04])


def test_of_nothing_there_is_nothing() -> None:
    assert holm([]).tolist() == []
