"""Several tests at once.

References
----------
Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6, 65-70.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Return P values that hold for all tests together, whatever their dependence.

    Parameters
    ----------
    p : array, shape (n_tests,)
        Of each test; NaN where none was made, which stays NaN and is not counted.

    Returns
    -------
    array, shape (n_tests,)
        Of the tests made, in rising order: the largest so far of p times the tests not yet passed, at most 1. The
        chance that any true hypothesis has one of at most alpha is at most alpha.

    Examples
    --------
    >>> holm([0.04, 0.01, float("nan"), 0.03]).round(2).tolist()
    [0.06, 0.03, nan, 0.06]
    """
    given = np.asarray(p, dtype=float)
    adjusted = np.full_like(given, np.nan)
    tested = np.flatnonzero(np.isfinite(given))
    rising = tested[np.argsort(given[tested], kind="stable")]
    left = np.arange(len(rising), 0, -1)
    adjusted[rising] = np.minimum(1.0, np.maximum.accumulate(left * given[rising]))
    return adjusted
