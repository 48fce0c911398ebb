"""From the table of all recordings to what a reader asks: published bands beside ours, what is followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.eeg.efr import figures
from cogattn.eeg.efr.bands import Band, Verdict, compare_reported
from cogattn.eeg.efr.config import EfrConfig, SimulatedInput
from cogattn.eeg.efr.steady import FILTERED
from cogattn.eeg.efr.table import grid
from cogattn.study import SUMMARY_COLUMNS, Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURES = (("response", "response"), ("transfer", "response"), ("csd", "csd"))
"""Our curve, and the published measure it is compared with."""
MAINS_COLUMNS = ["observer", "measure", "frequency_hz", "low_hz", "high_hz", "value"]
NOT_THEIRS = (
    "The published preprocessing, electrodes and formulae are not available; these are our own, so a verdict "
    "speaks of the data given, not of the published recordings."
)


def summarise(config: EfrConfig, trials: pd.DataFrame) -> Results:
    """Tables, figures and remarks of a run; a summary row for each recording and measure."""
    alpha = config.significance.alpha
    observers = list(dict.fromkeys(trials["observer"]))
    by_observer = {observer: trials[trials["observer"] == observer] for observer in observers}
    comparison = pd.concat(
        [_comparison(rows, o, alpha) for o, rows in by_observer.items()], ignore_index=True
    )
    summary = [_following(rows, observer, alpha) for observer, rows in by_observer.items()]
    summary += [_published(comparison)]
    tables = {
        "reported_bands": comparison,
        "dominant_bands": _dominant(trials),
        "followed": _followed(trials, alpha),
        "mains": _mains(trials),
    }
    if config.steady_state is not None:
        tables["steady_state"] = _steady(trials)
        summary += [_detections(trials, alpha)]
    drawn = {"spectra": figures.spectra, "transfer": figures.transfer, "coupling": figures.coupling}
    if config.steady_state is not None:
        drawn["steady_state"] = figures.steady_state
    return Results(
        summary=pd.concat(summary, ignore_index=True)[list(SUMMARY_COLUMNS)],
        tables=tables,
        figures={name: _later(draw, trials, alpha) for name, draw in drawn.items()},
        remarks=_remarks(config, trials),
    )


def _mains(trials: pd.DataFrame) -> pd.DataFrame:
    """Lines and notches, and their level relative to the surroundings."""
    rows = trials.loc[trials["part"] == "mains", MAINS_COLUMNS]
    return rows.rename(columns={"value": "level_db"}).reset_index(drop=True)


def _later(
    draw: Callable[[pd.DataFrame, float], Figure], trials: pd.DataFrame, alpha: float
) -> Callable[[], Figure]:
    return lambda: draw(trials, alpha)


def _row(
    observer: str, measure: str, unit: str, estimate: float, lo: float, hi: float, n: float, note: str
) -> dict:
    ours = {"observer": observer, "measure": measure, "unit": unit, "estimate": estimate, "lo": lo, "hi": hi}
    people = dict.fromkeys(("human", "human_lo", "human_hi", "human_n"), np.nan)
    return {**ours, "n": int(n), **people, "note": note}


def _following(rows: pd.DataFrame, observer: str, alpha: float) -> pd.DataFrame:
    """How much of the spectrum is followed, and the strongest coherence with its interval."""
    coherence = rows[(rows["part"] == "spectrum") & (rows["measure"] == "coherence") & rows["usable"]]
    n = coherence["n"].iloc[0]
    called = coherence["q"] <= alpha
    share = _row(
        observer, "followed", "share", called.mean(), np.nan, np.nan, len(coherence),
        f"channels x frequencies with q <= {alpha:g}; n counts them",
    )  # fmt: skip
    best = coherence.loc[coherence["value"].idxmax()]
    where = f"{best['channel']}, {best['frequency_hz']:g} Hz, q = {best['q']:.2g}; the largest of {len(coherence)}"
    lo, hi = min(best["lo"], best["value"]), max(best["hi"], best["value"])
    peak = _row(observer, "largest coherence", "squared coherence", best["value"], lo, hi, n, where)
    return pd.DataFrame([share, peak])


def _comparison(rows: pd.DataFrame, observer: str, alpha: float) -> pd.DataFrame:
    """Published bands, ours, and what speaks for or against them."""
    curve = rows[rows["part"] == "curve"]
    out = []
    for ours, theirs in MEASURES:
        points = curve[curve["measure"] == ours]
        verdicts = compare_reported(
            theirs, _bands(rows, ours), points["frequency_hz"].to_numpy(), points["usable"].to_numpy()
        )
        for verdict in verdicts:
            out.append(
                {
                    "observer": observer,
                    "measure": ours,
                    **_verdict_row(verdict, rows, alpha),
                    "n": points["n"].iloc[0],
                }
            )
    return pd.DataFrame(out)


def _verdict_row(verdict: Verdict, rows: pd.DataFrame, alpha: float) -> dict[str, object]:
    reported, band = verdict.reported, verdict.band
    low, high = reported.low_hz, reported.high_hz
    coherence = rows[(rows["measure"] == "coherence") & (rows["part"] == "spectrum") & rows["usable"]]
    inside = coherence[coherence["frequency_hz"].between(low, high)]
    followed = inside[inside["q"] <= alpha]["channel"].nunique() / max(1, coherence["channel"].nunique())
    pairs = rows[(rows["part"] == "pair") & (rows["measure"] == "imaginary")]
    pairs = pairs[(pairs["low_hz"] == low) & (pairs["high_hz"] == high)]
    return {
        "reported": reported.measure,
        "reported_low_hz": low,
        "reported_high_hz": high,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        "low_hz": band.low_hz if band else np.nan,
        "high_hz": band.high_hz if band else np.nan,
        "peak_hz": band.peak_hz if band else np.nan,
        "peak_lo_hz": band.peak_lo_hz if band else np.nan,
        "peak_hi_hz": band.peak_hi_hz if band else np.nan,
        "channels_following": followed if len(inside) else np.nan,
        "pairs_with_lagged_coupling": (pairs["q"] <= alpha).mean() if len(pairs) else np.nan,
    }


def _bands(rows: pd.DataFrame, measure: str) -> list[Band]:
    """Read dominant bands back from the table."""
    heights = rows[(rows["part"] == "band") & (rows["measure"] == measure)]
    peaks = rows[(rows["part"] == "band_peak") & (rows["measure"] == measure)]
    return [
        Band(
            low_hz=h.low_hz,
            high_hz=h.high_hz,
            peak_hz=p.value,
            peak_lo_hz=p.lo,
            peak_hi_hz=p.hi,
            height=h.value,
            height_lo=h.lo,
            height_hi=h.hi,
            at_mask=not h.usable,
        )
        for h, p in zip(heights.itertuples(), peaks.itertuples(), strict=True)
    ]


def _published(comparison: pd.DataFrame) -> pd.DataFrame:
    """Summary rows: the published band stands in the human columns as middle, lower and upper edge."""
    rows = []
    for row in comparison.to_dict("records"):
        low, high, peak = row["reported_low_hz"], row["reported_high_hz"], row["peak_hz"]
        measure = f"{row['measure']} peak at {low:g}-{high:g} Hz"
        # The interval is of the resampled peaks within the band; widen it to the observed one.
        lo, hi = np.fmin(row["peak_lo_hz"], peak), np.fmax(row["peak_hi_hz"], peak)
        note = f"{row['verdict']}: {row['reason']}"
        ours = _row(row["observer"], measure, "Hz", peak, lo, hi, row["n"], note)
        rows.append(ours | {"human": (low + high) / 2, "human_lo": low, "human_hi": high})
    return pd.DataFrame(rows)


def _detections(trials: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Channels in which T2circ calls the modulation rate itself."""
    rows = trials[(trials["part"] == "steady_state") & (trials["measure"] == "t2circ")]
    rate = rows["frequency_hz"].min()
    out = []
    for observer, own in rows[np.isclose(rows["frequency_hz"], rate)].groupby("observer", sort=False):
        channels, filtered = own[own["channel"] != FILTERED], own[own["channel"] == FILTERED]
        note = (
            f"channels with q <= {alpha:g} (T2circ); held-out spatial filter: p = {filtered['p'].iloc[0]:.2g}"
        )
        share = (channels["q"] <= alpha).mean()
        out.append(
            _row(
                observer,
                f"steady state at {rate:g} Hz",
                "share",
                share,
                np.nan,
                np.nan,
                channels["n"].iloc[0],
                note,
            )
        )
    return pd.DataFrame(out)


def _dominant(trials: pd.DataFrame) -> pd.DataFrame:
    heights, peaks = (trials[trials["part"] == part].reset_index(drop=True) for part in ("band", "band_peak"))
    table = heights[["observer", "measure", "low_hz", "high_hz"]].copy()
    table[["peak_hz", "peak_lo_hz", "peak_hi_hz"]] = peaks[["value", "lo", "hi"]].to_numpy()
    table[["height", "height_lo", "height_hi"]] = heights[["value", "lo", "hi"]].to_numpy()
    return table.assign(touches_mask=~heights["usable"], n=heights["n"])


def _followed(trials: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Channels and frequencies called followed, with coherence, interval, p and q."""
    rows = trials[
        (trials["part"] == "spectrum") & (trials["measure"] == "coherence") & (trials["q"] <= alpha)
    ]
    columns = ["observer", "channel", "frequency_hz", "value", "lo", "hi", "p", "q", "n"]
    return rows[columns].rename(columns={"value": "coherence"}).reset_index(drop=True)


def _steady(trials: pd.DataFrame) -> pd.DataFrame:
    rows = trials[trials["part"] == "steady_state"]
    columns = ["observer", "channel", "frequency_hz", "measure", "value", "p", "q", "n"]
    return rows[columns].rename(columns={"measure": "detector", "value": "statistic"}).reset_index(drop=True)


def _remarks(config: EfrConfig, trials: pd.DataFrame) -> tuple[str, ...]:
    remarks = [NOT_THEIRS]
    mains = trials[trials["part"] == "mains"]
    notches = sorted(set(mains.loc[mains["measure"] == "notch", "frequency_hz"]))
    if notches:
        remarks.append(
            f"notch filters found at {', '.join(f'{f:g}' for f in notches)} Hz and masked with their edges"
        )
    if isinstance(config.input, SimulatedInput):
        remarks.append(_simulation_remark(config, config.input, trials))
    remarks.append(
        "coherence between channels is raised by volume conduction and a common reference; only lagged measures "
        "(imaginary coherency, wPLI) speak of coupling"
    )
    return tuple(remarks)


def _simulation_remark(config: EfrConfig, source: SimulatedInput, trials: pd.DataFrame) -> str:
    """How well the known transfer function came out where coherence exceeds .3."""
    from cogattn.eeg.efr.inputs import simulated_path

    errors = []
    for _, rows in trials.groupby("observer", sort=False):
        channels, f, gain = grid(rows, "gain")
        _, _, coherence = grid(rows, "coherence")
        if config.positions or config.reference == "average" or len(channels) != source.n_channels:
            return "the simulated path is known for all channels as recorded; compare there"
        truth = np.abs(simulated_path(source).transfer(f))
        errors.append((np.abs(gain / np.maximum(truth, 1e-30) - 1))[coherence > 0.3])
    pooled = np.concatenate(errors)
    if not len(pooled):
        return (
            "simulated: coherence exceeds .3 nowhere, so the transfer function is not compared with its truth"
        )
    return (
        f"simulated: the gain departs from its truth by {100 * np.sqrt(np.mean(pooled**2)):.1f} % (root mean "
        f"square over {len(pooled)} channels x frequencies with coherence above .3)"
    )
