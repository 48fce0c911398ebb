"""Readouts: recovery of known classes, agreement with brute-force leave-one-out, determinism, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from cogattn.errors import DataError
from cogattn.observers import Network, Readout
from cogattn.observers.readout import PENALTIES

NAMES = ("bear", "boat", "cat", "dog")


class Pixels(nn.Module):
    """Features are the pixels."""

    def forward_features(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs

    def forward_head(self, features: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        return features.flatten(1)


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(Pixels(), name="pixels", n_classes=2, input_size=4, device="cpu")


def drawn(
    n: int, *, n_categories: int = 4, spread: float = 0.02, seed: int = 0
) -> tuple[torch.Tensor, np.ndarray]:
    """Images about one mean per category, the means 0.1 apart in one pixel each."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_categories
    images = 0.5 + spread * rng.standard_normal((n, 3, 4, 4))
    images[np.arange(n), 0, 0, labels] += 0.1
    return torch.from_numpy(images.clip(0, 1)).float(), labels


def test_known_categories_are_recovered(network: Network):
    readout = Readout.fit(network, *drawn(80), NAMES)
    images, labels = drawn(400, seed=1)
    scores = readout.scores(images)
    assert scores.shape == (400, 4)
    assert readout.categories == NAMES
    assert np.mean(scores.argmax(1) == labels) > 0.98  # the best linear rule: .999


def test_two_categories_have_two_scores(network: Network):
    readout = Readout.fit(network, *drawn(200, n_categories=2), NAMES[:2])
    images, labels = drawn(100, n_categories=2, seed=1)
    scores = readout.scores(images)
    assert scores.shape == (100, 2)
    assert np.mean(scores.argmax(1) == labels) > 0.98


def test_penalty_has_the_least_leave_one_out_error(network: Network):
    images, labels = drawn(24, spread=0.08)
    x = images.flatten(1).double().numpy()
    x = (x - x.mean(0)) / x.std(0)
    y = np.where(labels[:, None] == np.arange(4), 1.0, -1.0)

    def error(penalty: float) -> float:
        """Refit without each image in turn."""
        left_out = []
        for i in range(len(x)):
            rest = np.arange(len(x)) != i
            centre, mean = x[rest].mean(0), y[rest].mean(0)
            gram = (x[rest] - centre).T @ (x[rest] - centre) + penalty * np.eye(x.shape[1])
            weights = np.linalg.solve(gram, (x[rest] - centre).T @ (y[rest] - mean))
            left_out.append(np.sum((y[i] - mean - (x[i] - centre) @ weights) ** 2))
        return float(np.mean(left_out))

    best = min(PENALTIES, key=error)
    assert best not in (PENALTIES[0], PENALTIES[-1])
    assert Readout.fit(network, images, labels, NAMES).penalty == pytest.approx(best)


def test_equal_images_give_an_equal_readout(network: Network):
    images, labels = drawn(40, spread=0.2)
    first, again = (Readout.fit(network, images, labels, NAMES).scores(images) for _ in range(2))
    assert np.array_equal(first, again)


def test_order_of_training_images_does_not_matter(network: Network):
    images, labels = drawn(40, spread=0.1)
    order = np.random.default_rng(2).permutation(40)
    first = Readout.fit(network, images, labels, NAMES).scores(images)
    shuffled = Readout.fit(network, images[order], labels[order], NAMES).scores(images)
    np.testing.assert_allclose(first, shuffled, atol=1e-9)


@pytest.mark.parametrize("labels", [[0, 0, 1, 2], [0, 0, 1, 1, 1], [0, 0, 1, -1], [0, 0, 0.5, 1]])
def test_labels_that_do_not_fit_are_refused(network: Network, labels: list[float]):
    with pytest.raises(DataError, match="one index below 2 per image"):
        Readout.fit(network, drawn(4)[0], labels, NAMES[:2])


@pytest.mark.parametrize("labels", [[0, 0, 0, 1], [0, 0, 0, 0]])
def test_a_category_of_one_image_is_refused_by_name(network: Network, labels: list[int]):
    with pytest.raises(DataError, match="of boat"):
        Readout.fit(network, drawn(4)[0], labels, NAMES[:2])


def test_scores_are_scikit_learn_s(network: Network):
    images, labels = drawn(60, spread=0.1)
    pipeline = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=PENALTIES))
    theirs = pipeline.fit(images.flatten(1).double().numpy(), labels)
    shown = drawn(30, seed=1)[0]
    expected = theirs.decision_function(shown.flatten(1).double().numpy())
    np.testing.assert_allclose(Readout.fit(network, images, labels, NAMES).scores(shown), expected, atol=1e-5)


def test_gradients_reach_the_images(network: Network):
    readout = Readout.fit(network, *drawn(60), NAMES)
    images = drawn(2)[0].requires_grad_()
    readout.logits(images, differentiable=True)[:, 1].sum().backward()
    torch.testing.assert_close(images.grad.flatten(1), readout.weights[1].expand(2, -1))
