"""Which depth of a network has which asymmetry: the study's six tasks by rule of levels, with untrained copies.

Evidence, not choice: the rule was chosen on other tasks (`search_constants`). For each rule and task the trained
network's index with its 95 % interval over displays, the untrained copies' range and the 95 % interval of one copy
more, and whether the network lies above all copies, and above that interval; then in how many tasks, and the mean.

    OMP_NUM_THREADS=1 python benchmarks/search_depths.py --out trials.csv [--copies 8] [--displays 12]
    python benchmarks/search_depths.py --read trials.csv

Two minutes a network on one thread; searches are written after each of them.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from search_constants import LEVELS, estimate, indices, resampled_slopes

from cogattn.observers.build import build_network
from cogattn.observers.config import TimmObserver
from cogattn.psychophysics.search.config import ALL_TASKS, SearchConfig
from cogattn.psychophysics.search.displays.tasks import TASKS
from cogattn.psychophysics.search.searchers.matching import MatchingSearcher
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.psychophysics.search.searchers.searching import search
from cogattn.psychophysics.search.slopes import prediction_interval
from cogattn.psychophysics.search.trials import displays_of
from cogattn.seeds import Streams
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS

NETWORK = "tf_efficientnet_lite0"
KEYS = ["observer", "targets", "levels"]


def trials(copy: int, config: SearchConfig, targets: tuple[str, ...]) -> pd.DataFrame:
    """Searches by the trained network (copy 0) or an untrained one under every rule."""
    network = build_network(TimmObserver(), NETWORK, seed=copy, untrained=copy > 0)
    fovea, settings = INTEGRATIONS[config.fovea.preset], config.matching
    first = MatchingSearcher(Backbone(network), name="", integration=fovea, gain=settings.gain)
    searchers = {
        (told, rule): first.variant(levels=rule, targets=told) for told, rule in product(targets, LEVELS)
    }
    rows = []
    for condition in (condition for name in ALL_TASKS for condition in TASKS[name].conditions):
        for number, display in displays_of(config, condition.name, 0, config.displays.n_displays):
            places = Places.of(display, pitch_deg=config.rules.pitch_deg)
            for (told, rule), searcher in searchers.items():
                rng = Streams(config.seed).generator("search", condition.name, copy, display.set_size, number)
                found = search(searcher, display, places=places, rules=config.rules, rng=rng, n_searches=4)
                n = float(np.mean([f.n_fixations for f in found]))
                task, role = display.task.name, display.condition.role
                rows.append((copy, told, rule, task, role, display.set_size, number, n))
    return pd.DataFrame(rows, columns=[*KEYS, "task", "role", "set_size", "display", "n_fixations"])


def report(table: pd.DataFrame, n_resamples: int) -> None:
    by_task = indices(resampled_slopes(table, KEYS, n_resamples=n_resamples))
    mean = by_task.groupby(KEYS).mean()
    mean.index = pd.MultiIndex.from_tuples([(*key, "mean") for key in mean.index], names=[*KEYS, "task"])
    found = estimate(pd.concat([by_task, mean]))
    n_copies, n = table["observer"].nunique() - 1, table["display"].nunique()
    print(f"{n} displays a set size and condition, 15 pixels per degree, {n_copies} untrained copies")
    for told, rule in product(table["targets"].unique(), LEVELS):
        print(f"\n{rule}, told {told}: index [95 %], copies' range, one copy more (95 %)")
        above_all = above_one_more = 0
        for task in (*ALL_TASKS, "mean"):
            own = found.loc[(0, told, rule, task)]
            copies = np.array([found.loc[(c, told, rule, task)].estimate for c in range(1, n_copies + 1)])
            lo, hi = prediction_interval(copies) if n_copies > 1 else (np.nan, np.nan)
            if task != "mean":
                above_all += own.estimate > copies.max()
                above_one_more += own.estimate > hi
            print(
                f"  {task:18}{own.estimate:6.2f} [{own.lo:5.2f}, {own.hi:5.2f}]   {copies.min():5.2f} to "
                f"{copies.max():5.2f}   [{lo:5.2f}, {hi:5.2f}]{'  above all' if own.estimate > copies.max() else ''}"
                f"{', above one more' if own.estimate > hi else ''}"
            )
        print(f"  above every copy in {above_all} of 6, above one copy more in {above_one_more}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--displays", type=int, default=12)
    parser.add_argument("--targets", nargs="*", default=["all"], choices=["all", "one"])
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="write the searches here, after each network")
    parser.add_argument("--read", type=Path, help="report on these instead of searching")
    options = parser.parse_args()
    if options.read:
        table = pd.read_csv(options.read)
    else:
        torch.set_num_threads(1)
        config = SearchConfig(displays={"n_displays": options.displays, "pixels_per_degree": 15})
        tables: list[pd.DataFrame] = []
        for copy in range(options.copies + 1):
            tables.append(trials(copy, config, tuple(options.targets)))
            if options.out:
                pd.concat(tables).to_csv(options.out, index=False)
        table = pd.concat(tables, ignore_index=True)
    report(table, options.resamples)


if __name__ == "__main__":
    main()
