"""A linear readout of a frozen network: its features, other categories.

Features are standardised and a ridge classifier (one regression on +-1 per category) is fitted in closed
form; the penalty is the one of `PENALTIES` with the least leave-one-out squared error on the training images.
No random number is drawn, so equal images give an equal readout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from cogattn.errors import DataError
from cogattn.observers.network import Network

PENALTIES = tuple(10.0 ** (k / 2) for k in range(0, 13))
"""Ridge penalties that are compared, for features of unit variance: 1, 3.2, ... 1e6."""
BATCH = 64


@dataclass(frozen=True, eq=False)
class Readout:
    """A frozen network and a linear classifier on its features.

    Parameters
    ----------
    network : Network
        Answers with features.
    weights : Tensor, shape (n_categories, n_features)
        Of the features as they are; standardisation is folded in.
    bias : Tensor, shape (n_categories,)
        Added to the weighted features.
    categories : tuple of str
        Names of the columns of `scores`.
    penalty : float
        The ridge penalty that leave-one-out chose.

    Examples
    --------
    >>> from cogattn.observers import TimmObserver, build_network
    >>> network = build_network(TimmObserver(weights="random"), "test_resnet", seed=0)
    >>> images, labels = torch.rand(40, 3, 160, 160), [0, 1] * 20
    >>> Readout.fit(network, images, labels, ("bear", "boat")).scores(images).shape
    (40, 2)
    """

    network: Network
    weights: Tensor
    bias: Tensor
    categories: tuple[str, ...]
    penalty: float

    @classmethod
    def fit(cls, network: Network, images: Tensor, labels: ArrayLike, categories: Sequence[str]) -> Readout:
        """Train on images as the study presents them.

        Parameters
        ----------
        network : Network
            Its ``features`` are read out.
        images : Tensor, shape (n, 3, height, width)
            Training images in [0, 1], prepared as the study's trials without noise, and in none of them.
        labels : array of int, shape (n,)
            Index into `categories` of each image.
        categories : sequence of str
            At least two.

        Raises
        ------
        DataError
            If a category has fewer than two images, or a label is no index into `categories`.
        """
        from sklearn.linear_model import RidgeClassifierCV  # slow to load: other observers do without
        from sklearn.preprocessing import StandardScaler

        labels = np.asarray(labels)
        _check(labels, len(images), categories)
        features = (
            torch.cat([network.features(batch) for batch in images.split(BATCH)]).cpu().double().numpy()
        )
        scaler = StandardScaler().fit(features)
        ridge = RidgeClassifierCV(alphas=PENALTIES).fit(scaler.transform(features), labels)
        weights = np.atleast_2d(ridge.coef_) / scaler.scale_
        bias = np.atleast_1d(ridge.intercept_) - weights @ scaler.mean_
        if len(categories) == 2:  # one regression tells both
            weights, bias = np.concatenate([-weights, weights]), np.concatenate([-bias, bias])
        tensors = (torch.from_numpy(array).float().to(network.device) for array in (weights, bias))
        return cls(network, *tensors, tuple(categories), float(ridge.alpha_))

    def logits(self, images: Tensor, *, differentiable: bool = False) -> Tensor:
        """Return one score per category, (n, n_categories), for images (n, 3, height, width) in [0, 1].

        The highest is the answer. Scores are regressions on +-1, not log probabilities.
        """
        features = self.network.features(images, differentiable=differentiable)
        return features @ self.weights.to(features.device).T + self.bias.to(features.device)

    def scores(self, images: Tensor) -> NDArray[np.float32]:
        """Return the same of images (batch, 3, height, width) as an array."""
        return torch.cat([self.logits(batch) for batch in images.split(BATCH)]).cpu().numpy()


def _check(labels: NDArray, n_images: int, categories: Sequence[str]) -> None:
    if len(labels) != n_images or not np.isin(labels, np.arange(len(categories))).all():
        raise DataError(
            f"labels must be one index below {len(categories)} per image; "
            f"got {len(labels)} labels {np.unique(labels)} for {n_images} images"
        )
    counts = np.bincount(labels, minlength=len(categories))
    if len(counts) < 2 or counts.min() < 2:
        fewest = (
            f"{counts.min()} of {categories[int(counts.argmin())]}" if len(counts) > 1 else "one category"
        )
        raise DataError(f"a readout must have two categories of two training images or more; got {fewest}")
