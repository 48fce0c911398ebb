"""How the search study's two constants were chosen: a grid of foveas and gains on three other asymmetries.

For each pair the mean difference of search slopes, hard less easy (for people), over the three tasks of
`benchmarks/search_development.py`, in fixations per item, and each task's asymmetry index. The six tasks
of the study are not shown. Ten minutes on one thread.

    OMP_NUM_THREADS=1 python benchmarks/search_constants.py [--knows-distractors] [--displays 10]
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
import torch
from search_development import DEVELOPMENT_TASKS

from cogattn.observers.build import build_network
from cogattn.observers.config import TimmObserver
from cogattn.psychophysics.search.config import RulesSettings
from cogattn.psychophysics.search.displays.display import make_display
from cogattn.psychophysics.search.searchers.matching import MatchingSearcher
from cogattn.psychophysics.search.searchers.searching import search
from cogattn.psychophysics.search.slopes import MS_PER_FIXATION, asymmetries, reaction_time_ms
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS

FOVEAS = ("uniform", "eccnet", "v1", "v2")
GAINS = (60.0, 200.0, 600.0)


def trials(searcher: MatchingSearcher, n_displays: int) -> pd.DataFrame:
    rows = []
    for task in DEVELOPMENT_TASKS.values():
        for condition in task.conditions:
            for size in task.set_sizes:
                for number in range(n_displays):
                    display = make_display(task, condition, size, rng=np.random.default_rng(number))
                    found = search(
                        searcher,
                        display,
                        rules=RulesSettings(),
                        rng=np.random.default_rng(number),
                        n_searches=4,
                    )
                    rt = reaction_time_ms(np.mean([f.n_fixations for f in found])).item()
                    rows.append((searcher.name, task.name, condition.name, condition.role, size, number, rt))
    columns = ["observer", "task", "condition", "role", "set_size", "display", "rt_ms"]
    return pd.DataFrame(rows, columns=columns)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--knows-distractors", action="store_true")
    parser.add_argument("--displays", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    backbone = Backbone(build_network(TimmObserver(), "tf_efficientnet_lite0", seed=0))
    print(f"{'fovea':10}{'gain':>6}{'difference':>12}   index of {', '.join(DEVELOPMENT_TASKS)}")
    for fovea in FOVEAS:
        for gain in GAINS:
            searcher = MatchingSearcher(
                backbone,
                name=f"{fovea} {gain:g}",
                integration=INTEGRATIONS[fovea],
                gain=gain,
                knows_distractors=options.knows_distractors,
            )
            found = asymmetries(trials(searcher, options.displays), n_resamples=100)
            difference = found["difference"].mean() / MS_PER_FIXATION
            print(f"{fovea:10}{gain:6g}{difference:12.2f}   {' '.join(f'{i:5.2f}' for i in found['index'])}")


if __name__ == "__main__":
    main()
