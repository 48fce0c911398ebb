"""One cell of the scanpath study: an observer is fitted on one split, and tested on its test part.

Likelihoods come from the true path so far; sampled paths and the likeliest one are the observer's own. People are
scored as predictions of one another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cogattn.psychophysics.scanpath import plan, scoring
from cogattn.psychophysics.scanpath.baselines.outside import Outside
from cogattn.psychophysics.scanpath.baselines.viewers import Viewers, mean_rows
from cogattn.psychophysics.scanpath.columns import FIXATIONS, PATHS, PREDICTED, WEIGHTS
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.consensus import consensus
from cogattn.psychophysics.scanpath.fitting import Ready, ready
from cogattn.psychophysics.scanpath.layouts.items import Ints, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.plan import ScanpathCell
from cogattn.psychophysics.scanpath.scoring import Kind
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
    said, drawing = test, test
    if isinstance(predictor, Outside):
        covered = [path for path in test if predictor.covers(path)]
        said = covered if predictor.has_likelihood else []
        drawing = covered if predictor.has_paths else []
    predictions = predictor.predict(data, said)
    draws = predictor.repeats(data, said) if isinstance(predictor, Viewers) else [predictions]
    rows = {FIXATIONS: mean_rows([scoring.fixation_rows(who, number, data, said, draw) for draw in draws])}
    paths, listed = [], []
    for kind, own, drawn in _drawn(config, data, drawing, found, rng):
        given = predictions if own == said else None
        paths.append(scoring.path_rows(who, number, data, own, drawn, kind, given))
        some = [samples[:N_LISTED] for samples in drawn]
        listed.append(scoring.predicted_rows(who, number, data, own, some, kind))
    return rows | {
        PATHS: pd.concat(paths, ignore_index=True),
        PREDICTED: pd.concat(listed, ignore_index=True),
    }


def _drawn(
    config: ScanpathConfig, data: PathSet, paths: list[ObjectPath], found: Ready, rng: Streams
) -> Iterator[tuple[Kind, list[ObjectPath], list[list[Ints]]]]:
    """Yield kinds of paths of the observer's own, with the paths that they stand for."""
    sample, longest = found.predictor.sample, found.longest
    greedy = sample(data, paths, n=0, rng=rng.generator("greedy"), max_length=longest)
    yield "greedy", *_that_draw(paths, greedy)
    samples = sample(data, paths, n=config.n_samples, rng=rng.generator("sampled"), max_length=longest)
    own, drawn = _that_draw(paths, samples)
    yield "consensus", own, consensus(drawn)
    yield "sampled", own, drawn


def _that_draw(paths: list[ObjectPath], drawn: list[list[Ints]]) -> tuple[list[ObjectPath], list[list[Ints]]]:
    """Paths for which there is one of the observer's own at least."""
    kept = [number for number, samples in enumerate(drawn) if samples]
    return [paths[number] for number in kept], [drawn[number] for number in kept]


def _of_people(cell: ScanpathCell, data: PathSet, test: list[ObjectPath]) -> Mapping[str, pd.DataFrame]:
    """People as predictions of one another; in the first split, what each of them chooses by, in all scenes."""
    rows = {PATHS: scoring.people_rows(cell.split, data, test)}
    if cell.split:
        return rows
    from cogattn.psychophysics.scanpath.baselines.weights import person_weights

    return rows | {WEIGHTS: person_weights(data)}
