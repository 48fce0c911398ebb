"""The threshold of each noise band by itself: the noise SD that halves the part of accuracy above chance.

No assumption joins the bands, so this is what the channel's fit can be held against. Errors rise from their
share without noise to 1 - 1/K; a Weibull function of the noise SD is fitted between the two.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cogattn.statistics.psychometric import MAX_LAPSE, fit_psychometric
from cogattn.statistics.stats import wilson_interval


def band_thresholds(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    nominal_cpi: ArrayLike,
    *,
    n_alternatives: int,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Estimate the threshold of every band.

    Parameters
    ----------
    n_correct, n_trials : arrays of int, shape (n_sds, n_bands)
        Counts; trials without noise may stand in any column.
    noise_sds : array, shape (n_sds,)
        Rising from 0.
    nominal_cpi : array, shape (n_bands,)
        Labels of the bands.
    n_alternatives : int
        Number of answers to choose from.
    confidence : float
        Level of the intervals.

    Returns
    -------
    DataFrame
        A row per band: nominal_cpi, threshold_sd (NaN where the counts do not determine it), lo, hi (0 and inf
        where open), n_trials, converged. Where accuracy stays above the halfway mark at the highest noise SD (or
        below it at the lowest), that SD is the bound.
    """
    correct, shown, sds = np.asarray(n_correct), np.asarray(n_trials), np.asarray(noise_sds, dtype=float)
    noisy = sds > 0
    clean = correct[~noisy].sum() / max(shown[~noisy].sum(), 1) if shown[~noisy].any() else 1.0
    wrong = (shown - correct)[noisy].T  # (n_bands, n_levels)
    fit = fit_psychometric(
        sds[noisy],
        wrong,
        shown[noisy].T,
        guess=float(min(1 - clean, 0.99 - MAX_LAPSE)),
        lapse=1 / n_alternatives,
        confidence=confidence,
    )
    halfway = 1 / n_alternatives + (clean - 1 / n_alternatives) / 2
    lower, upper = wilson_interval(correct[noisy], shown[noisy], confidence=confidence)  # (n_levels, n_bands)
    never, always = ~fit.converged & (lower[-1] > halfway), ~fit.converged & (upper[0] < halfway)
    return pd.DataFrame(
        {
            "nominal_cpi": np.asarray(nominal_cpi, dtype=float),
            "threshold_sd": fit.threshold,
            "lo": np.where(never, sds[-1], fit.lo),
            "hi": np.where(always, sds[noisy][0], fit.hi),
            "n_trials": fit.n,
            "converged": fit.converged,
        }
    )
