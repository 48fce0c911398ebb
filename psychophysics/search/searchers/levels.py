"""How the matches of several depths of a network become one: a weight for each depth, and a sum.

A match is a normalised correlation with the target, of about 1 at the target itself. Depths differ in what else they
take for it. The rules:

``mean``
    All depths alike.
``reliability``
    Each depth is a noisy channel. For independent Gaussian channels whose mean is mu where the target is and nu where
    something else is, with variance s^2, the log likelihood ratio is a weighted sum of responses with weights

        w = (mu - nu) / s^2

    Both means and the variance are learned beforehand, from the target alone and from its own ink in disorder
    (`matching`), at each eccentricity; no display that is searched has a part in it.
``maximum``
    The paper's: by the largest response on each map.
``only_1``, ``only_2``, ...
    One depth, counted from the finest.

References
----------
Green, Swets (1966), Signal Detection Theory and Psychophysics, chapter 9: the best sum of several observations.
Fisher (1936), Ann. Eugenics 7, 179-188: the weights of a linear discriminant.
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34: weights by the map's maximum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import ConfigError
from cogattn.psychophysics.search.config import SINGLE, LevelRule

Array = NDArray[np.float64]

NOISE_VARIANCE = 0.005
"""Of a response, whatever is seen: the internal noise (SD 0.07) of an ideal observer who gains 200 nats a unit."""


def combine(responses: Array, rule: LevelRule, *, reliability: Array | None = None) -> Array:
    """Make one response of those of several depths: a sum whose weights add up to 1.

    Parameters
    ----------
    responses : array, shape (n_levels, n_kinds, n_gazes, n_places)
        Match of every place with each kind of item.
    rule : str
        How; see the module.
    reliability : array, shape (n_levels,), (n_levels, n_gazes, n_places) or that of `responses`, optional
        Not negative, in any unit; needed by the rule ``reliability`` and read by no other. The middle shape, with
        axes of length 1 where nothing varies, is that of all kinds alike.

    Returns
    -------
    array, shape (n_kinds, n_gazes, n_places)

    Raises
    ------
    ConfigError
        If a single depth is asked for that is not there, or reliability by nobody who told it.
    """
    return (level_weights(responses, rule, reliability=reliability) * responses).sum(axis=0)


def level_weights(responses: Array, rule: LevelRule, *, reliability: Array | None = None) -> Array:
    """Return the weights that `combine` gives: 0 or more, of sum 1 over levels, to be broadcast with `responses`.

    Depths of which none is worth anything share alike.
    """
    n_levels = len(responses)
    match rule:
        case "mean":
            worth = np.ones((n_levels, 1, 1, 1))
        case "reliability":
            if reliability is None:
                raise ConfigError("levels = reliability must be told how reliable each depth is; got nothing")
            worth = _with_all_axes(np.asarray(reliability, dtype=float))
        case "maximum":
            worth = responses.max(axis=-1, keepdims=True)
        case _:
            worth = np.zeros((n_levels, 1, 1, 1))
            worth[level_of(rule, n_levels)] = 1
    worth = np.maximum(worth, 0)
    total = worth.sum(axis=0, keepdims=True)
    return np.where(total > 0, worth / np.where(total > 0, total, 1), 1 / n_levels)


def level_of(rule: LevelRule, n_levels: int) -> int:
    """Return the index of the depth that ``only_1`` and so on name; raise ConfigError where there is none."""
    level = SINGLE.index(rule)
    if level >= n_levels:
        raise ConfigError(f"levels must name one of the {n_levels} depths that are compared; got {rule}")
    return level


def discriminability(target: Array, others: Array) -> Array:
    """Return how much each depth's response says of target against no target: the weights ``w`` of the module.

    Parameters
    ----------
    target : array, shape (n_levels, n_looks, ...)
        Responses where the target is.
    others : array, shape (n_levels, n_looks, ...)
        Responses where something else is.

    Returns
    -------
    array, shape (n_levels, ...)
        0 where the target does not respond more than the others do.
    """
    gap = target.mean(axis=1) - others.mean(axis=1)
    variance = (target.var(axis=1) + others.var(axis=1)) / 2 + NOISE_VARIANCE
    return np.maximum(gap, 0) / variance


def along(table: Array, distance: Array, step: float) -> Array:
    """Interpolate tables (..., n) over distances 0, `step`, ...; shape (..., *distance.shape), the last value beyond.

    What `numpy.interp` does, for many tables of one even grid at once.
    """
    place = np.clip(distance / step, 0, table.shape[-1] - 1)
    below = np.minimum(place.astype(int), table.shape[-1] - 2)
    part = place - below
    return table[..., below] * (1 - part) + table[..., below + 1] * part


def _with_all_axes(reliability: Array) -> Array:
    """Shape (n_levels, n_kinds or 1, n_gazes or 1, n_places or 1)."""
    match reliability.ndim:
        case 1:
            return reliability[:, None, None, None]
        case 3:
            return reliability[:, None]
    return reliability
