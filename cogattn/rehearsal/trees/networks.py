"""Networks that learn two rules about trees, one for each learner, a step at a time, all at once.

A network sees a tree as 25 units, one for each pair of degrees, that answer by a Gaussian of one step in either
direction, and the garden as two units of which one is 1; one hidden layer of rectified units; its output is the log
odds of planting. As in the published networks (Flesch et al., 2023) it climbs the reward that it has on average,
reward times probability of planting: a tree on the boundary teaches nothing. Each item is a step of plain gradient
descent, what is rehearsed after a trial as well as the trial itself; in the test nothing is learnt. It plants where
planting is more likely than not.

Different from the published networks are that trials are the person's and no more than these (400, theirs 10,000), the
initial weights (uniform within 1 / sqrt(inputs), theirs of SD .01), and units of the garden that are 1 and not 2.

The default rate, 1, gives the best accuracy in training without rehearsal, over all curricula, of .1, .2, .3, .5, .7,
1, 1.5, 2 and 3, for 20, 100 and 400 hidden units and in both experiments.

References
----------
Flesch, Nagy, Saxe, Summerfield (2023), PLoS Comput Biol 19, e1010808.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cogattn.rehearsal.networks import StackedMLP
from cogattn.rehearsal.trees.design import N_GARDENS, N_LEVELS, N_TRAINING, Course

WIDTH = 1.0
"""SD of a unit's Gaussian, in steps of branchiness or leafiness."""
N_INPUTS = N_LEVELS**2 + N_GARDENS

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def inputs() -> Tensor:
    """Return what a network sees of each tree in each garden, shape (N_GARDENS * N_LEVELS ** 2, N_INPUTS).

    Row ``(garden * N_LEVELS + branch) * N_LEVELS + leaf``; the last columns are the gardens'.
    """
    steps = torch.cartesian_prod(torch.arange(N_LEVELS), torch.arange(N_LEVELS)).double()
    trees = torch.exp(-(torch.cdist(steps, steps) ** 2) / (2 * WIDTH**2))
    gardens = torch.eye(N_GARDENS, dtype=torch.float64).repeat_interleave(len(trees), dim=0)
    return torch.cat([trees.repeat(N_GARDENS, 1), gardens], dim=1).float()


def learn(
    course: Course, items: Ints, *, width: int, learning_rate: float, generators: Sequence[torch.Generator]
) -> Bools:
    """Train a network for each learner and return whether it was right.

    Parameters
    ----------
    course : Course
        What they meet.
    items : array of int64, shape (n_persons, n_items)
        Number of the training trial that each step learns from; all trials are there, first in their order.
    width : int
        Hidden units.
    learning_rate : float
        Of gradient descent.
    generators : sequence of torch.Generator
        Initial weights of each.

    Returns
    -------
    array of bool, shape (n_persons, N_TRIALS)
        Of a training trial, before the first step that learns from it; without meaning on the boundary.
    """
    network = StackedMLP((N_INPUTS, width, 1), generators)
    seen = inputs()
    tree = torch.from_numpy((course.garden * N_LEVELS + course.branch) * N_LEVELS + course.leaf)
    before = _train(network, seen, tree, course, items, learning_rate)
    with torch.no_grad():
        test = network(seen[tree[:, N_TRAINING:]])[:, :, 0].numpy()
    odds = np.concatenate([np.take_along_axis(before, _first_steps(items), axis=1), test], axis=1)
    return (odds > 0) == (course.category > 0)


def _train(
    network: StackedMLP, seen: Tensor, tree: Tensor, course: Course, items: Ints, learning_rate: float
) -> NDArray[np.float32]:
    """Log odds of planting before each step, shape (n_persons, n_items)."""
    who, reward = torch.arange(len(course)), torch.from_numpy(course.reward).float()
    optimiser = torch.optim.SGD(network.parameters(), lr=learning_rate)
    odds = torch.empty(items.shape)
    for step, trial in enumerate(torch.from_numpy(items).unbind(1)):
        output = network(seen[tree[who, trial]][:, None])[:, 0, 0]
        odds[:, step] = output.detach()
        optimiser.zero_grad()
        (-(reward[who, trial] * output.sigmoid())).sum().backward()  # networks share no weight
        optimiser.step()
    return odds.numpy()


def _first_steps(items: Ints) -> Ints:
    """The first step of each training trial, shape (n_persons, N_TRAINING)."""
    return np.stack([np.unique(own, return_index=True)[1] for own in items])
