"""Rows of the summary: a few numbers with their intervals for one listener, and what a group makes of them.

A yes or no of one listener becomes a share of listeners in the group, a number becomes a mean over listeners. Both are
the persons of the run under the same keys: a yes or no is 1 or 0.
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
from cogattn.measures import Estimate, Measure, Row, people_table
from cogattn.observers.observer import Observer
from cogattn.statistics.intervals import mean_interval
from cogattn.statistics.scales import standard_error

PUBLISHED = ("response", "csd")
"""Curves whose published bands stand in the summary; table ``reported_bands`` has the gain's too."""
RANGES = {"share": (0.0, 1.0), "correlation": (-1.0, 1.0)}
"""By a measure's scale; whatever else is measured here is not negative."""
NOT_BUILT = "; simulated, and not built to have the published bands"
NULL = "; a null: nothing responds to this rate in the simulation"
OUTSIDE = "; the estimate lies outside its bootstrap interval"


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
    """One listener's rows of every trial table, empty where a table has none."""

    observer: Observer
    trials: Mapping[str, pd.DataFrame]

    def found(
        self,
        measure: Measure,
        value: Estimate,
        note: str,
        group: Measure | None = None,
        verdict: bool | None = None,
        of: str = "",
    ) -> Finding:
        """Return a finding in this listener; its row says where an estimate lies outside its interval."""
        outside = value.estimate < value.lo or value.estimate > value.hi  # false where there is no interval
        row = Row(self.observer, measure, value, note=note + OUTSIDE * outside)
        return Finding(row, group, verdict, of)

    def locked(self, response: str, rate_hz: float) -> str:
        """Say why a rate is not testable and what would help; empty where it is."""
        lock = self.trials["lock"]
        for row in lock[(lock["response"] == response) & np.isclose(lock["rate_hz"], rate_hz)].itertuples():
            return f"not testable here: mains at {row.line_hz:g} Hz would pass for a response; {row.advice}"
        return ""


def is_null(config: EfrConfig) -> bool:
    """Whether nothing in a simulation responds to the rate that is tested, so that none should be found."""
    source = config.recordings
    if isinstance(source, SimulatedSweeps):
        return source.envelope_uv == source.fine_structure_uv == 0
    return isinstance(source, SimulatedPath)


def findings_of_one(config: EfrConfig, listener: Listener) -> list[Finding]:
    """Return the findings in one recording; none of a task that left no rows."""
    alpha, trials, null = config.significance.alpha, listener.trials, NULL * is_null(config)
    found: list[Finding] = []
    if len(trials["spectrum"]):
        found += _following(listener, alpha)
        found += _published(listener, NOT_BUILT * isinstance(config.recordings, SimulatedPath))
        found += _against_truth(config, listener)
    for response, own in trials["detection"].groupby("response", sort=False):
        found.append(_detected(listener, own, str(response), alpha, null))
    if len(trials["growth"]):
        found.append(_growing(listener, alpha, null))
    return found + [_tracked(listener, score) for _, score in trials["pitch_score"].iterrows()]


def findings_of_group(listeners: Sequence[Sequence[Finding]], group: Observer) -> list[Row]:
    """Return one row for each measure of the listeners': share of listeners, or mean over them."""
    merged: dict[Measure, list[list[Finding]]] = {}
    for own in listeners:
        for measure in dict.fromkeys(finding.group for finding in own if finding.group):
            merged.setdefault(measure, []).append([f for f in own if f.group == measure])
    rows = [_merged(group, measure, of_listeners) for measure, of_listeners in merged.items()]
    return [row for row in rows if np.isfinite(row.value.estimate)]


def persons(listeners: Sequence[Sequence[Finding]]) -> pd.DataFrame:
    """Return every listener's measures, columns `cogattn.measures.PEOPLE_COLUMNS`; what was not found is left out.

    Standard errors are 1 / 3.92 of the width of a 95 % interval, of logarithms where they are compared.
    """
    rows: list[tuple[str, Measure, float, float, int]] = []
    for own in listeners:
        verdicts: dict[Measure, list[bool]] = {}
        for finding in own:
            row, value = finding.row, finding.row.value
            scale = "log" if row.measure.scale == "log" else "linear"
            error = float(standard_error(value.lo, value.hi, scale))
            rows.append((row.observer.id, row.measure, value.estimate, error, value.n))
            if finding.group is not None and finding.verdict is not None:
                verdicts.setdefault(finding.group, []).append(finding.verdict)
        rows += [(own[0].row.observer.id, m, float(np.mean(v)), np.nan, len(v)) for m, v in verdicts.items()]
    return people_table(row for row in rows if np.isfinite(row[2]))


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
    n, called, of = len(spectrum), spectrum["q"] <= alpha, f"channels x frequencies with q <= {alpha:g}"
    share, verdict = Estimate.bare(float(called.mean()), n), bool(called.any())
    yield listener.found(
        measures.FOLLOWED, share, f"{of}; n counts them", measures.FOLLOWING, verdict, f"any of the {of}"
    )
    best = spectrum.loc[spectrum["coherence"].idxmax()]
    note = f"{best['channel']}, {best['frequency_hz']:g} Hz, q = {best['q']:.2g}; the largest of {n}"
    value = Estimate(*map(float, best[["coherence", "coherence_lo", "coherence_hi"]]), int(best["n"]))
    of = f"each listener's largest of {n}, which is above zero without a response too"
    yield listener.found(measures.COHERENCE, value, note, measures.COHERENCE, of=of)


def _published(listener: Listener, simulated: str) -> Iterator[Finding]:
    """The peak of a dominant band that reproduces a published one; no number where none does."""
    rows = listener.trials["reported"]
    of = f"the published bands in which a dominant band peaks and the envelope is followed{simulated}"
    for row in rows[rows["measure"].isin(PUBLISHED)].to_dict("records"):
        measure = measures.peak_of(row["measure"], row["reported_low_hz"], row["reported_high_hz"])
        said, value = row["verdict"], Estimate.bare(np.nan, int(row["n"]))
        if said == "reproduced":
            value = Estimate(row["peak_hz"], row["peak_lo_hz"], row["peak_hi_hz"], int(row["n"]))
        group = None if said == "not testable" else measures.published_of(row["measure"])
        note = f"{said}: {row['reason']}{simulated}"
        yield listener.found(measure, value, note, group, said == "reproduced", of)


def _against_truth(config: EfrConfig, listener: Listener) -> Iterator[Finding]:
    """How well a known transfer function came out where coherence exceeds .3."""
    source = config.recordings
    if not isinstance(source, SimulatedPath) or config.cleaning.reference != "none":
        return
    from cogattn.eeg.recordings.simulate_path import electrode_names
    from cogattn.eeg.recordings.sources import simulated_path

    spectrum = listener.trials["spectrum"]
    channels, f, gain = grid(spectrum, "gain")
    (_, _, coherence), (_, _, usable) = grid(spectrum, "coherence"), grid(spectrum, "usable")
    names = electrode_names(source.n_channels)
    truth = np.abs(simulated_path(source).transfer(f))[[names.index(channel) for channel in channels]]
    errors = (gain / np.maximum(truth, 1e-30) - 1)[(coherence > 0.3) & usable.astype(bool)]
    if errors.size:
        size = Estimate.bare(100 * float(np.sqrt(np.mean(errors**2))), errors.size)
        of = "root mean square departure from the simulated truth where squared coherence exceeds .3"
        note = f"{of}; n counts channels x frequencies"
        yield listener.found(measures.GAIN_ERROR, size, note, measures.GAIN_ERROR, of=of)


def _detected(listener: Listener, rows: pd.DataFrame, response: str, alpha: float, null: str) -> Finding:
    """Channels in which the rate is called (of the fine structure: its strongest harmonic), by T2circ.

    Averages have the test against neighbouring frequencies alone; there, the best channel times their number decides.
    """
    test, name = ("t2circ", "T2circ") if (rows["detector"] == "t2circ").any() else ("f_test", "F-test")
    tests = rows[rows["detector"] == test]
    rates = np.unique(tests["frequency_hz"])[: None if response == FINE_STRUCTURE else 1]
    tests = tests[np.isin(tests["frequency_hz"], rates) & tests["testable"]]
    n_rates = tests["frequency_hz"].nunique()
    if not n_rates:
        measure, none = (
            measures.response_at(float(rates[0]), response),
            Estimate.bare(np.nan, int(rows["n"].max())),
        )
        return listener.found(measure, none, listener.locked(response, float(rates[0])) + null)
    filtered, channels = tests[tests["channel"] == FILTERED], tests[tests["channel"] != FILTERED]
    deciding, where = (filtered, "held-out spatial filter") if len(filtered) else (channels, "best channel")
    best, n_tested = deciding.loc[deciding["p"].idxmin()], len(deciding)
    rate, p = float(best["frequency_hz"]), min(1.0, n_tested * float(best["p"]))
    at_rate = channels[np.isclose(channels["frequency_hz"], rate)]
    share = Estimate.bare(float((at_rate["q"] <= alpha).mean()), int(at_rate["n"].iloc[0]))
    times = f" (times {n_tested} {'harmonics' if len(filtered) else 'tests'})" if n_tested > 1 else ""
    note = f"channels with q <= {alpha:g} ({name}); {where}: p = {p:.2g}{times}{null}"
    what = "a spatial filter on held-out sweeps" if len(filtered) else "the best channel"
    of = f"{name} of {what}, p <= {alpha:g}{times}{null}"
    group = measures.detected_at(None if response == FINE_STRUCTURE else rate, response)
    return listener.found(measures.response_at(rate, response), share, note, group, bool(p <= alpha), of)


def _growing(listener: Listener, alpha: float, null: str) -> Finding:
    """Sweeps until the first channel is detected at the rate, corrected for looks and channels."""
    grown = listener.trials["growth"]
    grown = grown[grown["response"] != FINE_STRUCTURE]
    rate = grown["frequency_hz"].min()
    at_rate = grown[np.isclose(grown["frequency_hz"], rate)]
    called = at_rate[at_rate["p"] <= alpha / len(at_rate)]
    first = Estimate.bare(float(called["n"].min()) if len(called) else np.nan, int(at_rate["n"].max()))
    of = f"to the first channel with p <= {alpha:g} at {rate:g} Hz, corrected for {len(at_rate)} looks"
    note = listener.locked(str(at_rate["response"].iloc[0]), rate) or (
        of if len(called) else f"never {of[3:]}"
    )
    return listener.found(measures.SWEEPS, first, note + null, measures.SWEEPS, of=of + null)


def _tracked(listener: Listener, score: pd.Series) -> Finding:
    """Strength, error or correlation of the tracked F0."""
    measure = measures.tracked(str(score["score"]), str(score["response"]))
    value = Estimate(*map(float, score[["value", "lo", "hi"]]), int(score["n"]))
    locked = listener.locked(str(score["response"]), listener.trials["detection"]["frequency_hz"].min())
    if locked:
        return listener.found(measure, Estimate.bare(np.nan, value.n), locked)
    note = f"held-out spatial filter; noise does as well with p = {score['p']:.2g}; n counts sweeps"
    return listener.found(measure, value, note, measure, of="average response against the sound")
