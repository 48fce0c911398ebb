"""Split by split: what was tested, what each observer had of it, and when its training ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import pandas as pd

from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.columns import FIXATIONS, PATHS, TRAINING
from cogattn.psychophysics.scanpath.config import TrainingSettings
from cogattn.psychophysics.scanpath.measures import KINDS
from cogattn.study import Trials

COLUMNS = (
    "observer", "role", "split", "n_groups", "n_people", "n_paths", "n_fixations", "bits", "sequence_score_greedy",
    "sequence_score_consensus", "sequence_score_sampled", "people", "epochs", "kept_epoch", "ended",
)  # fmt: skip
PATIENCE, MOST = "patience", "max_epochs"


def splits_table(
    likely: Sequence[Observer], drew: Sequence[Observer], trials: Trials, settings: TrainingSettings
) -> pd.DataFrame:
    """Return a row an observer and split: means over the split's fixations and paths.

    Parameters
    ----------
    likely, drew : sequence of Observer
        Those that have bits, and those that have paths.
    trials : Trials
        All of them.
    settings : TrainingSettings
        After how many epochs a training ends at the latest.
    """
    observers = list(dict.fromkeys([*likely, *drew]))
    fixations = _by(trials[FIXATIONS], ["observer", "split"])
    paths = _by(trials[PATHS], ["observer", "split"])
    trained = _by(trials[TRAINING], ["observer", "split"])
    people = {split: own["sequence_score"].mean() for (who, split), own in paths.items() if who == "people"}
    records = []
    for one in observers:
        for split in sorted({number for who, number in [*fixations, *paths] if who == one.id}):
            looked, walked = fixations.get((one.id, split)), paths.get((one.id, split))
            records.append(
                (
                    one.id,
                    one.role,
                    split,
                    *_sizes(looked, walked),
                    np.nan if looked is None else looked["bits"].mean(),
                    *(_score(walked, kind) for kind in KINDS),
                    people.get(split, np.nan),
                    *_ending(trained.get((one.id, split)), settings),
                )
            )
    return pd.DataFrame(records, columns=list(COLUMNS))


def stopped(splits: pd.DataFrame) -> Iterator[tuple[str, int, int]]:
    """Yield the trainings that ended while they still got better: observer, how many splits, of how many."""
    for name, own in splits[splits["ended"] != ""].groupby("observer", sort=False):
        if n := int((own["ended"] == MOST).sum()):
            yield str(name), n, len(own)


def _by(table: pd.DataFrame, names: list[str]) -> dict[tuple[str, int], pd.DataFrame]:
    found = {}
    for key, own in table.groupby(names, sort=False):
        who, split = cast(tuple[str, int], key)
        found[who, int(split)] = own
    return found


def _sizes(looked: pd.DataFrame | None, walked: pd.DataFrame | None) -> tuple[int, int, int, int]:
    """Groups, people, paths and fixations of the test."""
    rows = looked if looked is not None else walked
    if rows is None:
        return 0, 0, 0, 0
    n_fixations = 0 if looked is None else len(looked)
    n_paths = len(rows.drop_duplicates(["scene", "person"]))
    return rows["group"].nunique(), rows["person"].nunique(), n_paths, n_fixations


def _score(walked: pd.DataFrame | None, kind: str) -> float:
    if walked is None:
        return np.nan
    return float(walked.loc[walked["kind"] == kind, "sequence_score"].mean())


def _ending(trained: pd.DataFrame | None, settings: TrainingSettings) -> tuple[float, float, str]:
    """Epochs, the one whose weights were kept, and why training ended."""
    if trained is None or not len(trained):
        return np.nan, np.nan, ""
    last, kept = int(trained["epoch"].max()), trained.loc[trained["kept"], "epoch"]
    best = int(kept.max()) if len(kept) else last
    n = len(trained)
    ended = MOST if n >= settings.max_epochs and last - best < settings.patience else PATIENCE
    return float(n), float(best), ended
