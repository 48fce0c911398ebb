"""The task of Holton et al. (2026): places of plants on a ring, in two seasons, under one rule and then another.

A person learns where each of six plants is in summer and in winter; in winter it is further along the ring by a *rule*,
the same angle for all six. Part A1 is task A, part B is task B with six other plants and the same rule, one that is
near (30 degrees away) or far (180), and part A2 is task A again, where only summer has feedback. A part has ten blocks;
in a block each plant is asked for once, in summer and then at once in winter. In task A one plant's winter is never
told: it tests whether the rule is known.

The paper's schedules are people's; where there are none, `simulated` draws them alike: summer places of a task are
sixth parts of the ring, turned by a random angle, and the near rule lies to either side. These two are ours.

References
----------
Holton, Braun, Thompson, Grohn, Summerfield (2026), Nature Human Behaviour 10, 111-125, doi 10.1038/s41562-025-02318-y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cogattn.seeds import Streams

Part = Literal["A1", "B", "A2"]
Season = Literal["summer", "winter"]
Group = Literal["same", "near", "far"]
Array = NDArray[np.float64]
Ints = NDArray[np.int64]

PARTS: tuple[Part, ...] = ("A1", "B", "A2")
SEASONS: tuple[Season, ...] = ("summer", "winter")
"""By ``feature_idx`` of the published files."""
GROUPS: tuple[Group, ...] = ("same", "near", "far")
SHIFT: dict[Group, float] = {"same": 0.0, "near": math.pi / 6, "far": math.pi}
"""Between the rules of A and B, in radians."""
N_STIMULI = 6
"""Of a task; task A has numbers 0 to 5 in simulated schedules."""
N_BLOCKS = 10
BLOCK = 2 * N_STIMULI
"""Trials of a block."""


@dataclass(frozen=True)
class Course:
    """What one learner is asked, trial by trial.

    Parameters
    ----------
    person : str
        Who; of a simulated schedule its number.
    group : {"same", "near", "far"}
        How rule B stands to rule A.
    stimulus : array of int64, shape (3, n_trials)
        Which plant, 0 to 11, by part.
    season : array of int64, shape (3, n_trials)
        0 summer, 1 winter; they take turns, and a pair is of one plant.
    place : array, shape (3, n_trials)
        Where it is, in radians.
    rule_a, rule_b : float
        Winter place less summer place in task A and in task B, radians between -pi and pi.
    untold : int
        The plant of task A whose winter has no feedback in A1.
    """

    person: str
    group: Group
    stimulus: Ints
    season: Ints
    place: Array
    rule_a: float
    rule_b: float
    untold: int

    @property
    def n_trials(self) -> int:
        """Trials of a part."""
        return self.stimulus.shape[1]

    @property
    def tests(self) -> NDArray[np.bool_]:
        """Trials of the untold plant in winter, shape (3, n_trials); part B has none of it."""
        return (self.stimulus == self.untold) & (self.season == 1)

    @property
    def trained(self) -> NDArray[np.bool_]:
        """Trials that a network learns from, shape (3, n_trials), as published.

        All but the untold plant's winter in A1, all of B, and summers only in A2.
        """
        learns = ~self.tests
        learns[2] = self.season[2] == 0
        return learns


def wrapped(angle: Array) -> Array:
    """Return angles in radians between -pi (included) and pi."""
    return (np.asarray(angle, dtype=np.float64) + math.pi) % (2 * math.pi) - math.pi


def accuracy(answer: Array, place: Array) -> Array:
    """Return 1 less the distance on the ring as a share of half the ring: 1 is right, .5 chance, 0 opposite."""
    return 1 - np.abs(wrapped(np.asarray(answer) - np.asarray(place))) / math.pi


def simulated(n_twins: int, streams: Streams) -> tuple[Course, ...]:
    """Return schedules for so many learners a group, group by group.

    Parameters
    ----------
    n_twins : int
        Learners of each group.
    streams : Streams
        Of the run; the k-th learner of all has those of ``child("seed", k).child("tasks")``.
    """
    whose = [(group, number) for group in GROUPS for number in range(n_twins)]
    return tuple(
        _simulated(group, number, streams.child("seed", k).child("tasks"))
        for k, (group, number) in enumerate(whose)
    )


def _simulated(group: Group, number: int, streams: Streams) -> Course:
    rng = streams.generator()
    rule_a = float(rng.uniform(-math.pi, math.pi))
    side, untold = float(rng.choice([-1, 1])), int(rng.integers(N_STIMULI))
    rule_b = float(wrapped(np.array(rule_a + side * SHIFT[group])))
    summers = np.stack([_summers(rng) for _ in range(2)])  # (tasks, plants)
    plants = np.stack([_orders(rng) for _ in PARTS])  # (parts, trials), 0 to 5
    season = np.broadcast_to(np.tile([0, 1], N_BLOCKS * N_STIMULI), plants.shape).copy()
    task = np.array([0, 1, 0])[:, None]
    rule = np.array([rule_a, rule_b, rule_a])[:, None]
    place = wrapped(summers[task, plants] + rule * season)
    return Course(
        f"{group} {number:03d}", group, plants + N_STIMULI * task, season, place, rule_a, rule_b, untold
    )


def _summers(rng: np.random.Generator) -> Array:
    """Places of a task's plants: sixth parts of the ring, turned."""
    return rng.uniform(0, 2 * math.pi) + rng.permutation(N_STIMULI) * 2 * math.pi / N_STIMULI


def _orders(rng: np.random.Generator) -> Ints:
    """Plants of a part, each twice in a row, a permutation each block."""
    return np.concatenate([np.repeat(rng.permutation(N_STIMULI), 2) for _ in range(N_BLOCKS)])
