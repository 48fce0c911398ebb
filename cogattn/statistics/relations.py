"""How an outcome goes with measures over observers, and how well these measures tell observers apart.

A relation is told by correlations (Pearson, Spearman, partial on a control) and by the share of the outcome's variance
that a linear model explains: in the sample, with each observer predicted from the others, and with each family of
observers predicted from the other families. A relation can be no closer than its measures are reliable: `reliability`
compares the errors of estimates with their spread, `split_half` correlates halves of the trials, and `trials_for` says
how many trials a given reliability takes.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from cogattn.errors import DataError
from cogattn.measures import Scale
from cogattn.statistics.intervals import bootstrap, jackknife, statistic_interval
from cogattn.statistics.stats import Array, Estimate, correlation

if TYPE_CHECKING:
    import pandas as pd

RELATION_COLUMNS = ("outcome", "measure", "predictor", "estimate", "lo", "hi", "n", "n_left_out", "note")
ALL, CONTROL, BOTH = "all", "control", "all and control"
"""Models: all predictors, the control alone, both."""
MIN_UNITS = 4
LOGARITHMIC_UNITS = ("octaves",)
"""Units that are logarithms already."""
LEFT_OUT = "each observer predicted from the others"
FAMILY_LEFT_OUT = "each family of observers predicted from the other families"


def logged(*, scale: Scale, unit: str) -> bool:
    """Whether a measure enters a linear model as its base-2 logarithm: if it is compared by ratios.

    A measure in octaves, which are logarithms of frequency, enters as it is.
    """
    return scale == "log" and unit not in LOGARITHMIC_UNITS


def relate(
    table: pd.DataFrame,
    outcome: str,
    *,
    predictors: Sequence[str],
    control: Sequence[str] = (),
    families: Sequence[Hashable] | None = None,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_resamples: int = 2000,
) -> pd.DataFrame:
    """Relate an outcome to predictors over observers, all on the scale on which they are to enter.

    Parameters
    ----------
    table : DataFrame
        One row per observer; columns `outcome`, `predictors` and `control`. A row with a value that is not finite is
        left out and counted.
    outcome : str
        Column that is to be explained.
    predictors, control : sequence of str
        Columns that explain it; and those (accuracy, say) that a relation must hold beyond.
    families : sequence, length n_observers, optional
        To which family each observer belongs.
    rng : numpy.random.Generator
        Draws observers with replacement.
    confidence, n_resamples
        Of the intervals, which are over observers.

    Returns
    -------
    DataFrame
        Columns `RELATION_COLUMNS`: correlations of each predictor with the outcome (Pearson, Spearman and, with a
        control, partial), then the variance explained by ``all`` predictors, by the ``control`` and by ``all and
        control``, in the sample and left out (without interval). NaN with a note where observers are too few, or the
        outcome or all that is to explain it does not vary.
    """
    columns = [*predictors, *control, outcome]
    whole = np.isfinite(table[columns].to_numpy(float)).all(axis=1)
    values = table.loc[whole, columns].astype(float)
    common = {"outcome": outcome, "n_left_out": int((~whole).sum())}
    least = max(MIN_UNITS, len(predictors) + len(control) + 2)
    if len(values) < least:
        note = f"needs {least} observers or more"
        return _rows([("variance explained", ALL, Estimate.bare(math.nan, len(values)), note)], common)
    members = None if families is None else np.asarray(families, dtype=object)[whole]
    x, c, y = (values[list(names)].to_numpy() for names in (predictors, control, [outcome]))
    still = [name for name in columns if np.ptp(values[name]) == 0]
    rows = [
        (measure, name, found, _why_not(outcome, [name], still) or note)
        for measure, name, found, note in _correlations(
            x, c, y[:, 0], predictors, rng=rng, confidence=confidence
        )
    ]
    models = {ALL: list(predictors)}
    if control:
        models |= {CONTROL: list(control), BOTH: [*predictors, *control]}
    for name, names in models.items():
        if note := _why_not(outcome, names, still):
            rows.append(("variance explained", name, Estimate.bare(math.nan, len(values)), note))
            continue
        design = values[names].to_numpy()
        found = variance_explained(design, y[:, 0], rng=rng, confidence=confidence, n_resamples=n_resamples)
        rows.append(("variance explained", name, found, ""))
        bare = Estimate.bare(left_out_r2(design, y[:, 0], range(found.n)), found.n)
        rows.append(("variance explained, leave-one-out", name, bare, LEFT_OUT))
        if members is not None:
            bare = Estimate.bare(left_out_r2(design, y[:, 0], members), found.n)
            note = f"{FAMILY_LEFT_OUT} ({len(set(members))})"
            rows.append(("variance explained, leave-one-family-out", name, bare, note))
    return _rows(rows, common)


Found = tuple[str, str, Estimate, str]


def _correlations(
    x: Array, c: Array, y: Array, predictors: Sequence[str], *, rng: np.random.Generator, confidence: float
) -> list[Found]:
    rows = []
    for column, predictor in enumerate(predictors):
        for name, rank in (("Pearson correlation", False), ("Spearman correlation", True)):
            found = correlation(x[:, column], y, rank=rank, rng=rng, confidence=confidence)
            rows.append((name, predictor, found, ""))
        if c.shape[1]:
            found = partial_correlation(x[:, column], y, c, rng=rng, confidence=confidence)
            rows.append(("partial correlation", predictor, found, "the control held constant"))
    return rows


def _why_not(outcome: str, names: Sequence[str], still: Sequence[str]) -> str:
    """Say what does not vary, if it is the outcome or all of `names`: then there is nothing to relate."""
    found = [outcome] if outcome in still else list(names) if set(names) <= set(still) else []
    return f"{', '.join(found)} {'does' if len(found) == 1 else 'do'} not vary" if found else ""


def _rows(found: Sequence[Found], common: dict[str, object]) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {
            "measure": measure, "predictor": predictor, "note": note, **common,
            "estimate": value.estimate, "lo": value.lo, "hi": value.hi, "n": value.n,
        }
        for measure, predictor, value, note in found
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(RELATION_COLUMNS))


def partial_correlation(
    x: ArrayLike, y: ArrayLike, control: ArrayLike, *, rng: np.random.Generator, confidence: float = 0.95
) -> Estimate:
    """Pearson correlation of what a linear regression on `control` leaves of x and y, with its interval.

    Parameters
    ----------
    x, y : arrays, shape (n,)
        Over observers.
    control : array, shape (n,) or (n, p)
        What is held constant; the regression has an intercept and is fitted anew in each resample.
    rng, confidence
        For the interval over observers.

    Returns
    -------
    Estimate
        NaN for fewer than p + 3 observers, or where nothing is left.
    """
    rows = np.column_stack([np.asarray(a, dtype=float) for a in (x, y, control)])
    if len(rows) < rows.shape[1] + 1 or not np.isfinite(_partial(rows)):
        return Estimate.bare(math.nan, len(rows))

    def statistic(drawn: NDArray) -> float:
        return float(np.nan_to_num(_partial(drawn)))

    return statistic_interval(rows, statistic, rng=rng, confidence=confidence, scale="correlation")


def _partial(rows: NDArray) -> float:
    """Correlation of the first two columns' residuals on the others; NaN where one has none."""
    design = np.column_stack([np.ones(len(rows)), rows[:, 2:]])
    left = rows[:, :2] - design @ np.linalg.lstsq(design, rows[:, :2], rcond=None)[0]
    spread = np.sqrt((left**2).sum(axis=0))
    if (spread <= 1e-10 * np.sqrt((rows[:, :2] ** 2).sum(axis=0))).any():
        return math.nan
    return float(left[:, 0] @ left[:, 1] / spread.prod())


def variance_explained(
    predictors: ArrayLike,
    outcome: ArrayLike,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    n_resamples: int = 2000,
) -> Estimate:
    """Share of the variance that a linear regression with an intercept explains in the sample, with its interval.

    Parameters
    ----------
    predictors : array, shape (n, p)
        Columns of finite numbers.
    outcome : array, shape (n,)
        What is to be explained.
    rng, confidence, n_resamples
        For the percentile bootstrap over observers.

    Returns
    -------
    Estimate
        NaN where there are not at least p + 2 observers, or where all outcomes are equal.

    Raises
    ------
    DataError
        If shapes do not match or a number is not finite.
    """
    x, y = np.asarray(predictors, dtype=float), np.asarray(outcome, dtype=float)
    if x.ndim != 2 or y.shape != x.shape[:1] or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise DataError(
            f"predictors and outcome must be finite, shapes (n, p) and (n,); got {x.shape} and {y.shape}"
        )
    n = len(y)
    if n < x.shape[1] + 2 or np.ptp(y) == 0:
        return Estimate.bare(math.nan, n)
    rows = np.column_stack([np.ones(n), (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-300), y])
    return bootstrap(rows, _r2, rng=rng, confidence=confidence, method="percentile", n_resamples=n_resamples)


def _r2(rows: NDArray) -> float:
    """R2 of the last column on the others."""
    x, y = rows[:, :-1], rows[:, -1]
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    total = y - y.mean()
    return float(1 - residual @ residual / max(total @ total, 1e-300))


def left_out_r2(predictors: ArrayLike, outcome: ArrayLike, groups: Sequence[Hashable] | NDArray) -> float:
    """Share of the variance that is explained when each group of observers is predicted from the others.

    Parameters
    ----------
    predictors : array, shape (n, p)
        Columns of finite numbers.
    outcome : array, shape (n,)
        What is to be explained.
    groups : sequence, length n
        To which group each observer belongs.

    Returns
    -------
    float
        One less the squared errors of the linear regression over those of the other groups' mean; below 0 where that
        mean predicts better. NaN for fewer than two groups, or where all outcomes are equal.
    """
    x, y = np.asarray(predictors, dtype=float), np.asarray(outcome, dtype=float)
    design = np.column_stack([np.ones(len(y)), x])
    codes = np.unique(np.asarray([str(group) for group in groups]), return_inverse=True)[1]
    if len(np.unique(codes)) < 2 or np.ptp(y) == 0:
        return math.nan
    error, error_of_mean = np.empty(len(y)), np.empty(len(y))
    for group in np.unique(codes):
        out = codes == group
        weights = np.linalg.lstsq(design[~out], y[~out], rcond=None)[0]
        error[out], error_of_mean[out] = y[out] - design[out] @ weights, y[out] - y[~out].mean()
    return float(1 - error @ error / (error_of_mean @ error_of_mean))


# ---- reliability


@dataclass(frozen=True)
class SplitHalf:
    """How well two halves of the trials agree on the observers.

    Parameters
    ----------
    half : Estimate
        Spearman correlation of the halves over observers, the mean over splits.
    full : Estimate
        By Spearman and Brown, for all trials.
    n_splits : int
        Ways in which the trials were halved.
    """

    half: Estimate
    full: Estimate
    n_splits: int


def split_half(
    first: ArrayLike, second: ArrayLike, *, rng: np.random.Generator, confidence: float = 0.95
) -> SplitHalf:
    """Correlate what two halves of the trials say of each observer.

    Parameters
    ----------
    first, second : arrays, shape (n_observers,) or (n_splits, n_observers)
        A measure from each half, for one or several ways to halve. An observer with a value that is not finite in any
        half is left out.
    rng, confidence
        For the interval over observers.

    Returns
    -------
    SplitHalf
        NaN for fewer than three observers.

    References
    ----------
    Spearman (1910), Brown (1910), Brit. J. Psychology 3, 271-322.
    """
    halves = np.stack([np.atleast_2d(np.asarray(half, dtype=float)) for half in (first, second)])
    rows = np.moveaxis(halves, -1, 0)  # (n_observers, 2, n_splits)
    rows = rows[np.isfinite(rows).all(axis=(1, 2))]
    if len(rows) < 3:
        nothing = Estimate.bare(math.nan, len(rows))
        return SplitHalf(nothing, nothing, halves.shape[1])
    half = statistic_interval(rows, _agreement, rng=rng, confidence=confidence, scale="correlation")
    ends = (spearman_brown(value, 2) for value in (half.estimate, half.lo, half.hi))
    return SplitHalf(half, Estimate(*ends, half.n), halves.shape[1])


def _agreement(rows: NDArray) -> float:
    """Mean over splits of the rank correlation of the halves, of (n_observers, 2, n_splits)."""
    ranks = stats.rankdata(rows, axis=0)
    ranks = ranks - ranks.mean(axis=0)
    spread = np.sqrt((ranks**2).sum(axis=0)).prod(axis=0)
    return float(np.mean((ranks[:, 0] * ranks[:, 1]).sum(axis=0) / np.maximum(spread, 1e-300)))


def spearman_brown(reliability: float, factor: float) -> float:
    """Reliability of a measure from `factor` times as many trials: k r / (1 + (k - 1) r); -inf for r near -1."""
    below = 1 + (factor - 1) * reliability
    return -math.inf if below <= 0 else factor * reliability / below


def reliability(
    estimates: ArrayLike,
    standard_errors: ArrayLike,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """Share of the variance between estimates that is not error: 1 - mean(se^2) / var(estimates).

    Parameters
    ----------
    estimates, standard_errors : arrays, shape (n,)
        Of each observer, on the scale on which they are compared.
    confidence : float
        Of the interval over observers.

    Returns
    -------
    Estimate
        0 or less where errors are as large as the spread: then the measure does not tell these observers apart.
        NaN for fewer than three observers, or where all estimates are equal.

    Notes
    -----
    The interval is a jackknife's of the logarithm of the error's share of the variance, so that it ends below 1. How
    often do 95 % intervals hold the reliability, here .9? In simulations (20,000 samples, 400 of BCa), errors being
    normal and all of one size:

    ====================================  =====  ======  ======  ======
    true values                           n = 5  n = 10  n = 20  n = 76
    ====================================  =====  ======  ======  ======
    normal                                  .96     .95     .95     .95
    normal, by the bootstrap (BCa)            -     .90     .94     .94
    exponential                             .91     .86     .87     .90
    exponential, by the bootstrap (BCa)       -     .71     .79     .87
    ====================================  =====  ======  ======  ======

    The jackknife's hold reliabilities of 0 and .5 in .92 to .96 of all these.
    """
    rows = np.column_stack([np.asarray(estimates, dtype=float), np.asarray(standard_errors, dtype=float)])
    if not np.isfinite(rows).all():
        raise DataError("estimates and standard_errors must be finite numbers; got others")
    if len(rows) < 3 or np.ptp(rows[:, 0]) == 0:
        return Estimate.bare(math.nan, len(rows))

    def share(drawn: NDArray) -> float:
        error = (drawn[:, 1] ** 2).mean()
        variance = max(drawn[:, 0].var(ddof=1), error / 100, 1e-300)  # all but one may be equal
        return float(error / variance)

    of_error = jackknife(rows, share, confidence=confidence, scale="log")
    return Estimate(*(1 - end for end in (of_error.estimate, of_error.hi, of_error.lo)), of_error.n)


def trials_for(reliability: float, n: float, target: float = 0.9) -> float:
    """Number of trials at which a measure has the reliability `target`, if it has `reliability` at `n` of them.

    Parameters
    ----------
    reliability : float
        At `n` trials; error variance is taken to fall as 1 / n (Spearman and Brown's formula turned round).
    n : float
        Trials behind each estimate.
    target : float
        Between 0 and 1.

    Returns
    -------
    float
        A whole number, rounded up; infinite where `reliability` is 0 or less, NaN where it is NaN.

    Examples
    --------
    >>> trials_for(0.5, 1000, 0.9)
    9000.0
    """
    if not 0 < target < 1:
        raise DataError(f"target must be between 0 and 1; got {target:g}")
    if math.isnan(reliability) or reliability <= 0:
        return math.nan if math.isnan(reliability) else math.inf
    factor = target * (1 - reliability) / (reliability * (1 - target))
    return float(math.ceil(round(n * factor, 6)))
