"""Rows of the summary: a few numbers with their intervals for one recording, and their means over a group.

A measure of one recording that is a yes or no becomes a share of listeners in the group; one that is a number
becomes a mean over listeners.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from cogattn.eeg.efr.config import EfrConfig, SimulatedInput
from cogattn.eeg.efr.group import mean_of, share_of
from cogattn.eeg.efr.steady import FILTERED
from cogattn.eeg.efr.table import grid
from cogattn.study import SUMMARY_COLUMNS

PUBLISHED = ("response", "csd")
"""Curves whose published bands stand in the summary; table ``reported_bands`` has the gain's too."""


@dataclass(frozen=True)
class Finding:
    """A row of the summary, and what becomes of it in a group.

    Parameters
    ----------
    measure, unit, estimate, lo, hi, n, note, human, human_lo, human_hi
        The summary's columns (see `cogattn.study.SUMMARY_COLUMNS`).
    group : str
        The group's measure that this belongs to; empty where it says nothing about a group.
    verdict : bool or None
        Yes or no, of which the group gets the share; None where it gets the mean of the estimates.
    of : str
        What the group's number is of.
    """

    measure: str
    unit: str
    estimate: float
    lo: float
    hi: float
    n: int
    note: str
    human: float = np.nan
    human_lo: float = np.nan
    human_hi: float = np.nan
    group: str = ""
    verdict: bool | None = None
    of: str = ""


def summary_of(findings: Mapping[str, Sequence[Finding]]) -> pd.DataFrame:
    """Findings of each observer as the summary's table."""
    rows = [
        {"observer": observer, "human_n": np.nan, **asdict(finding)}
        for observer, own in findings.items()
        for finding in own
    ]
    return pd.DataFrame(rows)[list(SUMMARY_COLUMNS)]


def findings_of_one(
    config: EfrConfig, trials: pd.DataFrame, observer: str, tables: Mapping[str, pd.DataFrame]
) -> list[Finding]:
    """Findings in one recording: `trials` are its own."""
    found: list[Finding] = []
    if config.following:
        comparison = tables["reported_bands"]
        found += _following(trials, config.significance.alpha)
        found += _published(comparison[comparison["observer"] == observer])
        found += _against_truth(config, trials)
    if config.steady_state is not None:
        for response, own in trials[trials["part"] == "steady_state"].groupby("response", sort=False):
            found += _detected(own, str(response), config.significance.alpha)
        found += _growing(trials, config.significance.alpha)
    scores = trials[trials["part"] == "pitch_score"]
    return found + [_tracked(score) for _, score in scores.iterrows()]


def findings_of_group(listeners: Mapping[str, Sequence[Finding]]) -> list[Finding]:
    """One finding for each measure of the listeners': share of listeners, or mean over them."""
    merged: dict[str, list[list[Finding]]] = {}
    for own in listeners.values():
        for measure in dict.fromkeys(finding.group for finding in own if finding.group):
            merged.setdefault(measure, []).append([f for f in own if f.group == measure])
    found = [_merged(measure, of_listeners) for measure, of_listeners in merged.items()]
    return [finding for finding in found if np.isfinite(finding.estimate)]


def _merged(measure: str, of_listeners: list[list[Finding]]) -> Finding:
    """The group's finding from those of each listener that belong to it."""
    one = of_listeners[0][0]
    note, unit = f"mean over listeners; {one.of}", one.unit
    if one.verdict is None:
        bounded = unit == "squared coherence"
        values = [finding.estimate for own in of_listeners for finding in own]
        found = mean_of(values, lowest=0.0 if bounded else -np.inf, highest=1.0 if bounded else np.inf)
    else:
        found = share_of([float(np.mean([bool(f.verdict) for f in own])) for own in of_listeners])
        single = max(map(len, of_listeners)) == 1
        unit = "share of listeners" if single else "share of bands"
        note = one.of if single else note
    human = 1.0 if np.isfinite(one.human) else np.nan
    return Finding(measure, unit, found.estimate, found.lo, found.hi, max(found.n, 1), note, human)


def _following(trials: pd.DataFrame, alpha: float) -> Iterator[Finding]:
    """How much of the spectrum is followed, and the strongest coherence with its interval."""
    coherence = trials[(trials["part"] == "spectrum") & (trials["measure"] == "coherence") & trials["usable"]]
    n = coherence["n"].iloc[0]
    called = coherence["q"] <= alpha
    of = f"channels x frequencies with q <= {alpha:g}"
    note = f"{of}; n counts them"
    yield Finding(
        "followed", "share", called.mean(), np.nan, np.nan, len(coherence), note,
        group="following the envelope", verdict=bool(called.any()), of=f"any of the {of}",
    )  # fmt: skip
    best = coherence.loc[coherence["value"].idxmax()]
    place = f"{best['channel']}, {best['frequency_hz']:g} Hz"
    note = f"{place}, q = {best['q']:.2g}; the largest of {len(coherence)}"
    lo, hi = min(best["lo"], best["value"]), max(best["hi"], best["value"])
    of = f"each listener's largest of {len(coherence)}, which is above zero without a response too"
    yield Finding(
        "largest coherence", "squared coherence", best["value"], lo, hi, int(n), note,
        group="largest coherence", of=of,
    )  # fmt: skip


def _published(comparison: pd.DataFrame) -> Iterator[Finding]:
    """The published band stands in the human columns as middle, lower and upper edge."""
    for row in comparison[comparison["measure"].isin(PUBLISHED)].to_dict("records"):
        low, high, peak = row["reported_low_hz"], row["reported_high_hz"], row["peak_hz"]
        measure = f"{row['measure']} peak at {low:g}-{high:g} Hz"
        # The interval is of the resampled peaks within the band; widen it to the observed one.
        lo, hi = np.fmin(row["peak_lo_hz"], peak), np.fmax(row["peak_hi_hz"], peak)
        note = f"{row['verdict']}: {row['reason']}"
        testable = row["verdict"] != "not testable"
        yield Finding(
            measure, "Hz", peak, lo, hi, int(row["n"]), note, (low + high) / 2, low, high,
            group=f"published {row['measure']} bands" if testable else "",
            verdict=row["verdict"] == "reproduced", of="a dominant band peaks there; people: all were reported",
        )  # fmt: skip


def _against_truth(config: EfrConfig, trials: pd.DataFrame) -> Iterator[Finding]:
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
        yield Finding(
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


def _detected(rows: pd.DataFrame, response: str, alpha: float) -> Iterator[Finding]:
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
    yield Finding(
        measure, "share of channels", share, np.nan, np.nan, int(at_rate["n"].iloc[0]), note,
        group=measure if n_tested == 1 else f"response{where}", verdict=bool(p <= alpha), of=of,
    )  # fmt: skip


def _growing(trials: pd.DataFrame, alpha: float) -> Iterator[Finding]:
    """Sweeps until the first channel is detected at the rate, corrected for looks and channels."""
    grown = trials[(trials["part"] == "growth") & (trials["response"] != "fine structure")]
    rate = grown["frequency_hz"].min()
    at_rate = grown[np.isclose(grown["frequency_hz"], rate)]
    called = at_rate[at_rate["p"] <= alpha / len(at_rate)]
    first = called["n"].min() if len(called) else np.nan
    of = f"to the first channel with p <= {alpha:g} at {rate:g} Hz, corrected for {len(at_rate)} looks"
    note = of if len(called) else f"never {of[3:]}"
    n = int(at_rate["n"].max())
    yield Finding("sweeps needed", "sweeps", first, np.nan, np.nan, n, note, group="sweeps needed", of=of)


def _tracked(score: pd.Series) -> Finding:
    """Strength, error or correlation of the tracked F0."""
    units = {
        "strength": ("F0 strength", "r"),
        "error_hz": ("F0 error", "Hz"),
        "correlation": ("F0 tracking", "r"),
    }
    measure, unit = units[str(score["measure"])]
    where = "" if score["response"] == "as recorded" else f", {score['response']}"
    note = f"held-out spatial filter; noise does as well with p = {score['p']:.2g}; n counts sweeps"
    value, lo, hi = (float(score[key]) for key in ("value", "lo", "hi"))
    of = "average response against the sound"
    return Finding(measure + where, unit, value, lo, hi, int(score["n"]), note, group=measure + where, of=of)
