"""From the table of all recordings to what a reader asks: published bands beside ours, what is followed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.eeg.efr import figures, group
from cogattn.eeg.efr.bands import Band, Verdict, compare_reported
from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.rows import findings_of_group, findings_of_one, summary_of
from cogattn.seeds import Streams
from cogattn.study import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURES = (("response", "response"), ("transfer", "response"), ("csd", "csd"))
"""Our curve, and the published measure it is compared with."""
MAINS_COLUMNS = ["observer", "measure", "frequency_hz", "low_hz", "high_hz", "value"]
LARGEST_MISFIT = 1.2
"""Of a smoothed transfer function, before the reader is told."""
NOT_THEIRS = (
    "The published preprocessing, electrodes and formulae are not available; these are our own, so a verdict "
    "speaks of the data given, not of the published recordings."
)


def summarise(config: EfrConfig, trials: pd.DataFrame) -> Results:
    """Tables, figures and remarks of a run; summary rows of the recording, or of the group where there are several."""
    alpha = config.significance.alpha
    by_observer = {o: trials[trials["observer"] == o] for o in dict.fromkeys(trials["observer"])}
    tables: dict[str, pd.DataFrame] = {}
    drawn: dict[str, Callable[[pd.DataFrame, float], Figure]] = {}
    if config.following:
        comparison = pd.concat(
            [_comparison(rows, o, alpha) for o, rows in by_observer.items()], ignore_index=True
        )
        tables |= {
            "reported_bands": comparison,
            "dominant_bands": _dominant(trials),
            "followed": _followed(trials, alpha),
            "mains": _mains(trials),
        }
        drawn |= {"spectra": figures.spectra, "transfer": figures.transfer, "coupling": figures.coupling}
    if config.steady_state is not None:
        tables["steady_state"] = _steady(trials)
        drawn["steady_state"] = figures.steady_state
    if (trials["part"] == "pitch").any():
        drawn["pitch"] = figures.pitch
    findings = {o: findings_of_one(config, rows, o, tables) for o, rows in by_observer.items()}
    summary = summary_of(findings)
    if len(by_observer) > 1:
        tables["listeners"] = summary
        summary = summary_of({f"{len(by_observer)} listeners": findings_of_group(findings)})
        if config.following:
            rng = Streams(config.seed).generator("efr", "group")
            tables["group_bands"] = group.group_bands(trials, rng, alpha=alpha)
            tables["group_reported_bands"] = group.published_bands(tables["reported_bands"], trials)
            drawn["group"] = figures.group
    return Results(
        summary=summary,
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
    columns = ["observer", "response", "channel", "frequency_hz", "measure", "value", "p", "q", "n"]
    return rows[columns].rename(columns={"measure": "detector", "value": "statistic"}).reset_index(drop=True)


def _remarks(config: EfrConfig, trials: pd.DataFrame) -> tuple[str, ...]:
    remarks = [*_of_following(trials)] if config.following else []
    if config.steady_state is not None:
        cycles = config.mains.mains_hz * config.steady_state.sweep_s
        if abs(cycles - round(cycles)) > 0.01:
            remarks.append(
                f"a sweep holds {cycles:g} cycles of mains, which therefore leak into every frequency (and add up in "
                "the difference of polarities); choose sweeps with a whole number of them"
            )
    return tuple(remarks)


def _of_following(trials: pd.DataFrame) -> Iterator[str]:
    yield NOT_THEIRS
    mains = trials[trials["part"] == "mains"]
    notches = sorted(set(mains.loc[mains["measure"] == "notch", "frequency_hz"]))
    if notches:
        yield f"notch filters found at {', '.join(f'{f:g}' for f in notches)} Hz and masked with their edges"
    rough = trials[(trials["part"] == "smoothness") & (trials["value"] > LARGEST_MISFIT)]
    if len(rough):
        yield (
            f"{', '.join(rough['observer'])}: the transfer function varies faster over frequency than a response "
            f"between the lags can (up to {rough['value'].max():.2f} times what noise explains); widen "
            "spectrum.lag_low_s and lag_high_s, or turn spectrum.smooth off"
        )
    yield (
        "coherence between channels is raised by volume conduction and a common reference; only lagged measures "
        "(imaginary coherency, wPLI) speak of coupling"
    )
