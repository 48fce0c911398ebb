"""Rows of the summary: a few numbers with their intervals for one recording, and their means over a group.

A measure of one recording that is a yes or no becomes a share of listeners in the group; one that is a number
becomes a mean over listeners.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from cogattn.eeg.efr.config import EfrConfig, SimulatedInput
from cogattn.eeg.efr.group import mean_of, share_of
from cogattn.eeg.efr.steady import FILTERED
from cogattn.eeg.efr.table import grid

Row = dict[str, object]
PUBLISHED = {"response": "response", "csd": "csd"}
"""Curves whose published bands stand in the summary; table ``reported_bands`` has the gain's too."""


def rows_of_one(
    config: EfrConfig, trials: pd.DataFrame, observer: str, tables: Mapping[str, pd.DataFrame]
) -> list[Row]:
    """Summary rows of one recording: `trials` are its own."""
    rows: list[Row] = []
    if config.following:
        comparison = tables["reported_bands"]
        rows += _following(trials, config.significance.alpha)
        rows += _published(comparison[comparison["observer"] == observer])
        rows += _against_truth(config, trials)
    if config.steady_state is not None:
        for response, own in trials[trials["part"] == "steady_state"].groupby("response", sort=False):
            rows += _detected(own, str(response), config.significance.alpha)
        rows += _growing(trials, config.significance.alpha)
    rows += [_tracked(score) for score in trials[trials["part"] == "pitch_score"].to_dict("records")]
    return [{"observer": observer, **row} for row in rows]


def rows_of_group(rows: list[Row], n_listeners: int) -> list[Row]:
    """A row for each measure of the listeners' rows: share of listeners, or mean over them."""
    merged: dict[str, list[Row]] = {}
    for row in rows:
        merged.setdefault(str(row["group"]), []).append(row)
    found = [_merged(measure, own) for measure, own in merged.items() if measure]
    return [{"observer": f"{n_listeners} listeners", **row} for row in found if np.isfinite(row["estimate"])]


def _merged(measure: str, own: list[Row]) -> Row:
    note, unit = str(own[0]["of"]), str(own[0]["unit"])
    of_listener: dict[str, list[Row]] = {}
    for row in own:
        of_listener.setdefault(str(row["observer"]), []).append(row)
    if own[0]["verdict"] is None:
        limits = {"lowest": 0.0, "highest": 1.0} if unit == "squared coherence" else {}
        found = mean_of([float(row["estimate"]) for row in own], **limits)
        note = f"mean over listeners; {note}"
    elif len(of_listener) == len(own):
        found, unit = share_of([bool(row["verdict"]) for row in own]), "share of listeners"
    else:
        shares = [np.mean([bool(row["verdict"]) for row in rows]) for rows in of_listener.values()]
        found, unit = share_of(shares), "share of bands"
        note = f"mean over listeners; {note}"
    row = _row(measure, unit, found.estimate, found.lo, found.hi, max(found.n, 1), note)
    return row | {"human": 1.0} if np.isfinite(float(own[0]["human"])) else row


def _row(
    measure: str,
    unit: str,
    estimate: float,
    lo: float,
    hi: float,
    n: float,
    note: str,
    *,
    group: str = "",
    verdict: bool | None = None,
    of: str = "",
) -> Row:
    """One row; `group` names the group's measure (none: only the recording's), `verdict` is its yes or no."""
    ours = {"measure": measure, "unit": unit, "estimate": estimate, "lo": lo, "hi": hi, "n": int(n)}
    people = dict.fromkeys(("human", "human_lo", "human_hi", "human_n"), np.nan)
    return {**ours, **people, "note": note, "group": group, "verdict": verdict, "of": of}


def _following(trials: pd.DataFrame, alpha: float) -> Iterator[Row]:
    """How much of the spectrum is followed, and the strongest coherence with its interval."""
    coherence = trials[(trials["part"] == "spectrum") & (trials["measure"] == "coherence") & trials["usable"]]
    n = coherence["n"].iloc[0]
    called = coherence["q"] <= alpha
    of = f"channels x frequencies with q <= {alpha:g}"
    note = f"{of}; n counts them"
    yield _row(
        "followed", "share", called.mean(), np.nan, np.nan, len(coherence), note,
        group="following the envelope", verdict=bool(called.any()), of=f"any of the {of}",
    )  # fmt: skip
    best = coherence.loc[coherence["value"].idxmax()]
    place = f"{best['channel']}, {best['frequency_hz']:g} Hz"
    note = f"{place}, q = {best['q']:.2g}; the largest of {len(coherence)}"
    lo, hi = min(best["lo"], best["value"]), max(best["hi"], best["value"])
    of = f"each listener's largest of {len(coherence)}, which is above zero without a response too"
    yield _row(
        "largest coherence", "squared coherence", best["value"], lo, hi, n, note,
        group="largest coherence", of=of,
    )  # fmt: skip


def _published(comparison: pd.DataFrame) -> Iterator[Row]:
    """The published band stands in the human columns as middle, lower and upper edge."""
    for row in comparison[comparison["measure"].isin(PUBLISHED)].to_dict("records"):
        low, high, peak = row["reported_low_hz"], row["reported_high_hz"], row["peak_hz"]
        measure = f"{row['measure']} peak at {low:g}-{high:g} Hz"
        # The interval is of the resampled peaks within the band; widen it to the observed one.
        lo, hi = np.fmin(row["peak_lo_hz"], peak), np.fmax(row["peak_hi_hz"], peak)
        note = f"{row['verdict']}: {row['reason']}"
        testable = row["verdict"] != "not testable"
        ours = _row(
            measure, "Hz", peak, lo, hi, row["n"], note,
            group=f"published {row['measure']} bands" if testable else "",
            verdict=row["verdict"] == "reproduced", of="a dominant band peaks there; people: all were reported",
        )  # fmt: skip
        yield ours | {"human": (low + high) / 2, "human_lo": low, "human_hi": high}


def _against_truth(config: EfrConfig, trials: pd.DataFrame) -> Iterator[Row]:
    """How well a known transfer function came out where coherence exceeds .3."""
    source = config.input
    if not isinstance(source, SimulatedInput) or config.reference != "none":
        return
    from cogattn.eeg.efr.inputs import simulated_path
    from cogattn.eeg.efr.simulate import electrode_names

    channels, f, gain = grid(trials, "gain")
    _, _, coherence = grid(trials, "coherence")
    usable = trials[(trials["part"] == "curve") & (trials["measure"] == "following")]["usable"].to_numpy()
    names = electrode_names(source.n_channels)
    truth = np.abs(simulated_path(source).transfer(f))[[names.index(channel) for channel in channels]]
    errors = (gain / np.maximum(truth, 1e-30) - 1)[(coherence > 0.3) & usable]
    if errors.size:
        size = 100 * float(np.sqrt(np.mean(errors**2)))
        of = "root mean square departure from the simulated truth where squared coherence exceeds .3"
        note = f"{of}; n counts channels x frequencies"
        yield _row(
            "error of the gain",
            "%",
            size,
            np.nan,
            np.nan,
            errors.size,
            note,
            group="error of the gain",
            of=of,
        )


def _detected(rows: pd.DataFrame, response: str, alpha: float) -> Iterator[Row]:
    """Channels in which T2circ calls the rate (of the fine structure: its strongest harmonic)."""
    tests = rows[rows["measure"] == "t2circ"]
    filtered, channels = tests[tests["channel"] == FILTERED], tests[tests["channel"] != FILTERED]
    n_tested = len(filtered) if response == "fine structure" else 1
    held = filtered.loc[filtered["p"].idxmin()] if n_tested > 1 else filtered.iloc[0]
    rate, p = held["frequency_hz"], min(1.0, n_tested * held["p"])
    at_rate = channels[np.isclose(channels["frequency_hz"], rate)]
    share = (at_rate["q"] <= alpha).mean()
    where = "" if response == "as recorded" else f", {response}"
    text = f" (times {n_tested} harmonics)" if n_tested > 1 else ""
    note = f"channels with q <= {alpha:g} (T2circ); held-out spatial filter: p = {p:.2g}{text}"
    measure = f"response at {rate:g} Hz{where}"
    of = f"T2circ of a spatial filter on held-out sweeps, p <= {alpha:g}{text}"
    yield _row(
        measure, "share of channels", share, np.nan, np.nan, at_rate["n"].iloc[0], note,
        group=measure if n_tested == 1 else f"response{where}", verdict=bool(p <= alpha), of=of,
    )  # fmt: skip


def _growing(trials: pd.DataFrame, alpha: float) -> Iterator[Row]:
    """Sweeps until the first channel is detected at the rate, corrected for looks and channels."""
    grown = trials[(trials["part"] == "growth") & (trials["response"] != "fine structure")]
    rate = grown["frequency_hz"].min()
    at_rate = grown[np.isclose(grown["frequency_hz"], rate)]
    called = at_rate[at_rate["p"] <= alpha / len(at_rate)]
    first = called["n"].min() if len(called) else np.nan
    of = f"to the first channel with p <= {alpha:g} at {rate:g} Hz, corrected for {len(at_rate)} looks"
    note = of if len(called) else f"never {of[3:]}"
    n = at_rate["n"].max()
    yield _row("sweeps needed", "sweeps", first, np.nan, np.nan, n, note, group="sweeps needed", of=of)


def _tracked(score: Mapping[str, object]) -> Row:
    """Strength, error or correlation of the tracked F0."""
    units = {
        "strength": ("F0 strength", "r"),
        "error_hz": ("F0 error", "Hz"),
        "correlation": ("F0 tracking", "r"),
    }
    measure, unit = units[str(score["measure"])]
    where = "" if score["response"] == "as recorded" else f", {score['response']}"
    note = f"held-out spatial filter; noise does as well with p = {score['p']:.2g}; n counts sweeps"
    value, lo, hi, n = (float(score[key]) for key in ("value", "lo", "hi", "n"))
    of = "average response against the sound"
    return _row(measure + where, unit, value, lo, hi, n, note, group=measure + where, of=of)
