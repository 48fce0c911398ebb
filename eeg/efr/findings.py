"""Rows of the summary: a few numbers with their intervals for one listener, and what a group makes of them.

A yes or no of one listener becomes a share of listeners in the group, a number becomes a mean over listeners.
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
from cogattn.eeg.recordings.config import SimulatedPath, SimulatedSweeps
from cogattn.measures import Estimate, Measure, Row
from cogattn.observers.observer import Observer
from cogattn.statistics.intervals import mean_interval

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
        self, measure: Measure, value: Estimate, note: str, group: Measure | None = None,
        verdict: bool | None = None, of: str = "",
    ) -> Finding:  # fmt: skip
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
    parts = (_following, _published, _against_truth, _detected, _growing, _tracked)
    return [finding for part in parts for finding in part(config, listener)]


def findings_of_group(listeners: Sequence[Sequence[Finding]], group: Observer) -> list[Row]:
    """Return one row for each measure of the listeners': share of listeners, or mean over them."""
    merged: dict[Measure, list[list[Finding]]] = {}
    for own in listeners:
        for measure, found in by_measure(own).items():
            merged.setdefault(measure, []).append(found)
    rows = [_merged(group, measure, of_listeners) for measure, of_listeners in merged.items()]
    return [row for row in rows if np.isfinite(row.value.estimate)]


def by_measure(own: Sequence[Finding]) -> dict[Measure, list[Finding]]:
    """Return one listener's findings by the group's measure that they belong to."""
    found: dict[Measure, list[Finding]] = {}
    for finding in own:
        if finding.group is not None:
            found.setdefault(finding.group, []).append(finding)
    return found


def _merged(group: Observer, measure: Measure, of_listeners: list[list[Finding]]) -> Row:
    """The group's row from those of each listener that belong to it."""
    of, values = of_listeners[0][0].of, [f.row.value.estimate for own in of_listeners for f in own]
    if of_listeners[0][0].verdict is not None:
        value = share_of([float(np.mean([bool(f.verdict) for f in own])) for own in of_listeners])
        note = of if max(map(len, of_listeners)) == 1 else f"mean over listeners; {of}"
    else:
        lowest, highest = RANGES.get(measure.scale, (0.0, np.inf))
        value = mean_interval(values, lowest=lowest, highest=highest)
        some = "" if value.n == len(values) else f" {value.n} of {len(values)}"
        note = f"mean over{some} listeners; {of}"
    return Row(group, measure, value, note=note)


def _estimate(row: pd.Series | Mapping, *columns: str) -> Estimate:
    """A number of a table with its interval: columns of the estimate, lo, hi; and n."""
    return Estimate(*(float(row[column]) for column in columns), int(row["n"]))


def _following(config: EfrConfig, listener: Listener) -> Iterator[Finding]:
    """How much of the spectrum is followed, and the strongest coherence with its interval."""
    spectrum, alpha = listener.trials["spectrum"], config.significance.alpha
    spectrum = spectrum[spectrum["usable"]]
    if spectrum.empty:
        return
    n, called, of = len(spectrum), spectrum["q"] <= alpha, f"channels x frequencies with q <= {alpha:g}"
    share, any_of = Estimate.bare(float(called.mean()), n), f"any of the {of}"
    yield listener.found(
        measures.FOLLOWED, share, f"{of}; n counts them", measures.FOLLOWING, bool(called.any()), any_of
    )
    best = spectrum.loc[spectrum["coherence"].idxmax()]
    note = f"{best['channel']}, {best['frequency_hz']:g} Hz, q = {best['q']:.2g}; the largest of {n}"
    value = _estimate(best, "coherence", "coherence_lo", "coherence_hi")
    of = f"each listener's largest of {n}, which is above zero without a response too"
    yield listener.found(measures.COHERENCE, value, note, measures.COHERENCE, of=of)


def _published(config: EfrConfig, listener: Listener) -> Iterator[Finding]:
    """The peak of a dominant band that reproduces a published one; no number where none does."""
    rows, simulated = listener.trials["reported"], NOT_BUILT * isinstance(config.recordings, SimulatedPath)
    of = f"the published bands in which a dominant band peaks and the envelope is followed{simulated}"
    for row in rows[rows["measure"].isin(PUBLISHED)].to_dict("records"):
        measure = measures.peak_of(row["measure"], row["reported_low_hz"], row["reported_high_hz"])
        there = row["verdict"] == "reproduced"
        value = _estimate(row, "peak_hz", "peak_lo_hz", "peak_hi_hz")
        value = value if there else Estimate.bare(np.nan, value.n)
        group = None if row["verdict"] == "not testable" else measures.published_of(row["measure"])
        yield listener.found(
            measure, value, f"{row['verdict']}: {row['reason']}{simulated}", group, there, of
        )


def _against_truth(config: EfrConfig, listener: Listener) -> Iterator[Finding]:
    """How well a known transfer function came out where coherence exceeds .3."""
    source, spectrum = config.recordings, listener.trials["spectrum"]
    if spectrum.empty or not isinstance(source, SimulatedPath) or config.cleaning.reference != "none":
        return
    from cogattn.eeg.recordings.simulate_path import electrode_names
    from cogattn.eeg.recordings.sources import simulated_path

    gains = np.abs(simulated_path(source).transfer(spectrum["frequency_hz"].unique()))
    number = {name: index for index, name in enumerate(electrode_names(source.n_channels))}
    truth = np.concatenate([gains[number[channel]] for channel in spectrum["channel"].unique()])
    clear = spectrum["usable"] & (spectrum["coherence"] > 0.3)
    errors = (spectrum["gain"] / np.maximum(truth, 1e-30) - 1)[clear].to_numpy()
    if errors.size:
        size = Estimate.bare(100 * float(np.sqrt(np.mean(errors**2))), errors.size)
        of = "root mean square departure from the simulated truth where squared coherence exceeds .3"
        note = f"{of}; n counts channels x frequencies"
        yield listener.found(measures.GAIN_ERROR, size, note, measures.GAIN_ERROR, of=of)


def _detected(config: EfrConfig, listener: Listener) -> Iterator[Finding]:
    """Channels in which the rate is called (of the fine structure: its strongest harmonic), by T2circ.

    Averages have the test against neighbouring frequencies alone; there, the best channel times their number decides.
    """
    alpha, null = config.significance.alpha, NULL * is_null(config)
    for key, rows in listener.trials["detection"].groupby("response", sort=False):
        response, fine = str(key), key == FINE_STRUCTURE
        test, name = ("t2circ", "T2circ") if (rows["detector"] == "t2circ").any() else ("f_test", "F-test")
        tests = rows[rows["detector"] == test]
        rates = np.unique(tests["frequency_hz"])[: None if fine else 1]
        tests = tests[np.isin(tests["frequency_hz"], rates) & tests["testable"]]
        if tests.empty:
            rate, none = float(rates[0]), Estimate.bare(np.nan, int(rows["n"].max()))
            measure = measures.of_response(measures.RESPONSE, response, rate)
            yield listener.found(measure, none, listener.locked(response, rate) + null)
            continue
        filtered, channels = tests[tests["channel"] == FILTERED], tests[tests["channel"] != FILTERED]
        deciding, where, what, each = channels, "best channel", "the best channel", "tests"
        if len(filtered):
            where, what, each = "held-out spatial filter", "a spatial filter on held-out sweeps", "harmonics"
            deciding = filtered
        best, n_tested = deciding.loc[deciding["p"].idxmin()], len(deciding)
        rate, p = float(best["frequency_hz"]), min(1.0, n_tested * float(best["p"]))
        at_rate = channels[np.isclose(channels["frequency_hz"], rate)]
        share = Estimate.bare(float((at_rate["q"] <= alpha).mean()), int(at_rate["n"].iloc[0]))
        ends = (f" (times {n_tested} {each})" if n_tested > 1 else "") + null
        note = f"channels with q <= {alpha:g} ({name}); {where}: p = {p:.2g}{ends}"
        measure = measures.of_response(measures.RESPONSE, response, rate)
        group = measures.of_response(measures.DETECTED, response, None if fine else rate)
        of = f"{name} of {what}, p <= {alpha:g}{ends}"
        yield listener.found(measure, share, note, group, bool(p <= alpha), of)


def _growing(config: EfrConfig, listener: Listener) -> Iterator[Finding]:
    """Sweeps until the first channel is detected at the rate, corrected for looks and channels."""
    grown, alpha = listener.trials["growth"], config.significance.alpha
    grown = grown[grown["response"] != FINE_STRUCTURE]
    if grown.empty:
        return
    rate, null = grown["frequency_hz"].min(), NULL * is_null(config)
    at_rate = grown[np.isclose(grown["frequency_hz"], rate)]
    first = at_rate.loc[at_rate["p"] <= alpha / len(at_rate), "n"].min()  # NaN where there is none
    of = f"the first channel with p <= {alpha:g} at {rate:g} Hz, corrected for {len(at_rate)} looks"
    locked = listener.locked(str(at_rate["response"].iloc[0]), rate)
    note = locked or (f"never {of}" if np.isnan(first) else f"to {of}")
    value = Estimate.bare(float(first), int(at_rate["n"].max()))
    yield listener.found(measures.SWEEPS, value, note + null, measures.SWEEPS, of=f"to {of}{null}")


def _tracked(config: EfrConfig, listener: Listener) -> Iterator[Finding]:
    """Strength, error or correlation of the tracked F0."""
    rate = listener.trials["detection"]["frequency_hz"].min()
    for row in listener.trials["pitch_score"].to_dict("records"):
        measure = measures.of_response(measures.F0[row["score"]], row["response"])
        value, locked = _estimate(row, "value", "lo", "hi"), listener.locked(row["response"], rate)
        if locked:
            yield listener.found(measure, Estimate.bare(np.nan, value.n), locked)
        else:
            note = f"held-out spatial filter; noise does as well with p = {row['p']:.2g}; n counts sweeps"
            yield listener.found(measure, value, note, measure, of="average response against the sound")
