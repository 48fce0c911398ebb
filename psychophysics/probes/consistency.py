"""Error consistency: do two observers fail on the same trials, beyond what their accuracies imply?

With accuracies p and q and independent errors, two observers agree (both right or both wrong) on
``expected = p q + (1 - p)(1 - q)`` of the trials. Error consistency is Cohen's kappa of their correctness,
``(observed - expected) / (1 - expected)``: 1 where they fail on the same trials, 0 where errors are
independent, negative where they avoid each other's.

References
----------
Geirhos, Meding, Wichmann (2020), NeurIPS, arXiv 2006.16736, eqs 1-3. Cohen (1960), Educ. Psychol. Meas. 20.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cogattn.errors import DataError

TRIAL_KEYS = ("image", "noise_sd", "band")
"""Columns that make two trials the same."""


@dataclass(frozen=True)
class ErrorConsistency:
    """Agreement of two observers' errors.

    Parameters
    ----------
    kappa, lo, hi : float
        Error consistency and its bootstrap interval over images; NaN where one observer is always right or
        both always agree by necessity (expected = 1).
    observed, expected : float
        Shares of trials on which they agree.
    n_trials, n_images : int
        Trials that both saw, and images among them.
    """

    kappa: float
    lo: float
    hi: float
    observed: float
    expected: float
    n_trials: int
    n_images: int


def kappa(first: ArrayLike, second: ArrayLike, weights: ArrayLike | None = None) -> NDArray[np.float64]:
    """Cohen's kappa of correctness.

    Parameters
    ----------
    first, second : arrays of bool, shape (n_trials,)
        Whether each observer was correct.
    weights : array, shape (..., n_trials), optional
        Weights of the trials, several sets at once; equal by default.

    Returns
    -------
    array, shape (...,)
        NaN where the expected agreement is 1.
    """
    observed, expected = _agreement(first, second, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected < 1, (observed - expected) / (1 - expected), np.nan)


def error_consistency(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_resamples: int = 2000,
) -> ErrorConsistency:
    """Compare two observers on the trials that both saw.

    Parameters
    ----------
    first, second : DataFrame
        Trials with the columns image, noise_sd, band and correct. Trials match where the first three are
        equal; without noise the band does not count. Repeats of a trial are matched in order.
    rng : numpy.random.Generator
        Draws images.
    confidence : float
        Level of the percentile interval.
    n_resamples : int
        Number of resamples of images, with all their trials.

    Returns
    -------
    ErrorConsistency

    Raises
    ------
    DataError
        If a column is missing, or they share no trial.
    """
    both = common_trials(first, second)
    if both.empty:
        raise DataError("trials of two observers must share (image, noise_sd, band); got none in common")
    a, b = both["correct_x"].to_numpy(dtype=bool), both["correct_y"].to_numpy(dtype=bool)
    image = pd.factorize(both["image"])[0]
    n_images = int(image.max()) + 1
    drawn = rng.multinomial(n_images, np.full(n_images, 1 / n_images), size=n_resamples)
    resampled = kappa(a, b, drawn[:, image])
    tail = (1 - confidence) / 2
    known = resampled[np.isfinite(resampled)]
    lo, hi = np.quantile(known, [tail, 1 - tail]) if len(known) and n_images > 1 else (np.nan, np.nan)
    observed, expected = _agreement(a, b, None)
    return ErrorConsistency(
        float(kappa(a, b)), float(lo), float(hi), float(observed), float(expected), len(both), n_images
    )


def common_trials(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that both observers saw: columns image, noise_sd, band, repeat, correct_x and correct_y.

    Raises
    ------
    DataError
        If a column is missing.
    """
    return _keyed(first, "first").merge(_keyed(second, "second"), on=[*TRIAL_KEYS, "repeat"])


def _agreement(first: ArrayLike, second: ArrayLike, weights: ArrayLike | None) -> tuple[NDArray, NDArray]:
    """Observed and expected share of trials with equal correctness."""
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    weight = np.ones_like(a) if weights is None else np.asarray(weights, dtype=float)
    total = weight.sum(axis=-1)
    p, q = weight @ a / total, weight @ b / total
    return weight @ (a == b).astype(float) / total, p * q + (1 - p) * (1 - q)


def _keyed(trials: pd.DataFrame, name: str) -> pd.DataFrame:
    missing = [column for column in (*TRIAL_KEYS, "correct") if column not in trials]
    if missing:
        raise DataError(f"trials of the {name} observer must have the column {missing[0]}; got none")
    keyed = trials[[*TRIAL_KEYS, "correct"]].copy()
    keyed.loc[keyed["noise_sd"] == 0, "band"] = -1
    keyed["noise_sd"] = keyed["noise_sd"].round(9)
    keyed["repeat"] = keyed.groupby(list(TRIAL_KEYS)).cumcount()
    return keyed
