"""Projected gradient descent: optimal where the optimum is known, torchattacks step by step, in its ball."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch import nn

from cogattn.errors import DataError
from cogattn.observers import Network
from cogattn.psychophysics.naming.robustness import (
    Norm,
    answers_under_attack,
    pgd,
    project,
    random_start,
    robust_accuracy,
)

NORMS = ("linf", "l2")


def images_and_labels(n: int = 6, size: int = 8, n_classes: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(n, 3, size, size, generator=generator)
    return images, torch.randint(n_classes, (n,), generator=generator)


def small_network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Conv2d(3, 6, 3), nn.SiLU(), nn.Flatten(), nn.Linear(216, 5)).eval()


def away(attacked: torch.Tensor, images: torch.Tensor, norm: Norm) -> torch.Tensor:
    difference = (attacked.double() - images.double()).flatten(1)
    return difference.abs().amax(1) if norm == "linf" else difference.norm(dim=1)


@pytest.mark.parametrize("norm", NORMS)
def test_linear_observer_is_attacked_in_the_best_direction(norm: Norm):
    weight = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(2))
    images = 0.5 + 0.1 * (images_and_labels()[0] - 0.5)
    labels = torch.tensor([0, 1] * 3)

    def logits_of(shown: torch.Tensor) -> torch.Tensor:
        score = 0.1 * (shown * weight).sum((1, 2, 3))
        return torch.stack([score, -score], dim=1)

    best = -weight.sign() if norm == "linf" else -weight / weight.norm()
    epsilon = 0.05 if norm == "linf" else 0.3
    expected = images + epsilon * torch.where(labels == 0, 1, -1).view(-1, 1, 1, 1) * best
    attacked = pgd(logits_of, images, labels, epsilon=epsilon, norm=norm, n_steps=10)
    torch.testing.assert_close(attacked, expected, atol=1e-6, rtol=0)


def test_linear_observer_is_attacked_up_to_the_range_of_pixels():
    weight = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(2))
    images, labels = images_and_labels(n_classes=2)
    score = lambda shown: torch.stack([z := 0.1 * (shown * weight).sum((1, 2, 3)), -z], dim=1)  # noqa: E731
    attacked = pgd(score, images, labels, epsilon=0.4, norm="linf", n_steps=10)
    towards = torch.where(labels == 0, -1, 1).view(-1, 1, 1, 1) * weight.sign()
    torch.testing.assert_close(attacked, (images + 0.4 * towards).clamp(0, 1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("with_start", [False, True])
def test_every_step_is_that_of_torchattacks(norm: Norm, with_start: bool):
    torchattacks = pytest.importorskip(
        "torchattacks",
        reason="torchattacks downgrades requests and urllib3, so no extra names it; without them it runs: "
        "pip install --no-deps torchattacks",
    )
    module = small_network()
    images, labels = images_and_labels()
    epsilon = 0.03 if norm == "linf" else 0.5
    attack = torchattacks.PGD if norm == "linf" else torchattacks.PGDL2

    def theirs(n_steps: int) -> torch.Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            options = {"eps": epsilon, "alpha": epsilon / 4, "steps": n_steps, "random_start": with_start}
            return attack(module, **options)(images, labels)

    for n_steps in (1, 2, 7, 20):
        attacked = pgd(
            module,
            images,
            labels,
            epsilon=epsilon,
            norm=norm,
            n_steps=n_steps,
            step=epsilon / 4,
            start=theirs(0),
        )
        torch.testing.assert_close(attacked, theirs(n_steps), atol=2e-6, rtol=0)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("epsilon", [0.0, 1e-3, 0.1, 2.0])
def test_adversarial_images_stay_in_the_ball_and_in_range(norm: Norm, epsilon: float):
    images, labels = images_and_labels()
    start = random_start(images, epsilon=epsilon, norm=norm, rng=np.random.default_rng(0))
    attacked = pgd(small_network(), images, labels, epsilon=epsilon, norm=norm, n_steps=5, start=start)
    for points in (start, attacked):
        assert float(points.min()) >= 0
        assert float(points.max()) <= 1
        assert float(away(points, images, norm).max()) <= epsilon + 2e-6


@pytest.mark.parametrize("norm", NORMS)
def test_loss_rises(norm: Norm):
    module = small_network()
    images, labels = images_and_labels(40)
    attacked = pgd(module, images, labels, epsilon=0.1 if norm == "linf" else 0.8, norm=norm, n_steps=20)
    before, after = (
        nn.functional.cross_entropy(module(shown), labels, reduction="none") for shown in (images, attacked)
    )
    assert bool((after > before).all())


@pytest.mark.parametrize("norm", NORMS)
def test_an_image_s_attack_does_not_depend_on_its_batch(norm: Norm):
    images, labels = images_and_labels()
    together = pgd(small_network(), images, labels, epsilon=0.1, norm=norm, n_steps=5)
    alone = pgd(small_network(), images[2:3], labels[2:3], epsilon=0.1, norm=norm, n_steps=5)
    torch.testing.assert_close(together[2:3], alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("norm", NORMS)
def test_points_inside_are_left_alone_and_projection_is_idempotent(norm: Norm):
    images, _ = images_and_labels()
    points = images + torch.randn(images.shape, generator=torch.Generator().manual_seed(4))
    once = project(points, images, epsilon=0.2, norm=norm)
    torch.testing.assert_close(project(once, images, epsilon=0.2, norm=norm), once, atol=1e-6, rtol=0)
    torch.testing.assert_close(project(images, images, epsilon=0.2, norm=norm), images, atol=0, rtol=0)


def test_starts_fill_the_ball_evenly():
    images = torch.full((2000, 3, 2, 2), 0.5)
    start = random_start(images, epsilon=0.1, norm="l2", rng=np.random.default_rng(5))
    radius = away(start, images, "l2").numpy() / 0.1
    assert kstest(radius**12, "uniform").pvalue > 0.01  # the volume of a ball in 12 dimensions
    square = random_start(images, epsilon=0.1, norm="linf", rng=np.random.default_rng(5))
    assert kstest(((square - images) / 0.2 + 0.5).flatten().numpy(), "uniform").pvalue > 0.01


def test_attack_goes_through_the_network_s_preprocessing():
    network = Network(
        small_network(),
        name="test",
        n_classes=5,
        input_size=8,
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        device="cpu",
    )
    images, labels = images_and_labels(20, size=16)
    attacked = pgd(
        lambda shown: network.logits(shown, differentiable=True), images, labels, epsilon=0.3, n_steps=20
    )
    loss = [nn.functional.cross_entropy(network.logits(shown), labels) for shown in (images, attacked)]
    assert attacked.shape == images.shape
    assert float(away(attacked, images, "linf").max()) <= 0.3 + 1e-6
    assert loss[1] > loss[0] + 1


def test_answers_fall_with_epsilon_and_wrong_ones_stay():
    module = small_network()
    images, _ = images_and_labels(60)
    labels = module(images).argmax(1).detach()
    labels[:10] = (labels[:10] + 1) % 5
    answers = answers_under_attack(
        module,
        images,
        labels,
        epsilons=(0.0, 0.02, 1.0),
        norm="linf",
        n_steps=20,
        rng_of=lambda image, epsilon: np.random.default_rng([6, image, round(epsilon * 1e6)]),
    )
    correct = (answers == labels.numpy()).mean(axis=1)
    assert answers.shape == (4, 60)
    assert (answers[:, :10] == answers[0, :10]).all()
    assert correct[0] == correct[1] == 50 / 60
    assert correct[1] > correct[2] > correct[3] == 0


def test_where_nothing_is_right_nothing_is_attacked():
    images, _ = images_and_labels(6)
    module = small_network()
    wrong = (module(images).argmax(1).detach() + 1) % 5
    answers = answers_under_attack(
        module,
        images,
        wrong,
        epsilons=(0.1,),
        norm="l2",
        n_steps=2,
        rng_of=lambda *_: np.random.default_rng(0),
    )
    assert (answers == answers[0]).all()
    assert not (answers == wrong.numpy()).any()


def test_robust_accuracy_is_a_share_with_wilson_s_interval():
    clean = np.array([True] * 10 + [False] * 10)
    found = robust_accuracy(clean, np.array([True] * 8 + [False] * 2 + [True] * 10))
    assert (found.kept.estimate, found.kept.n) == (0.8, 10)
    assert (found.kept.lo, found.kept.hi) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert (found.accuracy.estimate, found.accuracy.n) == (0.4, 20)
    assert np.isnan(robust_accuracy([False], [True]).kept.estimate)


def test_what_cannot_be_attacked_is_refused():
    images, labels = images_and_labels()
    with pytest.raises(DataError, match="at least 0"):
        pgd(small_network(), images, labels, epsilon=-0.1)
    with pytest.raises(DataError, match="at least 0"):
        pgd(small_network(), images, labels, epsilon=0.1, step=-1.0)
    with pytest.raises(DataError, match=r"in \[0, 1\]"):
        pgd(small_network(), images + 1, labels, epsilon=0.1)
    with pytest.raises(DataError, match="must both be"):
        robust_accuracy([True], [True, False])
