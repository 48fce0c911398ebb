"""Stacks of perceptrons against plain PyTorch, one network at a time, against the general loop, and against themselves
when they were interrupted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cogattn.errors import ConfigError, DataError
from cogattn.rehearsal import flat
from cogattn.rehearsal.flat import FlatMLP
from cogattn.rehearsal.gathering import Gatherer
from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.networks import StackedMLP
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.resident import Pictures, ResidentTasks
from cogattn.rehearsal.results import RunResult
from cogattn.rehearsal.stacked import AT_ONCE, train_stack
from cogattn.rehearsal.training import train
from cogattn.running.checkpoints import Checkpoint
from cogattn.seeds import Streams

N_TASKS, N_PIXELS, N_CLASSES, BATCH = 3, 36, 5, 16
ADAM, SGD = Loop(3e-3, n_bins=4), Loop(0.1, "sgd", n_bins=4)
STREAMS = [Streams(3).child("seed", seed) for seed in range(3)]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    """Blobs: a class is a mean, and pixels have noise."""
    draw = torch.Generator().manual_seed(0)
    means = torch.randn(N_CLASSES, N_PIXELS, generator=draw)
    labels = torch.randint(0, N_CLASSES, (1000,), generator=draw)
    found = means[labels] + torch.randn(1000, N_PIXELS, generator=draw)
    return Pictures(found[:700], labels[:700], found[700:], labels[700:], N_CLASSES)


def tasks_of(pictures: Pictures, seed: int, *, permuted: bool = True, hidden=(20, 12)) -> ResidentTasks:
    """Some of the pictures, other ones in each task, in orders of the seed's own."""
    draw = np.random.default_rng(seed)

    def some(n: int, of: int) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(draw.permutation(of)[:n]) for _ in range(N_TASKS))

    orders = torch.stack([torch.from_numpy(draw.permutation(N_PIXELS)) for _ in range(N_TASKS)])
    return ResidentTasks(
        names=("a", "b", "c"),
        pictures=pictures,
        pixels=orders if permuted else None,
        train_items=some(400, 700),
        test_items=some(150, 300),
        hidden=hidden,
    )


def plan_of(seed: int, *, batch: int = BATCH, n: int = 200) -> tuple[Draws, ...]:
    """A quarter of past tasks' items; the last batch is short."""
    draw = np.random.default_rng(100 + seed)
    phases = []
    for phase in range(N_TASKS):
        rehearsed = (draw.random(n) < 0.25) & (phase > 0)
        task = np.where(rehearsed, draw.integers(0, max(phase, 1), n), phase)
        offsets = np.append(np.arange(0, n, batch), n)
        phases.append(Draws(task, draw.integers(0, 400, n), ~rehearsed, offsets))
    return tuple(phases)


def stack_of(pictures: Pictures, loop: Loop, seeds: Sequence[int] = (0, 1, 2), **settings) -> list[RunResult]:
    tasks = [tasks_of(pictures, seed) for seed in seeds]
    return train_stack(
        tasks,
        [plan_of(seed) for seed in seeds],
        sizes=tasks[0].layers,
        loop=loop,
        streams=[STREAMS[seed] for seed in seeds],
        **settings,
    )


def plain(tasks: ResidentTasks, plan: Sequence[Draws], streams: Streams, loop: Loop) -> dict[str, Tensor]:
    """Weights by a loop as anybody would write it, with PyTorch's layers, losses and optimisers."""
    seed = int(streams.child("init").generator().integers(2**63))
    begin = StackedMLP(tasks.layers, [torch.Generator().manual_seed(seed)])
    linear = [nn.Linear(weight.shape[1], weight.shape[2]) for weight in begin.weights]
    for layer, weight, bias in zip(linear, begin.weights, begin.biases, strict=True):
        layer.weight.data, layer.bias.data = weight.data[0].T.clone(), bias.data[0, 0].clone()
    model = nn.Sequential(*[part for layer in linear for part in (layer, nn.ReLU())][:-1])
    kind = torch.optim.Adam if loop.optimiser == "adam" else torch.optim.SGD
    optimiser = kind(model.parameters(), lr=loop.learning_rate)
    for draws in plan:
        if loop.reset:
            optimiser = kind(model.parameters(), lr=loop.learning_rate)
        for place in draws.batches():
            items = [
                (tasks.train_items[task][index], tasks.pixels[task])
                for task, index in zip(draws.task[place], draws.index[place], strict=True)
            ]
            inputs = torch.stack([tasks.pictures.train[item][order] for item, order in items])
            labels = torch.stack([tasks.pictures.train_labels[item] for item, _ in items])
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            optimiser.step()
    weights = {f"weights.{k}": layer.weight.data.T[None] for k, layer in enumerate(linear)}
    return weights | {f"biases.{k}": layer.bias.data[None, None] for k, layer in enumerate(linear)}


LOOPS = {"adam": ADAM, "sgd": SGD, "adam anew in each phase": replace(ADAM, reset=True)}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_each_network_learns_what_plain_torch_teaches_it(pictures, loop):
    results = stack_of(pictures, replace(loop, keep_weights=True))
    for seed, result in enumerate(results):
        expected = plain(tasks_of(pictures, seed), plan_of(seed), STREAMS[seed], loop)
        assert result.weights.keys() == expected.keys()
        for name, tensor in expected.items():
            np.testing.assert_allclose(result.weights[name], tensor, rtol=0, atol=2e-5, err_msg=name)


def test_scores_and_learning_curves_are_those_of_the_general_loop(pictures):
    for seed, ours in enumerate(stack_of(pictures, ADAM)):
        theirs = train(tasks_of(pictures, seed), plan_of(seed), loop=ADAM, streams=STREAMS[seed])
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1 / 150)
        np.testing.assert_allclose(ours.learning, theirs.learning, atol=1)
        np.testing.assert_array_equal(ours.learning[..., 1], theirs.learning[..., 1])
        for name in ("n", "items", "updates"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_scores_are_of_each_tasks_own_order_of_pixels(pictures):
    result = stack_of(pictures, Loop(1e-2, keep_weights=True))[1]
    tasks, weights = (
        tasks_of(pictures, 1),
        {name: torch.from_numpy(w[0]) for name, w in result.weights.items()},
    )
    for task in range(N_TASKS):
        found = pictures.test[tasks.test_items[task]][:, tasks.pixels[task]]
        for k in range(3):
            found = (found.relu() if k else found) @ weights[f"weights.{k}"] + weights[f"biases.{k}"]
        right = found.argmax(1) == pictures.test_labels[tasks.test_items[task]]
        assert result.scores[-1, task] == pytest.approx(right.double().mean().item(), abs=1 / 150)
    assert result.scores[-1].min() > 0.5 > result.scores[0].max()


def test_lower_leaves_out_tasks_that_were_not_met_and_changes_nothing_else(pictures):
    full, lower = (stack_of(pictures, replace(ADAM, evaluate=which))[0] for which in ("all", "lower"))
    met = np.tri(N_TASKS + 1, N_TASKS, -1, dtype=bool)
    assert np.isnan(lower.scores[~met]).all()
    np.testing.assert_array_equal(lower.scores[met], full.scores[met])


class Killed(Exception):
    pass


class Mortal(Checkpoint):
    """Dies after the page with this number; keeps pages in memory."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self.__dict__.update(pages=[], last=math.inf)

    def load(self) -> bytes | None:
        return self.pages[-1] if self.pages else None

    def save(self, data: bytes) -> None:
        self.pages.append(data)
        if len(self.pages) >= self.last:
            raise Killed


def interrupted(pictures: Pictures, loop: Loop, after: Sequence[int]) -> list[RunResult]:
    checkpoint = Mortal()
    for number in after:
        checkpoint.__dict__["last"] = number
        with pytest.raises(Killed):
            stack_of(pictures, loop, checkpoint=checkpoint, every_s=0)
    checkpoint.__dict__["last"] = math.inf
    return stack_of(pictures, loop, checkpoint=checkpoint)


def same(ours: Sequence[RunResult], theirs: Sequence[RunResult]) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True)
        for a, b in zip(ours, theirs, strict=True)
        for name in ("scores", "n", "learning", "items", "updates")
    ) and all(
        np.array_equal(kept_a[name], kept_b[name])
        for a, b in zip(ours, theirs, strict=True)
        for kept_a, kept_b in ((a.weights, b.weights), (a.before, b.before))
        for name in kept_a.keys() | kept_b.keys()
    )


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_killed_training_goes_on_bit_for_bit(pictures, loop, monkeypatch):
    monkeypatch.setattr(
        "cogattn.rehearsal.stacked.AT_ONCE", 3 * 5 * BATCH
    )  # five steps at once, of 13 a phase
    loop = replace(loop, keep_weights=True)
    whole = stack_of(pictures, loop)
    for after in (
        [1],
        [7],
        [13],
        [14],
        [3, 20, 31],
    ):  # within a gathering, at a phase's last step and end, often
        assert same(interrupted(pictures, loop, after), whole), after


def test_a_page_of_another_training_is_passed_over(pictures, tmp_path):
    stack_of(pictures, ADAM, checkpoint=Checkpoint(tmp_path / "page"))
    other = replace(ADAM, learning_rate=1e-3)
    assert same(
        stack_of(pictures, other, checkpoint=Checkpoint(tmp_path / "page")), stack_of(pictures, other)
    )


def test_how_many_steps_are_gathered_at_once_changes_no_network(pictures, monkeypatch):
    one = stack_of(pictures, replace(ADAM, keep_weights=True))
    monkeypatch.setattr("cogattn.rehearsal.stacked.AT_ONCE", 1)
    for ours, theirs in zip(stack_of(pictures, replace(ADAM, keep_weights=True)), one, strict=True):
        np.testing.assert_allclose(ours.weights["weights.0"], theirs.weights["weights.0"], atol=2e-5)
    assert AT_ONCE > 1


@pytest.mark.parametrize("permuted", [True, False], ids=["permuted", "in place"])
def test_gathered_items_are_the_scenarios_own_in_the_phases_order(pictures, permuted):
    tasks = [tasks_of(pictures, seed, permuted=permuted) for seed in range(3)]
    draws = [plan_of(seed)[2] for seed in range(3)]
    gatherer = Gatherer(tasks, 64)
    order = gatherer.start(2)
    assert (order is not None) == permuted
    for begin, end in ((0, 64), (64, 65), (150, 200)):
        inputs, labels = gatherer.gather(draws, begin, end)
        for network in range(3):
            own = draws[network]
            expected = tasks[network].batch(own.task[begin:end], own.index[begin:end])
            place = order[network] if order else slice(None)
            assert torch.equal(inputs[network], expected.inputs[:, place])
            assert torch.equal(labels[network], expected.labels)


@pytest.mark.parametrize("shape", [(7, 5), (7, 11, 5), (7, 4, 1, 9, 5)], ids=str)
@pytest.mark.parametrize("n_items", [1, 13])
def test_gradients_are_autograds(shape, n_items):
    draw = torch.Generator().manual_seed(5)
    model = StackedMLP(shape, [torch.Generator().manual_seed(seed) for seed in range(2)])
    inputs = torch.randn(2, n_items, shape[0], generator=draw)
    labels = torch.randint(0, shape[-1], (2, n_items), generator=draw)
    outputs = model(inputs)
    nn.functional.cross_entropy(outputs.flatten(0, 1), labels.flatten(), reduction="sum").div(
        n_items
    ).backward()
    flat = FlatMLP(model)
    right = flat.learn(inputs, labels)
    expected = torch.cat([p.grad.flatten() for p in (*model.weights, *model.biases)])
    torch.testing.assert_close(flat.flat.grad, expected, rtol=1e-4, atol=1e-6)
    assert torch.equal(right, outputs.argmax(2) == labels)


def test_networks_that_would_step_apart_are_refused(pictures):
    tasks = [tasks_of(pictures, seed) for seed in range(2)]
    for other in (plan_of(1, batch=20), plan_of(1)[:2]):
        with pytest.raises(ConfigError, match="equal batches; got others in plan 2 of 2"):
            train_stack(tasks, [plan_of(0), other], sizes=tasks[0].layers, loop=ADAM, streams=STREAMS[:2])


def test_weights_that_are_no_numbers_end_the_training(pictures):
    with pytest.raises(DataError, match="finite; got others in phase 1; lower the learning rate"):
        stack_of(pictures, Loop(1e30, "sgd"))


@pytest.mark.parametrize("at_once", [1, 2_000_000])
def test_answers_to_several_tasks_are_those_to_each(at_once, monkeypatch):
    monkeypatch.setattr(flat, "TESTED_AT_ONCE", at_once)
    model = StackedMLP((N_PIXELS, 20, 12, N_CLASSES), [torch.Generator().manual_seed(k) for k in range(2)])
    inputs = torch.randn(50, N_PIXELS, generator=torch.Generator().manual_seed(5))
    orders = torch.stack(
        [torch.randperm(N_PIXELS, generator=torch.Generator().manual_seed(k)) for k in range(3)]
    )
    found = FlatMLP(model).answers(1, inputs, orders)
    for task, order in enumerate(orders):
        assert torch.equal(found[:, task], model(inputs[:, order].expand(2, -1, -1))[1].argmax(dim=1))
    assert torch.equal(
        FlatMLP(model).answers(0, inputs)[:, 0], model(inputs.expand(2, -1, -1))[0].argmax(dim=1)
    )


def test_tasks_with_the_same_test_items_are_scored_each_by_its_own_order(pictures):
    tasks = replace(tasks_of(pictures, 0), test_items=(torch.arange(200),) * N_TASKS)
    plan = plan_of(0)
    (found,) = train_stack([tasks], [plan], sizes=tasks.layers, loop=ADAM, streams=STREAMS[:1])
    alone = train(tasks, plan, loop=ADAM, streams=STREAMS[0])
    np.testing.assert_allclose(found.scores, alone.scores, atol=0.011)
    assert np.ptp(found.scores[-1]) > 0.02
