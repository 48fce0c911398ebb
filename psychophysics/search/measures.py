"""Slopes, asymmetry and agreement with people, each with its uncertainty.

The asymmetry index is that of Gupta et al. (2021): ``(hard - easy) / (hard + easy)`` of the two search
slopes, negative slopes counted as 0. It is +1 or -1 whenever one of the slopes is 0, however small the other,
so every index here says whether it is *saturated*, and the slopes stand beside it.

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34, arXiv:2106.02953.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from cogattn.errors import DataError

Array = NDArray[np.float64]

MS_PER_FIXATION = 252.359
BASE_MS = 376.271
N_RESAMPLES = 2000
DECIMALS = 9
"""Slopes are rounded to so many decimals, so that equal times give a slope of 0 and not of 1e-14."""


def reaction_time_ms(n_fixations: ArrayLike) -> Array:
    """Return the reaction time in ms of a search with so many saccades: ``252.359 n + 376.271``.

    The line is Gupta et al.'s fit to their own human search experiment, not to the six tasks.
    """
    return MS_PER_FIXATION * np.asarray(n_fixations, dtype=float) + BASE_MS


def asymmetry_index(hard_slope: float, easy_slope: float) -> float:
    """Return ``(hard - easy) / (hard + easy)``.

    Parameters
    ----------
    hard_slope, easy_slope : float
        Search slopes in any one unit, of the condition that is harder and easier *for people*; negative
        slopes count as 0.

    Returns
    -------
    float
        From -1 to 1; positive where the observer shares the human polarity; 0 if neither slope is positive;
        NaN if a slope is.

    Examples
    --------
    >>> round(asymmetry_index(33.0, 14.0), 3)
    0.404
    """
    return float(_asymmetry(np.asarray(hard_slope, dtype=float), np.asarray(easy_slope, dtype=float)))


def fit_line(x: Array, y: Array) -> tuple[Array, Array]:
    """Fit a straight line by least squares.

    Parameters
    ----------
    x : array, shape (n,)
        At least two different values.
    y : array, shape (..., n)
        One or many dependent variables.

    Returns
    -------
    slope, intercept : arrays, shape (...)
    """
    centred = x - x.mean()
    if len(x) < 2 or not centred.any():
        raise DataError(f"a search slope needs at least two set sizes; got {sorted(set(x.tolist()))}")
    slope = y @ centred / (centred @ centred)
    return slope, y.mean(axis=-1) - slope * x.mean()


def search_slopes(
    table: pd.DataFrame,
    *,
    by: Sequence[str] = ("searcher", "task", "condition", "role"),
    value: str = "rt_ms",
    rng: np.random.Generator | None = None,
    n_resamples: int = N_RESAMPLES,
) -> pd.DataFrame:
    """Fit the search slope of each group of trials, with bootstrap intervals over displays.

    Parameters
    ----------
    table : DataFrame
        One row per trial: the columns `by`, ``set_size``, ``display`` and `value`. Several searches of one
        display are averaged first; displays are the units.
    by : sequence of str
        What makes a group.
    value : str
        Dependent variable, ``rt_ms`` or ``n_fixations``.
    rng : numpy.random.Generator, optional
        Draws the displays; a fixed seed when absent.
    n_resamples : int
        Bootstrap resamples.

    Returns
    -------
    DataFrame
        `by`, ``slope`` (unit of `value` per item) with ``lo`` and ``hi`` (95 %), ``intercept``, ``n``
        displays.

    Notes
    -----
    As in the reference the line is fitted to the means by set size, each with the same weight.
    """
    draws = _bootstrap_slopes(table, by, value, rng or np.random.default_rng(0), n_resamples)
    rows = []
    for group, drawn in draws.items():
        lo, hi = _interval(drawn.resampled)
        rows.append((*group, drawn.slope, lo, hi, drawn.intercept, drawn.n))
    return pd.DataFrame(rows, columns=[*by, "slope", "lo", "hi", "intercept", "n"])


def asymmetries(
    table: pd.DataFrame,
    *,
    rng: np.random.Generator | None = None,
    n_resamples: int = N_RESAMPLES,
    keep_resamples: bool = False,
) -> pd.DataFrame:
    """Return the asymmetry of each searcher and task.

    Parameters
    ----------
    table : DataFrame
        Trials as for `search_slopes`, with the columns ``searcher``, ``task``, ``condition`` and ``role``.
    rng, n_resamples
        As for `search_slopes`.
    keep_resamples : bool
        Also return the index of every resample, an array in the column ``resampled``.

    Returns
    -------
    DataFrame
        ``searcher``, ``task``, ``hard_slope``, ``easy_slope`` (ms per item), ``difference`` (ms per item)
        with ``difference_lo`` and ``difference_hi``, ``ratio`` hard / easy (NaN unless both are positive)
        with ``ratio_lo`` and ``ratio_hi`` (0 and infinity where a resampled slope is at or below 0),
        ``index`` with ``lo`` and ``hi`` (95 %, bootstrap over displays), ``saturated`` (a slope is at or
        below 0, so that the index says nothing about size), ``n`` displays.
    """
    by = ("searcher", "task", "role")
    draws = _bootstrap_slopes(table, by, "rt_ms", rng or np.random.default_rng(0), n_resamples)
    rows = []
    for searcher, task in dict.fromkeys((s, t) for s, t, _ in draws):
        if (searcher, task, "hard") not in draws or (searcher, task, "easy") not in draws:
            raise DataError(f"an asymmetry needs trials of both conditions; got one ({searcher}, {task})")
        hard, easy = draws[searcher, task, "hard"], draws[searcher, task, "easy"]
        resampled = _asymmetry(hard.resampled, easy.resampled)
        lo, hi = _interval(resampled)
        difference_lo, difference_hi = _interval(hard.resampled - easy.resampled)
        row = {
            "searcher": searcher,
            "task": task,
            "hard_slope": hard.slope,
            "easy_slope": easy.slope,
            "difference": hard.slope - easy.slope,
            "difference_lo": difference_lo,
            "difference_hi": difference_hi,
            "ratio": hard.slope / easy.slope if min(hard.slope, easy.slope) > 0 else np.nan,
            "ratio_lo": _ratio(lo),
            "ratio_hi": _ratio(hi),
            "index": asymmetry_index(hard.slope, easy.slope),
            "lo": lo,
            "hi": hi,
            "saturated": min(hard.slope, easy.slope) <= 0,
            "n": hard.n + easy.n,
        }
        rows.append(row | {"resampled": resampled} if keep_resamples else row)
    return pd.DataFrame(rows)


def _ratio(index: float) -> float:
    """The ratio of slopes that an asymmetry index stands for; they rise together, and so do their resamples."""
    return float((1 + index) / (1 - index)) if index < 1 else np.inf


def prediction_interval(values: ArrayLike, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return where one more value would be expected, by Student's t; NaN for fewer than two values.

    A sixth copy lies outside the range of five in one case of three, outside this interval in one of twenty.
    """
    own = np.asarray(values, dtype=float)
    if len(own) < 2:
        return np.nan, np.nan
    quantile = float(stats.t.ppf((1 + confidence) / 2, len(own) - 1))
    half = quantile * own.std(ddof=1) * np.sqrt(1 + 1 / len(own))
    return float(own.mean() - half), float(own.mean() + half)


@dataclass(frozen=True)
class Agreement:
    """How well a searcher's slopes tell people's reaction times.

    Parameters
    ----------
    correlation, correlation_lo, correlation_hi : float
        Pearson correlation of slopes with people's over conditions, and its 95 % interval (Fisher's z).
    rank_correlation : float
        Spearman's.
    log_likelihood : float
        Of people's mean reaction times, in nats per condition and set size, above a model without slopes.
    ceiling : float
        The same with people's own slopes: what the best slopes would reach.
    scale : float
        Human ms per ms of the searcher, the one constant that is fitted (at least 0).
    n_conditions, n_times : int
        Number of slopes; number of reaction times.
    """

    correlation: float
    correlation_lo: float
    correlation_hi: float
    rank_correlation: float
    log_likelihood: float
    ceiling: float
    scale: float
    n_conditions: int
    n_times: int


def agreement(slopes: dict[str, float], human_times: pd.DataFrame) -> Agreement:
    """Hold a searcher's slopes against people's reaction times.

    Parameters
    ----------
    slopes : dict
        The searcher's slope (ms per item) by condition.
    human_times : DataFrame
        Columns ``condition``, ``set_size``, ``rt_ms``; conditions that `slopes` lack are left out.

    Returns
    -------
    Agreement

    Notes
    -----
    Human times are Gaussian about ``a_c + g * slope_c * set_size`` with an intercept a_c for each condition,
    one g >= 0 for all, and one spread, all at their maximum-likelihood values. Without slopes g is 0; the
    ceiling takes people's own least-squares slopes.
    """
    times = human_times[human_times["condition"].isin(list(slopes))]
    if times.empty:
        raise DataError(
            f"agreement needs a condition that people were tested in; got {', '.join(slopes) or 'none'}"
        )
    deviations, human, model = [], [], []
    for condition, rows in times.groupby("condition", sort=False):
        size, rt = rows["set_size"].to_numpy(float), rows["rt_ms"].to_numpy(float)
        deviations.append((size - size.mean(), rt - rt.mean()))
        human.append(float(fit_line(size, rt)[0]))
        model.append(slopes[str(condition)])
    size, rt = (np.concatenate(parts) for parts in zip(*deviations, strict=True))
    lengths = [len(part[0]) for part in deviations]
    predicted, own = size * np.repeat(model, lengths), size * np.repeat(human, lengths)
    power = predicted @ predicted
    scale = max(0.0, float(predicted @ rt / power)) if power > 0 else 0.0

    def gain(residual: Array) -> float:
        return 0.5 * float(np.log(rt @ rt / (residual @ residual)))

    r, lo, hi = _pearson(np.asarray(model), np.asarray(human))
    return Agreement(
        correlation=r,
        correlation_lo=lo,
        correlation_hi=hi,
        rank_correlation=_pearson(_ranks(model), _ranks(human))[0],
        log_likelihood=gain(rt - scale * predicted),
        ceiling=gain(rt - own),
        scale=scale,
        n_conditions=len(human),
        n_times=len(rt),
    )


@dataclass(frozen=True)
class _Slope:
    """Slope of one group of trials, and of its bootstrap resamples."""

    slope: float
    intercept: float
    resampled: Array  # (n_resamples,)
    n: int


def _bootstrap_slopes(
    table: pd.DataFrame, by: Sequence[str], value: str, rng: np.random.Generator, n_resamples: int
) -> dict[tuple[str, ...], _Slope]:
    missing = {*by, "set_size", "display", value} - set(table.columns)
    if missing:
        raise DataError(f"search trials must have the columns {', '.join(sorted(missing))}")
    found = {}
    for group, trials in table.groupby(list(by), sort=False):
        displays = trials.groupby(["set_size", "display"])[value].mean()
        sizes = np.sort(trials["set_size"].unique())
        samples = [displays.loc[size].to_numpy(float) for size in sizes]
        means = np.array([sample.mean() for sample in samples])
        slope, intercept = (v.round(DECIMALS) for v in fit_line(sizes.astype(float), means))
        drawn = [s[rng.integers(len(s), size=(n_resamples, len(s)))].mean(axis=1) for s in samples]
        resampled = fit_line(sizes.astype(float), np.stack(drawn, axis=-1))[0].round(DECIMALS)
        found[cast(tuple[str, ...], group)] = _Slope(float(slope), float(intercept), resampled, len(displays))
    return found


def _asymmetry(hard: Array, easy: Array) -> Array:
    hard, easy = np.maximum(hard, 0), np.maximum(easy, 0)
    total = hard + easy
    return np.where(total == 0, 0.0, (hard - easy) / np.where(total == 0, 1.0, total))


def _interval(resampled: Array) -> tuple[float, float]:
    lo, hi = np.quantile(resampled, [0.025, 0.975])
    return float(lo), float(hi)


def _pearson(x: Array, y: Array) -> tuple[float, float, float]:
    """Correlation with Fisher's 95 % interval; NaN for a constant variable or under 4 pairs."""
    if len(x) < 4 or x.std() == 0 or y.std() == 0:
        return np.nan, np.nan, np.nan
    r = float(np.corrcoef(x, y)[0, 1])
    z = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    half = 1.959964 / np.sqrt(len(x) - 3)
    return r, float(np.tanh(z - half)), float(np.tanh(z + half))


def _ranks(values: Sequence[float]) -> Array:
    return pd.Series(values).rank().to_numpy(float)
