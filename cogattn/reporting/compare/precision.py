"""How well each measure tells the observers of a source apart, and how many trials a reliability of .9 would take.

The standard error of an estimate is read from its interval on the scale on which errors are even: the logarithm of what
is compared by ratios, the arcsine of the root of a share, Fisher's z of a correlation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cogattn.measures import Scale
from cogattn.reporting.compare.values import PEOPLE
from cogattn.statistics.relations import reliability, trials_for
from cogattn.statistics.scales import RANGES, standard_error, to_scale

PRECISION_COLUMNS = (
    "source", "measure", "reliability", "lo", "hi", "n", "n_left_out", "trials", "trials_needed", "target",
)  # fmt: skip
LEAST = 5
TARGET = 0.9


def precision(values: pd.DataFrame) -> pd.DataFrame:
    """Return the reliability of each source's measures over its observers, where `LEAST` or more have closed intervals.

    Parameters
    ----------
    values : DataFrame
        As `cogattn.reporting.compare.values.pool` makes it.

    Returns
    -------
    DataFrame
        Columns `PRECISION_COLUMNS`: reliability with its interval over observers, ``n`` observers and those left
        out for want of an estimate or a closed interval, the median number of trials (or whatever a row's n counts),
        and the number at which the reliability would be `TARGET`, error variance falling as 1 / n.
    """
    rows = []
    tested = values[values["role"] != PEOPLE]
    for (source, measure), own in tested.groupby(["source", "measure"], sort=False):
        scale: Scale = own["scale"].iloc[0]
        middle = to_scale(own["estimate"].clip(*RANGES[scale]), scale)
        error = standard_error(own["lo"], own["hi"], scale)
        whole = np.isfinite(middle) & np.isfinite(error)
        if whole.sum() < LEAST:
            continue
        found = reliability(middle[whole], error[whole])
        trials = float(own.loc[whole, "n"].median())
        needed = trials_for(found.estimate, trials, TARGET)
        rows.append(
            (
                source, measure, found.estimate, found.lo, found.hi, found.n, int((~whole).sum()), trials, needed,
                TARGET,
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(PRECISION_COLUMNS))
