"""Adversarial robustness: what is left of an observer's accuracy under projected gradient descent (PGD).

Each step goes up the cross-entropy of the true category and comes back to the ball of radius epsilon about
the image, and to [0, 1]. Radii and steps are in units of the image's range, whatever the network's
preprocessing. Attacks of all images and radii go together, on the network's device, as many as the execution has it
take at once; an image's attack depends on that image, its radius and its own random start, and on no other.

Departs from Subramanian et al. (2023), who attacked 1000-way answers to photographs in the space of inputs
normalised by mean and SD, clipped to [0, 1] there, which weakens the attack; here pixels are clipped, and the
study's own categories are attacked.

References
----------
Madry, Makelov, Schmidt, Tsipras and Vladu (2018), Towards deep learning models resistant to adversarial
attacks, ICLR.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from cogattn.errors import DataError, ObserverError
from cogattn.running.hardware import current
from cogattn.statistics.stats import Estimate, wilson_interval

Norm = Literal["linf", "l2"]
Logits = Callable[[Tensor], Tensor]
STEP_FACTOR = 2.5
"""Default step times number of steps, in radii: far enough to reach any point of the ball from any other."""


@dataclass(frozen=True)
class RobustAccuracy:
    """Accuracy under attack, with Wilson intervals.

    Parameters
    ----------
    accuracy : Estimate
        Share of all images that are answered right though attacked.
    kept : Estimate
        The same share of the images that were answered right before; n is the number of these.
    """

    accuracy: Estimate
    kept: Estimate


def pgd(
    logits_of: Logits,
    images: Tensor,
    labels: Tensor,
    *,
    epsilon: float | Tensor,
    norm: Norm = "linf",
    n_steps: int = 32,
    step: float | Tensor | None = None,
    start: Tensor | None = None,
) -> Tensor:
    """Return adversarial images: at most `epsilon` away, in [0, 1], of high loss.

    Parameters
    ----------
    logits_of : callable
        Images (n, 3, height, width) -> class scores before softmax (n, n_classes), with gradients. The scores
        of an image depend on that image alone.
    images : Tensor, shape (n, 3, height, width)
        In [0, 1].
    labels : Tensor of int, shape (n,)
        True classes.
    epsilon : float or Tensor, shape (n,)
        Radius in units of the image's range, of all images or of each; of every pixel and channel for ``linf``, of the
        whole image for ``l2``.
    norm : {"linf", "l2"}
        Of the perturbation. Steps follow the gradient's sign, or its direction.
    n_steps : int
        Number of steps.
    step : float or Tensor, shape (n,), optional
        Length of a step in the same norm; ``2.5 * epsilon / n_steps`` by default.
    start : Tensor, shape (n, 3, height, width), optional
        Where to begin (see `random_start`); the images themselves by default.

    Returns
    -------
    Tensor, shape (n, 3, height, width)
        The last point, not the worst on the way.

    Raises
    ------
    DataError
        If epsilon or step is negative or images lie outside [0, 1].
    """
    radius = _each(epsilon, images)
    length = STEP_FACTOR * radius / n_steps if step is None else _each(step, images)
    if not bool((radius >= 0).all() and (length >= 0).all()):
        raise DataError(f"shown.epsilons and the step must be at least 0; got {epsilon} and {step}")
    if images.numel() and not (float(images.min()) >= 0 and float(images.max()) <= 1):
        raise DataError("attacked images must lie in [0, 1]; got values outside")
    attacked = (images if start is None else project(start, images, epsilon=radius, norm=norm)).detach()
    for _ in range(n_steps):
        attacked.requires_grad_()
        loss = functional.cross_entropy(logits_of(attacked), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, attacked)
        direction = gradient.sign() if norm == "linf" else gradient / _size(gradient)
        attacked = project(attacked.detach() + length * direction, images, epsilon=radius, norm=norm)
    return attacked


def project(points: Tensor, images: Tensor, *, epsilon: float | Tensor, norm: Norm) -> Tensor:
    """Return the points brought back to the ball of radius `epsilon`, of all or of each, and then into [0, 1].

    For ``linf`` this is the nearest point of both. For ``l2`` clipping comes second; it does not leave the
    ball, because the images are inside [0, 1].
    """
    away, radius = points - images, _each(epsilon, images)
    if norm == "linf":
        return (images + away.clamp(-radius, radius)).clamp(0, 1)
    return (images + away * (radius / _size(away)).clamp(max=1)).clamp(0, 1)


def random_start(images: Tensor, *, epsilon: float, norm: Norm, rng: np.random.Generator) -> Tensor:
    """Return points drawn evenly from the ball of radius `epsilon` about images, clipped to [0, 1]."""
    if norm == "linf":
        away = rng.uniform(-epsilon, epsilon, tuple(images.shape))
    else:
        away = rng.standard_normal(tuple(images.shape))
        radius = epsilon * rng.uniform(size=len(images)) ** (1 / max(away[0].size, 1)) if len(images) else 0.0
        away *= (radius / np.sqrt((away**2).sum(axis=(1, 2, 3))))[:, None, None, None]
    return (images + torch.from_numpy(away).to(images)).clamp(0, 1)


def answers_under_attack(
    logits_of: Logits,
    images: Tensor,
    labels: Tensor,
    *,
    epsilons: Sequence[float],
    norm: Norm,
    n_steps: int,
    rng_of: Callable[[int, float], np.random.Generator],
    device: torch.device | None = None,
) -> NDArray[np.int64]:
    """Return answers to the images as they are and attacked at each radius from a random start.

    Parameters
    ----------
    logits_of, images, labels, norm, n_steps
        As for `pgd`.
    epsilons : sequence of float
        Radii.
    rng_of : callable
        Place of an image in `images`, radius -> what draws its start.
    device : torch.device, optional
        Where the network is; by default where the images are.

    Returns
    -------
    array of int, shape (1 + n_epsilons, n)
        Answers without attack first. An image that is answered wrong is not attacked and keeps its answer.
    """
    place = images.device if device is None else device
    images, labels = images.to(place), labels.to(place)
    size = current().images_at_once
    clean = _in_batches(lambda part: _answers(logits_of, images[part]), torch.arange(len(images)), size)
    answers = clean.expand(1 + len(epsilons), -1).clone()
    right = (clean == labels.cpu()).nonzero().squeeze(1)
    image, row = right.repeat_interleave(len(epsilons)), torch.arange(len(epsilons)).repeat(len(right))
    radii = torch.tensor(epsilons)

    def attacked(part: Tensor) -> Tensor:
        shown, radius = images[image[part]], radii[row[part]]
        starts = [
            random_start(one[None], epsilon=epsilons[k], norm=norm, rng=rng_of(i, epsilons[k]))
            for one, i, k in zip(shown, image[part].tolist(), row[part].tolist(), strict=True)
        ]
        points = pgd(
            logits_of,
            shown,
            labels[image[part]],
            epsilon=radius.to(place),
            norm=norm,
            n_steps=n_steps,
            start=torch.cat(starts),
        )
        return _answers(logits_of, points)

    answers[1 + row, image] = _in_batches(attacked, torch.arange(len(image)), size)
    return answers.numpy()


def _answers(logits_of: Logits, images: Tensor) -> Tensor:
    with torch.no_grad():
        return logits_of(images).argmax(-1).cpu()


def _in_batches(work: Callable[[Tensor], Tensor], places: Tensor, size: int) -> Tensor:
    """Join ``work`` on batches of places."""
    done = [torch.zeros(0, dtype=torch.int64)]
    try:
        done += [work(part) for part in places.split(size) if len(part)]
    except torch.OutOfMemoryError as error:
        raise ObserverError(
            f"--batch must be of as many images as the device has memory to attack; got {size} at once"
        ) from error
    return torch.cat(done)


def robust_accuracy(clean: ArrayLike, attacked: ArrayLike, *, confidence: float = 0.95) -> RobustAccuracy:
    """Summarise which images are answered right without and under attack.

    Parameters
    ----------
    clean, attacked : arrays of bool, shape (n,)
        Whether each image is answered right as it is, and attacked. What is wrong as it is stays wrong.
    confidence : float
        Of the intervals.

    Raises
    ------
    DataError
        If shapes differ.
    """
    before, after = np.asarray(clean, dtype=bool), np.asarray(attacked, dtype=bool)
    if before.ndim != 1 or before.shape != after.shape:
        raise DataError(f"clean and attacked must both be (n,); got {before.shape} and {after.shape}")
    n_kept = int((before & after).sum())
    return RobustAccuracy(
        _share(n_kept, before.size, confidence), _share(n_kept, int(before.sum()), confidence)
    )


def _share(n_right: int, n: int, confidence: float) -> Estimate:
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    lo, hi = wilson_interval(n_right, n, confidence=confidence)
    return Estimate(n_right / n, float(lo), float(hi), n)


def _each(value: float | Tensor, images: Tensor) -> Tensor:
    """A number of each image, to be multiplied with images: (n, 1, 1, 1), or one of all."""
    return torch.as_tensor(value, dtype=images.dtype, device=images.device).reshape(-1, 1, 1, 1)


def _size(vectors: Tensor) -> Tensor:
    """Euclidean length per image, (n, 1, 1, 1), never 0."""
    return vectors.flatten(1).norm(dim=1).clamp_min(torch.finfo(vectors.dtype).tiny).view(-1, 1, 1, 1)
