"""What each person chooses by: a conditional logit of a few terms that can be read, with standard errors.

The terms are those of `layouts.terms`: nearness, going on in the same direction, having been looked at, size, and
being of the kind that is looked for. Fixations of one person in one layout hang together, and layouts differ in what
they offer; standard errors are therefore those of the jackknife over groups of layouts, each left out by one Newton
step. With few layouts it covers better than the sandwich, which it meets where there are many. Pooled weights are those
of all people at hand taken for one; their standard errors say nothing of other people.

References
----------
McFadden (1974), Conditional logit analysis of qualitative choice behavior, in Frontiers in Econometrics, 105-142.
MacKinnon, White (1985), Journal of Econometrics 29, 305-325: the jackknife of heteroskedastic errors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cogattn.psychophysics.scanpath.baselines import logit
from cogattn.psychophysics.scanpath.columns import TABLES, WEIGHTS
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.layouts.terms import TERMS, terms_of_path

if TYPE_CHECKING:
    import pandas as pd

OBSERVER, EVERYBODY = "people", ""
ALIKE = 1e-3
"""Objects that differ by less in a term do not differ in it."""
RIDGE = 1e-2
"""Nats a squared log odds costs, twice: what keeps a weight finite where a person never did something."""


@dataclass(frozen=True, eq=False)
class Estimates:
    """Weights of a conditional logit.

    Parameters
    ----------
    names : tuple of str
        Terms in which things that could be chosen differed.
    weights, se : array, shape (n_names,)
        Log odds a unit; standard errors over clusters, infinite where there is one cluster.
    n : int
        Choices.
    n_clusters : int
        Groups of layouts.
    """

    names: tuple[str, ...]
    weights: Array
    se: Array
    n: int
    n_clusters: int


def person_weights(data: PathSet) -> pd.DataFrame:
    """Estimate what each person, and everybody together, chooses by.

    Parameters
    ----------
    data : PathSet
        All scanpaths; fixations that are given are not predicted.

    Returns
    -------
    DataFrame
        ``scanpath_weights`` of the observer ``people``; everybody is the person "". Terms in which no two objects of a
        layout ever differ have no row, nor have standard errors that a single layout cannot tell.
    """
    import pandas as pd

    own: dict[str, list[ObjectPath]] = defaultdict(list)
    for path in data.paths:
        own[path.person].append(path)
    rows = [
        (OBSERVER, person, name, weight, se, found.n)
        for person, paths in [(EVERYBODY, list(data.paths)), *sorted(own.items())]
        for found in [estimate(data, paths)]
        for name, weight, se in zip(found.names, found.weights, found.se, strict=True)
        if np.isfinite(se)
    ]
    return pd.DataFrame(rows, columns=list(TABLES[WEIGHTS])).astype(dict(TABLES[WEIGHTS]))


def estimate(data: PathSet, paths: Sequence[ObjectPath]) -> Estimates:
    """Fit weights to scanpaths, standard errors by groups of layouts."""
    some, clusters = _choices(data, paths)
    spread = np.max([np.ptp(one.features, axis=2).max(axis=1) for one in some], axis=0)
    differs = spread > ALIKE
    some = [logit.Choices(one.features[differs], one.chosen) for one in some]
    k, n = int(differs.sum()), sum(len(one.chosen) for one in some)
    ridge = np.full(k, RIDGE)
    fit = logit.climb(lambda weights: logit.conditional(some, weights), np.zeros(k), ridge, n)
    names = tuple(name for name, kept in zip(TERMS, differs, strict=True) if kept)
    se, n_clusters = _jackknife(some, clusters, fit.weights, ridge)
    return Estimates(names, fit.weights, se, n, n_clusters)


def _choices(data: PathSet, paths: Sequence[ObjectPath]) -> tuple[list[logit.Choices], list[Ints]]:
    """All choices, those among equally many objects together, and the number of each one's group of layouts."""
    numbers = {group: k for k, group in enumerate(sorted({data.layout_of(path).group for path in paths}))}
    parts: dict[int, list[tuple[Array, Ints, Ints]]] = defaultdict(list)
    for path in paths:
        layout, given = data.layout_of(path), path.n_given
        planes = np.moveaxis(terms_of_path(layout, path.objects)[given:-1], -1, 0)
        group = np.full(len(path) - given, numbers[layout.group])
        parts[layout.n_objects].append((planes, path.objects[given:], group))
    some, clusters = [], []
    for part in parts.values():
        features, chosen, group = zip(*part, strict=True)
        some.append(logit.Choices(np.concatenate(features, axis=1), np.concatenate(chosen)))
        clusters.append(np.concatenate(group))
    return some, clusters


def _jackknife(
    some: Sequence[logit.Choices], clusters: Sequence[Ints], weights: Array, ridge: Array
) -> tuple[Array, int]:
    """Standard errors from how one Newton step without each cluster moves the weights, and how many clusters."""
    n_clusters, k = int(max(own.max() for own in clusters)) + 1, len(weights)
    scores, informations = np.zeros((n_clusters, k)), np.zeros((n_clusters, k, k))
    for one, own in zip(some, clusters, strict=True):
        for cluster in np.unique(own):
            rows = own == cluster
            part = logit.Choices(one.features[:, rows], one.chosen[rows])
            _, score, information = logit.of_choices(part, weights)
            scores[cluster] += score.sum(axis=1)
            informations[cluster] += information
    if n_clusters < 2:
        return np.full(k, np.inf), n_clusters
    rest = informations.sum(axis=0) - informations + np.diag(ridge)
    moved = np.linalg.solve(rest, scores[..., None])[..., 0]
    away = moved - moved.mean(axis=0)
    return np.sqrt((n_clusters - 1) / n_clusters * (away**2).sum(axis=0)), n_clusters
