"""Predictors without a network: what they share. One says how likely each object is next, the rest follows from it.

A scanpath is drawn fixation by fixation. Where the likeliest path is asked for it takes the likeliest object at each
step, one of them at random where several are, and ends when half of all paths would have ended: such predictors spread
their odds over so many objects that the likeliest single step is nearly always the end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.scanpath.baselines.ending import LEAST_END, Hazard
from cogattn.psychophysics.scanpath.baselines.moments import Moments, beginnings, block, by_layout
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.predicting import Prediction
from cogattn.psychophysics.scanpath.splitting import Split

if TYPE_CHECKING:
    from cogattn.psychophysics.scanpath.config import ScanpathConfig

State = Mapping[str, NDArray[np.generic]]
EVEN = 0.01
"""Part of a probability that is spread evenly where a rule would call some object impossible, or nearly so."""
AT_ONCE = 400_000
"""Values of one array of moments x objects that are held at once while paths are drawn."""


class Stepwise(ABC):
    """A predictor that says what is next, given what was looked at so far."""

    needs_images: ClassVar[bool] = False
    """Whether it can say nothing of layouts without an image."""
    ends: Hazard

    def fit(self, data: PathSet, split: Split, config: ScanpathConfig) -> Self:
        """Learn from the training part, choosing by the validation part."""
        train = [data.paths[k] for k in split.train]
        validation = [data.paths[k] for k in split.validation]
        self.ends = Hazard.fit(train)
        self._fit(data, train, validation, config)
        return self

    @abstractmethod
    def _fit(
        self,
        data: PathSet,
        train: Sequence[ObjectPath],
        validation: Sequence[ObjectPath],
        config: ScanpathConfig,
    ) -> None: ...

    @abstractmethod
    def log_p(self, moments: Moments) -> Array:
        """Return ln of the chance of each object to be next, given that the path goes on, shape (n, n_objects)."""

    def log_end(self, moments: Moments) -> Array:
        """Return ln of the chance that the path ends, shape (n,)."""
        return np.where(moments.may_end, np.log(self.ends(moments.number)), np.log(LEAST_END))

    def told(self, data: PathSet, layout: int, paths: Sequence[ObjectPath]) -> Stepwise:
        """Return what predicts these paths over one layout: itself, unless it is told of other people."""
        return self

    def predict(self, data: PathSet, paths: Sequence[ObjectPath]) -> list[Prediction]:
        """Return a prediction of each path."""
        answers: list[Prediction | None] = [None] * len(paths)
        for layout, own in by_layout(paths):
            some = [paths[k] for k in own]
            of_one = block(data.layouts[layout], some, own)
            predictor = self.told(data, layout, some)
            log_p = predictor.log_p(of_one.moments.take(of_one.goes_on))
            log_end = predictor.log_end(of_one.moments)
            n = np.array([len(path) - path.n_given for path in some])
            parts = zip(own, _cut(log_p, n), _cut(log_end, n + 1), strict=True)
            for k, chances, end in parts:
                answers[k] = Prediction(chances, end)
        return [answer for answer in answers if answer is not None]

    def sample(
        self,
        data: PathSet,
        paths: Sequence[ObjectPath],
        *,
        n: int,
        rng: np.random.Generator,
        max_length: int,
    ) -> list[list[Ints]]:
        """Return `n` scanpaths for each path; with ``n=0`` the likeliest step by step."""
        answers: list[list[Ints]] = [[] for _ in paths]
        for layout, own in by_layout(paths):
            for some in few(own, data.layouts[layout], max(n, 1)):
                chosen = [paths[k] for k in some]
                predictor = self.told(data, layout, chosen)
                start = beginnings(data.layouts[layout], chosen, max(n, 1))
                given = [path.objects[: path.n_given] for path in chosen for _ in range(max(n, 1))]
                walks = _walk(predictor, start, rng, greedy=n == 0, max_length=max_length)
                for row, (begin, walk) in enumerate(zip(given, walks, strict=True)):
                    answers[some[row // max(n, 1)]].append(np.concatenate([begin, walk]))
        return answers

    @abstractmethod
    def _state(self) -> State: ...

    @abstractmethod
    def _load(self, state: State) -> None: ...

    def state(self) -> Mapping[str, np.ndarray]:
        """Return what was learned."""
        return {"ends": self.ends.chance, **self._state()}

    def load(self, state: State) -> Self:
        """Take what another of its kind learned."""
        self.ends = Hazard(np.asarray(state["ends"], dtype=float))
        self._load(state)
        return self


def with_even_part(log_p: Array) -> Array:
    """Return ln of probabilities (..., n_objects) of which `EVEN` is spread evenly."""
    return np.log((1 - EVEN) * np.exp(log_p) + EVEN / log_p.shape[-1])


def normalised(log_p: Array) -> Array:
    """Return log scores (..., n_objects) as ln of probabilities."""
    log_p = log_p - log_p.max(axis=-1, keepdims=True)
    return log_p - np.log(np.exp(log_p).sum(axis=-1, keepdims=True))


def _cut(rows: Array, lengths: Ints) -> list[Array]:
    return np.split(rows, np.cumsum(lengths)[:-1])


def few(own: Ints, layout: Layout, n: int) -> Iterator[Ints]:
    """Yield parts of a layout's paths whose copies can be drawn together."""
    per = max(1, AT_ONCE // (n * layout.n_objects))
    yield from (own[first : first + per] for first in range(0, len(own), per))


def _walk(
    predictor: Stepwise, start: Moments, rng: np.random.Generator, *, greedy: bool, max_length: int
) -> list[Ints]:
    """Objects looked at from each of some first moments on, until each path ends."""
    steps: list[list[int]] = [[] for _ in range(len(start))]
    row, moments, going_on = np.arange(len(start)), start, np.zeros(len(start))
    while len(row):
        stays = moments.number < max_length
        row, moments, going_on = row[stays], moments.take(stays), going_on[stays]
        end = np.exp(predictor.log_end(moments))
        going_on = going_on + np.log1p(-np.minimum(end, 1 - 1e-12))
        stops = (going_on < np.log(0.5)) if greedy else (rng.random(len(row)) < end)
        stays = ~(stops & moments.may_end)
        row, moments, going_on = row[stays], moments.take(stays), going_on[stays]
        if not len(row):
            break
        log_p = predictor.log_p(moments)
        chosen = likeliest(log_p, rng) if greedy else drawn(log_p, rng)
        for one, thing in zip(row, chosen, strict=True):
            steps[one].append(int(thing))
        moments = moments.after(chosen)
    return [np.array(path, dtype=np.int64) for path in steps]


def drawn(log_p: Array, rng: np.random.Generator) -> Ints:
    """Return an object of each row of ln chances, drawn by them."""
    chance = np.cumsum(np.exp(log_p), axis=1)
    at = rng.random(len(log_p))[:, None] * chance[:, -1:]
    return np.minimum((chance <= at).sum(axis=1), log_p.shape[1] - 1)


def likeliest(log_p: Array, rng: np.random.Generator) -> Ints:
    """Return the likeliest object of each row; a random one of those that are equally likely."""
    best = log_p >= log_p.max(axis=1, keepdims=True) - 1e-9
    return np.where(best, rng.random(log_p.shape), -1.0).argmax(axis=1)
