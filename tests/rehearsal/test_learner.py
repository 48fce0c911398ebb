"""The perceptron on pictures in memory: its answers, its scores, its gradients' squares."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from cogattn.rehearsal.learner import MLPLearner
from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.resident import Pictures, ResidentTasks
from cogattn.rehearsal.training import train
from cogattn.seeds import Streams

STREAMS = Streams(2).child("seed", 0)
N, N_PIXELS, N_CLASSES = 60, 7, 4


@pytest.fixture(scope="module")
def tasks() -> ResidentTasks:
    """Two orders of pixels; blobs that a network can tell apart."""
    rng = np.random.default_rng(4)
    labels = rng.integers(0, N_CLASSES, 2 * N)
    centres = 3 * rng.standard_normal((N_CLASSES, N_PIXELS))
    inputs = torch.from_numpy((centres[labels] + rng.standard_normal((2 * N, N_PIXELS))).astype(np.float32))
    labels = torch.from_numpy(labels)
    pictures = Pictures(inputs[:N], labels[:N], inputs[N:], labels[N:], N_CLASSES)
    orders = torch.from_numpy(np.stack([rng.permutation(N_PIXELS) for _ in range(2)]))
    train_items = (torch.arange(0, 40), torch.arange(20, N))
    return ResidentTasks(("a", "b"), pictures, orders, train_items, (torch.arange(N), torch.arange(30)))


def plain(learner: MLPLearner, inputs: Tensor) -> Tensor:
    """The network in plain PyTorch."""
    layers = list(zip(learner.model.weights, learner.model.biases, strict=True))
    for k, (weight, bias) in enumerate(layers):
        inputs = F.linear(inputs, weight[0].T, bias[0, 0])
        inputs = inputs if k == len(layers) - 1 else inputs.relu()
    return inputs


@pytest.mark.parametrize("hidden", [(), (9,), (9, 5)], ids=["no-layer", "one-layer", "two-layers"])
def test_squared_gradients_are_those_of_each_item_by_itself(
    tasks: ResidentTasks, hidden: tuple[int, ...]
) -> None:
    learner = MLPLearner(tasks, hidden, STREAMS)
    batch = tasks.batch(np.array([0, 1] * 8), np.arange(16))
    labels = torch.arange(16) % N_CLASSES
    weights = list(learner.model.parameters())
    expected = [torch.zeros_like(weight) for weight in weights]
    for i in range(16):
        nats = F.cross_entropy(plain(learner, batch.inputs[i : i + 1]), labels[i : i + 1])
        for total, gradient in zip(expected, torch.autograd.grad(nats, weights), strict=True):
            total += gradient**2
    for found, total in zip(learner.squared_gradients(batch, labels), expected, strict=True):
        torch.testing.assert_close(found, total)


def test_loss_and_scores_are_pytorchs_on_the_tasks_own_order_of_pixels(tasks: ResidentTasks) -> None:
    learner = MLPLearner(tasks, (9,), STREAMS)
    task, index = np.array([0, 1, 1, 0, 1]), np.array([3, 0, 39, 17, 4])
    loss, scores = learner.loss(tasks.batch(task, index))
    which = [int(tasks.train_items[t][i]) for t, i in zip(task, index, strict=True)]
    inputs = torch.stack([tasks.pictures.train[w][tasks.pixels[t]] for w, t in zip(which, task, strict=True)])
    logits, labels = plain(learner, inputs), tasks.pictures.train_labels[which]
    torch.testing.assert_close(loss, F.cross_entropy(logits, labels))
    assert scores.tolist() == (logits.argmax(dim=1) == labels).tolist()
    assert loss.requires_grad
    assert not scores.requires_grad


@pytest.mark.parametrize("task", [0, 1])
def test_a_score_is_the_share_of_the_tasks_test_pictures(tasks: ResidentTasks, task: int) -> None:
    learner = MLPLearner(tasks, (9,), STREAMS)
    items, pictures = tasks.test_items[task], tasks.pictures
    with torch.no_grad():
        named = plain(learner, pictures.test[items][:, tasks.pixels[task]]).argmax(dim=1)
        score, n = learner.score(task)
    assert n == len(items) == (60, 30)[task]
    assert score == pytest.approx(np.mean((named == pictures.test_labels[items]).numpy()))


def test_initial_weights_are_the_streams_and_within_pytorchs_bounds(tasks: ResidentTasks) -> None:
    one, same, other = (
        MLPLearner(tasks, (50, 8), streams).model.state_dict() for streams in (STREAMS, STREAMS, Streams(9))
    )
    sizes = [N_PIXELS, 50, 8, N_CLASSES]
    for k, n_in in enumerate(sizes[:-1]):
        weight = one[f"weights.{k}"]
        assert weight.shape == (1, n_in, sizes[k + 1])
        assert weight.abs().max() <= n_in**-0.5
        assert weight.std() == pytest.approx((3 * n_in) ** -0.5, rel=0.25)
        assert torch.equal(weight, same[f"weights.{k}"])
        assert not torch.equal(weight, other[f"weights.{k}"])


def test_classes_are_what_a_tasks_training_pictures_show() -> None:
    labels = torch.tensor([2, 0, 1, 2, 3])
    pictures = Pictures(torch.zeros(5, 2), labels, torch.zeros(5, 2), labels, 4)
    items = (torch.tensor([1, 2]), torch.tensor([4, 0, 3]))
    learner = MLPLearner(ResidentTasks(("a", "b"), pictures, None, items, items), (3,), STREAMS)
    assert [learner.classes(task).tolist() for task in (0, 1)] == [[0, 1], [2, 3]]


def test_it_learns_what_it_is_trained_on_and_other_orders_stay_at_chance(tasks: ResidentTasks) -> None:
    rng = np.random.default_rng(0)
    plan = [
        Draws(np.full(800, task), rng.integers(0, 40, 800), np.ones(800, bool), np.arange(0, 801, 20))
        for task in range(2)
    ]
    result = train(tasks, plan, loop=Loop(0.01, n_bins=5), streams=STREAMS)
    assert result.scores[1, 0] > 0.95
    assert result.scores[2, 1] > 0.95
    assert result.scores[0].max() < 0.6
    means = result.learning[..., 0] / result.learning[..., 1]
    assert (means[:, -1] > means[:, 0]).all()
    assert result.learning[..., 1].sum() == 1600
