"""One cell of the scanpath study: an observer is fitted on one split, and tested on its test part.

Likelihoods come from the true path so far; sampled paths and the likeliest one are the observer's own. People are
scored as predictions of one another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cogattn.psychophysics.scanpath import plan, scoring
from cogattn.psychophysics.scanpath.columns import FIXATIONS, PATHS, PREDICTED, WEIGHTS
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.fitting import Ready, ready
from cogattn.psychophysics.scanpath.layouts.items import ObjectPath, PathSet
from cogattn.psychophysics.scanpath.plan import ScanpathCell
from cogattn.running.checkpoints import Checkpoint
from cogattn.seeds import Streams
from cogattn.study import Outcome

if TYPE_CHECKING:
    import pandas as pd

N_LISTED = 3
"""Sampled scanpaths of each path that are listed beside the likeliest one, for pictures."""


def run(config: ScanpathConfig, cell: ScanpathCell, rng: Streams, checkpoint: Checkpoint) -> Outcome:
    """Return the trials of one cell, columns as in `columns.TABLES`, and the model that was fitted."""
    data, split = plan.data_of(config), plan.split_of(config, cell.split)
    test = [data.paths[number] for number in split.test]
    if cell.variant == plan.PEOPLE:
        return Outcome(_of_people(cell, data, test))
    found = ready(config, cell, data, split, rng, checkpoint)
    rows = _tested(config, cell, data, test, found, rng)
    return Outcome({**rows, **found.tables}, found.artefacts)


def _tested(
    config: ScanpathConfig,
    cell: ScanpathCell,
    data: PathSet,
    test: list[ObjectPath],
    found: Ready,
    rng: Streams,
) -> dict[str, pd.DataFrame]:
    """Likelihoods of the test, and the observer's own paths beside it."""
    import pandas as pd

    predictor, who, number = found.predictor, cell.observer, cell.split
    predictions = predictor.predict(data, test)
    draw = {"max_length": found.longest}
    greedy = predictor.sample(data, test, n=0, rng=rng.generator("greedy"), **draw)
    sampled = predictor.sample(data, test, n=config.n_samples, rng=rng.generator("sampled"), **draw)
    some = [paths[:N_LISTED] for paths in sampled]
    return {
        FIXATIONS: scoring.fixation_rows(who, number, data, test, predictions),
        PATHS: pd.concat(
            [
                scoring.path_rows(who, number, data, test, greedy, "greedy", predictions),
                scoring.path_rows(who, number, data, test, sampled, "sampled", predictions),
            ],
            ignore_index=True,
        ),
        PREDICTED: pd.concat(
            [
                scoring.predicted_rows(who, number, data, test, greedy, "greedy"),
                scoring.predicted_rows(who, number, data, test, some, "sampled"),
            ],
            ignore_index=True,
        ),
    }


def _of_people(cell: ScanpathCell, data: PathSet, test: list[ObjectPath]) -> Mapping[str, pd.DataFrame]:
    """People as predictions of one another; in the first split, what each of them chooses by, in all scenes."""
    rows = {PATHS: scoring.people_rows(cell.split, data, test)}
    if cell.split:
        return rows
    from cogattn.psychophysics.scanpath.baselines.choice import person_weights

    return rows | {WEIGHTS: person_weights(data)}
