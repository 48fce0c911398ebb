"""Psychometric functions: recovery of simulated observers, and honesty where there is nothing to recover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from cogattn.errors import DataError
from cogattn.statistics.psychometric import Shape, fit_psychometric

GUESS, LAPSE = 1 / 16, 0.02
CASES: list[tuple[Shape, list[float], float, float]] = [
    ("weibull", [0.5, 1, 2, 4, 8, 16], 3.0, 1.5),
    ("logistic", [-3, -2, -1, 0, 1, 2, 3], 0.3, 2.0),
]


def truth(shape: Shape, levels: list[float], threshold: float, slope: float) -> np.ndarray:
    x = np.asarray(levels)
    rise = (
        1 - 0.5 ** ((x / threshold) ** slope)
        if shape == "weibull"
        else 1 / (1 + np.exp(-slope * (x - threshold)))
    )
    return GUESS + (1 - GUESS - LAPSE) * rise


@pytest.mark.parametrize(("shape", "levels", "threshold", "slope"), CASES)
def test_threshold_is_recovered_within_two_percent_at_1e5_trials(
    shape: Shape, levels: list[float], threshold: float, slope: float
) -> None:
    rng = np.random.default_rng(1)
    n = 100_000 // len(levels)
    counts = rng.binomial(n, truth(shape, levels, threshold, slope), (200, len(levels)))
    fit = fit_psychometric(levels, counts, np.full_like(counts, n), guess=GUESS, shape=shape)
    assert fit.threshold.mean() == pytest.approx(threshold, rel=0.01)
    assert np.median(fit.slope) == pytest.approx(slope, rel=0.02)
    assert np.median(fit.lapse) == pytest.approx(LAPSE, abs=0.005)


@pytest.mark.parametrize("lapse", [LAPSE, None])
@pytest.mark.parametrize(("shape", "levels", "threshold", "slope"), CASES)
def test_intervals_cover_93_to_97_percent_of_2000_observers(
    shape: Shape, levels: list[float], threshold: float, slope: float, lapse: float | None
) -> None:
    rng = np.random.default_rng(2)
    counts = rng.binomial(60, truth(shape, levels, threshold, slope), (2000, len(levels)))
    fit = fit_psychometric(levels, counts, np.full_like(counts, 60), guess=GUESS, lapse=lapse, shape=shape)
    assert fit.converged.all()
    assert 0.93 < ((fit.lo <= threshold) & (threshold <= fit.hi)).mean() < 0.97


def test_maximum_is_that_of_a_general_optimiser() -> None:
    levels, counts, n = np.array([0.5, 1, 2, 4, 8, 16]), np.array([4, 9, 20, 33, 40, 47]), 50

    def cost(theta: np.ndarray) -> float:
        rise = 1 - 0.5 ** ((levels / np.exp(theta[0])) ** np.exp(theta[1]))
        p = GUESS + (1 - GUESS - LAPSE) * rise
        return -float(counts @ np.log(p) + (n - counts) @ np.log(1 - p))

    best = minimize(cost, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    fit = fit_psychometric(levels, counts, np.full(6, n), guess=GUESS, lapse=LAPSE)
    assert fit.threshold[0] == pytest.approx(np.exp(best.x[0]), rel=1e-4)
    assert fit.slope[0] == pytest.approx(np.exp(best.x[1]), rel=1e-3)


@pytest.mark.parametrize(
    "counts",
    [[3, 3, 2, 3, 2, 3], [40, 40, 40, 40, 40, 40], [40, 33, 25, 14, 6, 3]],
    ids=["floor", "ceiling", "falling"],
)
def test_observers_without_a_threshold_are_flagged_and_get_no_number(counts: list[int]) -> None:
    fit = fit_psychometric([1, 2, 4, 8, 16, 32], counts, [40] * 6, guess=GUESS)
    assert not fit.converged[0]
    assert np.isnan(fit.threshold[0])
    assert (fit.lo[0], fit.hi[0]) == (0, np.inf)


def test_levels_without_trials_do_not_matter() -> None:
    full = fit_psychometric([1, 2, 4, 8], [5, 12, 25, 36], [40, 40, 40, 40], guess=GUESS)
    padded = fit_psychometric([1, 2, 3, 4, 8], [5, 12, 0, 25, 36], [40, 40, 0, 40, 40], guess=GUESS)
    assert padded.threshold[0] == pytest.approx(full.threshold[0], rel=1e-4)


def test_a_stimulus_level_of_zero_is_guessing_for_weibull() -> None:
    fit = fit_psychometric([0, 1, 2, 4, 8], [3, 5, 12, 25, 36], [40] * 5, guess=GUESS)
    assert fit.converged[0]
    assert 1 < fit.threshold[0] < 8


@pytest.mark.parametrize(
    ("levels", "correct", "trials", "guess", "message"),
    [
        ([1, 2, 3], [1, 2], [4, 4], 0.5, "one column per level"),
        ([-1, 2], [1, 2], [4, 4], 0.5, "from 0 for Weibull"),
        ([1, 2], [5, 2], [4, 4], 0.5, "at most n_trials"),
        ([1, 2], [1.5, 2], [4, 4], 0.5, "counts"),
        ([1, 2], [1, 2], [4, 4], 0.95, "guess"),
        ([1, 2], [0, 2], [0, 4], 0.5, "at least two"),
    ],
)
def test_unusable_input_is_named(
    levels: list[float], correct: list[float], trials: list[float], guess: float, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        fit_psychometric(levels, correct, trials, guess=guess)
