"""What a run of the search study says: slopes and asymmetries with intervals, people and controls beside them.

An observer that was left out is missing in all tables; it changes no number of the others, whose resamples come from
streams of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.measures import summary_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import beside, remark_on
from cogattn.psychophysics.search import figures
from cogattn.psychophysics.search.agreement import agreements
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.multiverse import summary as multiverse
from cogattn.psychophysics.search.networks import networks_table
from cogattn.psychophysics.search.people import (
    human_asymmetry,
    human_slopes,
    human_times,
    published_models,
    read_people,
)
from cogattn.psychophysics.search.plan import MULTIVERSE, TABLE, copies_of, observers_of
from cogattn.psychophysics.search.remarks import remarks_of
from cogattn.psychophysics.search.rows import rows_of, runs_all_tasks
from cogattn.psychophysics.search.slopes import (
    asymmetries,
    mean_indices,
    mean_times,
    prediction_interval,
    ratio_of,
    search_slopes,
    slope_ratios,
)
from cogattn.psychophysics.search.steps import steps_table
from cogattn.seeds import Streams
from cogattn.study import Results, Trials

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Table = Mapping[str, pd.DataFrame]
SOURCE = "Gupta et al. 2021"
"""Of the published searchers, which stand in ``agreement.csv`` beside those of the run."""


def summarise(config: SearchConfig, trials: Trials) -> Results:
    """Fit slopes to target-present searches and weigh them.

    The summary holds networks, task by task, and how they compare with people where all tasks were run; of controls
    it holds the mean, or the tasks where not all were run. Everything else is in the tables.
    """
    ends = _ends(trials)
    observers = tuple(one for one in observers_of(config) if one.id in set(ends["observer"]))
    tables = _tables(config, observers, ends)
    tables |= multiverse.tables_of(config, observers, trials[MULTIVERSE])
    people = read_people(config.humans)
    rows = beside(rows_of(observers, tables), people)
    return Results(
        summary=summary_table(rows),
        tables=tables,
        figures=_figures(config, observers, tables),
        remarks=(
            *remarks_of(config, observers, tables, remark_on(config.humans, people, rows)),
            *multiverse.remarks_of(tables),
        ),
        people=people,
    )


def _ends(trials: Trials) -> pd.DataFrame:
    """How often the searches of each display ended in each way, with totals of fixations and times."""
    by = ("observer", "task", "condition", "role", "set_size", "display", "target_present", "response")
    return trials.counts(TABLE, by=by, totals=("n_fixations", "rt_ms", "correct")).astype(
        {"target_present": bool}
    )


def _displays(ends: pd.DataFrame) -> pd.DataFrame:
    """One row a display: mean number of fixations and mean time of its searches.

    In tasks with one side only right answers count, as they do in people's slopes; a condition in which fewer than two
    set sizes are left has no slope and is left out.
    """
    counted = ends[(ends["role"] != "only") | (ends["correct"] > 0)]
    by = ["observer", "task", "condition", "role"]
    n_sizes = counted.groupby(by)["set_size"].transform("nunique")
    grouped = counted[n_sizes > 1].groupby([*by, "set_size", "display", "target_present"], sort=False)
    rows = grouped[["n", "n_fixations", "rt_ms"]].sum().reset_index()
    return rows.assign(n_fixations=rows["n_fixations"] / rows["n"], rt_ms=rows["rt_ms"] / rows["n"])


def _tables(
    config: SearchConfig, observers: Sequence[Observer], ends: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    rng, n = Streams(config.seed), config.n_bootstrap
    present, absent = (_displays(ends[ends["target_present"] == shown]) for shown in (True, False))
    slopes = search_slopes(present, rng=rng.generator("slopes"), n_resamples=n)
    times = mean_times(present, rng=rng.generator("slopes"), n_resamples=n, keep_resamples=True)
    two_sided = present[present["role"] != "only"]
    index = asymmetries(two_sided, rng=rng.generator("asymmetries"), n_resamples=n, keep_resamples=True)
    means = mean_indices(index)
    means["fixations"] = means["observer"].map(
        _mean_fixations(ends[ends["target_present"] & (ends["role"] != "only")])
    )
    index = _with_people(index.drop(columns="resampled"))
    tables = {
        "slopes": slopes.assign(human_slope=slopes["condition"].map(_human_slope())),
        "times": _beside_human_times(times.drop(columns="resampled")),
        "asymmetry": index,
        "means": means,
        "agreement": _agreement(times),
        "untrained": against_untrained(observers, index, means),
        "steps": steps_table(observers, two_sided, rng=rng.generator("steps"), n_resamples=n),
        "outcomes": outcomes(ends),
        "published": published_models(),
    }
    if runs_all_tasks(tables):
        networks = [one for one in observers if one.role == "network"]
        tables["networks"] = networks_table(config, networks, tables)
    if len(absent):
        tables["slopes_absent"] = search_slopes(absent, rng=rng.generator("absent"), n_resamples=n)
        tables["times_absent"] = mean_times(absent, rng=rng.generator("absent"), n_resamples=n)
        tables["absent_over_present"] = slope_ratios(
            present, absent, rng=rng.generator("ratios"), n_resamples=n
        )
    return tables


def _human_slope() -> pd.Series:
    return human_slopes().set_index("condition")["slope_ms"]


def _beside_human_times(times: pd.DataFrame) -> pd.DataFrame:
    people = human_times().rename(columns={"rt_ms": "human_ms"})
    return times.merge(
        people[["condition", "set_size", "human_ms"]], on=["condition", "set_size"], how="left"
    )


def _with_people(index: pd.DataFrame) -> pd.DataFrame:
    people = index["task"].map(human_asymmetry())
    return index.assign(human_index=people, human_ratio=people.map(ratio_of))


def _agreement(times: pd.DataFrame) -> pd.DataFrame:
    """How the observers of the run, and the published searchers, tell people's times."""
    own = agreements(times[times["condition"].isin(human_slopes()["condition"])])
    published = published_models()
    named = published.assign(observer=published["model"] + f" ({SOURCE})", source=SOURCE)
    columns = ["observer", "source", *own.columns[1:]]
    both = [own.assign(source="run"), named]
    return pd.concat([table[columns] for table in both if len(table)], ignore_index=True)


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
        ``n`` searches by ``observer``, ``condition``, ``set_size``, ``display``, ``target_present`` and ``response``,
        with the totals ``n_fixations`` and ``correct``.

    Returns
    -------
    DataFrame
        ``observer``, ``condition``, ``target_present``, ``searches``, ``displays`` (that were searched), ``errors``
        (wrong answers), ``limits`` (searches that ran out of fixations), ``fixations`` (mean).
    """
    by = ["observer", "condition", "target_present"]
    counted = ends.assign(
        limits=ends["n"].where(ends["response"] == "none", 0),
        displays=~ends.duplicated([*by, "set_size", "display"]),
    )
    totals = ["n", "displays", "correct", "limits", "n_fixations"]
    table = counted.groupby(by, sort=False)[totals].sum().reset_index()
    table["errors"] = table["n"] - table["correct"]
    table["fixations"] = table["n_fixations"] / table["n"]
    columns = [*by, "searches", "displays", "errors", "limits", "fixations"]
    return table.rename(columns={"n": "searches"})[columns]


def _figures(
    config: SearchConfig, observers: Sequence[Observer], tables: Table
) -> dict[str, Callable[[], Figure]]:
    always = {"stimuli": partial(figures.stimuli, config)}
    if not any(one.role == "network" for one in observers):
        return always
    if len(both := _with_and_without(tables)):
        always["with_and_without"] = partial(figures.with_and_without_figure, both, observers)
    if tables["asymmetry"].empty:
        return always
    people_did = {name: tables[name][tables[name]["role"] != "only"] for name in ("slopes", "times")}
    drawn = {
        "asymmetry": partial(figures.asymmetry_figure, tables["asymmetry"], observers),
        "search_functions": partial(figures.search_functions, people_did["times"], observers),
        "slopes": partial(figures.slope_figure, people_did["slopes"], observers),
        "times": partial(figures.times_figure, people_did["times"], observers),
    }
    if "networks" in tables and tables["networks"]["top1"].count() > 1:
        label = "ImageNet top-1 accuracy (%)"
        drawn["networks"] = partial(figures.networks_figure, tables["networks"], "top1", label=label)
    if "multiverse" in tables:
        drawn["multiverse"] = partial(figures.multiverse_figure, tables["multiverse"])
    return drawn | always


def _with_and_without(tables: Table) -> pd.DataFrame:
    """Times in the tasks with one side, by whether there was a target; empty where none was run."""
    told = [
        tables[name].assign(target=target)
        for name, target in (("times", "present"), ("times_absent", "absent"))
        if name in tables
    ]
    both = pd.concat(told, ignore_index=True)
    return both[both["role"] == "only"]
