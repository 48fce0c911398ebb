"""What a searcher tells of where people look once its confidence is set right, on other scenes.

A searcher that always takes the best place says nothing useful as a density: it holds impossible most of what people
do. Its information is judged after two numbers have been set, the temperature T of its choice and the weight w of the
no-content baseline q that is mixed in,

    p(x) = (1 - w) p_T(x) + w q(x)

For each group of scenes they are those most likely for the other groups, where q is what is told without both. The
same is done with other people's fixations of the same scene, whose bandwidth takes the place of the temperature.

References
----------
Kümmerer, Wallis, Bethge (2015), PNAS 112, 16054-16059: models are compared after such a calibration.
Stone (1974), J. R. Stat. Soc. B 36, 111-147: choice and assessment by cross-validation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

WEIGHTS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
"""Of the baseline; at 1 a searcher tells nothing."""


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A searcher with its confidence set right.

    Parameters
    ----------
    log2 : array, shape (n_looks,)
        Log2 of the probability of each look's place, all numbers chosen without its group of scenes.
    chosen : array of int, shape (n_folds,)
        Number of the temperature (or bandwidth) chosen for each group.
    weights : array, shape (n_folds,)
        Of the baseline, for each group.
    """

    log2: Array
    chosen: NDArray[np.int64]
    weights: Array

    @property
    def weight(self) -> float:
        """Median of the weights."""
        return float(np.median(self.weights))


def calibrate(log2: Array, base_log2: Array, group: NDArray[np.int64]) -> Calibrated:
    """Set a searcher's confidence right.

    Parameters
    ----------
    log2 : array, shape (n_looks, n_values)
        Log2 of the probability of each look's place at each temperature; minus infinity where held impossible.
    base_log2 : array, shape (n_looks, n_folds)
        Log2 of what is mixed in, as told without the scenes of each group.
    group : array of int, shape (n_looks,)
        Each look's own group of scenes.

    Returns
    -------
    Calibrated
        The baseline alone for a group whose looks are all that there are.
    """
    probability, base = np.exp2(log2), np.exp2(base_log2)
    n_folds = base.shape[1]
    told = np.full(len(log2), np.nan)
    chosen, weights = np.zeros(n_folds, dtype=np.int64), np.ones(n_folds)
    for fold in range(n_folds):
        outside, inside = group != fold, group == fold
        if outside.any():
            chosen[fold], weights[fold] = _most_likely(probability[outside], base[outside, fold])
        told[inside] = np.log2(mixed(probability[inside, chosen[fold]], base[inside, fold], weights[fold]))
    return Calibrated(told, chosen, weights)


def mixed(probability: Array, base: Array, weight: float) -> Array:
    """Return ``(1 - weight) probability + weight base``."""
    return (1 - weight) * probability + weight * base


def _most_likely(probability: Array, base: Array) -> tuple[int, float]:
    """Number of the temperature, and the weight, most likely for some looks: probability (n, n_values), base (n,)."""
    ratio = probability / base[:, None]  # in which everything is said against the baseline
    gains = np.stack([np.log(mixed(ratio, np.ones(1), weight)).sum(axis=0) for weight in WEIGHTS], axis=1)
    value, weight = np.unravel_index(gains.argmax(), gains.shape)
    return int(value), WEIGHTS[int(weight)]
