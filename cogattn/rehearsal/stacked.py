"""Training several perceptrons at once on tasks in memory: one seed each, or whatever has equal batches.

The networks share nothing but time: each has its own tasks, plan and initial weights, and learns what the general
loop (`training.train`) would teach it, within the rounding of sums in another order. While a phase lasts, inputs are
in the order of its own task (see `gathering`), and so are the first layer's weights. Items are gathered for several
steps at once, on a grid of steps that begins with the phase, so that a training that goes on from a checkpoint does the
same arithmetic as one that was never stopped: bit for bit, on one machine and one number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cogattn.errors import ConfigError, DataError
from cogattn.rehearsal.flat import FlatMLP
from cogattn.rehearsal.gathering import Gatherer
from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.networks import StackedMLP
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.resident import ResidentTasks
from cogattn.rehearsal.results import RunResult
from cogattn.rehearsal.saving import Pen, signature_of
from cogattn.rehearsal.training import learning_sums, optimiser_of
from cogattn.running.checkpoints import Checkpoint
from cogattn.running.pages import moments, named, part, restore_moments
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.running.pages import Page

AT_ONCE = 2048
"""Items of all networks that are gathered at once, or one step's: they fit a processor's cache."""


def train_stack(
    tasks: Sequence[ResidentTasks],
    plans: Sequence[Sequence[Draws]],
    *,
    sizes: Sequence[int],
    loop: Loop,
    streams: Sequence[Streams],
    checkpoint: Checkpoint | None = None,
    every_s: float = 30.0,
) -> list[RunResult]:
    """Train a perceptron for each set of tasks, all at once, and test them before the first phase and after each.

    Parameters
    ----------
    tasks : sequence of ResidentTasks
        Of each network.
    plans : sequence of sequence of Draws
        Of each network, a phase for each task; batches are equal in all, what is in them is not.
    sizes : sequence of int
        Units of the input, each hidden layer, and the output.
    loop : Loop
        Optimiser, tests, learning curve.
    streams : sequence of Streams
        Of each network's seed; initial weights come from ``child("init")``.
    checkpoint : Checkpoint, optional
        Written after each phase and every `every_s` seconds; a training that finds one of its own goes on there.
    every_s : float
        Seconds between checkpoints; 0 writes one after each step.

    Returns
    -------
    list of RunResult
        Of each network, weights named as by a `StackedMLP` of one network.

    Raises
    ------
    ConfigError
        If the plans' batches are not equal.
    DataError
        If weights do not stay finite.
    """
    _need_equal_batches(plans)
    run = _Stack(tasks, plans, sizes, loop, streams)
    told = (replace(loop, keep_weights=False), tuple(sizes), tuple(streams))
    pen = Pen(checkpoint, every_s, signature_of(told, plans))
    if not run.restore(pen.last()):
        run.test()
    while run.phase < run.n_tasks:
        run.run_phase(pen)
    return run.results()


class _Stack:
    """Where a training of several networks stands, and what was measured so far."""

    def __init__(
        self,
        tasks: Sequence[ResidentTasks],
        plans: Sequence[Sequence[Draws]],
        sizes: Sequence[int],
        loop: Loop,
        streams: Sequence[Streams],
    ) -> None:
        self.tasks, self.plans, self.loop = tasks, plans, loop
        self.model = FlatMLP(StackedMLP(sizes, [_generator(own.child("init")) for own in streams]))
        self.optimiser = optimiser_of(self.model, loop)
        widest = max(int(np.diff(draws.offsets).max()) for draws in plans[0])
        self.stride = max(1, AT_ONCE // (widest * len(tasks)))  # steps that are gathered at once
        self.gatherer = Gatherer(tasks, self.stride * widest)
        self.phase = self.step = 0
        n, self.n_tasks = len(tasks), len(plans[0])
        self.scores = torch.full((n, self.n_tasks + 1, self.n_tasks), torch.nan, dtype=torch.float64)
        self.learning = torch.zeros(n, self.n_tasks, loop.n_bins, 2, dtype=torch.float64)
        self.right = torch.zeros(n, 0, dtype=torch.bool)  # (networks, items of the phase)
        self.before = torch.zeros(0)

    def run_phase(self, pen: Pen) -> None:
        """Train from where the phase stands to its end, and test."""
        draws = [plan[self.phase] for plan in self.plans]
        if not self.step:
            self.right = torch.zeros(len(draws), len(draws[0].task), dtype=torch.bool)
        self._steps(draws, pen)
        self._need_finite()
        for network, own in enumerate(draws):
            right = self.right[network].numpy().astype(np.float64)
            self.learning[network, self.phase] = torch.from_numpy(
                learning_sums(right, own.new, self.loop.n_bins)
            )
        if self.loop.reset:
            self.optimiser = optimiser_of(self.model, self.loop)
        if not self.phase:
            self.before = self.model.flat.detach().clone()
        self.phase, self.step = self.phase + 1, 0
        self.test()
        pen.write(self.page())

    def _steps(self, draws: Sequence[Draws], pen: Pen) -> None:
        """Take the phase's steps that are left."""
        offsets, n_steps = draws[0].offsets.tolist(), len(draws[0])
        order = self.gatherer.start(self.phase)
        if order and not self.step:
            self.model.reorder(self._vectors(), order)
        for first in range(self.step - self.step % self.stride, n_steps, self.stride):
            last, start = min(first + self.stride, n_steps), offsets[first]
            inputs, labels = self.gatherer.gather(draws, start, offsets[last])
            for step in range(max(first, self.step), last):
                begin, end = offsets[step], offsets[step + 1]
                place = slice(begin - start, end - start)
                self.right[:, begin:end] = self.model.learn(inputs[:, place], labels[:, place])
                self.optimiser.step()
                if pen.is_due():
                    self.step = step + 1
                    pen.write(self.page())
        if order:
            self.model.reorder(self._vectors(), [own.argsort() for own in order])

    def _vectors(self) -> list[Tensor]:
        """Parameters, and what the optimiser remembers of each."""
        flat = self.model.flat.detach()
        states = self.optimiser.state[self.model.flat].values()
        return [flat, *(state for state in states if state.shape == flat.shape)]

    def test(self) -> None:
        """Fill the row of R after the phases that there were."""
        met = self.n_tasks if self.loop.evaluate == "all" else self.phase
        for network, tasks in enumerate(self.tasks):
            for some in _alike(tasks.test_items[:met]):
                items = tasks.test_items[some[0]]
                inputs, labels = tasks.pictures.test[items], tasks.pictures.test_labels[items]
                orders = None if tasks.pixels is None else tasks.pixels[some]
                right = self.model.answers(network, inputs, orders) == labels[:, None]
                self.scores[network, self.phase, some] = right.sum(dim=0).double() / len(right)

    def results(self) -> list[RunResult]:
        """Return what the training leaves."""
        return [
            RunResult(
                scores=self.scores[network].numpy(),
                n=np.array([len(items) for items in self.tasks[network].test_items]),
                learning=self.learning[network].numpy(),
                items=np.stack([draws.items(self.n_tasks) for draws in plan]),
                updates=np.array([len(draws) for draws in plan], dtype=np.int64),
                weights=self._kept(self.model.flat, network),
                before=self._kept(self.before, network),
            )
            for network, plan in enumerate(self.plans)
        ]

    def _kept(self, flat: Tensor, network: int) -> dict[str, NDArray[np.float32]]:
        """Tensors of one network, where the result holds them."""
        if not self.loop.keep_weights:
            return {}
        state = list(self.model.states(flat.detach()))[network]
        return {name: tensor.clone().numpy() for name, tensor in state.items()}

    def page(self) -> Page:
        """Return everything that the next step depends on, and what was measured."""
        return {
            "at": torch.tensor([self.phase, self.step]),
            "scores": self.scores,
            "learning": self.learning,
            "right": self.right,
            "before": self.before,
            "flat": self.model.flat,
            **named("optimiser", moments(self.optimiser)),
        }

    def restore(self, page: Page) -> bool:
        """Go back to where `page` was written; whether there was one."""
        if not page:
            return False
        self.phase, self.step = page["at"].tolist()
        self.scores, self.learning, self.right = page["scores"], page["learning"], page["right"]
        self.before = page["before"]
        self.model.flat.detach().copy_(page["flat"])
        restore_moments(self.optimiser, part(page, "optimiser"))
        return True

    def _need_finite(self) -> None:
        if not bool(self.model.flat.detach().isfinite().all()):
            raise DataError(
                f"weights must stay finite; got others in phase {self.phase + 1}; lower the learning rate "
                f"({self.loop.learning_rate:g})"
            )


def _generator(streams: Streams) -> torch.Generator:
    return torch.Generator().manual_seed(int(streams.generator().integers(2**63)))


def _alike(items: Sequence[Tensor]) -> list[list[int]]:
    """Numbers of tasks, together where one after the other they are tested on the same items."""
    found: list[list[int]] = []
    for task, own in enumerate(items):
        if found and torch.equal(own, items[found[-1][0]]):
            found[-1].append(task)
        else:
            found.append([task])
    return found


def _need_equal_batches(plans: Sequence[Sequence[Draws]]) -> None:
    """Refuse networks that would step apart."""
    for number, plan in enumerate(plans[1:], start=2):
        same = len(plan) == len(plans[0]) and all(
            np.array_equal(one.offsets, other.offsets) for one, other in zip(plan, plans[0], strict=True)
        )
        if not same:
            raise ConfigError(
                f"plans of one stack must have equal batches; got others in plan {number} of {len(plans)}"
            )
