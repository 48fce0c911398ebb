"""Trials of observers whose bits and paths are known, for tests of what the study says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath import columns
from cogattn.psychophysics.scanpath.layouts.items import Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.predicting import Prediction
from cogattn.psychophysics.scanpath.scoring import fixation_rows, path_rows, people_rows, predicted_rows
from cogattn.study import Outcome, Trials

NETWORK = Observer("net")
NO_CONTENT = Observer("no content", role="control", variant="no content")
UNTRAINED = tuple(NETWORK.control("untrained", copy=k) for k in range(2))
UNIFORM, HISTORY = (Observer(name, role="control", variant=name) for name in ("uniform", "history"))
VIEWERS = tuple(
    Observer(f"{n} viewer{'s' if n > 1 else ''}", role="control", variant="viewers", copy=n)
    for n in (1, 2, 4)
)
PEOPLE = Observer("people", role="person", variant="people")
EVERYBODY = (NETWORK, NO_CONTENT, *UNTRAINED, UNIFORM, HISTORY, *VIEWERS, PEOPLE)
SURE = {"net": 0.35, "no content": 0.25, "uniform": None, "history": 0.2, "1 viewer": 0.3, "2 viewers": 0.4,
        "4 viewers": 0.5, "net, untrained 0": 0.24, "net, untrained 1": 0.26}  # fmt: skip
"""Chance that each gives to the true object."""
N_SAMPLES = 3


def chance(observer: str, n_objects: int) -> float:
    """Return the chance that an observer gives to what was looked at."""
    return SURE[observer] or 1 / n_objects


def bits(observer: str, n_objects: int) -> float:
    """Return what each fixation costs."""
    return -float(np.log2(chance(observer, n_objects)))


def told(data: PathSet, path: ObjectPath, observer: str) -> Prediction:
    """Return a prediction with `chance` for the true objects and the rest alike; it ends with a chance of a quarter."""
    n, n_objects = len(path) - path.n_given, data.layout_of(path).n_objects
    p = chance(observer, n_objects)
    chances = np.full((n, n_objects), (1 - p) / (n_objects - 1))
    chances[np.arange(n), path.objects[path.n_given :]] = p
    return Prediction(np.log(chances), np.log(np.full(n + 1, 0.25)))


def paths_over(layouts: Sequence[Layout], people: str = "pqrst", *, seed: int = 0) -> PathSet:
    """Return random scanpaths of three to seven fixations of everybody over each layout."""
    rng = np.random.default_rng(seed)
    paths = []
    for number, layout in enumerate(layouts):
        middles = layout.position_deg * layout.scale + layout.scene.middle_px
        for person in people:
            objects = rng.integers(0, layout.n_objects, rng.integers(3, 8))
            points = middles[objects] + rng.uniform(-9, 9, (len(objects), 2))
            paths.append(ObjectPath(number, person, objects, points))
    return PathSet(tuple(layouts), tuple(paths))


@dataclass(frozen=True)
class Telling:
    """Makes trials: of all paths in each of some splits."""

    data: PathSet
    observers: Sequence[Observer] = EVERYBODY
    splits: Sequence[Sequence[int]] | None = None
    predict: Callable[[PathSet, ObjectPath, str], Prediction] = told
    seed: int = 0

    def trials(self) -> Trials:
        splits = self.splits or [range(len(self.data.paths))]
        outcomes = [
            self._outcome(one, number, [self.data.paths[k] for k in part])
            for one in self.observers
            for number, part in enumerate(splits)
        ]
        return Trials.of(columns.TABLES, outcomes)

    def _outcome(self, one: Observer, number: int, paths: list[ObjectPath]) -> Outcome:
        if one.variant == "people":
            return Outcome({columns.PATHS: people_rows(number, self.data, paths), **self._weights(number)})
        predictions = [self.predict(self.data, path, one.id) for path in paths]
        rng = np.random.default_rng([self.seed, len(one.id), number])
        tables: dict[str, pd.DataFrame] = {
            columns.FIXATIONS: fixation_rows(one.id, number, self.data, paths, predictions)
        }
        walked, listed = [], []
        for kind, n in (("greedy", 1), ("consensus", 1), ("sampled", N_SAMPLES)):
            drawn = [self._drawn(one, path, n, rng) for path in paths]
            walked.append(path_rows(one.id, number, self.data, paths, drawn, kind, predictions))
            listed.append(predicted_rows(one.id, number, self.data, paths, drawn, kind))
        tables |= {columns.PATHS: pd.concat(walked), columns.PREDICTED: pd.concat(listed)}
        if one.role == "network":
            tables[columns.TRAINING] = pd.DataFrame(
                {
                    "observer": one.id,
                    "split": number,
                    "epoch": [0, 1, 2],
                    "train_bits": [3.0, 2.0, 1.0],
                    "validation_bits": [3.0, 2.5, 2.2],
                    "kept": [False, False, True],
                }
            )
        return Outcome(tables)

    def _drawn(self, one: Observer, path: ObjectPath, n: int, rng: np.random.Generator) -> list[np.ndarray]:
        """The person's own path with every second fixation elsewhere; for uniform any objects."""
        n_objects = self.data.layout_of(path).n_objects
        paths = []
        for _ in range(n):
            objects = rng.integers(0, n_objects, len(path))
            if one.variant != "uniform":
                objects[::2] = path.objects[::2]
            objects[: path.n_given] = path.objects[: path.n_given]
            paths.append(objects)
        return paths

    def _weights(self, number: int) -> dict[str, pd.DataFrame]:
        if number:
            return {}
        rows = [
            ("history", person, weight, 0.5, 0.1, 20)
            for person in ("", *self.data.people)
            for weight in ("proximity", "visited")
        ]
        names = ["observer", "person", "weight", "estimate", "se", "n"]
        return {columns.WEIGHTS: pd.DataFrame(rows, columns=names)}
