"""A linear reading of what objects look like: how much each feature adds to the log odds of being looked at next.

Fitted beside the chances of another model, which are told where gaze is and was: an object's appearance is the same
whatever was looked at before, so the likelihood of a layout's choices needs but one product with its features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from torch import Tensor

from cogattn.psychophysics.scanpath.baselines import logit
from cogattn.psychophysics.scanpath.baselines.moments import by_layout
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.predicting import Prediction, Predictor

RIDGES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
"""Tried from the largest; twice the nats that a squared unit of a weight costs."""


@dataclass(frozen=True, eq=False)
class Content:
    """Log odds of objects by what they look like.

    Parameters
    ----------
    weights : array, shape (n_features,)
        Log odds a unit of each feature.
    """

    weights: Array

    def __call__(self, features: Tensor) -> Array:
        """Return log odds (n_objects,) of objects with features (n_objects, n_features)."""
        return features.numpy().astype(float) @ self.weights

    @classmethod
    def fit(
        cls,
        data: PathSet,
        train: Sequence[ObjectPath],
        validation: Sequence[ObjectPath],
        features: Mapping[str, Tensor],
        beside: Predictor,
    ) -> Self:
        """Fit weights to the training part, with the ridge of the best validation likelihood.

        Parameters
        ----------
        data : PathSet
            Where the layouts are.
        train, validation : sequence of ObjectPath
            Scanpaths.
        features : mapping of str to Tensor, shape (n_objects, n_features)
            By the layout's name.
        beside : Predictor
            Whose chances the log odds are added to.
        """
        learned, judged = (_seen(data, part, features, beside) for part in (train, validation))
        n_choices = sum(len(one.chosen) for one in learned)
        weights = np.zeros(next(iter(features.values())).shape[1])
        best, kept = _value(judged, weights), weights
        for ridge in RIDGES[::-1]:
            weights = logit.climb(
                lambda at: _likelihood(learned, at),
                weights,
                np.full(len(weights), ridge),
                n_choices,
                tolerance=1e-6,
            ).weights
            value = _value(judged, weights)
            if value <= best:
                break
            best, kept = value, weights
        return cls(kept)


@dataclass(frozen=True, eq=False)
class _Seen:
    """Choices over one layout: features (m, f), chances beside (n, m), and what was chosen (n,)."""

    features: Array
    log_p: Array
    chosen: Ints


def _seen(
    data: PathSet, paths: Sequence[ObjectPath], features: Mapping[str, Tensor], beside: Predictor
) -> list[_Seen]:
    predictions = beside.predict(data, paths)
    return [_of_layout(data, layout, own, paths, predictions, features) for layout, own in by_layout(paths)]


def _of_layout(
    data: PathSet,
    layout: int,
    own: Ints,
    paths: Sequence[ObjectPath],
    predictions: Sequence[Prediction],
    features: Mapping[str, Tensor],
) -> _Seen:
    looks = features[data.layouts[layout].name].numpy().astype(float)
    log_p = np.concatenate([predictions[k].log_p for k in own])
    return _Seen(looks, log_p, np.concatenate([paths[k].objects[paths[k].n_given :] for k in own]))


def _likelihood(seen: Sequence[_Seen], weights: Array) -> tuple[float, Array, Array]:
    """Log likelihood, score and information."""
    value, score, information = 0.0, np.zeros(len(weights)), np.zeros((len(weights), len(weights)))
    for one in seen:
        log_p = _log_p(one, weights)
        p = np.exp(log_p)
        value += float(log_p[np.arange(len(p)), one.chosen].sum())
        expected, mean = p.sum(axis=0), p @ one.features
        counts = np.bincount(one.chosen, minlength=len(expected))
        score += (counts - expected) @ one.features
        information += (one.features.T * expected) @ one.features - mean.T @ mean
    return value, score, information


def _value(seen: Sequence[_Seen], weights: Array) -> float:
    return sum(float(_log_p(one, weights)[np.arange(len(one.chosen)), one.chosen].sum()) for one in seen)


def _log_p(one: _Seen, weights: Array) -> Array:
    score = one.log_p + one.features @ weights
    score = score - score.max(axis=1, keepdims=True)
    return score - np.log(np.exp(score).sum(axis=1, keepdims=True))
