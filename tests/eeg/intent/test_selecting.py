"""Probabilities that hold: of windows given .8, four in five are right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from cogattn.eeg.intent import Selector
from cogattn.eeg.intent.selecting import SHARPEST, probability, sharpness_of
from cogattn.errors import DataError


def test_the_sharpness_of_known_decisions_is_recovered() -> None:
    """Margins of two normal classes of means +-m and SD s: the log odds are 2 m / s**2 per unit."""
    rng = np.random.default_rng(0)
    margins = rng.normal(0.05, 0.1, 200_000)
    np.testing.assert_allclose(sharpness_of(margins), 2 * 0.05 / 0.1**2, rtol=0.03)
    p = probability(margins, sharpness_of(margins))
    for lo, hi in ((0.55, 0.65), (0.7, 0.8), (0.9, 0.95)):
        said = np.maximum(p, 1 - p)
        chosen = (said > lo) & (said < hi)
        np.testing.assert_allclose(np.mean(p[chosen] > 0.5), said[chosen].mean(), atol=0.02)


def test_the_sharpness_minimises_the_penalised_loss() -> None:
    margins = np.random.default_rng(1).normal(0.05, 0.1, 30)

    def loss(b):
        return -np.log(expit(b * margins)).sum() - 0.5 * np.log(expit(-b * margins)).mean()

    np.testing.assert_allclose(sharpness_of(margins), minimize(loss, 1.0).x[0], rtol=1e-3)


def test_never_wrong_is_not_certain_and_never_right_is_worth_nothing() -> None:
    few, many = sharpness_of([0.1] * 5), sharpness_of([0.1] * 50)
    assert 0 < few < many < SHARPEST
    assert probability(0.1, few) < 0.95
    assert sharpness_of([-0.1, -0.05]) == 0.0
    with pytest.raises(DataError, match="margins"):
        sharpness_of([])


def test_windows_multiply_and_short_stretches_count_as_one() -> None:
    rng = np.random.default_rng(0)
    first, second, noise = rng.standard_normal((3, 640))
    decoded = 0.2 * first + noise
    select = Selector(4.0, 5.0)
    whole = select(decoded, [first, second], sfreq=32.0)
    r = [
        [np.corrcoef(decoded[i : i + 160], s[i : i + 160])[0, 1] for i in range(0, 640, 160)]
        for s in (first, second)
    ]
    np.testing.assert_allclose(whole[0], expit(4.0 * (np.sum(r[0]) - np.sum(r[1]))))
    short = select(decoded[:100], [first[:100], second[:100]], sfreq=32.0)
    np.testing.assert_allclose(short.sum(), 1)
