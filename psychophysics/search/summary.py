"""What a run of the search study says: slopes and asymmetries with intervals, people and controls beside them.

An observer that was left out is missing in all tables; it changes no number of the others, whose resamples come from
streams of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.measures import Estimate, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import beside, remark_on
from cogattn.psychophysics.search import figures
from cogattn.psychophysics.search.agreement import agreements
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.displays.tasks import TASKS
from cogattn.psychophysics.search.measures import (
    ABSENT_UNANSWERED,
    MEAN_ASYMMETRY,
    SLOPE_CORRELATION,
    TIMES_LIKELIHOOD,
    asymmetry_of,
)
from cogattn.psychophysics.search.people import human_asymmetry, human_slopes, published_models, read_people
from cogattn.psychophysics.search.plan import TABLE, copies_of, observers_of
from cogattn.psychophysics.search.remarks import remarks_of
from cogattn.psychophysics.search.slopes import (
    asymmetries,
    mean_indices,
    prediction_interval,
    search_slopes,
)
from cogattn.seeds import Streams
from cogattn.statistics.stats import wilson_interval
from cogattn.study import Results, Trials

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNKNOWN_N = 0
"""How many people were tested is not part of the published tables."""
OTHER_DISPLAYS = "people saw other displays"
"""Note of every row that sets a number beside published people's."""


def summarise(config: SearchConfig, trials: Trials) -> Results:
    """Fit slopes to target-present searches and weigh them.

    The summary holds networks, task by task, and how they compare with people where all tasks were run; of controls
    it holds the mean, or the tasks where not all were run. Everything else is in the tables.
    """
    ends = _ends(trials)
    observers = tuple(one for one in observers_of(config) if one.id in set(ends["observer"]))
    tables = _tables(config, observers, ends)
    shown = {name: table.drop(columns="resampled", errors="ignore") for name, table in tables.items()}
    present = _displays(ends[ends["target_present"]])
    people = read_people(config.humans)
    rows = [_marked(row) for row in beside(_rows(observers, shown), people)]
    return Results(
        summary=summary_table(rows),
        tables=shown,
        figures=_figures(config, observers, shown, present),
        remarks=remarks_of(config, observers, shown, remark_on(config.humans, people, rows)),
        people=people,
    )


def _ends(trials: Trials) -> pd.DataFrame:
    """How often the searches of each display ended in each way, with totals of fixations and times."""
    by = ("observer", "task", "condition", "role", "set_size", "display", "target_present", "response")
    return trials.counts(TABLE, by=by, totals=("n_fixations", "rt_ms", "correct")).astype(
        {"target_present": bool}
    )


def _displays(ends: pd.DataFrame) -> pd.DataFrame:
    """One row a display: mean number of fixations and mean time of its searches."""
    by = ["observer", "task", "condition", "role", "set_size", "display"]
    rows = ends.groupby(by, sort=False)[["n", "n_fixations", "rt_ms"]].sum().reset_index()
    return rows.assign(n_fixations=rows["n_fixations"] / rows["n"], rt_ms=rows["rt_ms"] / rows["n"])


def _tables(
    config: SearchConfig, observers: Sequence[Observer], ends: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    rng, n = Streams(config.seed), config.n_bootstrap
    present, absent = (_displays(ends[ends["target_present"] == shown]) for shown in (True, False))
    slopes = search_slopes(present, rng=rng.generator("slopes"), n_resamples=n).merge(
        human_slopes()[["condition", "slope_ms"]].rename(columns={"slope_ms": "human_slope"}), on="condition"
    )
    index = asymmetries(present, rng=rng.generator("asymmetries"), n_resamples=n, keep_resamples=True)
    index["human_index"] = index["task"].map(human_asymmetry())
    means = mean_indices(index)
    means["fixations"] = means["observer"].map(_mean_fixations(ends[ends["target_present"]]))
    tables = {
        "slopes": slopes,
        "asymmetry": index,
        "means": means,
        "agreement": agreements(slopes),
        "untrained": against_untrained(observers, index, means),
        "outcomes": outcomes(ends),
        "published": published_models(),
    }
    if len(absent):
        tables["slopes_absent"] = search_slopes(absent, rng=rng.generator("absent"), n_resamples=n)
    return tables


def _mean_fixations(ends: pd.DataFrame) -> pd.Series:
    """Saccades of a search by observer, each search with the same weight."""
    totals = ends.groupby("observer", sort=False)[["n", "n_fixations"]].sum()
    return totals["n_fixations"] / totals["n"]


def against_untrained(
    observers: Sequence[Observer], index: pd.DataFrame, means: pd.DataFrame
) -> pd.DataFrame:
    """Hold every network's asymmetry against its untrained copies, task by task and in the mean.

    Returns
    -------
    DataFrame
        ``observer``, ``task`` (the last one is ``mean``), ``index``, ``lo``, ``hi``, ``human_index``,
        ``human_polarity`` (is the index above 0), ``sure`` (is its interval), ``untrained_mean``, ``untrained_min``,
        ``untrained_max``, ``untrained_lo`` and ``untrained_hi`` (where one more copy would be expected, 95 %),
        ``above`` (is the index above that interval), ``n_untrained``. Empty without such controls.
    """
    human = index.groupby("task")["human_index"].first().mean()
    mean = means.rename(columns={"mean": "index"}).assign(task="mean", human_index=human)
    columns = ["observer", "task", "index", "lo", "hi", "human_index"]
    values = pd.concat([index[columns], mean[columns]])
    rows = []
    for network in observers:
        copies = [copy.id for copy in copies_of(network, observers, "untrained")]
        if copies:
            own, theirs = values[values["observer"] == network.id], values[values["observer"].isin(copies)]
            rows += [
                row | _beside(row, theirs.loc[theirs["task"] == row["task"], "index"].to_numpy(float))
                for row in own.to_dict("records")
            ]
    return pd.DataFrame(rows, columns=[*columns, *BESIDE])


BESIDE = (
    "human_polarity", "sure", "untrained_mean", "untrained_min", "untrained_max", "untrained_lo", "untrained_hi",
    "above", "n_untrained",
)  # fmt: skip


def _beside(index: dict, copies: np.ndarray) -> dict[str, float | bool]:
    """An index beside those of its untrained copies (n_copies,)."""
    lo, hi = prediction_interval(copies)
    values = (
        index["index"] > 0, index["lo"] > 0, copies.mean(), copies.min(), copies.max(), lo, hi, index["index"] > hi,
        len(copies),
    )  # fmt: skip
    return dict(zip(BESIDE, values, strict=True))


def outcomes(ends: pd.DataFrame) -> pd.DataFrame:
    """Count how searches ended.

    Parameters
    ----------
    ends : DataFrame
        ``n`` searches by ``observer``, ``condition``, ``target_present`` and ``response``, with the totals
        ``n_fixations`` and ``correct``.

    Returns
    -------
    DataFrame
        ``observer``, ``condition``, ``target_present``, ``searches``, ``errors`` (wrong answers), ``limits`` (searches
        that ran out of fixations), ``fixations`` (mean).
    """
    by = ["observer", "condition", "target_present"]
    counted = ends.assign(limits=ends["n"].where(ends["response"] == "none", 0))
    table = counted.groupby(by, sort=False)[["n", "correct", "limits", "n_fixations"]].sum().reset_index()
    table["errors"] = table["n"] - table["correct"]
    table["fixations"] = table["n_fixations"] / table["n"]
    return table.rename(columns={"n": "searches"})[[*by, "searches", "errors", "limits", "fixations"]]


Table = Mapping[str, pd.DataFrame]


def _rows(observers: Sequence[Observer], tables: Table) -> Iterator[Row]:
    """Rows of the summary: what needs all tasks only where all were run."""
    networks = [one for one in observers if one.role == "network"]
    whole = set(tables["asymmetry"]["task"]) == set(TASKS)
    for observer in networks if whole else observers:
        yield from _task_rows(observer, observers, tables["asymmetry"])
    for network in networks:
        yield from _absent_rows(network, tables["outcomes"])
    if whole:
        for observer in observers:
            yield _mean_row(observer, tables["means"])
        for network in networks:
            yield from _agreement_rows(network, tables["agreement"])


def _marked(row: Row) -> Row:
    """The row, with a note where published people stand beside it or in it: each laboratory drew its own displays."""
    published = row.human is not None and row.human.n == UNKNOWN_N
    if not published and row.measure != SLOPE_CORRELATION:
        return row
    return replace(row, note="; ".join(filter(None, (row.note, OTHER_DISPLAYS))))


def _task_rows(observer: Observer, observers: Sequence[Observer], index: pd.DataFrame) -> Iterator[Row]:
    for row in index[index["observer"] == observer.id].to_dict("records"):
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


def _absent_rows(network: Observer, counts: pd.DataFrame) -> Iterator[Row]:
    """How often a network did not notice that there was no target."""
    own = counts[(counts["observer"] == network.id) & ~counts["target_present"]]
    if len(own):
        errors, searches = int(own["errors"].sum()), int(own["searches"].sum())
        lo, hi = wilson_interval(errors, searches)
        value = Estimate(errors / searches, float(lo), float(hi), searches)
        yield Row(network, ABSENT_UNANSWERED, value, note="n searches")


def _mean_row(observer: Observer, means: pd.DataFrame) -> Row:
    (own,) = means[means["observer"] == observer.id].to_dict("records")
    human = float(np.mean(list(human_asymmetry().values())))
    value = Estimate(own["mean"], own["lo"], own["hi"], own["n"])
    return Row(observer, MEAN_ASYMMETRY, value, Estimate.bare(human, UNKNOWN_N))


def _agreement_rows(network: Observer, fits: pd.DataFrame) -> Iterator[Row]:
    (own,) = fits[fits["observer"] == network.id].to_dict("records")
    r = Estimate(own["correlation"], own["correlation_lo"], own["correlation_hi"], own["n_conditions"])
    yield Row(network, SLOPE_CORRELATION, r)
    gain, ceiling = own["log_likelihood"], Estimate.bare(own["ceiling"], UNKNOWN_N)
    yield Row(
        network, TIMES_LIKELIHOOD, Estimate.bare(gain, own["n_times"]), ceiling, "people: their own slopes"
    )


def _figures(
    config: SearchConfig, observers: Sequence[Observer], tables: Table, present: pd.DataFrame
) -> dict[str, Callable[[], Figure]]:
    stimuli = {"stimuli": partial(figures.stimuli, config)}
    if not any(one.role == "network" for one in observers):
        return stimuli
    return {
        "asymmetry": partial(figures.asymmetry_figure, tables["asymmetry"], observers),
        "search_functions": partial(figures.search_functions, present, observers),
        "slopes": partial(figures.slope_figure, tables["slopes"], observers),
    } | stimuli
