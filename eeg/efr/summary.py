"""From the trials of all listeners to what a reader asks: published bands beside ours, what is followed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.eeg.efr import figures, group
from cogattn.eeg.efr.bands import Band, Verdict, compare_reported
from cogattn.eeg.efr.config import EfrConfig, SteadyStateSettings
from cogattn.eeg.efr.findings import Listener, findings_of_group, findings_of_one, is_null
from cogattn.eeg.efr.people import persons, read_people
from cogattn.eeg.efr.plan import observers
from cogattn.eeg.recordings.config import SimulatedPath
from cogattn.eeg.recordings.intake import intake_remarks
from cogattn.measures import summary_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import beside, remark_on
from cogattn.study import Results, Trials

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMPARED = (("response", "response"), ("transfer", "response"), ("csd", "csd"))
"""Our curve, and the published measure it is compared with."""
COMPARISON_COLUMNS = (
    "observer", "measure", "reported", "reported_low_hz", "reported_high_hz", "verdict", "reason", "low_hz", "high_hz",
    "peak_hz", "peak_lo_hz", "peak_hi_hz", "channels_following", "pairs_with_lagged_coupling", "n",
)  # fmt: skip
FOLLOWED_COLUMNS = (
    "observer", "channel", "frequency_hz", "coherence", "coherence_lo", "coherence_hi", "p", "q", "n",
)  # fmt: skip
LARGEST_MISFIT = 1.2
"""Of a smoothed transfer function, before the reader is told."""
NOT_THEIRS = (
    "The published preprocessing, electrodes and formulae are not available; these are our own, so a verdict "
    "speaks of the data given, not of the published recordings."
)


def summarise(config: EfrConfig, trials: Trials) -> Results:
    """Tables, figures and remarks of a run; rows are of the listener, or of the group where the settings name several.

    Listeners who left no trials are left out.
    """
    listeners = _listeners(config, trials)
    findings = [findings_of_one(config, listener) for listener in listeners]
    tables = _tables(config, trials, listeners)
    rows = [finding.row for own in findings for finding in own]
    if len(observers(config)) > 1:
        tables["listeners"] = summary_table(rows)
        everybody = Observer("listeners", f"{len(listeners)} listeners", "listener")
        rows = findings_of_group(findings, everybody)
    people = read_people(config)
    rows = beside(rows, people)
    beside_whom = () if people is None else (remark_on(config.humans, people, rows),)
    drawn = _figures(trials)
    alpha = config.significance.alpha
    return Results(
        summary=summary_table(rows),
        tables=tables,
        figures={name: _later(draw, trials, alpha) for name, draw in drawn.items()},
        remarks=(*_remarks(config, trials), *beside_whom),
        people=persons(findings) if people is None else people,
    )


def _listeners(config: EfrConfig, trials: Trials) -> list[Listener]:
    """Those who left trials, in the order of the settings."""
    whole = {name: dict(iter(rows.groupby("observer", sort=False))) for name, rows in trials.items()}
    alpha = config.significance.alpha
    found = []
    for observer in observers(config):
        own = {name: rows.get(observer.id, trials[name].iloc[:0]) for name, rows in whole.items()}
        if len(own["spectrum"]) or len(own["detection"]):
            found.append(Listener(observer, own, _comparison(observer, own, alpha)))
    return found


def _tables(config: EfrConfig, trials: Trials, listeners: Sequence[Listener]) -> dict[str, pd.DataFrame]:
    """Tables beside the summary, of the tasks that left rows."""
    tables: dict[str, pd.DataFrame] = {}
    spectrum, alpha = trials["spectrum"], config.significance.alpha
    if len(spectrum):
        comparison = pd.concat([listener.comparison for listener in listeners], ignore_index=True)
        followed = spectrum.loc[spectrum["q"] <= alpha, list(FOLLOWED_COLUMNS)].reset_index(drop=True)
        tables |= {
            "reported_bands": comparison,
            "dominant_bands": trials["band"],
            "followed": followed,
            "mains": trials["mains"],
        }
        if len(observers(config)) > 1:
            tables["group_bands"] = group.group_bands(trials["curve"], trials["band"], alpha=alpha)
            tables["group_reported_bands"] = group.published_bands(comparison, spectrum)
    if len(trials["detection"]):
        tables |= {"steady_state": trials["detection"], "amplitudes": trials["amplitude"]}
    return tables | {"recording": trials["recording"]}


def _figures(trials: Trials) -> dict[str, Callable[[Trials, float], Figure]]:
    drawn: dict[str, Callable[[Trials, float], Figure]] = {}
    if len(trials["spectrum"]):
        drawn |= {"spectra": figures.spectra, "transfer": figures.transfer}
    if len(trials["pair"]):
        drawn["coupling"] = figures.coupling
    if len(trials["detection"]):
        drawn["steady_state"] = figures.steady_state
    if len(trials["pitch"]):
        drawn["pitch"] = figures.pitch
    if trials["curve"]["observer"].nunique() > 1:
        drawn["group"] = figures.group
    return drawn


def _later(draw: Callable[[Trials, float], Figure], trials: Trials, alpha: float) -> Callable[[], Figure]:
    return lambda: draw(trials, alpha)


def _comparison(observer: Observer, own: dict[str, pd.DataFrame], alpha: float) -> pd.DataFrame:
    """Published bands, ours, and what speaks for or against them."""
    curves, bands = own["curve"], own["band"]
    out = []
    for ours, theirs in COMPARED if len(curves) else ():
        points = curves[curves["measure"] == ours]
        found = _bands(bands[bands["measure"] == ours])
        f, usable = points["frequency_hz"].to_numpy(), points["usable"].to_numpy()
        shared = {"observer": observer.id, "measure": ours, "n": points["n"].iloc[0]}
        for verdict in compare_reported(theirs, found, f, usable):
            out.append({**shared, **_verdict_row(verdict, own["spectrum"], own["pair"], alpha)})
    return pd.DataFrame(out, columns=list(COMPARISON_COLUMNS))


def _verdict_row(
    verdict: Verdict, spectrum: pd.DataFrame, pairs: pd.DataFrame, alpha: float
) -> dict[str, object]:
    reported, band = verdict.reported, verdict.band
    low, high = reported.low_hz, reported.high_hz
    usable = spectrum[spectrum["usable"]]
    inside = usable[usable["frequency_hz"].between(low, high)]
    followed = inside[inside["q"] <= alpha]["channel"].nunique() / max(1, usable["channel"].nunique())
    within = pairs[(pairs["low_hz"] == low) & (pairs["high_hz"] == high)]
    ends = ("low_hz", "high_hz", "peak_hz", "peak_lo_hz", "peak_hi_hz")
    return {
        "reported": reported.measure,
        "reported_low_hz": low,
        "reported_high_hz": high,
        "verdict": verdict.verdict,
        "reason": verdict.reason,
        **{name: getattr(band, name) if band else np.nan for name in ends},
        "channels_following": followed if len(inside) else np.nan,
        "pairs_with_lagged_coupling": (within["q"] <= alpha).mean() if len(within) else np.nan,
    }


def _bands(rows: pd.DataFrame) -> list[Band]:
    """Read dominant bands of one curve back from the table."""
    places = rows.drop(columns=["observer", "measure", "touches_mask", "n"]).to_dict("records")
    return [Band(**place, at_mask=mask) for place, mask in zip(places, rows["touches_mask"], strict=True)]


def _remarks(config: EfrConfig, trials: Trials) -> Iterator[str]:
    yield from _of_simulation(config)
    yield from intake_remarks(trials["recording"])
    if len(trials["spectrum"]):
        yield from _of_following(trials["mains"], trials["smoothness"])
    if config.steady_state is not None:
        yield from _of_sweeps(config.mains.mains_hz, config.steady_state)


def _of_simulation(config: EfrConfig) -> Iterator[str]:
    """What a simulation can and cannot show."""
    source = config.recordings
    if isinstance(source, SimulatedPath) and config.following:
        what = "envelopes near 5, 40 and 90 Hz" if source.strength else "nothing"
        yield (
            f"The listeners are simulated: they follow {what} and were not built to have the published bands, so a "
            "band that is not reproduced here says nothing about people."
        )
    if config.steady_state is not None and is_null(config):
        rate = config.steady_state.modulation_hz
        yield (
            f"Nothing in the simulation responds to {rate:g} Hz: that row is a null, and the right answer is none."
        )


def _of_sweeps(mains_hz: float, steady: SteadyStateSettings) -> Iterator[str]:
    cycles = mains_hz * steady.sweep_s
    if abs(cycles - round(cycles)) > 0.01:
        yield (
            f"a sweep holds {cycles:g} cycles of mains, which therefore leak into every frequency (and add up in "
            "the difference of polarities); choose sweeps with a whole number of them"
        )


def _of_following(mains: pd.DataFrame, smoothness: pd.DataFrame) -> Iterator[str]:
    yield NOT_THEIRS
    notches = sorted(set(mains.loc[mains["kind"] == "notch", "frequency_hz"]))
    if notches:
        yield f"notch filters found at {', '.join(f'{f:g}' for f in notches)} Hz and masked with their edges"
    rough = smoothness[smoothness["misfit"] > LARGEST_MISFIT]
    if len(rough):
        yield (
            f"{', '.join(rough['observer'])}: the transfer function varies faster over frequency than a response "
            f"between the lags can (up to {rough['misfit'].max():.2f} times what noise explains); widen "
            "spectrum.lag_low_s and lag_high_s, or turn spectrum.smooth off"
        )
    yield (
        "coherence between channels is raised by volume conduction and a common reference; only lagged measures "
        "(imaginary coherency, wPLI) speak of coupling"
    )
