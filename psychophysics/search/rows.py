"""Rows of a run's summary: networks task by task and beside people, controls in the mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from cogattn.measures import Estimate, Measure, Row
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.displays.tasks import TASKS, find_condition
from cogattn.psychophysics.search.measures import (
    ABSENT_UNANSWERED,
    CURVES_LIKELIHOOD,
    LIKELIHOOD_SHARE,
    LINE_LIKELIHOOD,
    LOG_CORRELATION,
    MEAN_ASYMMETRY,
    RANK_CORRELATION,
    SLOPE_CORRELATION,
    TIMES_LIKELIHOOD,
    asymmetry_of,
    errors_of,
    side_slope_of,
    slope_asymmetry_of,
    slope_of,
    slope_ratio_of,
)
from cogattn.psychophysics.search.people import human_asymmetry
from cogattn.psychophysics.search.plan import copies_of
from cogattn.statistics.stats import wilson_interval

Table = Mapping[str, pd.DataFrame]

UNKNOWN_N = 0
"""How many people were tested is not part of the published tables."""
OTHER_DISPLAYS = "people saw other displays"
"""Note of every row that sets a number beside published people's."""
OVER_CONDITIONS = "interval: over conditions"
HELD_AGAINST_PEOPLE: Mapping[Measure, tuple[str, str]] = {
    SLOPE_CORRELATION: ("correlation", "n_conditions"),
    RANK_CORRELATION: ("rank_correlation", "n_conditions"),
    LOG_CORRELATION: ("log_correlation", "n_positive"),
    TIMES_LIKELIHOOD: ("log_likelihood", "n_times"),
    LIKELIHOOD_SHARE: ("share", "n_times"),
    CURVES_LIKELIHOOD: ("curve_likelihood", "n_times"),
    LINE_LIKELIHOOD: ("line_likelihood", "n_times"),
}
"""Measures of how an observer tells people's times, with the fields of `Agreement` that hold estimate and n."""


def rows_of(observers: Sequence[Observer], tables: Table) -> Iterator[Row]:
    """Yield the rows of a summary: what needs all six tasks only where all were run.

    Parameters
    ----------
    observers : sequence of Observer
        Those that are in the tables.
    tables : mapping of str to DataFrame
        ``asymmetry``, ``slopes``, ``means``, ``agreement``, ``outcomes``, and ``slopes_absent`` and
        ``absent_over_present`` where displays without a target were shown.
    """
    networks = [one for one in observers if one.role == "network"]
    whole = runs_all_tasks(tables)
    for observer in networks if whole else observers:
        yield from map(_marked, _task_rows(observer, observers, tables["asymmetry"]))
        yield from map(_marked, _size_rows(observer, tables))
        yield from _with_and_without_rows(observer, tables)
    for network in networks:
        yield from _unanswered_rows(network, tables["outcomes"])
    if whole:
        for observer in observers:
            yield _marked(_mean_row(observer, tables["means"]))
        for network in networks:
            yield from map(_marked, _agreement_rows(network, tables["agreement"]))


def runs_all_tasks(tables: Table) -> bool:
    """Whether all six tasks are in the tables, so that means and comparisons with people's times make sense."""
    return set(tables["asymmetry"]["task"]) == set(TASKS)


def _marked(row: Row) -> Row:
    """The row, with a note where published people stand beside it or in it: each laboratory drew its own displays."""
    if row.human is None and row.measure not in HELD_AGAINST_PEOPLE:
        return row
    return replace(row, note="; ".join(filter(None, (row.note, OTHER_DISPLAYS))))


def _own(table: pd.DataFrame, observer: Observer) -> list[dict]:
    return table[table["observer"] == observer.id].to_dict("records")


def _task_rows(observer: Observer, observers: Sequence[Observer], index: pd.DataFrame) -> Iterator[Row]:
    for row in _own(index, observer):
        same_task = index[index["task"] == row["task"]].set_index("observer")["index"]
        yield Row(
            observer,
            asymmetry_of(row["task"], TASKS[row["task"]].title),
            Estimate(row["index"], row["lo"], row["hi"], row["n"]),
            Estimate.bare(row["human_index"], UNKNOWN_N),
            "; ".join(_notes(observer, observers, same_task, saturated=row["saturated"])),
        )


def _notes(
    observer: Observer, observers: Sequence[Observer], same_task: pd.Series, *, saturated: bool
) -> Iterator[str]:
    """What a reader of one index should know."""
    if saturated:
        yield "saturated: a slope is 0 or below"
    copies = same_task[[copy.id for copy in copies_of(observer, observers, "untrained")]]
    if len(copies):
        yield f"{len(copies)} untrained: {copies.min():.2f} to {copies.max():.2f}"
    for control in copies_of(observer, observers, "no fovea"):
        yield f"no fovea: {same_task[control.id]:.2f}"


def _size_rows(observer: Observer, tables: Table) -> Iterator[Row]:
    """The slopes of both sides, and their ratio where there is one, beside people's."""
    for row in _own(tables["slopes"], observer):
        if row["role"] != "only":
            yield Row(
                observer,
                side_slope_of(row["task"], row["role"], find_condition(row["condition"])[1].title),
                Estimate(row["slope"], row["lo"], row["hi"], row["n"]),
                Estimate.bare(row["human_slope"], UNKNOWN_N),
            )
    for row in _own(tables["asymmetry"], observer):
        if not row["saturated"]:
            yield Row(
                observer,
                slope_asymmetry_of(row["task"], TASKS[row["task"]].title),
                Estimate(row["ratio"], row["ratio_lo"], row["ratio_hi"], row["n"]),
                Estimate.bare(row["human_ratio"], UNKNOWN_N),
            )


def _with_and_without_rows(observer: Observer, tables: Table) -> Iterator[Row]:
    """Slopes, their ratio and errors in tasks with one side, which single persons did, too."""
    for name, target in (("slopes", "present"), ("slopes_absent", "absent")):
        for row in _own(tables[name], observer) if name in tables else ():
            if row["role"] == "only":
                value = Estimate(row["slope"], row["lo"], row["hi"], row["n"])
                yield Row(observer, slope_of(row["task"], target), value)
    for row in _own(tables["absent_over_present"], observer) if "absent_over_present" in tables else ():
        if row["role"] == "only" and np.isfinite(row["ratio"]):
            value = Estimate(row["ratio"], row["ratio_lo"], row["ratio_hi"], row["n"])
            yield Row(observer, slope_ratio_of(row["task"]), value)
    for row in _own(tables["outcomes"], observer):
        task, condition = find_condition(row["condition"])
        if condition.role == "only":
            target = "present" if row["target_present"] else "absent"
            value = _share(row["errors"], row["searches"], row["displays"])
            yield Row(observer, errors_of(task.name, target), value, note="n displays")


def _share(count: int, searches: int, displays: int) -> Estimate:
    """Share of searches with the interval that as many independent ones as there are displays would give."""
    share = count / searches
    lo, hi = wilson_interval(share * displays, displays)
    return Estimate(share, float(lo), float(hi), displays)


def _unanswered_rows(network: Observer, counts: pd.DataFrame) -> Iterator[Row]:
    """How often a network did not notice that there was no target."""
    own = counts[(counts["observer"] == network.id) & ~counts["target_present"]]
    if len(own):
        value = _share(int(own["limits"].sum()), int(own["searches"].sum()), int(own["displays"].sum()))
        yield Row(network, ABSENT_UNANSWERED, value, note="n displays")


def _mean_row(observer: Observer, means: pd.DataFrame) -> Row:
    (own,) = _own(means, observer)
    human = float(np.mean(list(human_asymmetry().values())))
    value = Estimate(own["mean"], own["lo"], own["hi"], own["n"])
    return Row(observer, MEAN_ASYMMETRY, value, Estimate.bare(human, UNKNOWN_N))


def _agreement_rows(network: Observer, fits: pd.DataFrame) -> Iterator[Row]:
    (own,) = _own(fits, network)
    for measure, (field, n) in HELD_AGAINST_PEOPLE.items():
        value = Estimate(own[field], own[f"{field}_lo"], own[f"{field}_hi"], own[n])
        human, note = None, OVER_CONDITIONS if measure.scale == "correlation" else ""
        if measure == TIMES_LIKELIHOOD:
            human, note = Estimate.bare(own["ceiling"], UNKNOWN_N), "people: their own slopes"
        yield Row(network, measure, value, human, note)
