"""A network's chances pooled with those of the choice model, which knows geometry, history and area but no content.

With few scanpaths a network has still to learn what a choice model of a hundred weights knows at once. The pool is
logarithmic: ln of the chances of the choice model and of the network, and the log odds of a linear reading of
appearance, are added up with weights fitted to the validation part, on which the network is judged as well.

References
----------
Genest, Zidek (1986), Combining probability distributions, Statistical Science 1, 114-135: logarithmic pools.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.special import log_expit

from cogattn.psychophysics.scanpath.baselines import logit
from cogattn.psychophysics.scanpath.baselines.choice import ChoiceModel
from cogattn.psychophysics.scanpath.baselines.ending import LEAST_END
from cogattn.psychophysics.scanpath.baselines.moments import Moments, beginnings, by_layout
from cogattn.psychophysics.scanpath.baselines.stepwise import drawn, few, likeliest, normalised
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.models.collating import Told
from cogattn.psychophysics.scanpath.models.content import Content
from cogattn.psychophysics.scanpath.models.members import Members, Walking
from cogattn.psychophysics.scanpath.predicting import Prediction
from cogattn.psychophysics.scanpath.splitting import Split

EVENLY = np.array([0.5, 0.5, 1.0])
"""Weights that the fit begins with and is drawn to: of the choice model, of the network, of the log odds of content."""
RIDGE = 10.0
"""Twice the nats that a squared unit of departure from `EVENLY` costs."""
END_RIDGE = 0.1


@dataclass(frozen=True, eq=False)
class Pooled:
    """A network and the choice model as one `predicting.Predictor`.

    Parameters
    ----------
    network : Members
        Trained.
    choice : ChoiceModel
        Fitted to the same training part.
    content : Content, optional
        The linear reading, where the network is told what objects look like.
    weights : array, shape (3,)
        Of ln of the choice model's chances, of ln of the network's, and of the log odds of content.
    end_weights : array, shape (3,)
        Of one, and of the log odds of ending under both.
    """

    network: Members
    choice: ChoiceModel
    content: Content | None
    weights: Array
    end_weights: Array

    @classmethod
    def fit(cls, network: Members, choice: ChoiceModel, data: PathSet, split: Split) -> Self:
        """Pool a trained network and a fitted choice model by weights of the best validation likelihood."""
        train, validation = ([data.paths[k] for k in part] for part in (split.train, split.validation))
        features = network.told.features
        content = None if features is None else Content.fit(data, train, validation, features, choice)
        even = cls(network, choice, content, EVENLY, np.array([0.0, 0.5, 0.5]))
        parts = list(even._parts(data, validation))
        choices = [logit.Choices(one.planes, one.chosen, _weighed(EVENLY, one.planes)) for one in parts]
        n = sum(len(one.chosen) for one in parts)
        away = logit.climb(
            lambda at: logit.conditional(choices, at), np.zeros(3), np.full(3, RIDGE), n, tolerance=1e-7
        )
        known = np.concatenate([one.end_terms[1:] for one in parts])
        ended = np.concatenate([np.arange(1, len(one.end_terms)) == len(one.end_terms) - 1 for one in parts])
        ends = logit.climb(
            lambda at: logit.binary(known, ended, at), even.end_weights, np.full(3, END_RIDGE), len(known)
        )
        return replace(even, weights=EVENLY + away.weights, end_weights=ends.weights)

    def telling(self, told: Told) -> Pooled:
        """Return the same, told of other layouts."""
        return replace(self, network=self.network.telling(told))

    def state(self) -> Mapping[str, np.ndarray]:
        """Return what was learned beside the network: of the pool, of the choice model and of content."""
        content = {} if self.content is None else {"content": self.content.weights}
        choice = {f"choice/{name}": np.asarray(value) for name, value in self.choice.state().items()}
        return {"weights": self.weights, "end_weights": self.end_weights, **content, **choice}

    @classmethod
    def load(cls, network: Members, state: Mapping[str, np.ndarray]) -> Self:
        """Put a network and what `state` returned together again."""
        start = "choice/"
        own = {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
        content = Content(np.asarray(state["content"])) if "content" in state else None
        weights, end_weights = (np.asarray(state[name], dtype=float) for name in ("weights", "end_weights"))
        return cls(network, ChoiceModel().load(own), content, weights, end_weights)

    def predict(self, data: PathSet, paths: Sequence[ObjectPath]) -> list[Prediction]:
        """Return a prediction of each path."""
        return [
            Prediction(
                normalised(_weighed(self.weights, one.planes)),
                self._log_end(one.end_terms, np.arange(len(one.end_terms)) > 0),
                one.duration_ms,
            )
            for one in self._parts(data, paths)
        ]

    def sample(
        self,
        data: PathSet,
        paths: Sequence[ObjectPath],
        *,
        n: int,
        rng: np.random.Generator,
        max_length: int,
    ) -> list[list[Ints]]:
        """Return `n` scanpaths for each path; with ``n=0`` the likeliest, as baselines have it."""
        answers: list[list[Ints]] = [[] for _ in paths]
        copies = max(n, 1)
        for layout, some in _alike(data, paths, copies):
            chosen = [paths[k] for k in some]
            start = beginnings(data.layouts[layout], chosen, copies)
            given = [path.objects[: path.n_given] for path in chosen for _ in range(copies)]
            walk = self.network.walk(data, chosen, copies)
            made = self._go(data.layouts[layout], start, walk, rng, greedy=n == 0, max_length=max_length)
            for row, (begin, steps) in enumerate(zip(given, made, strict=True)):
                answers[some[row // copies]].append(np.concatenate([begin, steps]))
        return answers

    def _go(
        self,
        layout: Layout,
        moments: Moments,
        walk: Walking,
        rng: np.random.Generator,
        *,
        greedy: bool,
        max_length: int,
    ) -> list[Ints]:
        """Objects looked at until each path ends; ended ones are carried along and not kept."""
        going, stays, steps = np.ones(len(moments), dtype=bool), np.zeros(len(moments)), []
        utility = self._utility(layout)
        while int(moments.number[0]) < max(max_length, int(moments.n_given[0]) + 1):
            log_p, log_end = walk.chances()
            end_terms = _end_terms(self.choice.log_end(moments), log_end)
            end = np.exp(self._log_end(end_terms, moments.may_end))
            stays = stays + np.log1p(-np.minimum(end, 1 - 1e-12))
            stops = (stays < np.log(0.5)) if greedy else (rng.random(len(end)) < end)
            going = going & ~(stops & moments.may_end)
            if not going.any():
                break
            planes = np.stack([self.choice.log_p(moments), log_p, np.broadcast_to(utility, log_p.shape)])
            pooled = normalised(_weighed(self.weights, planes))
            chosen = likeliest(pooled, rng) if greedy else drawn(pooled, rng)
            steps.append(np.where(going, chosen, -1))
            moments, walk = moments.after(chosen), walk.after(chosen)
        grid = np.stack(steps, axis=1)
        return [row[row >= 0] for row in grid]

    def _parts(self, data: PathSet, paths: Sequence[ObjectPath]) -> Iterator[_Part]:
        pairs = zip(self.choice.predict(data, paths), self.network.predict(data, paths), strict=True)
        for path, (by_choice, by_network) in zip(paths, pairs, strict=True):
            utility = self._utility(data.layout_of(path))
            shape = by_choice.log_p.shape
            planes = np.stack([by_choice.log_p, by_network.log_p, np.broadcast_to(utility, shape)])
            ends = _end_terms(by_choice.log_end, by_network.log_end)
            yield _Part(planes, ends, path.objects[path.n_given :], by_network.duration_ms)

    def _utility(self, layout: Layout) -> Array:
        features = self.network.told.features
        if self.content is None or features is None:
            return np.zeros(layout.n_objects)
        return self.content(features[layout.name])

    def _log_end(self, terms: Array, may_end: np.ndarray) -> Array:
        return np.where(may_end, log_expit(terms @ self.end_weights), np.log(LEAST_END))


@dataclass(frozen=True, eq=False)
class _Part:
    """One path: ln chances and log odds (3, n, m), terms of ending (n + 1, 3), what was chosen (n,), durations."""

    planes: Array
    end_terms: Array
    chosen: Ints
    duration_ms: Array | None


def _weighed(weights: Array, planes: Array) -> Array:
    return np.tensordot(weights, planes, axes=1)


def _end_terms(by_choice: Array | None, by_network: Array | None) -> Array:
    """One, and the log odds of ending under both; bounded, for no path may end at once."""
    if by_choice is None or by_network is None:
        raise TypeError("a pool must be of predictors that say when paths end")
    both = [np.clip(_log_odds(one), -30, 30) for one in (by_choice, by_network)]
    return np.stack([np.ones(len(by_choice)), *both], axis=1)


def _log_odds(log_chance: Array) -> Array:
    sure = np.minimum(log_chance, -1e-13)
    return sure - np.log(-np.expm1(sure))


def _alike(data: PathSet, paths: Sequence[ObjectPath], copies: int) -> Iterator[tuple[int, Ints]]:
    """Layouts with numbers of paths over them that begin with equally many given fixations."""
    for layout, own in by_layout(paths):
        given = np.array([paths[k].n_given for k in own])
        for n_given in np.unique(given):
            for some in few(own[given == n_given], data.layouts[layout], copies):
                yield layout, some
