"""Penalties: Fisher information in closed form, SI's path on a parabola, LwF's gradient, and the loop with each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cogattn.errors import ConfigError
from cogattn.rehearsal.fisher import fisher
from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.penalties import EWC, SI, LwF, Penalty, penalty_of
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.resident import Pictures, ResidentTasks
from cogattn.rehearsal.rules import rule_of
from cogattn.rehearsal.training import train
from cogattn.rehearsal.wells import Well
from cogattn.seeds import Streams

STREAMS = Streams(8)


def draws_of(task: int, n_items: int, n_new: int | None = None) -> Draws:
    new = np.arange(n_items) < (n_items if n_new is None else n_new)
    return Draws(np.full(n_items, task), np.arange(n_items), new, np.array([0, n_items]))


def resident(
    n: int = 40, *, n_pixels: int = 4, n_classes: int = 3, hidden: tuple[int, ...] = ()
) -> ResidentTasks:
    """Two tasks, classes 0 and 1 in one, 1 and 2 in the other."""
    rng = np.random.default_rng(5)
    inputs = torch.from_numpy(rng.standard_normal((n, n_pixels)).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, n_classes, n))
    items = tuple(torch.nonzero((labels == a) | (labels == a + 1))[:, 0] for a in (0, 1))
    pictures = Pictures(inputs, labels, inputs, labels, n_classes)
    return ResidentTasks(("first", "second"), pictures, None, items, items, hidden)


def sizes_of(tasks: ResidentTasks) -> list[Draws]:
    return [draws_of(task, size) for task, size in enumerate(tasks.sizes)]


def test_fisher_information_of_a_softmax_regression_is_its_closed_form() -> None:
    tasks = resident(20_000)
    learner = tasks.learner(STREAMS)
    found = fisher(learner, tasks, sizes_of(tasks)[0], n_items=9000, streams=STREAMS)
    inputs = tasks.pictures.train[tasks.train_items[0]].double()
    with torch.no_grad():
        chances = learner.outputs(tasks.batch(*_all(tasks, 0))).double().softmax(dim=1)
    spread = chances * (1 - chances)  # of a label drawn from them
    expected = (inputs**2).T @ spread / len(inputs), spread.mean(dim=0)
    assert len(inputs) > 13_000
    np.testing.assert_allclose(found[0][0], expected[0], rtol=0.1)
    np.testing.assert_allclose(found[1][0, 0], expected[1], rtol=0.05)


def _all(tasks: ResidentTasks, task: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.full(tasks.sizes[task], task), np.arange(tasks.sizes[task])


def test_fisher_information_item_by_item_is_that_of_several_at_once() -> None:
    tasks = resident(600)
    at_once = tasks.learner(STREAMS)
    one_by_one = _Plain(at_once.model, at_once.outputs)
    draws = draws_of(0, 300)
    first = fisher(at_once, tasks, draws, n_items=10**6, streams=STREAMS)
    second = fisher(one_by_one, tasks, draws, n_items=10**6, streams=STREAMS)
    for one, other in zip(first, second, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=0.4)  # 300 labels drawn otherwise


@dataclass
class _Plain:
    """No more than outputs."""

    model: nn.Module
    outputs: object


def test_fisher_information_asks_for_new_items_only_and_no_more_than_told() -> None:
    tasks, asked = resident(), []

    class Watched(ResidentTasks):
        def batch(self, task: NDArray[np.int64], index: NDArray[np.int64]) -> object:
            asked.extend(index.tolist())
            return super().batch(task, index)

    watched = Watched(*(getattr(tasks, name) for name in tasks.__dataclass_fields__))
    fisher(tasks.learner(STREAMS), watched, draws_of(0, 20, n_new=12), n_items=7, streams=STREAMS)
    assert len(set(asked)) == len(asked) == 7
    assert max(asked) < 12


def wells(n: int) -> tuple[Well, list[tuple[list[Tensor], list[Tensor]]]]:
    """A well of n parabolas, and they one by one; some weights do not matter to any of them."""
    generator, well, parts = torch.Generator().manual_seed(1), Well(), []
    for _ in range(n):
        depths = [torch.rand(shape, generator=generator) for shape in ((3, 2), (4,))]
        depths[1][2:] = 0
        bottoms = [torch.randn(shape, generator=generator) for shape in ((3, 2), (4,))]
        well.deepen(depths, bottoms)
        parts.append((depths, bottoms))
    return well, parts


@pytest.mark.parametrize("n", [0, 1, 4], ids=lambda n: f"{n}-parabolas")
def test_a_well_is_the_sum_of_its_parabolas_and_pulls_by_its_gradient(n: int) -> None:
    well, parts = wells(n)
    weights = [torch.randn(3, 2, requires_grad=True), torch.randn(4, requires_grad=True)]
    total = torch.zeros(())
    for depths, bottoms in parts:
        for k, weight in enumerate(weights):
            total = total + (depths[k] * (weight - bottoms[k]) ** 2).sum()
    torch.testing.assert_close(well.value(weights), total)
    gradients = torch.autograd.grad(2.5 * total, weights) if n else [torch.zeros_like(w) for w in weights]
    for weight in weights:
        weight.grad = torch.ones_like(weight)
    well.pull(weights, 2.5)
    for weight, gradient in zip(weights, gradients, strict=True):
        torch.testing.assert_close(weight.grad, 1 + gradient)


@dataclass
class Weights:
    """A learner that is no more than weights."""

    model: nn.Module


class Parabola(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.curve = torch.tensor([0.5, 2.0, 4.0])
        self.weight = nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))

    def shares(self) -> Tensor:
        """Each weight's share of the loss."""
        return 0.5 * self.curve * (self.weight - 3) ** 2


def descended(penalty: SI, model: Parabola, *, rate: float, n_steps: int) -> Tensor:
    """Sum of the squared steps of a descent by SI's account."""
    learner, squares = Weights(model), torch.zeros(3)
    penalty.begin(learner)
    for _ in range(n_steps):
        model.zero_grad()
        model.shares().sum().backward()
        penalty.before_step(learner, None)
        before = model.weight.detach().clone()
        with torch.no_grad():
            model.weight -= rate * model.weight.grad
        penalty.after_step(learner)
        squares += (model.weight.detach() - before) ** 2
    return squares


def test_sis_path_is_the_fall_of_a_parabola() -> None:
    model, penalty = Parabola(), SI(1.0)
    start = model.shares().detach()
    squares = descended(penalty, model, rate=0.1, n_steps=7)
    fall = start - model.shares().detach()
    torch.testing.assert_close(penalty.path[0] - 0.5 * model.curve * squares, fall)


def test_sis_importance_is_half_the_curvature_but_for_the_steps_length() -> None:
    model, penalty = Parabola(), SI(1.0, damping=1e-6)
    descended(penalty, model, rate=0.05, n_steps=300)
    penalty.after_phase(Weights(model), None, draws_of(0, 1), STREAMS)
    torch.testing.assert_close(
        penalty.well.depths[0], model.curve / (2 - 0.05 * model.curve), rtol=2e-3, atol=0
    )
    torch.testing.assert_close(penalty.well.bottoms[0], model.weight.detach())


def test_si_damps_sums_over_phases_and_starts_each_path_anew() -> None:
    model, penalty = Parabola(), SI(1.0, damping=0.1)
    total = torch.zeros(3)
    for _ in range(2):
        start = model.weight.detach().clone()
        if not penalty.well.depths:
            descended(penalty, model, rate=0.1, n_steps=3)
        else:  # a path of its own in the second phase
            assert (penalty.path[0] == 0).all()
            penalty.path[0] += torch.tensor([1.0, -50.0, 0.0])
        path = penalty.path[0].clone()
        moved = model.weight.detach() - start
        penalty.after_phase(Weights(model), None, draws_of(0, 1), STREAMS)
        total = (total + path / (moved**2 + 0.1)).clamp(min=0)
        torch.testing.assert_close(penalty.well.depths[0], total)
    assert total[1] == 0  # the second weight's importance would be below 0


def test_sis_path_is_by_the_tasks_own_gradient_and_not_by_the_penaltys() -> None:
    model, penalty = Parabola(), SI(3.0)
    learner = Weights(model)
    descended(penalty, model, rate=0.1, n_steps=3)
    penalty.after_phase(learner, None, draws_of(0, 1), STREAMS)
    with torch.no_grad():
        model.weight += 1
    model.zero_grad()
    model.shares().sum().backward()
    own = model.weight.grad.clone()
    penalty.before_step(learner, None)
    with torch.no_grad():
        model.weight -= 0.25
    penalty.after_step(learner)
    torch.testing.assert_close(penalty.path[0], 0.25 * own)
    assert (model.weight.grad != own).all()


@dataclass
class Told:
    """A learner whose answers are its input by a matrix."""

    model: nn.Module

    def outputs(self, batch: Tensor) -> Tensor:
        return self.model(batch)


def told() -> Told:
    torch.manual_seed(2)
    return Told(nn.Linear(4, 5))


def test_lwf_is_zero_for_the_same_network_and_before_any() -> None:
    learner, batch, penalty = told(), torch.randn(6, 4), LwF(1.5)
    assert penalty.term(learner, batch) == 0
    penalty.after_phase(learner, None, draws_of(0, 1), STREAMS)
    assert float(penalty.term(learner, batch).detach()) == pytest.approx(0, abs=1e-7)
    penalty.before_step(learner, batch)
    assert learner.model.weight.grad.abs().max() < 1e-7


def test_lwf_is_the_papers_cross_entropy_less_the_old_answers_entropy_and_pulls_towards_them() -> None:
    learner, batch, penalty = told(), torch.randn(6, 4), LwF(1.5)
    penalty.after_phase(learner, None, draws_of(0, 1), STREAMS)
    old = learner.outputs(batch).softmax(dim=1).detach() ** 0.5
    old = old / old.sum(dim=1, keepdim=True)  # equation 3, T = 2
    with torch.no_grad():
        learner.model.weight += torch.randn(5, 4)
    logits = learner.outputs(batch)
    new = logits.softmax(dim=1) ** 0.5
    new = new / new.sum(dim=1, keepdim=True)
    crossed = -(old * new.log()).sum(dim=1).mean() + (old * old.log()).sum(dim=1).mean()
    torch.testing.assert_close(penalty.term(learner, batch), 1.5 * crossed)
    penalty.before_step(learner, batch)
    pull = 1.5 * (new - old) / 2 / 6  # of the logits
    torch.testing.assert_close(learner.model.weight.grad, pull.T @ batch)


def test_lwf_holds_only_outputs_of_tasks_that_were_met() -> None:
    tasks = resident()
    learner, penalty = tasks.learner(STREAMS), LwF(1.0)
    batch = tasks.batch(*_all(tasks, 1))
    penalty.after_phase(learner, tasks, draws_of(0, 3), STREAMS)  # classes 0 and 1
    with torch.no_grad():
        learner.model.biases[-1][..., 2] += 4
    assert float(penalty.term(learner, batch).detach()) == pytest.approx(0, abs=1e-6)
    penalty.after_phase(learner, tasks, draws_of(1, 3), STREAMS)
    with torch.no_grad():
        learner.model.biases[-1][..., 2] -= 4
    assert float(penalty.term(learner, batch).detach()) > 0.1


@pytest.mark.parametrize("n_phases", [0, 1, 2])
def test_lwf_goes_on_from_its_page_with_the_network_and_the_outputs_that_it_held(n_phases: int) -> None:
    tasks = resident()
    learner, penalty, restored = tasks.learner(STREAMS), LwF(1.0), LwF(1.0)
    for task in range(n_phases):
        penalty.after_phase(learner, tasks, draws_of(task, 3), STREAMS)
    with torch.no_grad():
        learner.model.biases[-1] += torch.randn(3)
    restored.restore(learner, penalty.page())
    batch = tasks.batch(*_all(tasks, 1))
    assert torch.equal(restored.term(learner, batch), penalty.term(learner, batch))
    assert (float(penalty.term(learner, batch).detach()) > 1e-3) == (n_phases > 0)


def test_a_rule_makes_its_penalty() -> None:
    made = [penalty_of(rule_of(text, "introduced")) for text in ("ewc:3", "si:0.5", "lwf:2")]
    assert [type(penalty) for penalty in made] == [EWC, SI, LwF]
    assert [penalty.strength for penalty in made] == [3, 0.5, 2]
    assert (made[0].n_items, made[1].damping, made[2].temperature) == (2000, 0.1, 2)
    assert penalty_of(rule_of("power:1", "introduced")) is None


@dataclass
class Mute:
    """A scenario whose learner has no outputs."""

    tasks: ResidentTasks

    @property
    def names(self) -> tuple[str, ...]:
        return self.tasks.names

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.tasks.sizes

    def learner(self, streams: Streams) -> object:
        return Weights(nn.Linear(1, 1))


@pytest.mark.parametrize("penalty", [EWC(1.0), LwF(1.0)], ids=["ewc", "lwf"])
def test_a_learner_without_outputs_is_refused_before_any_step(penalty: Penalty) -> None:
    tasks = resident()
    with pytest.raises(ConfigError, match=r"must have outputs\(batch\); got Weights"):
        train(Mute(tasks), sizes_of(tasks), loop=Loop(0.1), streams=STREAMS, penalty=penalty)


def whole_batches(tasks: ResidentTasks, task: int, *, n_steps: int) -> Draws:
    """All items of a task in each step."""
    numbers, size = [np.tile(part, n_steps) for part in _all(tasks, task)], tasks.sizes[task]
    return Draws(*numbers, np.ones(n_steps * size, dtype=bool), np.arange(n_steps + 1) * size)


def by_terms(penalty: Penalty, tasks: ResidentTasks, plan: list[Draws]) -> dict[str, Tensor]:
    """Descend the loss and the penalty's own term as autograd has it, a batch of everything each step."""
    learner = tasks.learner(STREAMS.child("init"))
    penalty.begin(learner)
    for task in range(2):
        batch = tasks.batch(*_all(tasks, task))
        for _ in range(len(plan[task])):
            loss, _ = learner.loss(batch)
            own = torch.autograd.grad(loss, list(learner.model.parameters()))
            term = penalty.term(learner, batch) if isinstance(penalty, LwF) else penalty.term(learner)
            held = torch.autograd.grad(term, list(learner.model.parameters())) if task else own
            for weight, gradient in zip(learner.model.parameters(), own, strict=True):
                weight.grad = gradient.clone()
            penalty.before_step(learner, batch)
            with torch.no_grad():
                for weight, one, other in zip(learner.model.parameters(), own, held, strict=True):
                    weight -= 0.1 * (one + other if task else one)
            penalty.after_step(learner)
        penalty.after_phase(learner, tasks, plan[task], STREAMS.child("penalty", task))
    return learner.model.state_dict()


@pytest.mark.parametrize("make", [EWC, SI, LwF], ids=["ewc", "si", "lwf"])
def test_the_loop_descends_the_loss_and_the_penaltys_term(make: type) -> None:
    tasks = resident(hidden=(6,))
    plan = [whole_batches(tasks, task, n_steps=4) for task in range(2)]
    loop = Loop(0.1, optimiser="sgd", keep_weights=True)
    held = train(tasks, plan, loop=loop, streams=STREAMS, penalty=make(5.0)).weights
    free = train(tasks, plan, loop=loop, streams=STREAMS).weights
    expected = by_terms(make(5.0), tasks, plan)
    for name, tensor in expected.items():
        np.testing.assert_allclose(held[name], tensor, rtol=1e-4, atol=1e-6)
    assert any((held[name] != free[name]).any() for name in held)


def test_one_penalty_serves_several_trainings() -> None:
    tasks, penalty = resident(), EWC(5.0)
    first, second = (
        train(tasks, sizes_of(tasks), loop=Loop(0.1, keep_weights=True), streams=STREAMS, penalty=penalty)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.weights["weights.0"], second.weights["weights.0"])
    assert not penalty.well.depths
