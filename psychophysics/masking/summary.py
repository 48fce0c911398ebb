"""What a run of the masking study says: channels with intervals, people beside them, tables and figures."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.figures import caption
from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import beside
from cogattn.psychophysics.masking import figures, many, measures
from cogattn.psychophysics.masking.channel.fit import Channel, Interval, gains_table
from cogattn.psychophysics.masking.channel.misfit import dispersion
from cogattn.psychophysics.masking.channel.misfit_figure import misfit_figure
from cogattn.psychophysics.masking.config import MaskingConfig
from cogattn.psychophysics.masking.consistency import consistency_table
from cogattn.psychophysics.masking.observed import Observed, fit_gains, observed
from cogattn.psychophysics.masking.people import People, Persons, persons, read_people
from cogattn.psychophysics.masking.plan import observers as all_observers
from cogattn.psychophysics.masking.remarks import differences, remarks
from cogattn.psychophysics.masking.stimuli.noise import spectra
from cogattn.statistics.differences import independent_difference
from cogattn.study import Results, Trials

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure


OTHER_STIMULI = "people saw other stimuli"
"""Stands at every number and below every figure that sets people beside observers who were shown something else."""
NOBODY_KNOWN = "no person's counts determine people's mean"
BESIDE_PEOPLE = ("channel", "misfit", "accuracy", "thresholds")
"""Figures that show people, too."""


def summarise(config: MaskingConfig, trials: Trials) -> Results:
    """Fit every observer's channel and set the human one beside it.

    Parameters
    ----------
    config : MaskingConfig
        Of the run.
    trials : Trials
        Of all observers that are whole.
    """
    people = read_people(config)
    tested = config.observer.kind == "human" and isinstance(people, People)
    noise = people.spectra if tested else spectra(config.noise, config.images.size)
    known = {observer.id: observer for observer in all_observers(config)}
    found = list(observed(config, trials, known, noise))
    fit_gains(found)
    note = OTHER_STIMULI if differences(config, people) else ""
    rows = [row for one in found for row in channel_rows(one, people, note=note)]
    if isinstance(people, Persons):
        rows = beside(rows, people.table, confidence=people.confidence)
    tables = {
        "accuracy": _joined([one.accuracy for one in found]),
        "thresholds": _joined([one.thresholds for one in found]),
        "channel_models": _joined([gains_table(one.observer.id, one.gains) for one in found]),
        "channel_misfit": _joined([one.residuals for one in found]),
    }
    if isinstance(people, People):
        tables |= {"people_accuracy": people.accuracy, "people_channels": people.channels}
        tables["people_models"] = people.models
    consistency = consistency_table(config, trials, {one.observer.id: one.observer for one in found})
    if not consistency.empty:
        tables["consistency"] = consistency
    said = remarks(config, trials, found, people, rows=rows)
    pictures = _pictures(config, found, people, tables)
    if note:
        pictures |= {name: partial(_captioned, pictures[name], note) for name in BESIDE_PEOPLE}
    return Results(summary_table(rows), tables, pictures, said, persons(config))


def channel_rows(found: Observed, people: People | Persons, *, note: str = "") -> list[Row]:
    """Return the rows of an observer's channel, by both estimators, and of its accuracy without noise.

    Parameters
    ----------
    found : Observed
        The observer's trials.
    people : People or Persons
        Whom it is set beside.
    note : str
        What a reader must know of every number that is set beside people's.
    """
    rows = parameter_rows(found.observer, found.ml, measures.CHANNEL, people.channel_means)
    rows += _ratio_rows(found.observer, found.ml, people.bandwidth, measures.BANDWIDTH_RATIO)
    rows.append(misfit_row(found.observer, found.ml, people))
    if found.config.channel.gain != "log-gaussian":
        rows += parameter_rows(found.observer, found.plain, measures.PLAIN_CHANNEL, people.plain_means)
        rows += _ratio_rows(found.observer, found.plain, people.plain_means[0], measures.PLAIN_RATIO)
    if found.paper is not None:
        rows += parameter_rows(found.observer, found.paper, measures.PAPER_CHANNEL, people.paper_means)
    rows += clean_rows(found.observer, found.clean_accuracy, people)
    ratios = (measures.BANDWIDTH_RATIO, measures.PLAIN_RATIO)
    return [_noted(row, note) if row.human or row.measure in ratios else row for row in rows]


def parameter_rows(
    observer: Observer,
    channel: Channel,
    names: tuple[Measure, ...],
    human: tuple[Estimate | None, ...],
) -> list[Row]:
    """Return the rows of bandwidth, centre and peak sensitivity, in the order of `names` and `human`."""
    values = (
        (channel.bandwidth_octaves, channel.bandwidth_interval),
        (channel.center_cpi, channel.center_interval),
        (channel.peak_sensitivity, channel.peak_interval),
    )
    return [
        Row(observer, measure, Estimate(value, *interval, channel.n_trials), theirs, _reason(channel, theirs))
        for measure, (value, interval), theirs in zip(names, values, human, strict=True)
    ]


def misfit_row(observer: Observer, channel: Channel, people: People | Persons) -> Row:
    """Return the row of the dispersion of a channel; people's is the mean of theirs."""
    human = people.dispersion
    return Row(observer, measures.DISPERSION, dispersion(channel), human if human.n else None)


def clean_rows(observer: Observer, clean: Estimate | None, people: People | Persons) -> list[Row]:
    """Return the row of the accuracy without noise; none where no trial was without."""
    if clean is None:
        return []
    human = people.clean_accuracy
    return [Row(observer, measures.CLEAN_ACCURACY, clean, human if human.n else None)]


def ratio_interval(
    a: float, a_interval: Interval, b: float, b_interval: Interval
) -> tuple[float, float, float]:
    """Ratio of two independent positive estimates with the interval recovered from theirs, on logarithms.

    Parameters
    ----------
    a, b : float
        Estimates.
    a_interval, b_interval : tuple of float
        Their intervals; open ends (0, inf) stay open.

    Returns
    -------
    ratio, lo, hi : float

    References
    ----------
    Zou, Donner (2008), Statistics in Medicine 27, 1693-1702.
    """
    found = independent_difference(Estimate(a, *a_interval, 0), Estimate(b, *b_interval, 0), scale="log")
    return found.estimate, found.lo, found.hi


def _ratio_rows(observer: Observer, channel: Channel, human: Estimate | None, measure: Measure) -> list[Row]:
    """Bandwidth over that of people, where they have one; the interval joins both by Zou and Donner's (2008) method."""
    if human is None or not human.n:
        return []
    own, theirs = channel.bandwidth_interval, (human.lo, human.hi)
    ratio = ratio_interval(channel.bandwidth_octaves, own, human.estimate, theirs)
    return [Row(observer, measure, Estimate(*ratio, channel.n_trials), note=_reason(channel, human))]


def _reason(channel: Channel, human: Estimate | None) -> str:
    """Why a number, or that of the people beside it, is not known."""
    theirs = NOBODY_KNOWN if human is not None and np.isnan(human.estimate) else ""
    return "; ".join(filter(None, (channel.reason, theirs)))


def _noted(row: Row, note: str) -> Row:
    return replace(row, note="; ".join(filter(None, (row.note, note))))


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _captioned(draw: Callable[[], Figure], note: str) -> Figure:
    """A figure with one line more below."""
    figure = draw()
    caption(figure, f"{figure.get_supxlabel()}\n{note}")
    return figure


def _pictures(
    config: MaskingConfig, found: list[Observed], people: People | Persons, tables: dict[str, pd.DataFrame]
) -> dict[str, Callable[[], Figure]]:
    names = {one.observer.id: one.observer.name for one in found}
    theirs = config.observer.kind == "human"
    channel, accuracy, thresholds = None, tables["accuracy"].iloc[:0], tables["thresholds"].iloc[:0]
    residuals = None
    if isinstance(people, People):
        channel, accuracy, thresholds = people.population, people.accuracy, people.thresholds
        residuals = people.residuals
    pictures: dict[str, Callable[[], Figure]] = {
        "channel": partial(figures.channel_figure, {one.observer.name: one.ml for one in found}, channel),
        "misfit": partial(misfit_figure, tables["channel_misfit"], residuals, names),
        "accuracy": partial(figures.accuracy_figure, tables["accuracy"], accuracy, names),
        "thresholds": partial(figures.threshold_figure, tables["thresholds"], thresholds, names),
    }
    if "consistency" in tables:
        pictures["consistency"] = partial(many.consistency_figure, tables["consistency"], names)
    return pictures if theirs else pictures | {"stimuli": partial(figures.sheet_of, config)}
