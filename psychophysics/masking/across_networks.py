"""Across networks: does the channel go with shape bias, or with adversarial robustness?

Subramanian et al. (2023) explain shape bias (51 % of its variance) and robustness (66 %) over 76 networks by
a linear regression on bandwidth, centre and peak sensitivity. Their selection of networks and transforms is
not published. Here the channel enters as `cogattn.statistics.relations.logged` says (bandwidth, being in octaves, as it
is, the others as base-2 logarithms), no network with an estimate is left out, those without are counted, and the share
explained is also given for each network predicted from the others. docs/compare.md does it for the published networks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cogattn.errors import DataError
from cogattn.psychophysics.masking.measures import CHANNEL
from cogattn.statistics import relations

PREDICTORS = ("bandwidth_octaves", "center_cpi", "peak_sensitivity")
"""Columns of the channel."""
LOGARITHMIC = tuple(
    column
    for column, measure in zip(PREDICTORS, CHANNEL, strict=True)
    if relations.logged(scale=measure.scale, unit=measure.unit)
)
MIN_NETWORKS = relations.MIN_UNITS


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
        As `cogattn.statistics.relations.relate`.

    Raises
    ------
    DataError
        If a column is missing, or a logarithmic one holds a number that is not positive.
    """
    columns = [*predictors, outcome]
    missing = [name for name in columns if name not in table]
    if missing:
        raise DataError(
            f"a table of networks must have the columns {', '.join(columns)}; got no {missing[0]}"
        )
    values = table[columns].astype(float)
    whole = np.isfinite(values).all(axis=1)
    for name in set(LOGARITHMIC) & set(columns):
        if (values.loc[whole, name] <= 0).any():
            raise DataError(f"{name} must be above 0; got {values.loc[whole, name].min():g}")
        values[name] = np.log2(values[name].where(whole))
    return relations.relate(
        values, outcome, predictors=predictors, rng=rng, confidence=confidence, n_resamples=n_bootstrap
    )
