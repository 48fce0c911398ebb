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
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
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
    classifier : Pipeline
        Fitted; scaler and ridge classifier of scikit-learn.
    categories : tuple of str
        Names of the columns of `scores`.

    Examples
    --------
    >>> readout = Readout.fit(network, images, labels, ("bear", "boat"))    # images (n, 3, h, w), labels (n,)
    >>> readout.scores(images).shape
    (40, 2)
    """

    network: Network
    classifier: Pipeline
    categories: tuple[str, ...]

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
        labels = np.asarray(labels)
        if len(labels) != len(images) or not np.isin(labels, np.arange(len(categories))).all():
            raise DataError(
                f"labels must be one index below {len(categories)} per image; "
                f"got {len(labels)} labels {np.unique(labels)} for {len(images)} images"
            )
        counts = np.bincount(labels, minlength=len(categories))
        if len(counts) < 2 or counts.min() < 2:
            fewest = (
                f"{counts.min()} of {categories[int(counts.argmin())]}" if len(counts) > 1 else "one category"
            )
            raise DataError(
                f"a readout must have two categories of two training images or more; got {fewest}"
            )
        classifier = make_pipeline(StandardScaler(), RidgeClassifierCV(alphas=PENALTIES))
        return cls(network, classifier.fit(_features(network, images), labels), tuple(categories))

    def scores(self, images: Tensor) -> NDArray[np.float64]:
        """Return one score per category, (n, n_categories), for images (n, 3, height, width) in [0, 1].

        The greatest is the answer. Scores are regressions on +-1, not probabilities.
        """
        scores = self.classifier.decision_function(_features(self.network, images))
        return np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores

    @property
    def penalty(self) -> float:
        """The ridge penalty that leave-one-out chose."""
        return float(self.classifier[-1].alpha_)


def _features(network: Network, images: Tensor) -> NDArray[np.float64]:
    batches = [network.features(batch) for batch in images.split(BATCH)]
    return torch.cat(batches).cpu().double().numpy()
