"""Error consistency: do two observers fail on the same trials, beyond what their accuracies imply?

With accuracies p and q and independent errors, two observers agree (both right or both wrong) on
``expected = p q + (1 - p)(1 - q)`` of the trials. Error consistency is Cohen's kappa of their correctness,
``(observed - expected) / (1 - expected)``: 1 where they fail on the same trials, 0 where errors are
independent, negative where they avoid each other's.

What a kappa means depends on the accuracies: if they differ, 1 cannot be reached (`kappa_bounds`). Klein et al.
(2025) therefore read it as a *copy probability*: on a share c of the trials the first observer gives what the second
gave, on the others it is right independently. Then c = kappa (1 - expected) / (2 q (1 - q)), where q is the accuracy of
the one that is copied; at equal accuracies this is kappa. It is the same as the difference between the first's accuracy
where the second is right and where it is wrong, so it lies in [-1, 1]; below 0 the first gives the opposite of what it
copies.

Intervals depart from Klein et al., who bootstrap trials. A trial is one of four kinds (both right, one, the other,
none); the interval is the central part of the posterior of their shares under Jeffreys' prior. Where images are shown
several times the counts are divided by the design effect, the variance over images relative to that of as many
independent trials (Rao and Scott 1992). The percentile bootstrap covers 40-95 % instead of 95 % at 100 images if
errors are rare, because kinds that were not seen are never drawn; this interval covers 91-98 % from 50 images on
(accuracies .17 to .98; tests).

References
----------
Geirhos, Meding, Wichmann (2020), NeurIPS, arXiv 2006.16736, eqs 1-3. Klein, Meyen, Brendel, Wichmann, Meding (2025),
arXiv 2507.06645. Brown, Cai, DasGupta (2001), Stat. Science 16, 101-133. Cohen (1960), Educ. Psychol. Meas. 20. Rao,
Scott (1992), Biometrics 48, 577-585.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cogattn.errors import DataError
from cogattn.measures import Estimate
from cogattn.psychophysics.naming.kinds import (
    KINDS,
    N_DRAWS,
    Array,
    Statistic,
    copying_of,
    design_effects,
    estimates,
    influence,
    kappa_of,
    kind_of,
)
from cogattn.statistics.scales import Z_95

TRIAL_KEYS = ("image", "noise_sd", "band")
"""Columns that make two trials the same."""


@dataclass(frozen=True)
class ErrorConsistency:
    """Agreement of two observers' errors.

    Parameters
    ----------
    kappa, lo, hi : float
        Error consistency and its interval; NaN where one observer is always right or both always agree by
        necessity (expected = 1).
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


def kappa(first: ArrayLike, second: ArrayLike, weights: ArrayLike | None = None) -> Array:
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
    return kappa_of(_shares(first, second, weights))


def kappa_bounds(first: float, second: float) -> tuple[float, float]:
    """Return the least and the greatest kappa that observers of these accuracies can have.

    Parameters
    ----------
    first, second : float
        Accuracies, in (0, 1).

    References
    ----------
    Klein et al. (2025); Umesh, Peterson, Sauber (1989), Educ. Psychol. Meas. 49, 835-850.
    """
    least, most = max(0.0, first + second - 1), min(first, second)
    lo, hi = kappa_of(np.array([[first, second, both] for both in (least, most)]))
    return float(lo), float(hi)


def error_consistency(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_draws: int = N_DRAWS,
    keys: Sequence[str] = TRIAL_KEYS,
) -> ErrorConsistency:
    """Compare two observers on the trials that both saw.

    Parameters
    ----------
    first, second : DataFrame
        Trials with the columns `keys` and correct. Trials match where the keys are equal; without noise the
        band does not count. Repeats of a trial are matched in order.
    rng : numpy.random.Generator
        Draws from the posterior.
    confidence : float
        Level of the interval.
    n_draws : int
        Number of draws.
    keys : sequence of str
        Columns that make two trials the same, image among them.

    Returns
    -------
    ErrorConsistency

    Raises
    ------
    DataError
        If a column is missing, or they share no trial.
    """
    a, b, image = _matched(first, second, keys)
    found = _estimate(kappa_of, a, b, image, rng=rng, confidence=confidence, n_draws=n_draws)
    p, q, _ = _shares(a, b)
    observed, expected = float((a == b).mean()), float(p * q + (1 - p) * (1 - q))
    return ErrorConsistency(found.estimate, found.lo, found.hi, observed, expected, found.n, _n_images(image))


def copy_probability(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_draws: int = N_DRAWS,
    keys: Sequence[str] = TRIAL_KEYS,
) -> Estimate:
    """Return the probability with which the first observer copies whether the second is right.

    Parameters
    ----------
    first, second : DataFrame
        The one that copies and the one that is copied; as for `error_consistency`. Klein et al. take the more accurate
        of two for the one that is copied.
    rng, confidence, n_draws, keys
        As for `error_consistency`.

    Returns
    -------
    Estimate
        In [-1, 1], with its interval; n counts trials. NaN where the second is always, or never, right.

    Raises
    ------
    DataError
        If a column is missing, or they share no trial.
    """
    a, b, image = _matched(first, second, keys)
    return _estimate(copying_of, a, b, image, rng=rng, confidence=confidence, n_draws=n_draws)


def trials_needed(
    consistency: float, first: float, second: float, *, half_width: float, z: float = Z_95
) -> int:
    """Return how many images, each shown once, make the interval of a kappa reach `half_width` to each side.

    Parameters
    ----------
    consistency : float
        The kappa that is expected, within `kappa_bounds`.
    first, second : float
        Accuracies, in (0, 1).
    half_width : float
        Half the length of the interval.
    z : float
        Quantile of the normal distribution; 1.96 for 95 %.

    Raises
    ------
    DataError
        If observers of these accuracies cannot have this kappa.
    """
    lo, hi = kappa_bounds(first, second)
    if not lo <= consistency <= hi:
        raise DataError(
            f"kappa of observers with accuracies {first:g} and {second:g} must be from {lo:.3g} to {hi:.3g}; "
            f"got {consistency:g}"
        )
    both = first * second + consistency * (first + second - 2 * first * second) / 2
    kinds = np.array([both, first - both, second - both, 1 - first - second + both])
    pull = influence(kappa_of, kinds @ KINDS)
    return int(np.ceil(kinds @ pull**2 * (z / half_width) ** 2))


def common_trials(
    first: pd.DataFrame, second: pd.DataFrame, *, keys: Sequence[str] = TRIAL_KEYS
) -> pd.DataFrame:
    """Return the trials that both observers saw: columns `keys`, repeat, correct_x and correct_y.

    Raises
    ------
    DataError
        If a column is missing.
    """
    return keyed(first, "the first", keys).merge(keyed(second, "the second", keys), on=[*keys, "repeat"])


def keyed(trials: pd.DataFrame, whose: str, keys: Sequence[str]) -> pd.DataFrame:
    """Return the columns `keys` and correct, made to match, and repeat, which counts equal trials.

    Raises
    ------
    DataError
        If a column is missing; it says `whose` trials they are.
    """
    missing = [column for column in (*keys, "correct") if column not in trials]
    if missing:
        raise DataError(f"trials of {whose} observer must have the column {missing[0]}; got none")
    table = trials[[*keys, "correct"]].copy()
    if "noise_sd" in keys and "band" in keys:
        table.loc[table["noise_sd"] == 0, "band"] = -1
        table["noise_sd"] = table["noise_sd"].round(9)
    table["repeat"] = table.groupby(list(keys)).cumcount()
    return table


def _matched(
    first: pd.DataFrame, second: pd.DataFrame, keys: Sequence[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Correctness of both on common trials, and the number of each trial's image."""
    both = common_trials(first, second, keys=keys)
    if both.empty:
        raise DataError(f"trials of two observers must share ({', '.join(keys)}); got none in common")
    a, b = both["correct_x"].to_numpy(dtype=bool), both["correct_y"].to_numpy(dtype=bool)
    return a, b, pd.factorize(both["image"])[0]


def _shares(first: ArrayLike, second: ArrayLike, weights: ArrayLike | None = None) -> Array:
    """Shares of trials that the first, the second, both name right: (..., 3)."""
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    weight = np.ones_like(a) if weights is None else np.asarray(weights, dtype=float)
    return weight @ np.stack([a, b, a * b], axis=-1) / weight.sum(axis=-1, keepdims=True)


def _estimate(
    statistic: Statistic,
    a: NDArray[np.bool_],
    b: NDArray[np.bool_],
    image: NDArray[np.int64],
    *,
    rng: np.random.Generator,
    confidence: float,
    n_draws: int,
) -> Estimate:
    """A statistic of the kinds of trials with its posterior interval."""
    n, n_images, of_trial = len(a), np.array([_n_images(image)]), kind_of(a, b)
    kinds, effects = np.bincount(of_trial, minlength=4)[None], np.ones(1)
    if n_images[0] < n:
        order = np.argsort(image, kind="stable")
        starts = np.flatnonzero(np.diff(image[order], prepend=-1))
        effects = design_effects(statistic, kinds, of_trial[order][None], starts, n_images)
    found = estimates(
        statistic, kinds, effects, n_images, streams=[lambda: rng], confidence=confidence, n_draws=n_draws
    )
    return Estimate(*found[0].tolist(), n)


def _n_images(image: NDArray[np.int64]) -> int:
    return int(image.max()) + 1
