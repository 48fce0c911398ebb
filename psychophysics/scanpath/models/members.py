"""Several networks that differ by their initial weights alone, as one: the mean of ln of their chances.

References
----------
Lakshminarayanan, Pritzel, Blundell (2017), Simple and scalable predictive uncertainty estimation using deep ensembles,
NeurIPS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cogattn.psychophysics.scanpath.baselines.stepwise import drawn, normalised
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.models.collating import Told
from cogattn.psychophysics.scanpath.models.predictor import NetworkPredictor, Walk
from cogattn.psychophysics.scanpath.predicting import Prediction

if TYPE_CHECKING:
    pass


AT_ONCE = 64
"""Paths whose copies are drawn together."""


class Walking(Protocol):
    """Paths under way, as a network or several have them."""

    def chances(self) -> tuple[Array, Array]:
        """Return ln of the chances of objects, given that a path goes on (n_paths, n_objects), and of ending."""
        ...

    def after(self, chosen: Ints) -> Walking:
        """Return them after one more fixation each."""
        ...


@dataclass(frozen=True, eq=False)
class Members:
    """Networks whose chances are averaged; one alone says what it says.

    Parameters
    ----------
    networks : tuple of NetworkPredictor
        At least one, told of the same layouts.
    """

    networks: tuple[NetworkPredictor, ...]

    @property
    def told(self) -> Told:
        """What they are told of layouts."""
        return self.networks[0].told

    def telling(self, told: Told) -> Members:
        """Return the same networks, told of other layouts."""
        return Members(tuple(network.telling(told) for network in self.networks))

    def predict(self, data: PathSet, paths: Sequence[ObjectPath]) -> list[Prediction]:
        """Return a prediction of each path, what one alone says as it is; durations are the first network's."""
        each = [network.predict(data, paths) for network in self.networks]
        return [_mean(own) for own in zip(*each, strict=True)]

    def walk(self, data: PathSet, paths: Sequence[ObjectPath], copies: int) -> Walking:
        """Return `copies` of each of some paths with equally many given fixations, after these."""
        return _Walks(tuple(network.walk(data, paths, copies) for network in self.networks))

    def state(self) -> Mapping[str, np.ndarray]:
        """Return the weights of all networks."""
        each = enumerate(network.state() for network in self.networks)
        return {f"{number}/{name}": value for number, own in each for name, value in own.items()}

    def sample(
        self,
        data: PathSet,
        paths: Sequence[ObjectPath],
        *,
        n: int,
        rng: np.random.Generator,
        max_length: int,
    ) -> list[list[Ints]]:
        """Return `n` scanpaths for each path, or the greedy one; see `predicting.Predictor`."""
        if len(self.networks) == 1:
            return self.networks[0].sample(data, paths, n=n, rng=rng, max_length=max_length)
        answers: list[list[Ints]] = [[] for _ in paths]
        copies = max(n, 1)
        for n_given, some in _alike(paths):
            chosen = [paths[k] for k in some]
            begin = np.repeat([path.objects[:n_given] for path in chosen], copies, axis=0)
            made = _go(self.walk(data, chosen, copies), begin, rng, greedy=n == 0, max_length=max_length)
            for row, path in enumerate(made):
                answers[some[row // copies]].append(path)
        return answers


def _alike(paths: Sequence[ObjectPath]) -> Iterator[tuple[int, list[int]]]:
    """Numbers of given fixations with paths that have so many, a few at a time."""
    for n_given in sorted({path.n_given for path in paths}):
        some = [k for k, path in enumerate(paths) if path.n_given == n_given]
        yield from ((n_given, some[first : first + AT_ONCE]) for first in range(0, len(some), AT_ONCE))


def _go(walk: Walking, begin: Ints, rng: np.random.Generator, *, greedy: bool, max_length: int) -> list[Ints]:
    """Paths (n, n_given) grown step by step until each has ended; the first new fixation is never an end."""
    grid, going = [*begin.T], np.ones(len(begin), dtype=bool)
    n_given = len(grid)
    while len(grid) < max(max_length, n_given + 1):
        log_p, log_end = walk.chances()
        log_end = np.full(len(log_p), -np.inf) if len(grid) == n_given else log_end
        ends = np.exp(log_end)
        chances = np.concatenate([np.exp(log_p) * (1 - ends)[:, None], ends[:, None]], axis=1)
        steps = np.log(np.maximum(chances, 1e-300))
        chosen = steps.argmax(axis=1) if greedy else drawn(steps, rng)
        going &= chosen < log_p.shape[1]
        if not going.any():
            break
        grid.append(np.where(going, chosen, -1))
        walk = walk.after(np.where(going, chosen, 0))
    return [row[row >= 0] for row in np.stack(grid, axis=1)]


@dataclass(frozen=True, eq=False)
class _Walks:
    walks: tuple[Walk, ...]

    def chances(self) -> tuple[Array, Array]:
        log_p, log_end = zip(*(walk.chances() for walk in self.walks), strict=True)
        return normalised(np.mean(log_p, axis=0)), np.mean(log_end, axis=0)

    def after(self, chosen: Ints) -> _Walks:
        return _Walks(tuple(walk.after(chosen) for walk in self.walks))


def _mean(own: Sequence[Prediction]) -> Prediction:
    if len(own) == 1:
        return own[0]
    log_end = [one.log_end for one in own if one.log_end is not None]
    return replace(
        own[0],
        log_p=normalised(np.mean([one.log_p for one in own], axis=0)),
        log_end=np.mean(log_end, axis=0) if log_end else None,
    )
