"""The published searchers of Gupta et al. (2021), from their searches: the tables that ship.

Of each of twelve searchers, before 1,272 displays: the mean number of fixations by condition and set size, search
slopes, asymmetry indices, and how well they tell people's times, by the functions with which the package weighs any
other searcher. A target that was not found counts as many fixations as the largest set size has items, as the authors
count it. Intervals (95 %) resample displays.

    python benchmarks/search_published.py published_trials.csv psychophysics/search/data

writes ``published_times.csv``, ``published_slopes.csv``, ``published_asymmetries.csv`` and ``published_models.csv``.
Source of the searches: psychophysics/search/data/SOURCES.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from cogattn.psychophysics.search.agreement import agreements
from cogattn.psychophysics.search.slopes import (
    asymmetries,
    mean_indices,
    mean_times,
    reaction_time_ms,
    search_slopes,
)

MODELS = {
    "eccNET": "eccNET",
    "IVSN": "IVSN",
    "eccNET_MNIST": "eccNET trained on MNIST",
    "eccNET_0_0_1": "eccNET, deepest layer pair only",
    "eccNET_noecc": "no eccentricity",
    "chance": "chance",
    "pixelMatch": "pixel template",
    "eccNET_Rot90": "eccNET trained on ImageNet rotated by 90 degrees",
    "eccNET_fisheye": "eccNET trained on fish-eyed ImageNet",
    "eccNET_lines": "eccNET trained on ImageNet with lines",
    "eccNET_places365": "eccNET trained on Places365",
    "eccNET_places365_90": "eccNET trained on Places365 rotated by 90 degrees",
}
"""What the authors' tables call each, and what it is."""
SEED = 0


def read(path: Path) -> pd.DataFrame:
    """Return all searches: ``observer``, ``task``, ``condition``, ``role``, ``set_size``, ``display``, ``n_fixations``,
    ``limit`` (1: not found) and ``rt_ms``, models in the order of `MODELS`."""
    found = pd.read_csv(path).rename(columns={"model": "observer"})
    order = {name: number for number, name in enumerate(MODELS)}
    found = found.sort_values("observer", key=lambda names: names.map(order), kind="stable")
    return found.assign(
        observer=found["observer"].map(MODELS), rt_ms=reaction_time_ms(found["n_fixations"])
    ).reset_index(drop=True)


def tables(searches: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the four tables by file name."""
    times = mean_times(searches, rng=np.random.default_rng(SEED), keep_resamples=True)
    index = asymmetries(searches, rng=np.random.default_rng(SEED), keep_resamples=True)
    return {
        "published_asymmetries.csv": _named(index.drop(columns="resampled")),
        "published_times.csv": _fixations(searches),
        "published_slopes.csv": _named(search_slopes(searches, rng=np.random.default_rng(SEED))),
        "published_models.csv": _models(searches, index, agreements(times)),
    }


def _fixations(searches: pd.DataFrame) -> pd.DataFrame:
    by = ["observer", "task", "condition", "role", "set_size"]
    means = mean_times(searches, value="n_fixations", rng=np.random.default_rng(SEED))
    missed = searches.groupby(by)["limit"].sum().rename("missed")
    return _named(means.rename(columns={"n_fixations": "fixations"}).merge(missed, on=by))


def _models(searches: pd.DataFrame, index: pd.DataFrame, fits: pd.DataFrame) -> pd.DataFrame:
    by_task = index.pivot(index="observer", columns="task", values="index")[
        list(dict.fromkeys(index["task"]))
    ]
    means = mean_indices(index)[["observer", "mean", "lo", "hi", "n"]]
    grouped = searches.groupby("observer")
    counted = pd.DataFrame(
        {
            "saturated": index.groupby("observer")["saturated"].sum(),
            "fixations": grouped["n_fixations"].mean(),
            "missed": grouped["limit"].sum(),
        }
    )
    table = means[["observer"]].merge(by_task, on="observer").merge(means, on="observer")
    return _named(table.merge(counted, on="observer").merge(fits, on="observer"))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={"observer": "model"})


if __name__ == "__main__":
    for name, table in tables(read(Path(sys.argv[1]))).items():
        table.to_csv(Path(sys.argv[2]) / name, index=False, float_format="%.6g", lineterminator="\n")
