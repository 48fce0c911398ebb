"""Rows of the summary: a few numbers with their intervals for one listener, and what a group makes of them.

A measure of one listener that is a yes or no becomes a share of listeners in the group; one that is a number
becomes a mean over listeners.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cogattn.eeg.efr import measures
from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.group import share_of
from cogattn.eeg.efr.steady import FILTERED, FINE_STRUCTURE
from cogattn.eeg.efr.tables import grid
from cogattn.eeg.recordings.config import SimulatedPath, SimulatedSweeps
from cogattn.measures import Estimate, Measure, Row
from cogattn.observers.observer import Observer
from cogattn.statistics.intervals import mean_interval

PUBLISHED = ("response", "csd")
"""Curves whose published bands stand in the summary; table ``reported_bands`` has the gain's too."""
RANGES = {"share": (0.0, 1.0), "correlation": (-1.0, 1.0)}
"""By a measure's scale; whatever else is measured here is not negative."""
NOT_BUILT = "simulated, and not built to have the published bands"
OUTSIDE = "the estimate lies outside its bootstrap interval"


@dataclass(frozen=True)
class Finding:
    """A row of one listener, and what becomes of it in a group.

    Parameters
    ----------
    row : Row
        The listener's.
    group : Measure or None
        The group's measure that it belongs to; None where it says nothing about a group.
    verdict : bool or None
        Yes or no, of which the group gets the share; None where it gets the mean of the estimates.
    of : str
        What the group's number is of.
    """

    row: Row
    group: Measure | None = None
    verdict: bool | None = None
    of: str = ""


@dataclass(frozen=True)
class Listener:
    """One listener's rows of every trial table, and of the comparison with published bands.

    Parameters
    ----------
    observer : Observer
        Who.
    trials : mapping of str to DataFrame
        Rows by table; empty where a table has none.
    comparison : DataFrame
        Rows of table ``reported_bands``.
    """

    observer: Observer
    trials: Mapping[str, pd.DataFrame]
    comparison: pd.DataFrame

    def row(self, measure: Measure, value: Estimate, note: str) -> Row:
        """Return a row of this listener; say so where an estimate lies outside its interval."""
        outside = value.estimate < value.lo or value.estimate > value.hi  # false where there is no interval
        return Row(self.observer, measure, value, note=f"{note}; {OUTSIDE}" if outside else note)


def is_null(config: EfrConfig) -> bool:
    """Whether nothing in a simulation responds to the rate that is tested, so that none should be found."""
    source = config.recordings
    if isinstance(source, SimulatedSweeps):
        return source.envelope_uv == source.fine_structure_uv == 0
    return isinstance(source, SimulatedPath)


def findings_of_one(config: EfrConfig, listener: Listener) -> list[Finding]:
    """Return the findings in one recording; none of a task that left no rows."""
    alpha, trials = config.significance.alpha, listener.trials
    found: list[Finding] = []
    if len(trials["spectrum"]):
        found += _following(listener, alpha)
        found += _published(listener, simulated=isinstance(config.recordings, SimulatedPath))
        found += _against_truth(config, listener)
    null = is_null(config)
    for response, own in trials["detection"].groupby("response", sort=False):
        found.append(_detected(listener, own, str(response), alpha, null=null))
    if len(trials["growth"]):
        found.append(_growing(listener, alpha, null=null))
    return found + [_tracked(listener, score) for _, score in trials["pitch_score"].iterrows()]


def findings_of_group(listeners: Sequence[Sequence[Finding]], group: Observer) -> list[Row]:
    """Return one row for each measure of the listeners': share of listeners, or mean over them."""
    merged: dict[Measure, list[list[Finding]]] = {}
    for own in listeners:
        for measure in dict.fromkeys(finding.group for finding in own if finding.group):
            merged.setdefault(measure, []).append([f for f in own if f.group == measure])
    rows = [_merged(group, measure, of_listeners) for measure, of_listeners in merged.items()]
    return [row for row in rows if np.isfinite(row.value.estimate)]


def _merged(group: Observer, measure: Measure, of_listeners: list[list[Finding]]) -> Row:
    """The group's row from those of each listener that belong to it."""
    one = of_listeners[0][0]
    if one.verdict is not None:
        value = share_of([float(np.mean([bool(f.verdict) for f in own])) for own in of_listeners])
        single = max(map(len, of_listeners)) == 1
        return Row(group, measure, value, note=one.of if single else f"mean over listeners; {one.of}")
    lowest, highest = RANGES.get(measure.scale, (0.0, np.inf))
    values = [finding.row.value.estimate for own in of_listeners for finding in own]
    value = mean_interval(values, lowest=lowest, highest=highest)
    of = "" if value.n == len(values) else f" {value.n} of {len(values)}"
    return Row(group, measure, value, note=f"mean over{of} listeners; {one.of}")


def _following(listener: Listener, alpha: float) -> Iterator[Finding]:
    """How much of the spectrum is followed, and the strongest coherence with its interval."""
    spectrum = listener.trials["spectrum"]
    spectrum = spectrum[spectrum["usable"]]
    called = spectrum["q"] <= alpha
    of = f"channels x frequencies with q <= {alpha:g}"
    share = Estimate.bare(float(called.mean()), len(spectrum))
    row = listener.row(measures.FOLLOWED, share, f"{of}; n counts them")
    yield Finding(row, measures.FOLLOWING, bool(called.any()), f"any of the {of}")
    best = spectrum.loc[spectrum["coherence"].idxmax()]
    note = (
        f"{best['channel']}, {best['frequency_hz']:g} Hz, q = {best['q']:.2g}; the largest of {len(spectrum)}"
    )
    value = Estimate(
        *(float(best[name]) for name in ("coherence", "coherence_lo", "coherence_hi")), int(best["n"])
    )
    of = f"each listener's largest of {len(spectrum)}, which is above zero without a response too"
    yield Finding(listener.row(measures.COHERENCE, value, note), measures.COHERENCE, of=of)


def _published(listener: Listener, *, simulated: bool) -> Iterator[Finding]:
    """The peak of a dominant band within each published one; no number where there is none."""
    rows = listener.comparison
    for row in rows[rows["measure"].isin(PUBLISHED)].to_dict("records"):
        measure = measures.peak_of(row["measure"], row["reported_low_hz"], row["reported_high_hz"])
        value = Estimate(row["peak_hz"], row["peak_lo_hz"], row["peak_hi_hz"], int(row["n"]))
        note = f"{row['verdict']}: {row['reason']}"
        of = "the published bands in which a dominant band peaks"
        if simulated:
            note, of = f"{note}; {NOT_BUILT}", f"{of}; {NOT_BUILT}"
        testable = row["verdict"] != "not testable"
        group = measures.published_of(row["measure"]) if testable else None
        yield Finding(listener.row(measure, value, note), group, row["verdict"] == "reproduced", of)


def _against_truth(config: EfrConfig, listener: Listener) -> Iterator[Finding]:
    """How well a known transfer function came out where coherence exceeds .3."""
    source = config.recordings
    if not isinstance(source, SimulatedPath) or config.cleaning.reference != "none":
        return
    from cogattn.eeg.recordings.simulate_path import electrode_names
    from cogattn.eeg.recordings.sources import simulated_path

    spectrum = listener.trials["spectrum"]
    channels, f, gain = grid(spectrum, "gain")
    _, _, coherence = grid(spectrum, "coherence")
    _, _, usable = grid(spectrum, "usable")
    names = electrode_names(source.n_channels)
    truth = np.abs(simulated_path(source).transfer(f))[[names.index(channel) for channel in channels]]
    errors = (gain / np.maximum(truth, 1e-30) - 1)[(coherence > 0.3) & usable.astype(bool)]
    if errors.size:
        size = Estimate.bare(100 * float(np.sqrt(np.mean(errors**2))), errors.size)
        of = "root mean square departure from the simulated truth where squared coherence exceeds .3"
        row = listener.row(measures.GAIN_ERROR, size, f"{of}; n counts channels x frequencies")
        yield Finding(row, measures.GAIN_ERROR, of=of)


def _detected(listener: Listener, rows: pd.DataFrame, response: str, alpha: float, *, null: bool) -> Finding:
    """Channels in which T2circ calls the rate (of the fine structure: its strongest harmonic)."""
    tests = rows[rows["detector"] == "t2circ"]
    filtered, channels = tests[tests["channel"] == FILTERED], tests[tests["channel"] != FILTERED]
    n_tested = len(filtered) if response == FINE_STRUCTURE else 1
    held = filtered.loc[filtered["p"].idxmin()] if n_tested > 1 else filtered.iloc[0]
    rate, p = float(held["frequency_hz"]), min(1.0, n_tested * held["p"])
    at_rate = channels[np.isclose(channels["frequency_hz"], rate)]
    share = Estimate.bare(float((at_rate["q"] <= alpha).mean()), int(at_rate["n"].iloc[0]))
    text = f" (times {n_tested} harmonics)" if n_tested > 1 else ""
    note = f"channels with q <= {alpha:g} (T2circ); held-out spatial filter: p = {p:.2g}{text}"
    of = f"T2circ of a spatial filter on held-out sweeps, p <= {alpha:g}{text}"
    group = measures.detected_at(rate if n_tested == 1 else None, response)
    row = listener.row(measures.response_at(rate, response), share, _said(note, null))
    return Finding(row, group, bool(p <= alpha), _said(of, null))


def _growing(listener: Listener, alpha: float, *, null: bool) -> Finding:
    """Sweeps until the first channel is detected at the rate, corrected for looks and channels."""
    grown = listener.trials["growth"]
    grown = grown[grown["response"] != FINE_STRUCTURE]
    rate = grown["frequency_hz"].min()
    at_rate = grown[np.isclose(grown["frequency_hz"], rate)]
    called = at_rate[at_rate["p"] <= alpha / len(at_rate)]
    first = Estimate.bare(float(called["n"].min()) if len(called) else np.nan, int(at_rate["n"].max()))
    of = f"to the first channel with p <= {alpha:g} at {rate:g} Hz, corrected for {len(at_rate)} looks"
    note = of if len(called) else f"never {of[3:]}"
    return Finding(
        listener.row(measures.SWEEPS, first, _said(note, null)), measures.SWEEPS, of=_said(of, null)
    )


def _said(note: str, null: bool) -> str:
    return f"{note}; a null: nothing responds to this rate in the simulation" if null else note


def _tracked(listener: Listener, score: pd.Series) -> Finding:
    """Strength, error or correlation of the tracked F0."""
    measure = measures.tracked(str(score["score"]), str(score["response"]))
    value = Estimate(*(float(score[key]) for key in ("value", "lo", "hi")), int(score["n"]))
    note = f"held-out spatial filter; noise does as well with p = {score['p']:.2g}; n counts sweeps"
    return Finding(listener.row(measure, value, note), measure, of="average response against the sound")
