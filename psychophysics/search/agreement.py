"""How well an observer's search slopes tell people's reaction times: correlation, and a likelihood with a ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.psychophysics.search.people import human_times
from cogattn.psychophysics.search.slopes import fit_line

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How well an observer's slopes tell people's reaction times.

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
        Human ms per ms of the observer, the one constant that is fitted (at least 0).
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
    """Hold an observer's slopes against people's reaction times.

    Parameters
    ----------
    slopes : dict
        The observer's slope (ms per item) by condition.
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


def agreements(slopes: pd.DataFrame) -> pd.DataFrame:
    """Return `Agreement` of each observer's slopes with people's reaction times, a row each.

    Parameters
    ----------
    slopes : DataFrame
        From `cogattn.psychophysics.search.search_slopes`: ``observer``, ``condition``, ``slope``.
    """
    times = human_times()
    rows = []
    for observer, own in slopes.groupby("observer", sort=False):
        found = agreement(dict(zip(own["condition"], own["slope"], strict=True)), times)
        rows.append({"observer": observer, **vars(found)})
    return pd.DataFrame(rows, columns=["observer", *(f.name for f in fields(Agreement))])


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
