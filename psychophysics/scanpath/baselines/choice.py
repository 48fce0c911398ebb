"""The choice model ``history``: geometry, history and area, and no content. What networks must beat.

A conditional logit of the next object on `features`, and a logit of ending on how many fixations there were and whether
the target was seen. Weights are fitted to the training part by Newton's method; the bandwidth of the density of
fixations and the ridge are those of the best validation likelihood. A training layout's own fixations are left out of
the density that it is told of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cogattn.psychophysics.scanpath.baselines import density, features, logit
from cogattn.psychophysics.scanpath.baselines.ending import EndModel
from cogattn.psychophysics.scanpath.baselines.moments import Moments, blocks, some_paths
from cogattn.psychophysics.scanpath.baselines.stepwise import State, Stepwise
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.layouts.items import Array, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.predicting import target_of
from cogattn.seeds import Streams

Paths = Sequence[ObjectPath]
RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Tried; twice the nats that a squared unit of a weight costs."""
UNJUDGED = 3.0
"""The ridge where nothing is left to choose it by."""
N_FITTED = 40_000
"""Fixations, at most, that weights are fitted to: whole scanpaths drawn from the training part."""
N_CHOOSING = 8_000
"""The same, for the choice of bandwidth and ridge."""
HELD = 100_000_000
"""Values of features that are kept between Newton's steps; more are made anew."""


@dataclass(frozen=True, eq=False)
class Maps:
    """Densities over bins of the image: of all fixations and of first ones."""

    all: Array
    first: Array


class ChoiceModel(Stepwise):
    """Conditional logit of geometry, history and area."""

    maps: Maps
    weights: Array
    ridge: float
    end_model: EndModel

    def _fit(self, data: PathSet, train: Paths, validation: Paths, config: ScanpathConfig) -> None:
        streams = Streams(config.seed).child("scanpath", "choice")
        some, few = (some_paths(train, n, streams.generator("training")) for n in (N_FITTED, N_CHOOSING))
        judged = some_paths(validation, N_CHOOSING, streams.generator("validation"))
        all_counts, firsts = density.Counts.of(data, train), density.Counts.of(data, train, first=True)
        bandwidth, first_bandwidth = (_bandwidth(data, counts) for counts in (all_counts, firsts))
        self.maps = Maps(
            density.smoothed(all_counts.total, bandwidth), density.smoothed(firsts.total, first_bandwidth)
        )

        def left_out(layout: int) -> Maps:
            return Maps(
                density.smoothed(all_counts.without(layout), bandwidth),
                density.smoothed(firsts.without(layout), first_bandwidth),
            )

        self._weigh(data, some, few, judged, left_out)
        self.end_model = EndModel.fit(data, train)

    def _weigh(
        self, data: PathSet, some: Paths, few: Paths, validation: Paths, left_out: Callable[[int], Maps]
    ) -> None:
        """Choose the ridge with few paths, and fit with some."""
        choosing = _Kept(lambda: self._choices(data, few, left_out))
        judging = _Kept(lambda: self._choices(data, validation, None))
        start, best = np.zeros(len(features.NAMES)), -np.inf
        n = _n_choices(few)
        self.weights, self.ridge = start, RIDGES[-1]
        for ridge in RIDGES[::-1]:
            start = logit.climb(choosing, start, ridge * features.RIDGE_OF, n, tolerance=1e-5).weights
            value = judging(start)[0] if validation else -abs(np.log(ridge / UNJUDGED))
            if value > best:
                best, self.weights, self.ridge = value, start, ridge
        if len(some) > len(few):
            everything = _Kept(lambda: self._choices(data, some, left_out))
            ridges = self.ridge * features.RIDGE_OF
            self.weights = logit.climb(
                everything, self.weights, ridges, _n_choices(some), tolerance=1e-5
            ).weights

    def _choices(
        self, data: PathSet, paths: Paths, left_out: Callable[[int], Maps] | None
    ) -> Iterator[logit.Choices]:
        for one in blocks(data, paths):
            moments, chosen = one.choices()
            layout = paths[one.which[0]].layout
            maps = self.maps if left_out is None else left_out(layout)
            yield logit.Choices(_features(moments, maps), chosen)

    def log_p(self, moments: Moments) -> Array:
        """Return ln of the chance of each object."""
        return logit.log_p_of(self.weights, _features(moments, self.maps)).astype(float)

    def log_end(self, moments: Moments) -> Array:
        """Return ln of the chance of an end."""
        return self.end_model(moments)

    def _state(self) -> State:
        return {
            "weights": self.weights,
            "ridge": np.array([self.ridge]),
            "density": self.maps.all,
            "first_density": self.maps.first,
            "end_weights": self.end_model.weights,
        }

    def _load(self, state: State) -> None:
        given = {name: np.asarray(value, dtype=float) for name, value in state.items()}
        self.maps = Maps(given["density"], given["first_density"])
        self.weights, self.ridge = given["weights"], float(given["ridge"][0])
        self.end_model = EndModel(given["end_weights"])


class _Kept:
    """Log likelihood of blocks of choices that are kept as far as memory goes, and made anew beyond."""

    def __init__(self, make: Callable[[], Iterator[logit.Choices]]) -> None:
        self.make, self.kept, self.whole = make, [], False

    def __call__(self, weights: Array) -> tuple[float, Array, Array]:
        return logit.conditional(self._blocks(), weights)

    def _blocks(self) -> Iterator[logit.Choices]:
        if self.whole:
            yield from self.kept
            return
        kept, held = [], 0
        for one in self.make():
            held += one.features.size
            kept = [*kept, one] if held <= HELD else []
            yield one
        self.kept, self.whole = kept, held <= HELD


def _features(moments: Moments, maps: Maps) -> np.ndarray:
    layout = moments.layout
    dense, first = (density.over_objects(one, layout) for one in (maps.all, maps.first))
    return features.features(moments, dense, first, target_of(layout))


def _n_choices(paths: Paths) -> int:
    return sum(len(path) - path.n_given for path in paths)


def _bandwidth(data: PathSet, counts: density.Counts) -> float:
    """Bandwidth under which the other layouts' fixations tell most of each layout's."""

    def likelihood(bandwidth: float) -> float:
        together = density.smoothed(counts.total, bandwidth) * counts.total.sum()
        value = 0.0
        for own in counts.by_layout.values():
            left = together - density.smoothed(own, bandwidth) * own.sum()
            left = np.maximum(left, 0) + 1.0 / left.size
            value += float((own * np.log(left / left.sum())).sum())
        return value

    return max(density.BANDWIDTHS, key=likelihood)
