"""Could an observer be one of the people? Where it lies among them, on one measure or on several jointly.

If the observer were one more of `k` people, and people were normal on the scale of comparison, then ``k / (k + 1)``
times its squared Mahalanobis distance from them would follow Hotelling's T2 with k - 1 degrees of freedom: that is
the P value. It asks for normal people; the rank does not. The rank is the P value of full conformal prediction: each
of the k + 1 is set against the k others, and counted if it lies as far off as the observer does. It holds for people of
any distribution and is never below ``1 / (k + 1)``, so that fewer than 19 people cannot exclude anybody at .05 by rank.

People's measures hold their own errors of measurement, and the observer's do, too. Both tests take the observer to be
measured as well as the people were. One that is measured better is told apart less often than it could be, one
measured worse more often than it should be.

Errors of the observer's values and of the people's mean and covariance make the distance larger than it is. Its
interval allows for them: it is of the distance between the observer's true place and the centre of the population
from which the people come, in SDs of measured people, by the noncentral F distribution.

References
----------
Hotelling (1931), The generalization of Student's ratio, Ann. Math. Stat. 2, 360-378. Anderson (2003), An introduction
to multivariate statistical analysis, 3rd ed., section 5.2 (noncentral T2). Vovk, Gammerman, Shafer (2005),
Algorithmic learning in a random world, chapter 2. Steiger, Fouladi (1997), Noncentrality interval estimation and
the evaluation of statistical models (intervals by inversion).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import f, ncf

from cogattn.errors import DataError
from cogattn.measures import Scale
from cogattn.statistics.scales import on_scale as on_scale
from cogattn.statistics.scales import standard_error

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

LEVEL = 0.05
"""Of the test whose power is told."""
AWAY_SD = 3.0
"""Distance at which the power is told, in SDs of people: beyond nearly all of them on one measure."""
TARGET_POWER = 0.8
ALIKE = 1e-10
"""Measures whose correlation matrix has a smaller ratio of least to greatest eigenvalue are functions of each other."""
PLACE_COLUMNS = (
    "observer", "role", "measures", "distance", "distance_lo", "distance_hi", "p", "rank", "power", "n", "note",
)  # fmt: skip
"""Columns of `place_table`."""


@dataclass(frozen=True)
class Place:
    """Where an observer lies among people.

    Parameters
    ----------
    distance : float
        Mahalanobis distance of the observer from the people's mean with the people's covariance (divisor k - 1): on
        one measure, how many of their SDs it lies from their mean.
    lo, hi : float
        Interval of the distance of the observer's true place from the centre of the people's population, in SDs of
        people; it may lie below `distance`, which errors of measurement enlarge.
    p : float
        P value of the hypothesis that the observer is one more of these people, if they are normal (Hotelling's T2).
    rank : float
        The same for people of any distribution: the share of the k + 1 that lie at least as far from the others.
    power : float
        Probability that `p` is at most .05 for an observer of a population that differs from the people's in its
        centre only, by `away_sd`.
    detectable_sd : float
        Distance at which that probability is 0.8.
    n : int
        People, k.
    n_measures : int
        Measures, p.
    away_sd : float
        Distance of `power`, in SDs of people.
    """

    distance: float
    lo: float
    hi: float
    p: float
    rank: float
    power: float
    detectable_sd: float
    n: int
    n_measures: int
    away_sd: float


def place(
    estimate: ArrayLike,
    people: ArrayLike,
    *,
    se: ArrayLike | None = None,
    away_sd: float = AWAY_SD,
    confidence: float = 0.95,
) -> Place:
    """Place an observer among people.

    Parameters
    ----------
    estimate : array, shape (n_measures,)
        The observer's values, on the scale of comparison (see `on_scale`).
    people : array, shape (n_people, n_measures)
        The people's, on the same scales.
    se : array, shape (n_measures,), optional
        Standard errors of the observer's values, on the same scales, independent of each other. They widen the interval
        of the distance, and change nothing else. Without, the values are taken as exact.
    away_sd : float
        Distance at which the power is told, in SDs of people.
    confidence : float
        Level of the interval.

    Returns
    -------
    Place

    Raises
    ------
    DataError
        If there are fewer people than measures + 2, a number is not finite, or a measure is the same for all people or
        follows from the others.

    Examples
    --------
    >>> found = place([3.0], [[1.0], [1.4], [0.8], [1.1], [0.7], [1.0]])
    >>> round(found.distance, 1), round(found.p, 4), round(found.rank, 3)
    (8.2, 0.0006, 0.143)
    """
    x, group, errors = _checked(estimate, people, se)
    k, p = group.shape
    units = group.std(axis=0, ddof=1)
    x, group, errors = x / units, group / units, errors / units
    off = x - group.mean(axis=0)
    toward = np.linalg.solve(np.atleast_2d(np.cov(group.T)), off)
    squared = float(off @ toward)
    lo, hi = _interval(squared, _own_variance(toward, squared, errors, k), k, p, confidence)
    return Place(
        distance=math.sqrt(squared), lo=lo, hi=hi,
        p=float(f.sf(squared * k / (k + 1) * _to_f(k, p), p, k - p)),
        rank=_conformal_rank(x, group),
        power=_power(away_sd, k, p), detectable_sd=_detectable(k, p),
        n=k, n_measures=p, away_sd=away_sd,
    )  # fmt: skip


def place_table(
    summary: pd.DataFrame, people: pd.DataFrame, *, joint: Sequence[str] | None = None
) -> pd.DataFrame:
    """Place every observer of a summary among people: measure by measure, and jointly.

    Parameters
    ----------
    summary : DataFrame
        As `cogattn.measures.summary_table` makes it. An observer's standard errors come from its 95 % intervals.
    people : DataFrame
        As `cogattn.measures.people_table` makes it. A person who is an observer of the
        summary is placed among the others.
    joint : sequence of str, optional
        Keys of the measures that are placed jointly; without, all that observer and people share.

    Returns
    -------
    DataFrame
        Columns `PLACE_COLUMNS`: a row per observer and measure that people have, too, and one for the joint measures
        where there are two or more and at least three people more than measures (people with all of them).
        What cannot be had is NaN, and the note says why; it also repeats the notes of the summary.
    """
    import pandas as pd

    wide = people.pivot_table(index="person", columns="measure", values="estimate", sort=False)
    records = []
    for _, rows in summary.groupby("observer", sort=False):
        shared = rows[rows["measure"].isin(wide.columns)].drop_duplicates("measure")
        sets = [shared.iloc[[i]] for i in range(len(shared))]
        together = shared if joint is None else shared[shared["measure"].isin(joint)]
        if len(together) > 1:
            sets.append(together)
        found = (_record(each, wide) for each in sets)
        records += [record for record in found if record is not None]
    return pd.DataFrame(records, columns=list(PLACE_COLUMNS))


def _record(rows: pd.DataFrame, wide: pd.DataFrame) -> dict[str, object] | None:
    """One row of the table; None for a joint one for which people are too few."""
    measures, observer = rows["measure"].tolist(), rows["observer"].iloc[0]
    others = wide.drop(index=observer, errors="ignore")[measures].dropna()
    if len(measures) > 1 and len(others) < len(measures) + 3:
        return None
    notes = [note for note in dict.fromkeys(rows["note"]) if note]
    notes += ["among the other people"] if observer in wide.index else []
    record: dict[str, object] = dict.fromkeys(PLACE_COLUMNS, math.nan)
    record |= {"observer": observer, "role": rows["role"].iloc[0], "measures": " ".join(measures)}
    record |= {"n": len(others)}
    try:
        found, remark = _place_rows(rows, others)
    except DataError as error:
        return record | {"note": "; ".join([*notes, str(error)])}
    notes += [remark] if remark else []
    record |= {"distance": found.distance, "distance_lo": found.lo, "distance_hi": found.hi, "p": found.p}
    return record | {"rank": found.rank, "power": found.power, "note": "; ".join(notes)}


def _place_rows(rows: pd.DataFrame, others: pd.DataFrame) -> tuple[Place, str]:
    """Place the values of some rows; with a remark where their errors are not known."""
    scales: Sequence[Scale] = rows["scale"].tolist()
    x = _each_on_scale(rows["estimate"].to_numpy(dtype=float), scales)
    group = np.array([_each_on_scale(person, scales) for person in others.to_numpy(dtype=float)])
    group = group.reshape(len(others), len(scales))  # nobody, too
    ends = zip(rows["lo"], rows["hi"], scales, strict=True)
    se = np.array([float(standard_error(lo, hi, scale)) for lo, hi, scale in ends])
    if np.isfinite(se).all():
        return place(x, group, se=se), ""
    return place(x, group), "distance without the observer's own error"


def _each_on_scale(values: Array, scales: Sequence[Scale]) -> Array:
    return np.array([float(on_scale(value, scale)) for value, scale in zip(values, scales, strict=True)])


def detectable_sd(n_people: int, n_measures: int = 1) -> float:
    """Return the distance in SDs of people that `place` finds with a power of 0.8; NaN for too few people."""
    return _detectable(n_people, n_measures) if n_people >= n_measures + 2 else math.nan


def _checked(estimate: ArrayLike, people: ArrayLike, se: ArrayLike | None) -> tuple[Array, Array, Array]:
    x, group = np.asarray(estimate, dtype=float), np.asarray(people, dtype=float)
    errors = np.zeros_like(x) if se is None else np.asarray(se, dtype=float)
    if x.ndim != 1 or not len(x) or group.ndim != 2 or group.shape[1] != len(x) or errors.shape != x.shape:
        raise DataError(
            "estimate, people and se must have shapes (n_measures,), (n_people, n_measures) and (n_measures,); "
            f"got {x.shape}, {group.shape} and {errors.shape}"
        )
    k, p = group.shape
    if k < p + 2:
        raise DataError(f"people must be at least {p + 2} to place an observer on {p} measure(s); got {k}")
    if not (np.isfinite(x).all() and np.isfinite(group).all()):
        raise DataError("estimate and people must hold finite numbers; got NaN or infinity")
    if not (np.isfinite(errors) & (errors >= 0)).all():
        raise DataError(f"se must hold finite numbers from 0; got {errors.tolist()}")
    _check_spread(group)
    return x, group, errors


def _check_spread(group: Array) -> None:
    spread = np.ptp(group, axis=0)
    same = spread <= 1e-12 * np.abs(group).max(axis=0)
    if same.any():
        raise DataError(
            f"people must differ on every measure; got {group[0, same][0]:g} for all (measure {int(same.argmax())})"
        )
    scaled = np.linalg.svd((group - group.mean(axis=0)) / spread, compute_uv=False)
    if scaled[-1] ** 2 < ALIKE * scaled[0] ** 2:
        raise DataError(
            "no measure of people may follow from the others; got a singular covariance; leave one out"
        )


def _to_f(k: int, p: int) -> float:
    """What makes an F ratio with p and k - p degrees of freedom of T2."""
    return (k - p) / (p * (k - 1))


def _conformal_rank(x: Array, group: Array) -> float:
    """Among all k + 1, the distance from their common mean orders them as the distance from the others does."""
    everybody = np.vstack([x, group])
    off = everybody - everybody.mean(axis=0)
    squared = np.einsum("ij,ij->i", off, np.linalg.solve(off.T @ off, off.T).T)
    return float((squared >= squared[0] * (1 - 1e-9)).mean())


def _own_variance(toward: Array, squared: float, errors: Array, k: int) -> float:
    """Variance of the observer's own error over that of people, along the line from people to the observer.

    Less the share by which the inverse of an estimated covariance is too large.
    """
    if squared == 0 or not errors.any():
        return float((errors**2).mean())
    p = len(errors)
    return float((toward * errors) @ (toward * errors) / squared * (k - p - 1) / (k - 1))


def _interval(squared: float, own: float, k: int, p: int, confidence: float) -> tuple[float, float]:
    """Distances at which the noncentral F distribution gives the one observed either tail."""
    variance = own + 1 / k
    ratio = squared / variance * _to_f(k, p)

    def below(distance: float) -> float:
        if distance == 0:
            return float(f.cdf(ratio, p, k - p))
        return float(ncf.cdf(ratio, p, k - p, distance**2 / variance))

    lo, hi = (_crossing(below, share) for share in ((1 + confidence) / 2, (1 - confidence) / 2))
    return lo, hi


def _crossing(below: Callable[[float], float], share: float) -> float:
    """Distance at which a falling probability is `share`; 0 where it starts lower."""
    if below(0.0) <= share:
        return 0.0
    top = 1.0
    while below(top) > share:
        top *= 2
    return float(brentq(lambda distance: below(distance) - share, 0.0, top, xtol=1e-6))


@lru_cache(maxsize=256)
def _power(distance: float, k: int, p: int) -> float:
    """The ratio's noncentrality is k / (k + 1) times the squared distance."""
    critical = f.isf(LEVEL, p, k - p)
    if distance == 0:
        return LEVEL
    return float(ncf.sf(critical, p, k - p, distance**2 * k / (k + 1)))


@lru_cache(maxsize=256)
def _detectable(k: int, p: int) -> float:
    return _crossing(lambda distance: 1 - _power(distance, k, p), 1 - TARGET_POWER)
