"""What a learner of two rules about trees meets: gardens, trees, rewards, in which order.

A tree has one of five degrees of branchiness and of leafiness. In each of two gardens one rule says which trees grow:
branchiness in the one and leafiness in the other (cardinal rules, experiment 1a), or their sum and their difference
(diagonal, 1b). Of 400 training trials every tree is met eight times in each garden, of 200 test trials four times, the
gardens interleaved. In training the gardens come in runs of 200, 20 or 2 trials, or interleaved at random.

Courses without people follow the same design; which way each rule goes, and which garden is first, is drawn for each
learner. Trials of the published courses are as random within a garden as these.

References
----------
Flesch, Balaguer, Dekker, Nili, Summerfield (2018), PNAS 115, E10313-E10322.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cogattn.seeds import Streams

Experiment = Literal["1a", "1b"]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

N_LEVELS = 5
N_GARDENS = 2
N_TRAINING, N_TEST = 400, 200
N_TRIALS = N_TRAINING + N_TEST
BLOCKED, INTERLEAVED = "b200", "interleaved"
RUNS = {BLOCKED: 200, "b20": 20, "b2": 2}
"""Trials that a garden stays, of the groups for which that is fixed."""
GROUPS = (*RUNS, INTERLEAVED)
HIGHEST_REWARD = 50.0
"""Points for the tree that grows best; rewards here are in this unit."""


@dataclass(frozen=True, eq=False)
class Course:
    """The trials of several learners, training first.

    Parameters
    ----------
    experiment : {"1a", "1b"}
        Cardinal or diagonal rules.
    persons : tuple of str
        Names of the learners.
    groups : tuple of str
        Curriculum of each, of `GROUPS`.
    garden : array of int64, shape (n_persons, N_TRIALS)
        0 or 1.
    branch, leaf : array of int64, shape (n_persons, N_TRIALS)
        Branchiness and leafiness from 0.
    reward : array, shape (n_persons, N_TRIALS)
        For planting the tree there, from -1 to 1; not planting has none. 0 is on the boundary of the rule.
    """

    experiment: Experiment
    persons: tuple[str, ...]
    groups: tuple[str, ...]
    garden: Ints
    branch: Ints
    leaf: Ints
    reward: Floats

    def __len__(self) -> int:
        return len(self.persons)

    @cached_property
    def category(self) -> Ints:
        """1 where the tree is to be planted, -1 where not, 0 where there is no right answer."""
        return np.sign(self.reward).astype(np.int64)

    @cached_property
    def other_category(self) -> Ints:
        """What would be right by the rule of the other garden."""
        rows = np.arange(len(self))[:, None]
        table = np.zeros((len(self), N_GARDENS, N_LEVELS, N_LEVELS), dtype=np.int64)
        table[rows, self.garden, self.branch, self.leaf] = self.category
        return table[rows, 1 - self.garden, self.branch, self.leaf]

    @cached_property
    def switch(self) -> NDArray[np.bool_]:
        """Whether the garden is another than in the trial before."""
        return np.diff(self.garden, axis=1, prepend=self.garden[:, :1]) != 0

    @cached_property
    def second(self) -> NDArray[np.bool_]:
        """Whether the garden is the one that was met second."""
        return self.garden != self.garden[:, :1]


def simulated(experiment: Experiment, n_twins: int, streams: Streams) -> Course:
    """Draw courses of the published design.

    Parameters
    ----------
    experiment : {"1a", "1b"}
        Cardinal or diagonal rules.
    n_twins : int
        Learners of each curriculum.
    streams : Streams
        Every learner has its own; the first ones are the same however many there are.

    Returns
    -------
    Course
        Learners named ``b200 1`` and so on, curriculum after curriculum.
    """
    groups = [group for group in GROUPS for _ in range(n_twins)]
    persons = [f"{group} {number}" for group in GROUPS for number in range(1, n_twins + 1)]
    drawn = [
        _one(experiment, group, streams.generator(person))
        for group, person in zip(groups, persons, strict=True)
    ]
    garden, branch, leaf, reward = (np.stack(parts) for parts in zip(*drawn, strict=True))
    return Course(experiment, tuple(persons), tuple(groups), garden, branch, leaf, reward)


def _one(experiment: Experiment, group: str, rng: np.random.Generator) -> tuple[Ints, Ints, Ints, Floats]:
    """Gardens, trees and rewards of one learner."""
    signs, first = rng.choice([-1, 1], size=N_GARDENS), int(rng.integers(N_GARDENS))
    garden = np.concatenate([_gardens(group, first, rng), _mixed(N_TEST, rng)])
    branch, leaf = np.zeros(N_TRIALS, dtype=np.int64), np.zeros(N_TRIALS, dtype=np.int64)
    for part in (slice(0, N_TRAINING), slice(N_TRAINING, N_TRIALS)):
        for which in range(N_GARDENS):
            places = np.flatnonzero(garden[part] == which) + part.start
            trees = rng.permutation(np.arange(len(places)) % N_LEVELS**2)
            branch[places], leaf[places] = np.divmod(trees, N_LEVELS)
    return garden, branch, leaf, rewards(experiment, garden, branch, leaf) * signs[garden]


def _gardens(group: str, first: int, rng: np.random.Generator) -> Ints:
    """The garden of each training trial."""
    if group == INTERLEAVED:
        return _mixed(N_TRAINING, rng)
    return (np.arange(N_TRAINING) // RUNS[group] + first) % N_GARDENS


def _mixed(n: int, rng: np.random.Generator) -> Ints:
    return rng.permutation(np.arange(n) % N_GARDENS)


def rewards(experiment: Experiment, garden: Ints, branch: Ints, leaf: Ints) -> Floats:
    """Return rewards for planting by rules that go upwards, from -1 to 1.

    The first garden goes by leafiness and the second by branchiness (1a), or by their sum and by leafiness less
    branchiness (1b), where more than two steps from the boundary earn no more than two.
    """
    middle = N_LEVELS // 2
    leafy, branchy = leaf - middle, branch - middle
    if experiment == "1a":
        steps = np.where(garden == 0, leafy, branchy)
    else:
        steps = np.where(garden == 0, leafy + branchy, leafy - branchy)
    return np.clip(steps, -middle, middle) / middle
