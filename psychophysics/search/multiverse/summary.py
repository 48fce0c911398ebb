"""What the multiverse says: asymmetries under every combination, untrained copies under the same, what choices weigh.

All searchers saw the same displays under all combinations, so that combinations differ by what was chosen and by the
draws of searches, not by displays; intervals are over resampled displays.

References
----------
Simonsohn, Simmons, Nelson (2020), Nature Human Behaviour 4, 1208-1214 (specification curves).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.agreement import agreement
from cogattn.psychophysics.search.config import ALL_TASKS, SearchConfig
from cogattn.psychophysics.search.functions import fit_line
from cogattn.psychophysics.search.people import human_asymmetry, human_times
from cogattn.psychophysics.search.plan import copies_of
from cogattn.psychophysics.search.slopes import (
    asymmetries,
    asymmetry_index,
    mean_indices,
    mean_times,
    prediction_interval,
)
from cogattn.seeds import Streams

FACTORS = ("fovea", "levels", "targets", "temperature")
MEAN, REST = "mean", "rest"
COLUMNS = (
    "observer", *FACTORS, "task", "index", "lo", "hi", "human_index", "hard_slope", "easy_slope", "saturated",
    "fixations", "log_likelihood", "untrained_mean", "untrained_min", "untrained_max", "untrained_lo", "untrained_hi",
    "above", "n_untrained", "n_tasks", "human_tasks", "above_tasks", "n",
)  # fmt: skip
ENOUGH = 4
"""Tasks with the human polarity above untrained copies that the study aims at, of six."""


def tables_of(
    config: SearchConfig, observers: Sequence[Observer], searches: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    """Return the tables of the multiverse; none where it was not run.

    Parameters
    ----------
    config : SearchConfig
        Seed and number of resamples.
    observers : sequence of Observer
        Networks and their controls.
    searches : DataFrame
        Trial table ``multiverse``.

    Returns
    -------
    dict of str to DataFrame
        ``multiverse``: a row a network, combination and task (the last one is ``mean``): ``index`` with ``lo`` and
        ``hi`` (95 % over displays), people's, both slopes (ms per item), ``fixations`` a search, in rows of the mean
        the ``log_likelihood`` of people's times (nats a time; NaN unless all six tasks were run); ``untrained_mean``,
        ``untrained_min``, ``untrained_max`` of its copies under the same combination, ``untrained_lo`` and
        ``untrained_hi`` (where one more would be expected, 95 %), ``above`` (is the index above that and 0);
        ``human_tasks`` and ``above_tasks`` (in how many of ``n_tasks`` the index is above 0, and above its copies).
        ``multiverse_choices``: a row a network and choice: see `shares`.
    """
    if searches.empty:
        return {}
    indices = point_indices(searches)
    rows = []
    for network in observers:
        own = searches[searches["observer"] == network.id]
        if network.role == "network" and len(own):
            copies = indices[
                indices["observer"].isin([one.id for one in copies_of(network, observers, "untrained")])
            ]
            for choice, chosen in own.groupby(list(FACTORS), sort=False):
                theirs = copies[(copies[list(FACTORS)] == list(choice)).all(axis=1)]
                rows += _beside_copies(_rows(config, chosen), theirs)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return {"multiverse": table, "multiverse_choices": shares(table)}


def point_indices(searches: pd.DataFrame) -> pd.DataFrame:
    """Return every observer's asymmetry index under each combination, by task and in the mean, without intervals.

    Returns
    -------
    DataFrame
        ``observer``, ``fovea``, ``levels``, ``targets``, ``temperature``, ``task`` (``mean`` is over tasks), ``index``.
    """
    keys = ["observer", *FACTORS, "task"]
    means = searches.groupby([*keys, "role", "set_size"], sort=False)["rt_ms"].mean()
    found = []
    for _, own in means.groupby(level="task", sort=False):  # of one set of set sizes
        times = own.unstack("set_size")
        slopes = fit_line(times.columns.to_numpy(float), times.to_numpy(float))[0]
        sides = pd.Series(slopes, index=times.index).unstack("role")
        index = [asymmetry_index(hard, easy) for hard, easy in zip(sides["hard"], sides["easy"], strict=True)]
        found.append(pd.Series(index, index=sides.index, name="index").reset_index())
    tasks = pd.concat(found, ignore_index=True)
    mean = tasks.groupby(keys[:-1], sort=False)["index"].mean().reset_index().assign(task=MEAN)
    return pd.concat([tasks, mean], ignore_index=True)[[*keys, "index"]]


def _rows(config: SearchConfig, searches: pd.DataFrame) -> Iterator[dict[str, object]]:
    """One network under one combination, task by task and in the mean."""
    rng, n = Streams(config.seed), config.n_bootstrap
    index = asymmetries(searches, rng=rng.generator("multiverse"), n_resamples=n, keep_resamples=True)
    (mean,) = mean_indices(index).to_dict("records")
    human, first = human_asymmetry(), searches.iloc[0]
    chosen = {"observer": first["observer"], **{name: first[name] for name in FACTORS}}
    fixations = searches.groupby("task", sort=False)["n_fixations"].mean()
    for row in index.to_dict("records"):
        kept = {
            name: row[name]
            for name in ("task", "index", "lo", "hi", "hard_slope", "easy_slope", "saturated", "n")
        }
        own = {"human_index": human[row["task"]], "fixations": fixations[row["task"]]}
        yield chosen | kept | own
    yield chosen | {
        "task": MEAN,
        "index": mean["mean"],
        "lo": mean["lo"],
        "hi": mean["hi"],
        "human_index": float(np.mean([human[task] for task in index["task"]])),
        "saturated": bool(index["saturated"].any()),
        "fixations": float(searches["n_fixations"].mean()),
        "log_likelihood": _likelihood(searches) if set(index["task"]) == set(ALL_TASKS) else np.nan,
        "n": mean["n"],
    }


def _likelihood(searches: pd.DataFrame) -> float:
    """Log likelihood of people's times given slopes, in nats a time."""
    return agreement(mean_times(searches, n_resamples=1), human_times()).log_likelihood


def _beside_copies(rows: Iterator[dict[str, object]], copies: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of one combination beside the indices of the untrained copies under the same."""
    found = []
    for row in rows:
        theirs = copies.loc[copies["task"] == row["task"], "index"].to_numpy(float)
        lo, hi = prediction_interval(theirs)
        index = cast(float, row["index"])
        ends = (theirs.mean(), theirs.min(), theirs.max()) if len(theirs) else (np.nan,) * 3
        own = dict(zip(("untrained_mean", "untrained_min", "untrained_max"), ends, strict=True))
        own |= {
            "untrained_lo": lo,
            "untrained_hi": hi,
            "above": index > max(hi, 0),
            "n_untrained": len(theirs),
        }
        found.append(row | own)
    tasks = [row for row in found if row["task"] != MEAN]
    counts = {
        "n_tasks": len(tasks),
        "human_tasks": sum(cast(float, row["index"]) > 0 for row in tasks),
        "above_tasks": sum(bool(row["above"]) for row in tasks),
    }
    return [row | counts for row in found]


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return how much of the variance of the mean index over combinations each choice makes by itself.

    Parameters
    ----------
    table : DataFrame
        ``multiverse``; every combination once, so that choices are orthogonal.

    Returns
    -------
    DataFrame
        ``observer``, ``factor`` (the four choices, then ``rest``: their interactions and the draws of searches),
        ``share`` of the variance (they sum to 1; NaN where all combinations agree), ``lowest`` and ``highest`` mean
        index over its values (of all combinations for ``rest``), ``n`` combinations.
    """
    means, rows = table[table["task"] == MEAN], []
    for observer, own in means.groupby("observer", sort=False):
        total, n = float(own["index"].var(ddof=0)), len(own)
        left = 1.0 if total > 0 else np.nan
        for factor in FACTORS:
            by = own.groupby(factor)["index"].mean()
            share = float(by.var(ddof=0)) / total if total > 0 else np.nan
            left -= share
            rows.append((observer, factor, share, by.min(), by.max(), n))
        rows.append((observer, REST, left, own["index"].min(), own["index"].max(), n))
    return pd.DataFrame(rows, columns=["observer", "factor", "share", "lowest", "highest", "n"])


def remarks_of(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    """Say how much of each network's mean index is choice; nothing where no multiverse was run."""
    if "multiverse" not in tables:
        return
    table, choices = tables["multiverse"], tables["multiverse_choices"]
    for observer, own in table[table["task"] == MEAN].groupby("observer", sort=False):
        lowest, highest, n = own["index"].min(), own["index"].max(), len(own)
        yield (
            f"Multiverse: the mean index of {observer} is {lowest:.2f} to {highest:.2f} under {n} combinations"
            f"{_heaviest(choices[choices['observer'] == observer])}{_count_above(own)}."
        )


def _heaviest(choices: pd.DataFrame) -> str:
    by = choices[choices["factor"] != REST]
    if by["share"].isna().any():
        return ""
    most = by.loc[by["share"].idxmax()]
    return f"; the choice of {most['factor']} alone makes {most['share']:.0%} of their variance"


def _count_above(means: pd.DataFrame) -> str:
    copies, n_tasks = int(means["n_untrained"].max()), int(means["n_tasks"].max())
    if copies < 2 or n_tasks < ENOUGH:
        return ""
    enough = int((means["above_tasks"] >= ENOUGH).sum())
    return (
        f"; human polarity above the 95 % interval of one more of {copies} untrained copies in at least {ENOUGH} tasks "
        f"under {enough}"
    )
