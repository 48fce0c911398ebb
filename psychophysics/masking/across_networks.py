"""Across networks: does the channel go with shape bias, or with adversarial robustness?

Subramanian et al. (2023) explain shape bias (51 % of its variance) and robustness (66 %) over 76 networks by
a linear regression on bandwidth, centre and peak sensitivity. Their selection of networks and transforms is
not published, so those numbers cannot be recomputed. Here centre and sensitivity enter as logarithms, no
network with an estimate is left out, those without are counted, and the share explained is also given for
each network predicted from the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cogattn.errors import DataError
from cogattn.statistics.stats import Estimate, correlation, variance_explained

PREDICTORS = ("bandwidth_octaves", "center_cpi", "peak_sensitivity")
"""Columns of the channel. Bandwidth enters as it is, being logarithmic; the others as base-2 logarithms."""
LOGARITHMIC = ("center_cpi", "peak_sensitivity")
MIN_NETWORKS = 4
RELATION_COLUMNS = ("outcome", "measure", "predictor", "estimate", "lo", "hi", "n", "n_left_out", "note")


def relate(
    table: pd.DataFrame,
    outcome: str,
    *,
    rng: np.random.Generator,
    predictors: Sequence[str] = PREDICTORS,
    confidence: float = 0.95,
    n_bootstrap: int = 2000,
) -> pd.DataFrame:
    """Relate an outcome to the channel over networks.

    Parameters
    ----------
    table : DataFrame
        One row per network, columns `predictors` and `outcome`; NaN where a network has no estimate.
    outcome : str
        Column that is to be explained, such as ``shape_bias`` or ``robustness``.
    rng : numpy.random.Generator
        Draws networks with replacement.
    predictors : sequence of str
        Columns of the channel.
    confidence, n_bootstrap
        Of the intervals, which are over networks.

    Returns
    -------
    DataFrame
        Columns `RELATION_COLUMNS`: Pearson and Spearman correlations of each predictor with the outcome, the
        variance that all explain together, and the same with each network predicted from the others (without
        interval). NaN with a note where networks are too few.

    Raises
    ------
    DataError
        If a column is missing, or a logarithmic one holds a number that is not positive.
    """
    values = _complete(table, [*predictors, outcome])
    x, y = values[list(predictors)].to_numpy(), values[outcome].to_numpy()
    common = {"outcome": outcome, "n_left_out": len(table) - len(values)}
    if len(values) < max(MIN_NETWORKS, len(predictors) + 2):
        note = f"needs {max(MIN_NETWORKS, len(predictors) + 2)} networks or more"
        return _rows([("variance explained", "all", Estimate(np.nan, np.nan, np.nan, len(y)), note)], common)
    rows = [
        (name, predictor, correlation(x[:, column], y, rank=rank, rng=rng, confidence=confidence), "")
        for column, predictor in enumerate(predictors)
        for name, rank in (("Pearson correlation", False), ("Spearman correlation", True))
    ]
    found = variance_explained(x, y, rng=rng, confidence=confidence, n_resamples=n_bootstrap)
    left_out = Estimate(found.r2_loo, np.nan, np.nan, found.n)
    rows.append(("variance explained", "all", Estimate(found.r2, found.lo, found.hi, found.n), ""))
    rows.append(
        ("variance explained, leave-one-out", "all", left_out, "each network predicted from the others")
    )
    return _rows(rows, common)


def _complete(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The networks with all values, logarithms taken."""
    missing = [name for name in columns if name not in table]
    if missing:
        raise DataError(
            f"a table of networks must have the columns {', '.join(columns)}; got no {missing[0]}"
        )
    values = table[list(columns)].astype(float)
    values = values[np.isfinite(values).all(axis=1)].copy()
    for name in set(LOGARITHMIC) & set(columns):
        if (values[name] <= 0).any():
            raise DataError(f"{name} must be above 0; got {values[name].min():g}")
        values[name] = np.log2(values[name])
    return values


def _rows(found: Sequence[tuple[str, str, Estimate, str]], common: dict[str, object]) -> pd.DataFrame:
    rows = [
        {
            "measure": measure, "predictor": predictor, "note": note, **common,
            "estimate": value.estimate, "lo": value.lo, "hi": value.hi, "n": value.n,
        }
        for measure, predictor, value, note in found
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(RELATION_COLUMNS))
