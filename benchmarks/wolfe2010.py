"""Search slopes of the persons of Wolfe, Palmer and Horowitz (2010), from their trials: the table that ships.

Reaction times of right answers between 200 and 8,000 ms (both ends excluded) are averaged by set size; the slope is
that of the straight line through the means, each with the same weight, its standard error that which the scatter of
the trials gives it. Error rates are shares of the trials in the same range of times.

    python benchmarks/wolfe2010.py wolfe2010RawDataAllTasks.RData > psychophysics/search/data/wolfe2010_slopes.csv

needs PyPI ``rdata``. Source of the trials: psychophysics/search/data/SOURCES.md.

References
----------
Wolfe, Palmer, Horowitz (2010), Vision Research 50, 1304-1311.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

TASKS = {"RVvGV": "feature", "RVvRHGV": "conjunction", "2_vs_5": "2v5"}
"""Red vertical among green vertical, red vertical among red horizontal and green vertical, a 2 among 5s."""
LOWEST_MS, HIGHEST_MS = 200, 8_000
COLUMNS = (
    "task", "person", "target", "slope_ms", "slope_se_ms", "intercept_ms", "error_rate", "n_trials", "n_right",
)  # fmt: skip


def read(path: Path) -> pd.DataFrame:
    """Return all trials: ``task``, ``subj``, ``present``, ``right``, ``size`` (items) and ``rt`` (ms)."""
    import rdata

    table = rdata.read_rda(path)["wolfe2010Data"]
    return pd.DataFrame(
        {
            "task": table["task"].astype(str).map(TASKS),
            "subj": table["subj"].astype(int),
            "present": table["target"].astype(int) == 1,
            "right": table["error"].astype(int) == 0,
            "size": table["size"].astype(float),
            "rt": table["rt"].astype(float),
        }
    )


def slopes(trials: pd.DataFrame) -> pd.DataFrame:
    """Return one row per task, person and kind of display, columns `COLUMNS`."""
    kept = trials[(trials["rt"] > LOWEST_MS) & (trials["rt"] < HIGHEST_MS)]
    shown_to = dict(iter(kept.groupby(["task", "subj", "present"])))
    rows = []
    for task in TASKS.values():
        for person in sorted(kept.loc[kept["task"] == task, "subj"].unique()):
            for target, present in (("present", True), ("absent", False)):
                shown = shown_to[task, person, present]
                right = shown[shown["right"]]
                share = 1 - len(right) / len(shown)
                rows.append((task, person, target, *_line(right), share, len(shown), len(right)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _line(right: pd.DataFrame) -> tuple[float, float, float]:
    """Slope of the means over set size, its standard error, and intercept."""
    by_size = right.groupby("size")["rt"].agg(["mean", "var", "size"])
    size = by_size.index.to_numpy(float)
    weight = (size - size.mean()) / np.sum((size - size.mean()) ** 2)
    slope = float(weight @ by_size["mean"])
    error = float(np.sqrt(weight**2 @ (by_size["var"] / by_size["size"])))
    return slope, error, float(by_size["mean"].mean() - slope * size.mean())


if __name__ == "__main__":
    slopes(read(Path(sys.argv[1]))).to_csv(sys.stdout, index=False, float_format="%.6g", lineterminator="\n")
