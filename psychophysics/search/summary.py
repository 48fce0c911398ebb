"""What a run of the search study says: slopes and asymmetries with intervals, people and controls beside them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from cogattn.psychophysics.search import figures
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.measures import (
    N_RESAMPLES,
    agreement,
    asymmetries,
    prediction_interval,
    search_slopes,
)
from cogattn.psychophysics.search.people import human_asymmetry, human_slopes, human_times, published_models
from cogattn.psychophysics.search.study import network_names
from cogattn.seeds import Streams
from cogattn.statistics.stats import wilson_interval
from cogattn.study import SUMMARY_COLUMNS, Results

N_HUMAN_SLOPES = 12


def summarise(config: SearchConfig, trials: pd.DataFrame) -> Results:
    """Fit slopes to target-present searches and weigh them.

    The summary holds networks, task by task, and how they compare with people where all tasks were run; of controls
    it holds the mean. Everything else is in the tables.
    """
    trials = trials.rename(columns={"observer": "searcher"})
    present, absent = trials[trials["target_present"]], trials[~trials["target_present"]]
    rng = Streams(config.seed)
    slopes = search_slopes(present, rng=rng.generator("slopes"), n_resamples=config.n_bootstrap)
    slopes = slopes.merge(
        human_slopes()[["condition", "slope_ms"]].rename(columns={"slope_ms": "human_slope"}), on="condition"
    )
    index = asymmetries(present, rng=rng.generator("asymmetries"), n_resamples=config.n_bootstrap)
    index["human_index"] = index["task"].map(human_asymmetry())
    means = mean_indices(present, rng=rng.generator("means"), n_resamples=config.n_bootstrap)
    fits = agreements(slopes)
    against = against_untrained(config, index, means)
    tables = {
        "slopes": slopes,
        "asymmetry": index,
        "means": means,
        "agreement": fits,
        "untrained": against,
        "outcomes": outcomes(trials),
        "published": published_models(),
    }
    if len(absent):
        tables["slopes_absent"] = search_slopes(
            absent, rng=rng.generator("absent"), n_resamples=config.n_bootstrap
        )
    networks = network_names(config)
    return Results(
        summary=pd.DataFrame(_summary_rows(networks, tables), columns=list(SUMMARY_COLUMNS)),
        tables=tables,
        figures={
            "asymmetry": partial(figures.asymmetry_figure, index, networks),
            "search_functions": partial(figures.search_functions, present, networks),
            "slopes": partial(figures.slope_figure, slopes, networks),
            "stimuli": partial(figures.stimuli, config),
        },
        remarks=tuple(_remarks(config, index, against, trials)),
    )


def mean_indices(
    trials: pd.DataFrame, *, rng: np.random.Generator, n_resamples: int = N_RESAMPLES
) -> pd.DataFrame:
    """Return each searcher's asymmetry index averaged over tasks.

    Returns
    -------
    DataFrame
        ``searcher``, ``mean``, ``lo``, ``hi`` (95 %, displays resampled), ``n_tasks``, ``n`` displays, ``fixations``.
    """
    rows = []
    for searcher, own in trials.groupby("searcher", sort=False):
        index = asymmetries(own, rng=rng, n_resamples=n_resamples, keep_resamples=True)
        resampled = np.stack(index["resampled"].to_list()).mean(axis=0)
        lo, hi = np.quantile(resampled, [0.025, 0.975])
        rows.append(
            {
                "searcher": searcher,
                "mean": index["index"].mean(),
                "lo": lo,
                "hi": hi,
                "n_tasks": len(index),
                "n": int(index["n"].sum()),
                "fixations": own["n_fixations"].mean(),
            }
        )
    return pd.DataFrame(rows)


def agreements(slopes: pd.DataFrame) -> pd.DataFrame:
    """Return `Agreement` of each searcher's slopes with people's reaction times, a row each."""
    times = human_times()
    rows = []
    for searcher, own in slopes.groupby("searcher", sort=False):
        found = agreement(dict(zip(own["condition"], own["slope"], strict=True)), times)
        rows.append({"searcher": searcher, **vars(found)})
    return pd.DataFrame(rows)


def against_untrained(config: SearchConfig, index: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """Hold every network's asymmetry against its untrained copies, task by task and in the mean.

    Returns
    -------
    DataFrame
        ``searcher``, ``task`` (the last one is ``mean``), ``index``, ``lo``, ``hi``, ``human_index``,
        ``human_polarity`` (is the index above 0), ``sure`` (is its interval), ``untrained_mean``, ``untrained_min``,
        ``untrained_max``, ``untrained_lo`` and ``untrained_hi`` (where one more copy would be expected, 95 %),
        ``above`` (is the index above that interval), ``n_untrained``. Empty without such controls.
    """
    mean_human = {"task": "mean", "human_index": index.groupby("task")["human_index"].first().mean()}
    index = pd.concat([index, means.rename(columns={"mean": "index"}).assign(**mean_human)])
    rows = []
    for network in network_names(config):
        own = index[index["searcher"] == network]
        copies = index[index["searcher"].str.startswith(f"{network}, untrained ")]
        for row in own.to_dict("records"):
            values = copies.loc[copies["task"] == row["task"], "index"].to_numpy(float)
            if not len(values):
                continue
            lo, hi = prediction_interval(values)
            rows.append(
                {
                    **{k: row[k] for k in ("searcher", "task", "index", "lo", "hi", "human_index")},
                    "human_polarity": row["index"] > 0,
                    "sure": row["lo"] > 0,
                    "untrained_mean": values.mean(),
                    "untrained_min": values.min(),
                    "untrained_max": values.max(),
                    "untrained_lo": lo,
                    "untrained_hi": hi,
                    "above": row["index"] > hi,
                    "n_untrained": len(values),
                }
            )
    return pd.DataFrame(rows)


def outcomes(trials: pd.DataFrame) -> pd.DataFrame:
    """Count how searches ended.

    Returns
    -------
    DataFrame
        ``searcher``, ``condition``, ``target_present``, ``searches``, ``errors`` (wrong answers), ``limits`` (searches
        that ran out of fixations), ``fixations`` (mean).
    """
    grouped = trials.groupby(["searcher", "condition", "target_present"], sort=False)
    table = grouped.agg(
        searches=("correct", "size"),
        errors=("correct", lambda c: int((~c).sum())),
        limits=("response", lambda r: int((r == "none").sum())),
        fixations=("n_fixations", "mean"),
    )
    return table.reset_index()


def _row(searcher: str, measure: str, unit: str, values: tuple[float, float, float], n: int, **rest) -> dict:
    estimate, lo, hi = values
    human = {"human": np.nan, "human_lo": np.nan, "human_hi": np.nan, "human_n": np.nan, "note": ""} | rest
    return {
        "observer": searcher,
        "measure": measure,
        "unit": unit,
        "estimate": estimate,
        "lo": min(lo, estimate),
        "hi": max(hi, estimate),
        "n": n,
        **human,
    }


def _summary_rows(networks: tuple[str, ...], tables: dict[str, pd.DataFrame]) -> list[dict]:
    complete = tables["slopes"]["condition"].nunique() == N_HUMAN_SLOPES
    rows = _index_rows(networks, tables["asymmetry"]) + _absent_rows(networks, tables["outcomes"])
    return (
        rows + _mean_rows(tables["means"]) + _agreement_rows(networks, tables["agreement"])
        if complete
        else rows
    )


def _index_rows(networks: tuple[str, ...], index: pd.DataFrame) -> list[dict]:
    return [
        _row(
            row["searcher"],
            f"asymmetry, {row['task']}",
            "index",
            (row["index"], row["lo"], row["hi"]),
            row["n"],
            human=row["human_index"],
            note="; ".join(_beside(row, index)),
        )
        for row in index[index["searcher"].isin(networks)].to_dict("records")
    ]


def _beside(row: dict, index: pd.DataFrame) -> list[str]:
    """What a reader of one index should know."""
    notes = ["saturated: a slope is 0 or below"] if row["saturated"] else []
    same_task = index[index["task"] == row["task"]].set_index("searcher")["index"]
    copies = same_task[same_task.index.str.startswith(f"{row['searcher']}, untrained ")]
    if len(copies):
        notes.append(f"{len(copies)} untrained: {copies.min():.2f} to {copies.max():.2f}")
    if f"{row['searcher']}, no fovea" in same_task:
        notes.append(f"no fovea: {same_task[row['searcher'] + ', no fovea']:.2f}")
    return notes


def _absent_rows(networks: tuple[str, ...], counts: pd.DataFrame) -> list[dict]:
    """How often a network did not notice that there was no target."""
    rows = []
    for network in networks:
        own = counts[(counts["searcher"] == network) & ~counts["target_present"].astype(bool)]
        if own.empty:
            continue
        errors, searches = int(own["errors"].sum()), int(own["searches"].sum())
        lo, hi = wilson_interval(errors, searches)
        values = (errors / searches, float(lo), float(hi))
        rows.append(
            _row(network, "no answer, target absent", "proportion", values, searches, note="n searches")
        )
    return rows


def _mean_rows(means: pd.DataFrame) -> list[dict]:
    human = float(np.mean(list(human_asymmetry().values())))
    return [
        _row(
            row["searcher"],
            "asymmetry, mean",
            "index",
            (row["mean"], row["lo"], row["hi"]),
            row["n"],
            human=human,
        )
        for row in means.to_dict("records")
    ]


def _agreement_rows(networks: tuple[str, ...], fits: pd.DataFrame) -> list[dict]:
    rows = []
    for row in fits[fits["searcher"].isin(networks)].to_dict("records"):
        r = tuple(row[k] for k in ("correlation", "correlation_lo", "correlation_hi"))
        rows.append(_row(row["searcher"], "correlation with human slopes", "r", r, row["n_conditions"]))
        gain = (row["log_likelihood"], np.nan, np.nan)
        rows.append(
            _row(
                row["searcher"],
                "log likelihood of human times",
                "nats per time over no slopes",
                gain,
                row["n_times"],
                human=row["ceiling"],
                note="people: their own slopes",
            )
        )
    return rows


def _remarks(
    config: SearchConfig, index: pd.DataFrame, against: pd.DataFrame, trials: pd.DataFrame
) -> list[str]:
    remarks = []
    for network in network_names(config):
        own = index[index["searcher"] == network]
        remarks.append(
            f"{network} shares the human polarity in {int((own['index'] > 0).sum())} of {len(own)} tasks, surely "
            f"(95 %) in {int((own['lo'] > 0).sum())}."
        )
        if len(against):
            rows = against[(against["searcher"] == network) & (against["task"] != "mean")]
            copies, above = int(rows["n_untrained"].max()), rows["human_polarity"] & rows["above"]
            largest = rows["human_polarity"] & (rows["index"] > rows["untrained_max"])
            remarks.append(
                f"Of these it is above all {copies} untrained copies in {int(largest.sum())}, above the 95 % interval "
                f"of one more in {int(above.sum())}."
            )
        if own["saturated"].any():
            remarks.append(f"{network}: index saturated in {', '.join(own.loc[own['saturated'], 'task'])}.")
    limits = int((trials["response"] == "none").sum())
    if limits:
        remarks.append(f"{limits} of {len(trials)} searches ran out of fixations; they count with that many.")
    remarks.append("People's slopes are published means without intervals; the target's cell ends a search.")
    return remarks
