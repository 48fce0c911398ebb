"""How well an observer tells people's reaction times: from its slopes, and from its times as they are.

Three likelihoods of people's 40 mean times, each with one scale that is fitted (human ms per ms of the observer, at
least 0) and one spread:

- *slopes*: an intercept for each condition, and the observer's search slope. People's own slopes are its ceiling.
- *curves*: an intercept for each condition, and the observer's times as they are, so that curved search functions
  count. Published means carry no spread, so there is no ceiling; people's own straight lines may be beaten.
- *one line*: one intercept for all times, so that levels count, too. Tasks come from several laboratories, whose
  levels differ for other reasons than search.

The first two say how much likelier people's times are than without any effect of set size, the third than with one
mean for all.

References
----------
Bonett, Wright (2000), Psychometrika 65, 23-28 (interval of a rank correlation).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from cogattn.errors import DataError
from cogattn.psychophysics.search.functions import DECIMALS
from cogattn.psychophysics.search.people import human_times
from cogattn.statistics.scales import Z_95

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How well an observer tells people's reaction times.

    Intervals (``_lo``, ``_hi``; 95 %) of correlations are over conditions, as if these were drawn at random; those of
    likelihoods are over the observer's displays, and NaN where its times came without resamples.

    Parameters
    ----------
    correlation, rank_correlation : float
        Pearson's and Spearman's correlation of slopes with people's.
    log_correlation : float
        Pearson's of log slopes, over the `n_positive` conditions in which the observer's slope is above 0.
    log_likelihood : float
        Of people's mean times given slopes, in nats per time, above a model without slopes.
    ceiling : float
        The same with people's own slopes: what the best slopes would reach.
    share : float
        ``log_likelihood`` over ``ceiling``, from 0 to 1.
    curve_likelihood : float
        Given times with an intercept for each condition, in nats per time, above a model without slopes.
    line_likelihood : float
        Given times with one intercept for all, in nats per time, above one mean.
    scale : float
        Human ms per ms of the observer, fitted to slopes.
    n_conditions, n_positive, n_times : int
        Number of slopes, of those above 0, and of reaction times.
    """

    correlation: float
    correlation_lo: float
    correlation_hi: float
    rank_correlation: float
    rank_correlation_lo: float
    rank_correlation_hi: float
    log_correlation: float
    log_correlation_lo: float
    log_correlation_hi: float
    log_likelihood: float
    log_likelihood_lo: float
    log_likelihood_hi: float
    ceiling: float
    share: float
    share_lo: float
    share_hi: float
    curve_likelihood: float
    curve_likelihood_lo: float
    curve_likelihood_hi: float
    line_likelihood: float
    line_likelihood_lo: float
    line_likelihood_hi: float
    scale: float
    n_conditions: int
    n_positive: int
    n_times: int


def agreement(times: pd.DataFrame, human_times: pd.DataFrame) -> Agreement:
    """Hold an observer's times against people's.

    Parameters
    ----------
    times : DataFrame
        The observer's mean times, columns ``condition``, ``set_size``, ``rt_ms``, and ``resampled`` (an array of
        resamples each) where likelihoods are to have intervals; `cogattn.psychophysics.search.mean_times` makes it.
    human_times : DataFrame
        Columns ``condition``, ``set_size``, ``rt_ms``; what `times` lack is left out.

    Returns
    -------
    Agreement

    Raises
    ------
    DataError
        If nothing was measured in both.
    """
    both = human_times.merge(times, on=["condition", "set_size"], suffixes=("_human", ""))
    if both.empty:
        found = ", ".join(dict.fromkeys(times["condition"])) or "none"
        raise DataError(f"agreement needs a condition that people were tested in; got {found}")
    design = _Design.of(both)
    human, own = both["rt_ms_human"].to_numpy(float), both["rt_ms"].to_numpy(float)
    resampled = np.stack(both["resampled"].to_list(), axis=-1) if "resampled" in both else None
    model_slopes, human_slopes = design.slopes(own), design.slopes(human)
    positive = (model_slopes > 0) & (human_slopes > 0)
    best = float(_explained(design.lines(human), design.centred(human)))
    slopes = _likelihood(design.lines, design.centred(human), own, resampled, highest=best)
    return Agreement(
        *_pearson(model_slopes, human_slopes),
        *rank_correlation(model_slopes, human_slopes),
        *_pearson(np.log(model_slopes[positive]), np.log(human_slopes[positive])),
        *slopes,
        _nats(best),
        *(value / _nats(best) for value in slopes),
        *_likelihood(design.centred, design.centred(human), own, resampled),
        *_likelihood(_about_their_mean, _about_their_mean(human), own, resampled),
        scale=float(_scale(design.lines(own), design.centred(human))),
        n_conditions=len(human_slopes),
        n_positive=int(positive.sum()),
        n_times=len(both),
    )


def agreements(times: pd.DataFrame) -> pd.DataFrame:
    """Return `Agreement` of each observer's times with people's, a row each.

    Parameters
    ----------
    times : DataFrame
        As for `agreement`, with ``observer``.
    """
    people = human_times()
    rows = [
        {"observer": observer, **vars(agreement(own, people))}
        for observer, own in times.groupby("observer", sort=False)
    ]
    return pd.DataFrame(rows, columns=["observer", *(f.name for f in fields(Agreement))])


@dataclass(frozen=True)
class _Design:
    """Which of n times are of one condition, and how far their set sizes are from its mean: linear maps of times."""

    member: Array  # (n_conditions, n), 0 or 1
    size: Array  # (n,) items, mean of the condition subtracted

    @classmethod
    def of(cls, rows: pd.DataFrame) -> _Design:
        codes = pd.factorize(rows["condition"])[0]
        member = (codes == np.arange(codes.max() + 1)[:, None]).astype(float)
        size = rows["set_size"].to_numpy(float)
        return cls(member, size - (member @ size / member.sum(axis=1))[codes])

    def centred(self, times: Array) -> Array:
        """Times (..., n) less the mean of their condition."""
        means = times @ self.member.T / self.member.sum(axis=1)
        return (times - means @ self.member).round(DECIMALS)

    def slopes(self, times: Array) -> Array:
        """Least-squares slopes of times (..., n): (..., n_conditions)."""
        power = self.member @ self.size**2
        return ((times * self.size) @ self.member.T / power).round(DECIMALS)

    def lines(self, times: Array) -> Array:
        """What slopes make of times (..., n), mean of the condition subtracted."""
        return self.slopes(times) @ self.member * self.size


def _about_their_mean(times: Array) -> Array:
    return (times - times.mean(axis=-1, keepdims=True)).round(DECIMALS)


def _likelihood(
    predict: Callable[[Array], Array],
    observed: Array,
    own: Array,
    resampled: Array | None,
    *,
    highest: float = 1.0,
) -> tuple[float, float, float]:
    """Log likelihood per time of what was observed, (n,), given times, (n,), and its interval over resamples."""
    value = float(_explained(predict(own), observed))
    lo, hi = np.nan, np.nan
    if resampled is not None:
        lo, hi = _displaced(value, _explained(predict(resampled), observed), highest)
    return _nats(value), _nats(lo), _nats(hi)


def _explained(predicted: Array, observed: Array) -> Array:
    """Share of the sum of squares of values (n,) that predictions (..., n) explain, scaled by one factor from 0."""
    power, common = (predicted**2).sum(axis=-1), np.maximum(predicted @ observed, 0)
    return np.minimum(common**2 / np.where(power > 0, power, 1) / (observed @ observed), 1)


def _nats(explained: float) -> float:
    """Log likelihood per value of a Gaussian about predictions that explain so much, above one about none."""
    return np.inf if explained >= 1 else -0.5 * float(np.log1p(-explained))


def _displaced(value: float, resampled: Array, highest: float) -> tuple[float, float]:
    """95 % interval of an explained share from 0 to `highest`.

    Noise in slopes lowers what they explain where that is much, and raises it where it is nothing. Resamples hold the
    noise twice, so the truth lies as far to the other side of the value as they to this one, or with them: the
    interval reaches from the lower to the higher of both. In simulations with 10 and 30 displays whose times have SDs
    of 60 and 250 ms it held the truth .93 to .99 of the time for slopes of 0, any, and people's own (plain quantiles 0
    to .98); for whole curves .92 and more, but .87 near people's own, and .81 at them where 10 displays are all.
    """
    quantiles = np.quantile(resampled, [0.025, 0.975])
    opposite = quantiles + 2 * (value - np.median(resampled))
    lo, hi = min(quantiles[0], opposite[0]), max(quantiles[1], opposite[1])
    return float(np.clip(lo, 0, value)), float(np.clip(hi, value, highest))


def _scale(predicted: Array, observed: Array) -> float:
    power = float(predicted @ predicted)
    return max(0.0, float(predicted @ observed) / power) if power > 0 else 0.0


def rank_correlation(x: ArrayLike, y: ArrayLike) -> tuple[float, float, float]:
    """Return Spearman's rank correlation with its 95 % interval (Bonett and Wright 2000); NaN as `_pearson`."""
    r, *_ = _pearson(stats.rankdata(x), stats.rankdata(y))
    return (r, *_fisher(r, (1 + r**2 / 2) / (np.size(x) - 3))) if np.isfinite(r) else (r, r, r)


def _pearson(x: Array, y: Array) -> tuple[float, float, float]:
    """Correlation with Fisher's 95 % interval; NaN for a constant variable or under 4 pairs."""
    if len(x) < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan, np.nan, np.nan
    r = float(np.corrcoef(x, y)[0, 1])
    return r, *_fisher(r, 1 / (len(x) - 3))


def _fisher(r: float, variance: float) -> tuple[float, float]:
    z, half = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)), Z_95 * np.sqrt(variance)
    return float(np.tanh(z - half)), float(np.tanh(z + half))
