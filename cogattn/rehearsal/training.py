"""Training any network through phases, by a plan: the loop for whatever scenario there is.

A scenario makes batches and a learner; the plan says which items each step takes; nothing here knows what an item is.
Each step and each round of tests begins with torch seeded from a stream of its own, so what a network drops does not
hang on what was drawn before it, and a checkpoint holds no generator: a killed training goes on bit for bit.
Networks are scored in evaluation mode (the likely ancestor of the paper's code scored with dropout on).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cogattn.errors import DataError
from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.penalties import Penalty
from cogattn.rehearsal.plans import Draws, bins_of
from cogattn.rehearsal.results import RunResult
from cogattn.rehearsal.saving import Pen, signature_of
from cogattn.rehearsal.scenario import Learner, Scenario
from cogattn.running.checkpoints import Checkpoint
from cogattn.running.pages import copied, moments, named, part, restore_moments
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.running.pages import Page

B = TypeVar("B")


def train(
    scenario: Scenario[B],
    plan: Sequence[Draws],
    *,
    loop: Loop,
    streams: Streams,
    penalty: Penalty | None = None,
    checkpoint: Checkpoint | None = None,
    every_s: float = 30.0,
) -> RunResult:
    """Train a scenario's learner through all phases and test it before the first and after each.

    Parameters
    ----------
    scenario : Scenario
        Tasks. Its learner is made while torch draws from ``streams.child("init")``, which it is also given.
    plan : sequence of Draws
        One for each task, in order.
    loop : Loop
        Optimiser, tests, learning curve.
    streams : Streams
        Of this seed.
    penalty : Penalty, optional
        Added to the loss (see `penalties`); copied, so that one may serve several trainings.
    checkpoint : Checkpoint, optional
        Written after each phase and every `every_s` seconds; a training that finds one of its own goes on there, any
        other is passed over.
    every_s : float
        Seconds between checkpoints; 0 writes one after each step.

    Returns
    -------
    RunResult
        Scores are NaN where `Loop.evaluate` leaves them out. Weights are every tensor of the model's state, after the
        first phase and after the last.

    Raises
    ------
    DataError
        If the plan does not fit the tasks or the loss is not finite.
    """
    _need_fit(scenario, plan)
    with torch.random.fork_rng():
        run = _Run(scenario, plan, loop, streams, penalty)
        pen = Pen(checkpoint, every_s, run.signature())
        if not run.restore(pen.last()):
            run.test(0)
        while not run.is_finished:
            run.run_phase(pen)
    return run.result()


def learning_sums(scores: NDArray[np.float64], new: NDArray[np.bool_], n_bins: int) -> NDArray[np.float64]:
    """Return sums of a phase's new items' scores, and how many they are, in equal bins of the new items.

    Parameters
    ----------
    scores : array, shape (n_items,)
        Of each item, before the update that it is part of.
    new : array of bool, shape (n_items,)
        Whether it is a new one; others are left out.
    n_bins : int
        Bins, as `bins_of` has them.

    Returns
    -------
    array, shape (n_bins, 2)
        Sum and number of each bin.
    """
    bins = bins_of(int(new.sum()), n_bins)
    sums = np.bincount(bins, weights=scores[new], minlength=n_bins)
    return np.stack([sums, np.bincount(bins, minlength=n_bins).astype(np.float64)], axis=1)


def optimiser_of(model: nn.Module, loop: Loop) -> torch.optim.Optimizer:
    """Return PyTorch's optimiser of all parameters that are trained, in one kernel for all (``fused``)."""
    kind = torch.optim.Adam if loop.optimiser == "adam" else torch.optim.SGD
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return kind(trained, lr=loop.learning_rate, fused=True)


class _Run(Generic[B]):
    """Where a training stands: phase and step, network, optimiser and penalty, what was measured so far."""

    def __init__(
        self,
        scenario: Scenario[B],
        plan: Sequence[Draws],
        loop: Loop,
        streams: Streams,
        penalty: Penalty | None,
    ) -> None:
        self.scenario, self.plan, self.loop = scenario, plan, loop
        self.streams, self.penalty = streams, copy.deepcopy(penalty)
        with torch.random.fork_rng():
            torch.manual_seed(int(streams.child("init").generator().integers(2**63)))
            self.learner: Learner[B] = scenario.learner(streams.child("init"))
        self.optimiser = optimiser_of(self.learner.model, loop)
        if self.penalty is not None:
            self.penalty.begin(self.learner)
        self.phase = self.step = 0
        n_tasks = len(plan)
        self.scores = np.full((n_tasks + 1, n_tasks), np.nan)
        self.n = np.zeros(n_tasks, dtype=np.int64)
        self.learning = np.zeros((n_tasks, loop.n_bins, 2))
        self.scored = torch.zeros(0, dtype=torch.float64)  # (items of the phase,)
        self.before: Page = {}

    def run_phase(self, pen: Pen) -> None:
        """Train from where the phase stands to its end, and test."""
        draws = self.plan[self.phase]
        if not self.step:
            self.scored = torch.zeros(len(draws.task), dtype=torch.float64)
        loss = self._steps(draws, pen)
        _need_finite(loss, self.phase, self.loop)
        self.learning[self.phase] = learning_sums(self.scored.numpy(), draws.new, self.loop.n_bins)
        self.test(self.phase + 1)
        if not self.phase and self.loop.keep_weights:
            self.before = copied(self.learner.model.state_dict())
        if self.penalty is not None:
            self.penalty.after_phase(
                self.learner, self.scenario, draws, self.streams.child("penalty", self.phase)
            )
        if self.loop.reset:
            self.optimiser = optimiser_of(self.learner.model, self.loop)
        self.phase, self.step = self.phase + 1, 0
        pen.write(self.page())

    def _steps(self, draws: Draws, pen: Pen) -> float:
        """Take the phase's steps that are left; return the last one's loss."""
        scenario, learner, optimiser, penalty = self.scenario, self.learner, self.optimiser, self.penalty
        scored, offsets = self.scored, draws.offsets.tolist()
        chances, seed = _chances(self.streams, self.phase, n=len(draws)), _seeding(learner.model)
        learner.model.train()
        loss = torch.zeros(())
        for step in range(self.step, len(draws)):
            begin, end = offsets[step], offsets[step + 1]
            seed(chances[step])
            batch = scenario.batch(draws.task[begin:end], draws.index[begin:end])
            loss, scores = learner.loss(batch)
            scored[begin:end] = scores.detach()
            optimiser.zero_grad()
            loss.backward()
            if penalty is not None:
                penalty.before_step(learner, batch)
            optimiser.step()
            if penalty is not None:
                penalty.after_step(learner)
            if pen.is_due():
                self.step = step + 1
                pen.write(self.page())
        return float(loss.detach())

    def test(self, after: int) -> None:
        """Fill the row of R after so many phases."""
        learner = self.learner
        met = range(len(self.plan) if self.loop.evaluate == "all" else after)
        chances, seed = _chances(self.streams, "test", after, n=len(self.plan)), _seeding(learner.model)
        learner.model.eval()
        with torch.no_grad():
            for task in met:
                seed(chances[task])
                self.scores[after, task], self.n[task] = learner.score(task)

    def result(self) -> RunResult:
        """Return what the training leaves."""
        state = copied(self.learner.model.state_dict()) if self.loop.keep_weights else {}
        return RunResult(
            scores=self.scores,
            n=self.n,
            learning=self.learning,
            items=np.stack([draws.items(len(self.plan)) for draws in self.plan]),
            updates=np.array([len(draws) for draws in self.plan], dtype=np.int64),
            weights={name: tensor.float().numpy() for name, tensor in state.items()},
            before={name: tensor.float().numpy() for name, tensor in self.before.items()},
        )

    def signature(self) -> Tensor:
        """Return what pages must be of: loop, seed, penalty, names and shapes of the model's state, plan."""
        state = self.learner.model.state_dict()
        shapes = [(name, tensor.dtype, tuple(tensor.shape)) for name, tensor in state.items()]
        penalty = None if self.penalty is None else self.penalty.name
        return signature_of((self.loop, self.streams, penalty, shapes), [self.plan])

    @property
    def is_finished(self) -> bool:
        """Whether all phases are over."""
        return self.phase == len(self.plan)

    def page(self) -> Page:
        """Return everything that the result and the next step depend on."""
        page = {
            "at": torch.tensor([self.phase, self.step]),
            "scores": torch.from_numpy(self.scores),
            "n": torch.from_numpy(self.n),
            "learning": torch.from_numpy(self.learning),
            "scored": self.scored,
            **named("before", self.before),
            **named("model", copied(self.learner.model.state_dict())),
        }
        if not self.is_finished:
            page |= named("optimiser", moments(self.optimiser))
            page |= named("penalty", {} if self.penalty is None else copied(self.penalty.page()))
        return page

    def restore(self, page: Page) -> bool:
        """Go back to where `page` was written; whether there was one."""
        if not page:
            return False
        self.phase, self.step = page["at"].tolist()
        self.scores, self.n, self.learning = (page[key].numpy() for key in ("scores", "n", "learning"))
        self.scored, self.before = page["scored"], part(page, "before")
        self.learner.model.load_state_dict(part(page, "model"))
        if not self.is_finished:
            restore_moments(self.optimiser, part(page, "optimiser"))
            if self.penalty is not None:
                self.penalty.restore(self.learner, part(page, "penalty"))
        return True


def _chances(streams: Streams, *names: int | str, n: int) -> list[int]:
    """Seeds of a phase's steps, or of its tests."""
    return streams.generator("chance", *names).integers(2**63, size=n).tolist()


def _seeding(model: nn.Module) -> Callable[[int], object]:
    """What seeds torch; on the processor alone it takes a microsecond, and with accelerators a hundred."""
    on_processor = all(parameter.device.type == "cpu" for parameter in model.parameters())
    return torch.default_generator.manual_seed if on_processor else torch.manual_seed


def _need_fit(scenario: Scenario[B], plan: Sequence[Draws]) -> None:
    """Refuse a plan of other tasks, items that they lack, and steps without items."""
    sizes = np.asarray(scenario.sizes)
    if len(plan) != len(sizes):
        raise DataError(f"a plan must have a phase for each of {len(sizes)} tasks; got {len(plan)}")
    for phase, draws in enumerate(plan, start=1):
        n_steps, n_items = len(draws), len(draws.task)
        if (
            n_steps < 1
            or (np.diff(draws.offsets) < 1).any()
            or draws.offsets[[0, -1]].tolist() != [0, n_items]
        ):
            raise DataError(
                f"batches of a plan must have items, and hold all; got other offsets (phase {phase})"
            )
        if not (len(draws.index) == len(draws.new) == n_items and _are_there(draws, sizes)):
            raise DataError(f"a plan must draw items that the tasks have; got others (phase {phase})")


def _are_there(draws: Draws, sizes: NDArray[np.int64]) -> bool:
    if draws.task.min() < 0 or draws.task.max() >= len(sizes) or draws.index.min() < 0:
        return False
    return bool((draws.index < sizes[draws.task]).all())


def _need_finite(loss: float, phase: int, loop: Loop) -> None:
    if not math.isfinite(loss):
        raise DataError(
            f"the loss must stay finite; got {loss} in phase {phase + 1}; lower the learning rate "
            f"({loop.learning_rate:g}) or the penalty's strength"
        )
