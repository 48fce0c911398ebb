"""How well people's next fixations are predicted, each after the true ones before it: rows of ``scanpath_fixations``.

References
----------
Kuemmerer, Wallis, Bethge (2015), PNAS 112, 16054-16059: likelihood of fixations, in bits.
Peters, Iyer, Itti, Koch (2005), Vision Research 45, 2397-2416: normalised scanpath saliency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cogattn.errors import ObserverError
from cogattn.psychophysics.scanpath import columns
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.predicting import Prediction
from cogattn.psychophysics.scanpath.rows import keys, ordered, table

if TYPE_CHECKING:
    import pandas as pd

SUMS_TO_ONE = 1e-3
"""By how much chances may miss a sum of 1."""
FLAT = 1e-9
"""A spread of chances below this part of their mean is none."""


def fixation_rows(
    observer: str,
    number: int,
    data: PathSet,
    paths: Sequence[ObjectPath],
    predictions: Sequence[Prediction],
) -> pd.DataFrame:
    """Score predictions of next fixations.

    Parameters
    ----------
    observer : str
        Who predicts.
    number : int
        Of the split.
    data : PathSet
        Of the paths' layouts.
    paths : sequence of ObjectPath
        Of the test.
    predictions : sequence of Prediction
        One a path.

    Returns
    -------
    DataFrame
        ``scanpath_fixations``, sorted by scene, person and fixation. Bits are infinite where somebody looked at what
        was held impossible; ``nss`` is (p - mean) / SD over objects, 0 where all are as likely; ``auc`` the share of
        other objects that are less likely, ties half.

    Raises
    ------
    ObserverError
        If a prediction has another shape than its path, is not a number or does not sum to 1.
    """
    parts = []
    for path, prediction in ordered(data, paths, predictions):
        layout = data.layout_of(path)
        log_p, log_end = _checked(observer, layout, path, prediction)
        scores = _next(log_p, path.objects[path.n_given :])
        parts.append(
            {
                **keys(observer, number, layout, path),
                "fixation": np.arange(path.n_given, len(path)),
                "object": path.objects[path.n_given :],
                "n_objects": layout.n_objects,
                **scores,
                "goes_on_bits": np.full(len(log_p), np.nan) if log_end is None else _goes_on(log_end[:-1]),
            }
        )
    return table(columns.FIXATIONS, parts)


def _next(log_p: Array, objects: Ints) -> dict[str, Array]:
    """Scores of fixated objects (n,) under ln chances (n, n_objects), each (n,)."""
    n_objects, step = log_p.shape[1], np.arange(len(objects))
    own = log_p[step, objects][:, None]
    rank = (log_p > own).sum(axis=1) + ((log_p == own).sum(axis=1) + 1) / 2
    p = np.exp(log_p)
    mean, sd = p.mean(axis=1), p.std(axis=1)
    spread = sd > FLAT * mean
    return {
        "bits": -log_p[step, objects] / np.log(2) + 0.0,
        "rank": rank,
        "nss": np.where(spread, (p[step, objects] - mean) / np.where(spread, sd, 1.0), 0.0),
        "auc": (n_objects - rank) / (n_objects - 1),
    }


def _goes_on(log_end: Array) -> Array:
    """-log2 of the chance of not ending."""
    with np.errstate(divide="ignore"):
        return -np.log(-np.expm1(np.minimum(log_end, 0.0))) / np.log(2) + 0.0


def _checked(
    observer: str, layout: Layout, path: ObjectPath, prediction: Prediction
) -> tuple[Array, Array | None]:
    """ln chances (n, n_objects) and of ending (n + 1,), as float64."""
    n, where = len(path) - path.n_given, f"{path.person}, {layout.name}"
    log_p = np.asarray(prediction.log_p, dtype=np.float64)
    if log_p.shape != (n, layout.n_objects):
        raise ObserverError(
            f"{observer} must give a chance to each of {layout.n_objects} objects at {n} fixations; got shape "
            f"{log_p.shape} ({where})"
        )
    sums = np.exp(log_p).sum(axis=1)
    if np.isnan(sums).any() or (np.abs(sums - 1) > SUMS_TO_ONE).any():
        wrong = sums[np.argmax(np.where(np.isnan(sums), np.inf, np.abs(sums - 1)))]
        raise ObserverError(f"chances by {observer} must sum to 1; got {wrong:.6g} ({where})")
    if prediction.log_end is None:
        return log_p, None
    log_end = np.asarray(prediction.log_end, dtype=np.float64)
    if log_end.shape != (n + 1,) or not (log_end <= 1e-6).all():
        raise ObserverError(
            f"{observer} must give a chance of ending before each of {n} fixations and after; got shape "
            f"{log_end.shape} with {log_end.max(initial=-np.inf):.6g} at most ({where})"
        )
    return log_p, log_end
