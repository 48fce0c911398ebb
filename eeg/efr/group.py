"""From recordings to listeners: what a group shows, with intervals over listeners.

A listener is one recording. Means come with Student's t interval, proportions with Wilson's. A dominant band of
the group is found as one of a recording is (`bands`), on the mean curve, its height held against the scatter
between listeners: t with n - 1 degrees of freedom, Bonferroni over the places where a peak and its base could be.
Where it peaks has the interval of `cogattn.statistics.intervals.peak_interval`, within the band.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

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
    if not called:
        return Estimate.bare(np.nan, 0)
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
        points, own = curves[curves["measure"] == measure], bands[bands["measure"] == measure]
        if points["observer"].nunique() >= LEAST_LISTENERS:
            table = points.pivot(index="observer", columns="frequency_hz", values="value").dropna(axis=1)
            usable = points.groupby("frequency_hz")["usable"].all().loc[table.columns].to_numpy()
            rows += [{"measure": measure, **row} for row in _bands_of(table, usable, own, alpha)]
    return pd.DataFrame(rows, columns=list(BAND_COLUMNS))


def _bands_of(
    table: pd.DataFrame, usable: np.ndarray, own: pd.DataFrame, alpha: float
) -> Iterator[dict[str, float]]:
    """Bands of one curve, (listener, frequency): columns `BAND_COLUMNS` but for the first."""
    curves, f, n = table.to_numpy(), table.columns.to_numpy(dtype=np.float64), len(table)
    mean = curves.mean(axis=0)
    spread = mean + (curves - mean) / np.sqrt(n - 1)  # its standard deviation is the mean's standard error
    for band in dominant_bands(f, mean, spread, usable=usable, alpha=alpha, degrees_of_freedom=n - 1):
        inside = (f >= band.low_hz) & (f <= band.high_hz)
        peak = peak_interval(curves[:, inside], f[inside])
        overlapping = set(own[(own["low_hz"] <= band.high_hz) & (own["high_hz"] >= band.low_hz)]["observer"])
        half = stats.t.isf(0.025, n - 1) * band.height_se
        yield {
            **{end: getattr(band, end) for end in ("low_hz", "high_hz", "peak_hz")},
            **{"peak_lo_hz": peak.lo, "peak_hi_hz": peak.hi, "n": n},
            **_columns("height", Estimate(band.height, band.height - half, band.height + half, n)),
            **_columns("listeners", share_of([observer in overlapping for observer in table.index])),
        }


def published_bands(reported: pd.DataFrame, spectrum: pd.DataFrame) -> pd.DataFrame:
    """Each published band over listeners: in how many reproduced, and mean coherence with the envelope there.

    Parameters
    ----------
    reported, spectrum : DataFrame
        These tables of all recordings.

    Returns
    -------
    DataFrame
        ``reproduced`` (share of the ``n`` listeners in whom it is testable) and ``coherence`` (mean over channels
        and usable bins), with intervals.
    """
    usable, rows = spectrum[spectrum["usable"]], []
    for key, own in reported.groupby(["measure", "reported_low_hz", "reported_high_hz"], sort=False):
        place = cast(tuple[str, float, float], key)
        verdicts = own.loc[own["verdict"] != "not testable", "verdict"] == "reproduced"
        share = share_of(verdicts.tolist())
        inside = usable[usable["frequency_hz"].between(*place[1:])].groupby("observer")["coherence"].mean()
        row = dict(zip(("measure", "low_hz", "high_hz"), place, strict=True)) | {"n": share.n}
        row |= _columns("reproduced", share) | _columns("coherence", mean_interval(inside.to_numpy()))
        rows.append(row | {"n_coherence": len(inside)})
    return pd.DataFrame(rows)


def _columns(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.estimate, f"{name}_lo": found.lo, f"{name}_hi": found.hi}
