"""Search slopes and their asymmetry, each with its uncertainty.

The asymmetry index is that of Gupta et al. (2021): ``(hard - easy) / (hard + easy)`` of the two search
slopes, negative slopes counted as 0. It is +1 or -1 whenever one of the slopes is 0, however small the other,
so every index here says whether it is *saturated*, and the slopes stand beside it.

Intervals are those of `functions`.

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34, arXiv:2106.02953.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from cogattn.errors import DataError
from cogattn.psychophysics.search.functions import SearchFunction, draw_functions, interval

Array = NDArray[np.float64]

MS_PER_FIXATION = 252.359
BASE_MS = 376.271
N_RESAMPLES = 2000


def reaction_time_ms(n_fixations: ArrayLike) -> Array:
    """Return the reaction time in ms of a search with so many saccades: ``252.359 n + 376.271``.

    Numbers may have any shape. The line is Gupta et al.'s fit to their own human search experiment, not to the six
    tasks.
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


def search_slopes(
    table: pd.DataFrame,
    *,
    by: Sequence[str] = ("observer", "task", "condition", "role"),
    value: str = "rt_ms",
    rng: np.random.Generator | None = None,
    n_resamples: int = N_RESAMPLES,
    keep_resamples: bool = False,
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
        Draws the displays; a fixed seed when absent. What a group draws depends on its name alone, not on the
        other groups.
    n_resamples : int
        Bootstrap resamples.
    keep_resamples : bool
        Also return the slope of every resample, an array in the column ``resampled``.

    Returns
    -------
    DataFrame
        `by`, ``slope`` (unit of `value` per item) with ``lo`` and ``hi`` (95 %), ``intercept``, ``n``
        displays.

    Notes
    -----
    As in the reference the line is fitted to the means by set size, each with the same weight.
    """
    functions = draw_functions(table, by, value, rng or np.random.default_rng(0), n_resamples)
    rows = []
    for group, own in functions.items():
        lo, hi = interval(own.slopes, own.freedom)
        rows.append((*group, own.slope, lo, hi, own.intercept, own.n, own.slopes))
    table = pd.DataFrame(rows, columns=[*by, "slope", "lo", "hi", "intercept", "n", "resampled"])
    return table if keep_resamples else table.drop(columns="resampled")


def mean_times(
    table: pd.DataFrame,
    *,
    by: Sequence[str] = ("observer", "task", "condition", "role"),
    value: str = "rt_ms",
    rng: np.random.Generator | None = None,
    n_resamples: int = N_RESAMPLES,
    keep_resamples: bool = False,
) -> pd.DataFrame:
    """Return the search function of each group of trials: the mean time by set size.

    Parameters
    ----------
    table, by, value, rng, n_resamples, keep_resamples
        As for `search_slopes`; a generator in the same state draws the same displays.

    Returns
    -------
    DataFrame
        `by`, ``set_size``, `value` (mean over displays) with ``lo`` and ``hi`` (95 %), ``n`` displays.
    """
    functions = draw_functions(table, by, value, rng or np.random.default_rng(0), n_resamples)
    rows = []
    for group, own in functions.items():
        for size, mean, n, drawn in zip(own.sizes, own.means, own.n_each, own.resampled.T, strict=True):
            rows.append((*group, int(size), float(mean), *interval(drawn, n - 1), int(n), drawn))
    found = pd.DataFrame(rows, columns=[*by, "set_size", value, "lo", "hi", "n", "resampled"])
    return found if keep_resamples else found.drop(columns="resampled")


def asymmetries(
    table: pd.DataFrame,
    *,
    rng: np.random.Generator | None = None,
    n_resamples: int = N_RESAMPLES,
    keep_resamples: bool = False,
) -> pd.DataFrame:
    """Return the asymmetry of each observer and task.

    Parameters
    ----------
    table : DataFrame
        Trials as for `search_slopes`, with the columns ``observer``, ``task`` and ``role``.
    rng, n_resamples
        As for `search_slopes`.
    keep_resamples : bool
        Also return the index of every resample, an array in the column ``resampled``.

    Returns
    -------
    DataFrame
        ``observer``, ``task``, ``hard_slope``, ``easy_slope`` (ms per item), ``difference`` (ms per item)
        with ``difference_lo`` and ``difference_hi``, ``ratio`` hard / easy (NaN unless both are positive)
        with ``ratio_lo`` and ``ratio_hi`` (0 and infinity where a resampled slope is at or below 0),
        ``index`` with ``lo`` and ``hi`` (95 %, bootstrap over displays), ``saturated`` (a slope is at or
        below 0, so that the index says nothing about size), ``n`` displays.
    """
    by = ("observer", "task", "role")
    functions = draw_functions(table, by, "rt_ms", rng or np.random.default_rng(0), n_resamples)
    rows = []
    for observer, task in dict.fromkeys(group[:2] for group in functions):
        if (observer, task, "hard") not in functions or (observer, task, "easy") not in functions:
            raise DataError(f"an asymmetry needs trials of both conditions; got one ({observer}, {task})")
        row, resampled = _contrast(functions[observer, task, "hard"], functions[observer, task, "easy"])
        own = {"observer": observer, "task": task} | row
        rows.append(own | {"resampled": resampled} if keep_resamples else own)
    columns = ["observer", "task", *CONTRAST, *(["resampled"] if keep_resamples else [])]
    return pd.DataFrame(rows, columns=columns)


CONTRAST = (
    "hard_slope", "easy_slope", "difference", "difference_lo", "difference_hi", "ratio", "ratio_lo", "ratio_hi",
    "index", "lo", "hi", "saturated", "n",
)  # fmt: skip


def _contrast(hard: SearchFunction, easy: SearchFunction) -> tuple[dict[str, float | bool], Array]:
    """What two slopes say of each other, and the index of every resample, (n_resamples,)."""
    resampled, freedom = _asymmetry(hard.slopes, easy.slopes), hard.freedom + easy.freedom
    lo, hi = interval(resampled, freedom)
    difference_lo, difference_hi = interval(hard.slopes - easy.slopes, freedom)
    values = (
        hard.slope, easy.slope, hard.slope - easy.slope, difference_lo, difference_hi,
        hard.slope / easy.slope if min(hard.slope, easy.slope) > 0 else np.nan, ratio_of(lo), ratio_of(hi),
        asymmetry_index(hard.slope, easy.slope), lo, hi, min(hard.slope, easy.slope) <= 0, hard.n + easy.n,
    )  # fmt: skip
    return dict(zip(CONTRAST, values, strict=True)), resampled


def mean_indices(index: pd.DataFrame) -> pd.DataFrame:
    """Return each observer's asymmetry index averaged over its tasks.

    Parameters
    ----------
    index : DataFrame
        From `asymmetries` with ``keep_resamples``: displays are resampled once, for tasks and their mean.

    Returns
    -------
    DataFrame
        ``observer``, ``mean``, ``lo``, ``hi`` (95 %, displays resampled), ``n_tasks``, ``n`` displays.
    """
    rows = []
    for observer, own in index.groupby("observer", sort=False):
        n = int(own["n"].sum())
        lo, hi = interval(np.stack(own["resampled"].to_list()).mean(axis=0), n // 2)  # at least 2 a mean
        rows.append((observer, own["index"].mean(), lo, hi, len(own), n))
    return pd.DataFrame(rows, columns=["observer", "mean", "lo", "hi", "n_tasks", "n"])


def slope_ratios(
    present: pd.DataFrame, absent: pd.DataFrame, *, rng: np.random.Generator, n_resamples: int
) -> pd.DataFrame:
    """Set the slopes of searches without a target over those with one.

    Parameters
    ----------
    present, absent : DataFrame
        One row a display: ``observer``, ``task``, ``condition``, ``role``, ``set_size``, ``display``, ``rt_ms``.
    rng : numpy.random.Generator
        Draws the displays.
    n_resamples : int
        How often.

    Returns
    -------
    DataFrame
        ``observer``, ``task``, ``condition``, ``role``, ``present_slope``, ``absent_slope`` (ms per item), ``ratio``
        (NaN unless both are positive) with ``ratio_lo`` and ``ratio_hi`` (95 %), ``n`` displays; of conditions that
        have both slopes.
    """
    names = ["observer", "task", "condition", "role"]
    both = pd.concat([present.assign(side="easy"), absent.assign(side="hard")])
    both = both[both.groupby(names)["side"].transform("nunique") == 2]
    sides = both.drop(columns=["task", "role"]).rename(columns={"condition": "task", "side": "role"})
    found = asymmetries(sides, rng=rng, n_resamples=n_resamples).rename(
        columns={"task": "condition", "easy_slope": "present_slope", "hard_slope": "absent_slope"}
    )
    found = found.merge(both[names].drop_duplicates(), on=["observer", "condition"])
    return found[[*names, "present_slope", "absent_slope", "ratio", "ratio_lo", "ratio_hi", "n"]]


def ratio_of(index: float) -> float:
    """Return the ratio of slopes, hard over easy, that an asymmetry index stands for: they rise together."""
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


def _asymmetry(hard: Array, easy: Array) -> Array:
    hard, easy = np.maximum(hard, 0), np.maximum(easy, 0)
    total = hard + easy
    return np.where(total == 0, 0.0, (hard - easy) / np.where(total == 0, 1.0, total))
