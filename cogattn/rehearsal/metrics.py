"""What is remembered, forgotten and helped, from the matrix R of scores: in the papers' definitions, and in libraries'.

R has a row after each task and a column of each: ``R[i, j]`` is the score of task j once task i has been learnt. The
same words mean different numbers in different libraries, so whatever departs from the paper carries its library's name:

==========================  ===================================================================================
name                        what it is
==========================  ===================================================================================
``backward_transfer``       mean of R[-1, j] - R[j, j] over all tasks but the last (Lopez-Paz and Ranzato, 2017)
``..._gem``                 the same sum over the number of tasks, as that paper's own code has it
``..._continuum``           mean over all pairs of a task and a later row (Diaz-Rodriguez et al., 2018)
``forgetting``              mean of the best score of all rows but the last, less the last (Chaudhry et al., 2018)
``..._mammoth``             the best of all rows, the last as well: never below 0
``..._continuum``           the best of the rows from the task's own on
``..._avalanche``           the score when the task was learnt less the last: backward transfer turned
``forward_transfer``        mean of R[j - 1, j] less a baseline, over all tasks but the first (Lopez-Paz, Ranzato)
``..._gem``                 the same sum over the number of tasks
``..._continuum``           no baseline
==========================  ===================================================================================

Mammoth's backward and forward transfer are the paper's, Avalanche's forward transfer too (its baseline is the untrained
network), FACIL's forgetting is Chaudhry's. Versions: Mammoth e75a491, Continuum 1.2.7, Avalanche 0.6.0, FACIL e09d2c8.

References
----------
Lopez-Paz, Ranzato (2017), NeurIPS, arXiv 1706.08840, eqs 2-4. Chaudhry et al. (2018), ECCV, arXiv 1801.10112, eq. 3.
Diaz-Rodriguez et al. (2018), arXiv 1810.13166. Rebuffi et al. (2017), CVPR, arXiv 1611.07725 (average incremental).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.errors import DataError

Array = NDArray[np.float64]
EARLY = 0.5
"""Share of a phase over which a learning curve is early."""


def average_accuracy(R: ArrayLike) -> float:
    """Mean score of all tasks after the last one.

    Parameters
    ----------
    R : array, shape (n_tasks, n_tasks)
        Row i: scores of all tasks after task i.

    Raises
    ------
    DataError
        If R is not square, or an entry that is needed was not measured (NaN).

    Examples
    --------
    >>> average_accuracy([[0.9, 0.1], [0.7, 0.9]])
    0.8
    """
    return _mean(_matrix(R, at_least=1)[-1])


def average_accuracy_continuum(R: ArrayLike) -> float:
    """Mean of R[i, j], of R (n_tasks, n_tasks), over all rows i and the tasks j that were met by then.

    It is ``accuracy_A`` of Diaz-Rodriguez et al.
    """
    matrix = _matrix(R, at_least=1)
    return _mean(matrix[np.tril_indices(len(matrix))])


def average_incremental(R: ArrayLike) -> float:
    """Mean over rows of R (n_tasks, n_tasks) of the mean score of the tasks that were met by then (Rebuffi et al.)."""
    matrix = _matrix(R, at_least=1)
    return _mean(np.array([_mean(row[: k + 1]) for k, row in enumerate(matrix)]))


def newest(R: ArrayLike, n: int) -> float:
    """Mean score, after the last task, of the `n` tasks learnt last (of all, where there are fewer)."""
    return _mean(_matrix(R, at_least=1)[-1, -n:])


def need_weighted(R_last: ArrayLike, weights: ArrayLike) -> float:
    """Mean score after the last task, each task weighed by how much it is needed.

    Parameters
    ----------
    R_last : array, shape (n_tasks,)
        Last row of R.
    weights : array, shape (n_tasks,)
        0 or more, not all 0; they need not sum to 1.

    Raises
    ------
    DataError
        If shapes differ, a weight is negative or none is above 0, or a score with weight was not measured.

    Examples
    --------
    >>> round(need_weighted([0.6, 0.9], [1, 2]), 3)
    0.8
    """
    scores, need = np.asarray(R_last, dtype=float), np.asarray(weights, dtype=float)
    if scores.shape != need.shape or scores.ndim != 1:
        raise DataError(f"weights must be one a task; got shapes {need.shape} and {scores.shape}")
    if not ((need >= 0).all() and need.sum() > 0):
        raise DataError(f"weights must be 0 or more and not all 0; got {need.tolist()}")
    return _mean(scores[need > 0], need[need > 0])


def backward_transfer(R: ArrayLike) -> float:
    """How much better earlier tasks are after the last than when they were learnt: negative where they are forgotten.

    Mean of ``R[-1, j] - R[j, j]`` over all tasks j but the last (Lopez-Paz and Ranzato, eq. 3).

    Parameters
    ----------
    R : array, shape (n_tasks, n_tasks)
        Row i: scores of all tasks after task i; at least two tasks.

    Raises
    ------
    DataError
        If R is not square, of one task only, or an entry that is needed was not measured (NaN).

    Examples
    --------
    >>> round(backward_transfer([[0.9, 0.1], [0.7, 0.9]]), 3)
    -0.2
    """
    matrix = _matrix(R)
    return _mean((matrix[-1] - np.diag(matrix))[:-1])


def backward_transfer_gem(R: ArrayLike) -> float:
    """`backward_transfer` of R (n_tasks, n_tasks) with its sum over n_tasks, not n_tasks - 1, as its authors' code."""
    return backward_transfer(R) * (1 - 1 / len(_matrix(R)))


def backward_transfer_continuum(R: ArrayLike) -> float:
    """Mean of ``R[i, j] - R[j, j]``, of R (n_tasks, n_tasks), over tasks j and later rows i (Diaz-Rodriguez et al.)."""
    matrix = _matrix(R)
    return _mean((matrix - np.diag(matrix))[np.tril_indices(len(matrix), -1)])


def forgetting(R: ArrayLike) -> float:
    """How much worse earlier tasks are after the last than they were at their best before it.

    Mean of ``max(R[:-1, j]) - R[-1, j]`` over all tasks j but the last; negative where the last task helps
    (Chaudhry et al., eq. 3). Rows before a task was learnt count where they were measured.

    Parameters
    ----------
    R : array, shape (n_tasks, n_tasks)
        Row i: scores of all tasks after task i; at least two tasks.

    Raises
    ------
    DataError
        If R is not square, of one task only, or an entry on or below the diagonal that is needed is NaN.

    Examples
    --------
    >>> round(forgetting([[0.9, 0.1], [0.7, 0.9]]), 3)
    0.2
    """
    matrix = _matrix(R)
    return _fall(matrix, matrix[:-1])


def forgetting_mammoth(R: ArrayLike) -> float:
    """`forgetting` with the last row among those of which the best is taken, so that it is never below 0.

    R is (n_tasks, n_tasks). Mammoth counts as 0 what was not measured, which is no best of an accuracy; here it is
    left out.
    """
    matrix = _matrix(R)
    return _fall(matrix, matrix)


def forgetting_continuum(R: ArrayLike) -> float:
    """`forgetting` in R (n_tasks, n_tasks) with the best of the rows from the task's own on, the last aside."""
    matrix = _matrix(R)
    return _fall(matrix, np.where(np.tril(np.ones(matrix.shape, bool)), matrix, np.nan)[:-1])


def forgetting_avalanche(R: ArrayLike) -> float:
    """Mean of ``R[j, j] - R[-1, j]``, of R (n_tasks, n_tasks), over tasks j but the last: minus `backward_transfer`."""
    return -backward_transfer(R)


def forward_transfer(R: ArrayLike, baseline: ArrayLike) -> float:
    """How much better a task is just before it is learnt than it is for an untrained network.

    Mean of ``R[j - 1, j] - baseline[j]`` over all tasks j but the first (Lopez-Paz and Ranzato, eq. 4).

    Parameters
    ----------
    R : array, shape (n_tasks, n_tasks)
        Row i: scores of all tasks after task i; at least two tasks.
    baseline : array, shape (n_tasks,)
        Scores of an untrained network.

    Raises
    ------
    DataError
        If R is not square, of one task only, shapes differ, or an entry that is needed was not measured (NaN).

    Examples
    --------
    >>> round(forward_transfer([[0.9, 0.15], [0.7, 0.9]], [0.1, 0.1]), 3)
    0.05
    """
    matrix, untrained = _matrix(R), np.asarray(baseline, dtype=float)
    if untrained.shape != matrix.shape[1:]:
        raise DataError(f"baseline must be of shape {matrix.shape[1:]}; got {untrained.shape}")
    return _mean(np.diag(matrix, 1) - untrained[1:])


def forward_transfer_gem(R: ArrayLike, baseline: ArrayLike) -> float:
    """`forward_transfer` with its sum over n_tasks instead of n_tasks - 1, as its authors' code; the same shapes."""
    return forward_transfer(R, baseline) * (1 - 1 / len(_matrix(R)))


def forward_transfer_continuum(R: ArrayLike) -> float:
    """Mean of ``R[j - 1, j]`` over all tasks j but the first of R (n_tasks, n_tasks): no baseline."""
    return _mean(np.diag(_matrix(R), 1))


BACKWARD: Mapping[str, Callable[[ArrayLike], float]] = {
    "average_accuracy": average_accuracy,
    "average_accuracy_continuum": average_accuracy_continuum,
    "average_incremental": average_incremental,
    "backward_transfer": backward_transfer,
    "backward_transfer_gem": backward_transfer_gem,
    "backward_transfer_continuum": backward_transfer_continuum,
    "forgetting": forgetting,
    "forgetting_mammoth": forgetting_mammoth,
    "forgetting_continuum": forgetting_continuum,
    "forgetting_avalanche": forgetting_avalanche,
}
"""By name, those for which the tasks that were met are enough."""
FORWARD: Mapping[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "forward_transfer": forward_transfer,
    "forward_transfer_gem": forward_transfer_gem,
    "forward_transfer_continuum": lambda R, baseline: forward_transfer_continuum(R),
}
"""By name, those for which each task is tested before it is met, too."""


def variants(R: ArrayLike, baseline: ArrayLike) -> dict[str, float]:
    """Return every metric here by its name; NaN where the forward ones lack a test before a task was learnt."""
    found = {name: metric(R) for name, metric in BACKWARD.items()}
    ahead = np.append(np.diag(_matrix(R), 1), np.asarray(baseline, dtype=float)[1:])
    for name, metric in FORWARD.items():
        found[name] = metric(R, baseline) if np.isfinite(ahead).all() else float("nan")
    return found


def area(scores: ArrayLike, n: ArrayLike, *, items: float) -> float:
    """Mean score of the first `items` items of a learning curve: the area under it, over its length.

    Parameters
    ----------
    scores : array, shape (n_bins,)
        Mean score of each bin, in order; NaN where a bin has no item.
    n : array, shape (n_bins,)
        Items of each.
    items : float
        How many, from the first on; part of a bin counts as so many items of its mean.

    Returns
    -------
    float
        NaN where there is no item.
    """
    counts = np.asarray(n, dtype=float)
    before = np.cumsum(counts) - counts
    taken = np.clip(items - before, 0, counts)
    if not taken.sum():
        return float("nan")
    return _mean(np.asarray(scores, dtype=float)[taken > 0], taken[taken > 0])


def rise(areas: ArrayLike) -> float:
    """How much higher the last third of phases is than the first phase: facilitation, of the areas of new items.

    Parameters
    ----------
    areas : array, shape (n_phases,)
        Of each phase; at least two.
    """
    values = np.asarray(areas, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise DataError(f"areas must be of at least two phases; got shape {values.shape}")
    return _mean(late(values)) - float(values[0])


def late(values: Array) -> Array:
    """Return the last third of phases, one of them at least."""
    return values[-max(1, len(values) // 3) :]


def _matrix(R: ArrayLike, *, at_least: int = 2) -> Array:
    matrix = np.asarray(R, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < at_least:
        raise DataError(
            f"R must be square, a row and a column a task, {at_least} at least; got {matrix.shape}"
        )
    return matrix


def _fall(matrix: Array, rows: Array) -> float:
    """Mean over all tasks but the last of the best of some rows, as far as they were measured, less the last row."""
    best = np.where(np.isnan(rows), -np.inf, rows).max(axis=0)
    return _mean(np.where(np.isinf(best), np.nan, best - matrix[-1])[:-1])


def _mean(values: Array, weights: Array | None = None) -> float:
    if np.isnan(values).any():
        raise DataError("R must hold every score that the metric needs; got NaN (not measured)")
    return float(np.average(values, weights=weights))
