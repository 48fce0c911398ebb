"""What n other people's fixations in a scene tell: the choice model, told where they looked.

The log odds of the choice model are joined by w ln(d + eps), where d is the smoothed density of the fixations of n
other people in that scene over its objects. So a model that sees the scene can be said to be worth n viewers. Weights
(that of the evidence may change with time), smoothing and eps are fitted for each n on the training part. A path's own
person is never among the n; who they are is drawn by the names of scene and person, in the same order for every n, so
that more viewers are always the fewer ones and some others.

Few viewers tell very different things: likelihoods are means over several draws of who they are, in bits (`repeats`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.baselines import logit
from cogattn.psychophysics.scanpath.baselines.choice import ChoiceModel
from cogattn.psychophysics.scanpath.baselines.features import LATE
from cogattn.psychophysics.scanpath.baselines.moments import Floats, Moments, blocks, some_paths
from cogattn.psychophysics.scanpath.baselines.stepwise import State, Stepwise
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.layouts.items import Array, Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.predicting import Prediction
from cogattn.psychophysics.scanpath.splitting import Split
from cogattn.seeds import Streams

if TYPE_CHECKING:
    import pandas as pd

Paths = Sequence[ObjectPath]
Fixated = Mapping[int, Mapping[str, Array]]
"""How often each object was looked at, (n_objects,), by layout and person."""
N_REPEATS = 5
"""Draws of who the viewers are."""
N_FITTED = 8000
"""Fixations, at most, that the weights of the evidence are fitted to."""
SMOOTHING_DEG = (0.0, 0.5, 1.0, 1.7, 3.0)
"""Standard deviations of the kernel that are tried; 0 for none."""
EPS = (0.03, 0.1, 0.3, 1.0, 3.0)
"""Tried, in units of an even density."""
RIDGE = 1e-3


class Viewers(Stepwise):
    """The choice model, told of n other people's fixations.

    Parameters
    ----------
    n : int
        How many others.
    """

    base: ChoiceModel
    weights: Array
    smoothing_deg: float
    eps: float
    seed: int

    def __init__(self, n: int) -> None:
        self.n, self.draw = n, 0

    def fit(self, data: PathSet, split: Split, config: ScanpathConfig) -> Self:
        """Fit the choice model, and how much others count beside it."""
        self.seed = config.seed
        self.base = _history(data, split.train.tobytes(), split.validation.tobytes(), self.seed)
        self.ends = self.base.ends
        self._fit(data, [data.paths[k] for k in split.train], [], config)
        return self

    def _fit(self, data: PathSet, train: Paths, validation: Paths, config: ScanpathConfig) -> None:
        present = fixated_by(data, train)  # nobody of the test, where persons are split
        rng = Streams(self.seed).child("scanpath", "viewers").generator("training")
        able = [path for path in train if len(present[path.layout]) > 1]
        if not able:
            raise DataError(
                f"viewers need scenes that several people looked at; got none ({len(train)} scanpaths)"
            )
        some = _Evidence(self, data, present, some_paths(able, N_FITTED, rng))
        best = -np.inf
        for smoothing in SMOOTHING_DEG:
            for eps in EPS:
                fit = some.fit(smoothing, eps)
                if fit.log_likelihood > best:
                    best, self.weights = fit.log_likelihood, fit.weights
                    self.smoothing_deg, self.eps = smoothing, eps

    def others(self, layout: Layout, person: str, people: Sequence[str], n: int) -> list[str]:
        """Return `n` of the people, never this person; fewer where there are fewer."""
        streams = Streams(self.seed).child("scanpath", "viewers", self.draw)
        candidates = sorted(set(people) - {person})
        order = streams.generator(layout.name, person).permutation(len(candidates))
        return [candidates[k] for k in order[:n]]

    def seen_by_others(self, layout: Layout, present: Mapping[str, Array], paths: Paths) -> Array:
        """Return how often each object was looked at by each path's viewers, shape (n_paths, n_objects)."""
        chosen = [self.others(layout, path.person, list(present), self.n) for path in paths]
        return np.stack([np.sum([present[name] for name in names], axis=0) for names in chosen])

    def told(self, data: PathSet, layout: int, paths: Paths) -> Stepwise:
        """Return the predictor of these paths, which knows each one's viewers.

        Raises
        ------
        DataError
            If somebody has fewer than n others in that scene.
        """
        return _Told(self, data.layouts[layout], self._evidence(data, layout, paths))

    def _evidence(self, data: PathSet, layout: int, paths: Paths) -> Array:
        present, where = _present(data)[layout], data.layouts[layout]
        fewest = min(len(set(present) - {path.person}) for path in paths)
        if fewest < self.n:
            raise DataError(
                f"viewers must be at most {fewest}, the other people there; got {self.n} ({where.name})"
            )
        return evidence(where, self.seen_by_others(where, present, paths), self.smoothing_deg, self.eps)

    def repeats(self, data: PathSet, paths: Paths) -> Iterator[list[Prediction]]:
        """Yield predictions by several draws of who the viewers are; the first is that of `predict`."""
        for draw in range(N_REPEATS if at_most(data, paths) > self.n else 1):
            other = copy(self)
            other.draw = draw
            yield other.predict(data, paths)

    def log_p(self, moments: Moments) -> Array:
        """Return what the choice model says; `told` knows more."""
        return self.base.log_p(moments)

    def log_end(self, moments: Moments) -> Array:
        """Return what the choice model says of ends."""
        return self.base.log_end(moments)

    def _state(self) -> State:
        own = {
            "viewers_n": np.array([self.n]),
            "viewers_seed": np.array([self.seed]),
            "viewers_weights": self.weights,
            "viewers_smoothing_and_eps": np.array([self.smoothing_deg, self.eps]),
        }
        return {**self.base.state(), **own}

    def _load(self, state: State) -> None:
        self.base = ChoiceModel().load(state)
        self.n, self.seed = int(state["viewers_n"][0]), int(state["viewers_seed"][0])
        self.weights = np.asarray(state["viewers_weights"], dtype=float)
        self.smoothing_deg, self.eps = map(float, state["viewers_smoothing_and_eps"])


class _Told(Stepwise):
    """The choice model over one layout, told of evidence (n_paths, n_objects) about each path."""

    def __init__(self, viewers: Viewers, layout: Layout, told: Array) -> None:
        self.viewers, self.layout, self.evidence = viewers, layout, told

    def log_p(self, moments: Moments) -> Array:
        base = self.viewers.base.log_p(moments)
        planes = _planes(moments, base, self.evidence[moments.path])
        return logit.log_p_of(self.viewers.weights, planes).astype(float)

    def log_end(self, moments: Moments) -> Array:
        return self.viewers.base.log_end(moments)

    def _fit(self, data: PathSet, train: Paths, validation: Paths, config: ScanpathConfig) -> None:
        raise NotImplementedError

    def _state(self) -> State:
        return self.viewers.state()

    def _load(self, state: State) -> None:
        raise NotImplementedError


class _Evidence:
    """Choices of training paths, what the choice model says of them, and where others looked."""

    def __init__(self, viewers: Viewers, data: PathSet, present: Fixated, paths: Paths) -> None:
        self.parts = []
        for one in blocks(data, paths):
            moments, chosen = one.choices()
            own = [paths[k] for k in one.which]
            seen = viewers.seen_by_others(moments.layout, present[own[0].layout], own)
            self.parts.append((moments, chosen, viewers.base.log_p(moments), seen))

    def fit(self, smoothing_deg: float, eps: float) -> logit.Fit:
        """Fit the weights of the choice model and of the evidence."""
        some = []
        for moments, chosen, base, seen in self.parts:
            told = evidence(moments.layout, seen, smoothing_deg, eps)[moments.path]
            some.append(logit.Choices(_planes(moments, base, told), chosen))
        n = sum(len(one.chosen) for one in some)
        start = np.array([1.0, 0.0, 0.0])
        return logit.climb(lambda w: logit.conditional(some, w), start, np.full(3, RIDGE), n, tolerance=1e-6)


def evidence(layout: Layout, seen: Array, smoothing_deg: float, eps: float) -> Array:
    """Return ln(d + eps) of smoothed densities in units of an even one.

    Parameters
    ----------
    layout : Layout
        The objects.
    seen : array, shape (n_paths, n_objects)
        How often each object was looked at by each path's viewers.
    smoothing_deg : float
        Standard deviation of a Gaussian by which every fixation is spread over objects; 0 for none.
    eps : float
        Added, in units of an even density.
    """
    if smoothing_deg > 0:
        place = layout.position_deg
        square = ((place[:, None] - place) ** 2).sum(axis=-1)
        kernel = np.exp(-square / (2 * smoothing_deg**2))
        seen = seen @ (kernel / kernel.sum(axis=1, keepdims=True))
    total = np.maximum(seen.sum(axis=1, keepdims=True), 1e-9)
    return np.log(seen / total * layout.n_objects + eps)


def at_most(data: PathSet, paths: Paths | None = None) -> int:
    """Return how many other people at least looked at the scene of each path; of all paths by default."""
    present = _present(data)
    some = data.paths if paths is None else paths
    return min(len(set(present[path.layout]) - {path.person}) for path in some)


def mean_rows(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean of the numbers that several draws of viewers gave each fixation; keys are those of the first."""
    mean = tables[0].copy()
    for column in mean.columns[mean.dtypes == np.float64]:
        mean[column] = np.mean([table[column].to_numpy() for table in tables], axis=0)
    return mean


def fixated_by(data: PathSet, paths: Paths) -> dict[int, dict[str, Array]]:
    """Return how often each person looked at each object of each layout, fixations that are given left out."""
    counts: dict[int, dict[str, Array]] = defaultdict(dict)
    for path in paths:
        n_objects = data.layouts[path.layout].n_objects
        own = counts[path.layout].setdefault(path.person, np.zeros(n_objects))
        np.add.at(own, path.objects[path.n_given :], 1.0)
    return dict(counts)


@lru_cache(maxsize=2)
def _present(data: PathSet) -> Fixated:
    return fixated_by(data, data.paths)


@lru_cache(maxsize=2)
def _history(data: PathSet, train: bytes, validation: bytes, seed: int) -> ChoiceModel:
    """The choice model, fitted once for all numbers of viewers; numbers of paths as bytes, so that they are a key."""
    parts = [np.frombuffer(part, dtype=np.int64) for part in (train, validation)]
    split = Split(*parts, test=np.zeros(0, dtype=np.int64))
    return ChoiceModel().fit(data, split, ScanpathConfig(seed=seed))


def _planes(moments: Moments, base: Array, told: Array) -> Floats:
    late = (np.log1p(moments.number) / np.log1p(LATE))[:, None]
    return np.stack([base, told, told * late]).astype(np.float32)
