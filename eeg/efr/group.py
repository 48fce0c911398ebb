"""From recordings to listeners: what a group shows, with intervals over listeners.

A listener is one recording. Means come with Student's t interval, proportions with Wilson's. A dominant band of
the group is found as one of a recording is (`bands`), on the mean curve, its height held against the scatter
between listeners: t with n - 1 degrees of freedom, Bonferroni over the places where a peak and its base could be.
Where it peaks has the interval of `cogattn.statistics.intervals.peak_interval`, within the band.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from cogattn.eeg.efr.bands import dominant_bands
from cogattn.measures import Estimate
from cogattn.statistics.intervals import mean_interval, peak_interval
from cogattn.statistics.stats import wilson_interval

CURVES = ("response", "transfer", "following", "csd")
BAND_COLUMNS = (
    "measure", "low_hz", "high_hz", "peak_hz", "peak_lo_hz", "peak_hi_hz", "height", "height_lo", "height_hi",
    "listeners", "listeners_lo", "listeners_hi", "n",
)  # fmt: skip
LEAST_LISTENERS = 3
"""Fewest listeners with whose scatter a band can be held."""


def share_of(called: Sequence[bool | float]) -> Estimate:
    """Proportion of listeners, or mean of a share in each, with its 95 % Wilson interval over listeners."""
    total = float(np.sum(called))
    lo, hi = wilson_interval(total, len(called))
    return Estimate(total / len(called), float(lo), float(hi), len(called))


def group_bands(curves: pd.DataFrame, bands: pd.DataFrame, *, alpha: float) -> pd.DataFrame:
    """Dominant bands of the listeners' mean curves.

    Parameters
    ----------
    curves, bands : DataFrame
        Tables ``curve`` and ``band`` of all recordings (see `tables`).
    alpha : float
        Chance that featureless curves yield any band.

    Returns
    -------
    DataFrame
        A row for each curve and band: edges, peak with its interval, mean height with t interval, share of listeners
        whose own dominant bands overlap it with Wilson interval, n listeners. Empty with fewer than
        three listeners.
    """
    rows = []
    for measure in CURVES:
        points = curves[curves["measure"] == measure]
        if points["observer"].nunique() < LEAST_LISTENERS:
            continue
        table = points.pivot(index="observer", columns="frequency_hz", values="value").dropna(axis=1)
        usable = points.groupby("frequency_hz")["usable"].all().loc[table.columns].to_numpy()
        own = bands[bands["measure"] == measure]
        rows += _bands_of(measure, table, usable, own, alpha)
    return pd.DataFrame(rows, columns=list(BAND_COLUMNS))


def published_bands(comparison: pd.DataFrame, spectrum: pd.DataFrame) -> pd.DataFrame:
    """Each published band over listeners: in how many reproduced, and mean coherence with the envelope there.

    Parameters
    ----------
    comparison : DataFrame
        Table ``reported_bands``.
    spectrum : DataFrame
        That table of all recordings.

    Returns
    -------
    DataFrame
        ``reproduced`` (share of the ``n`` listeners in whom it is testable) and ``coherence`` (mean over channels
        and usable bins), with intervals.
    """
    usable = spectrum[spectrum["usable"]]
    rows = []
    keys = ["measure", "reported_low_hz", "reported_high_hz"]
    for _, own in comparison.groupby(keys, sort=False):
        measure, low, high = own[keys].iloc[0]
        testable = own[own["verdict"] != "not testable"]
        inside = usable[usable["frequency_hz"].between(low, high)]
        coherence = mean_interval(inside.groupby("observer")["coherence"].mean().to_numpy())
        row = {"measure": measure, "low_hz": low, "high_hz": high, "n": len(testable)}
        if len(testable):
            share = share_of([verdict == "reproduced" for verdict in testable["verdict"]])
            row |= {"reproduced": share.estimate, "reproduced_lo": share.lo, "reproduced_hi": share.hi}
        row |= {"coherence": coherence.estimate, "coherence_lo": coherence.lo, "coherence_hi": coherence.hi}
        rows.append(row | {"n_coherence": coherence.n})
    return pd.DataFrame(rows)


def _bands_of(
    measure: str,
    table: pd.DataFrame,
    usable: np.ndarray,
    own: pd.DataFrame,
    alpha: float,
) -> list[dict[str, object]]:
    """Bands of one curve, (listener, frequency)."""
    curves, f = table.to_numpy(), table.columns.to_numpy(dtype=np.float64)
    n = len(curves)
    mean = curves.mean(axis=0)
    spread = mean + (curves - mean) / np.sqrt(n - 1)  # its standard deviation is the mean's standard error
    found = dominant_bands(f, mean, spread, usable=usable, alpha=alpha, degrees_of_freedom=n - 1)
    rows = []
    for band in found:
        inside = (f >= band.low_hz) & (f <= band.high_hz)
        peak = peak_interval(curves[:, inside], f[inside])
        overlapping = own[(own["low_hz"] <= band.high_hz) & (own["high_hz"] >= band.low_hz)]["observer"]
        share = share_of([observer in set(overlapping) for observer in table.index])
        half = stats.t.isf(0.025, n - 1) * band.height_se
        rows.append(
            {
                "measure": measure,
                "low_hz": band.low_hz,
                "high_hz": band.high_hz,
                "peak_hz": band.peak_hz,
                "peak_lo_hz": peak.lo,
                "peak_hi_hz": peak.hi,
                "height": band.height,
                "height_lo": band.height - half,
                "height_hi": band.height + half,
                "listeners": share.estimate,
                "listeners_lo": share.lo,
                "listeners_hi": share.hi,
                "n": n,
            }
        )
    return rows
