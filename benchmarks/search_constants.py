"""How the search study's constants and rules were chosen, on twelve other asymmetries (`search_development`).

Each rule of levels searches the same displays at the default fovea, gain and knowledge, and with one of these three
changed. For each: the mean over tasks of the asymmetry index and of the difference of slopes, hard less easy (for
people), in fixations per item, with 95 % intervals over resampled displays; then how each rule differs from the plain
mean, paired over displays. The six tasks of the study are not shown. What is chosen is the rule of the highest mean
index at the default fovea, gain and knowledge; it is clear where the paired interval against the next best does not
hold 0.

    OMP_NUM_THREADS=1 python benchmarks/search_constants.py --out trials.csv [--displays 10] [--seed 0]
    python benchmarks/search_constants.py --read trials.csv

Ten minutes on one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from search_development import DEVELOPMENT_TASKS, LARGE_TASKS

from cogattn.observers.build import build_network
from cogattn.observers.config import TimmObserver
from cogattn.psychophysics.search.config import RulesSettings
from cogattn.psychophysics.search.displays.display import Display, make_display
from cogattn.psychophysics.search.displays.tasks import Task
from cogattn.psychophysics.search.searchers.matching import MatchingSearcher
from cogattn.psychophysics.search.searchers.searching import Places, search
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS

Array = NDArray[np.float64]

SETTINGS = (
    ("v2", 200.0, "all"), ("v2", 200.0, "one"), ("v2", 60.0, "all"), ("v2", 600.0, "all"), ("v1", 200.0, "all"),
)  # fmt: skip
"""Fovea, gain and what the searcher is told: the defaults first."""
LEVELS = ("mean", "reliability", "maximum", "only_1", "only_2", "only_3")
CHOICE = ["fovea", "targets", "gain", "levels"]
PIXELS_PER_DEGREE = 15.0


def displays(tasks: tuple[Task, ...], n_displays: int, seed: int) -> Iterator[tuple[Display, int]]:
    for task in tasks:
        for condition, size, number in product(task.conditions, task.set_sizes, range(n_displays)):
            rng = np.random.default_rng([seed, number])
            yield make_display(task, condition, size, rng=rng, pixels_per_degree=PIXELS_PER_DEGREE), number


def trials(
    searchers: list[tuple[tuple, MatchingSearcher]], tasks: tuple[Task, ...], n_displays: int, seed: int
) -> pd.DataFrame:
    """Search every display with every searcher; what is told makes no difference where there is one kind."""
    rules, rows = RulesSettings(), []
    for display, number in displays(tasks, n_displays, seed):
        places = Places.of(display, pitch_deg=rules.pitch_deg)
        named = (display.task.name, display.condition.role, display.set_size, number)
        alike = len(display.condition.targets) == 1
        for choice, searcher in searchers:
            if alike and searcher.targets == "one":
                continue
            rng = np.random.default_rng([seed, number])
            found = search(searcher, display, places=places, rules=rules, rng=rng, n_searches=4)
            n = float(np.mean([f.n_fixations for f in found]))
            told = {searcher.targets} | ({"one"} if alike and choice[:2] == SETTINGS[1][:2] else set())
            rows += [(*choice, one, *named, n) for one in sorted(told)]
    columns = ["fovea", "gain", "levels", "targets", "task", "role", "set_size", "display", "n_fixations"]
    return pd.DataFrame(rows, columns=columns)


def searchers() -> list[tuple[tuple, MatchingSearcher]]:
    backbone = Backbone(build_network(TimmObserver(), "tf_efficientnet_lite0", seed=0))
    first = MatchingSearcher(backbone, name="lite0", integration=INTEGRATIONS["v2"], gain=200)
    return [
        (
            (fovea, gain, levels),
            first.variant(integration=INTEGRATIONS[fovea], gain=gain, levels=levels, targets=targets),
        )
        for (fovea, gain, targets), levels in product(SETTINGS, LEVELS)
    ]


def resampled_slopes(
    table: pd.DataFrame, keys: list[str], *, n_resamples: int, seed: int = 0
) -> pd.DataFrame:
    """Slopes in fixations per item by choice, task and role: column -1 the estimate, 0 and on resampled ones.

    All choices see the same resamples of the displays, so that their differences are paired.
    """
    rng, found = np.random.default_rng(seed), []
    for (task, role), part in table.groupby(["task", "role"], sort=True):
        wide = part.pivot_table(index=keys, columns=["set_size", "display"], values="n_fixations")
        sizes = wide.columns.get_level_values("set_size").unique().to_numpy(dtype=float)
        values = wide.to_numpy().reshape(len(wide), len(sizes), -1)
        n = values.shape[-1]
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=(n_resamples, len(sizes))) / n
        weights = np.concatenate([np.full((1, len(sizes), n), 1 / n), drawn])
        means = np.einsum("ksn,bsn->kbs", values, weights)
        centred = sizes - sizes.mean()
        slopes = means @ centred / (centred @ centred)
        index = pd.MultiIndex.from_tuples(
            [(*key, task, role) for key in wide.index], names=[*keys, "task", "role"]
        )
        found.append(pd.DataFrame(slopes, index=index, columns=range(-1, n_resamples)))
    return pd.concat(found)


def indices(slopes: pd.DataFrame) -> pd.DataFrame:
    """(hard - easy) / (hard + easy) by choice and task, negative slopes counted as 0, 0 where both are 0."""
    easy, hard = (slopes.xs(role, level="role").clip(lower=0) for role in ("easy", "hard"))
    total = hard + easy
    return ((hard - easy) / total.where(total > 0)).fillna(0)


def differences(slopes: pd.DataFrame) -> pd.DataFrame:
    return slopes.xs("hard", level="role") - slopes.xs("easy", level="role")


def estimate(values: pd.DataFrame) -> pd.DataFrame:
    """Estimate and percentile interval of each row."""
    lo, hi = np.percentile(values.drop(columns=-1), [2.5, 97.5], axis=1)
    return pd.DataFrame({"estimate": values[-1], "lo": lo, "hi": hi}, index=values.index)


def report(table: pd.DataFrame, n_resamples: int) -> None:
    slopes = resampled_slopes(table, CHOICE, n_resamples=n_resamples)
    by_task = indices(slopes)
    n = table["display"].nunique()
    print(f"{n} displays a set size and condition, {PIXELS_PER_DEGREE:g} pixels per degree, 4 searches each")
    for title, measure in (("mean index", by_task), ("mean difference of slopes", differences(slopes))):
        for of, names in (
            ("12 tasks", tuple(DEVELOPMENT_TASKS)),
            (f"{len(LARGE_TASKS)} large ones", LARGE_TASKS),
        ):
            means = (
                measure[measure.index.get_level_values("task").isin(names)].groupby(CHOICE, sort=False).mean()
            )
            print(f"\n{title}, {of}: estimate [95 %]; less the plain mean's, paired [95 %]")
            plain = (
                means.xs("mean", level="levels")
                .reindex(means.index.droplevel("levels"))
                .set_axis(means.index)
            )
            against = estimate(means - plain)
            for key, row in estimate(means).sort_index().iterrows():
                other = against.loc[key]
                print(
                    f"{' '.join(f'{part!s:12}' for part in key)}{row.estimate:7.3f} [{row.lo:.3f}, {row.hi:.3f}]"
                    f"{other.estimate:9.3f} [{other.lo:.3f}, {other.hi:.3f}]"
                )
    print("\nindex by task, fovea v2, gain 200")
    shown = by_task[-1].unstack("task").loc[("v2", slice(None), 200.0)][list(DEVELOPMENT_TASKS)]
    print(shown.round(2).to_string())
    print("\nfixations a search, fovea v2, gain 200")
    part = table.query("fovea == 'v2' and gain == 200")
    print(
        part.pivot_table(index=["targets", "levels"], columns="task", values="n_fixations")
        .round(1)
        .to_string()
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--displays", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument(
        "--tasks", nargs="*", default=list(DEVELOPMENT_TASKS), choices=list(DEVELOPMENT_TASKS)
    )
    parser.add_argument("--out", type=Path, help="write the searches here")
    parser.add_argument("--read", type=Path, nargs="*", help="report on these instead of searching")
    options = parser.parse_args()
    if options.read:
        table = pd.concat([pd.read_csv(path) for path in options.read], ignore_index=True)
    else:
        torch.set_num_threads(1)
        tasks = tuple(DEVELOPMENT_TASKS[name] for name in options.tasks)
        table = trials(searchers(), tasks, options.displays, options.seed)
        if options.out:
            table.to_csv(options.out, index=False)
    if table["task"].nunique() == len(DEVELOPMENT_TASKS):
        report(table, options.resamples)


if __name__ == "__main__":
    main()
