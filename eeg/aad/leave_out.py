"""Ridge solutions without some of the trials, for all trials and penalties at once, exact to a tolerance.

Every fold solves (G - G_S + penalty I) W = b - b_S, where G and b are the moments of all trials and G_S, b_S
those of the fold's left-out trials. G is diagonalised once, G = V diag(w) V'. In the basis V a fold differs
from the diagonal system only by G_S, which is close to a fraction f of G; conjugate gradients preconditioned
by (1 - f) w + penalty therefore converge in a few steps, all folds and penalties side by side. A fold that
does not converge (a left-out trial unlike all others) is solved by its own eigendecomposition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.aad.lagged import Moments
from cogattn.errors import DataError

FloatArray = NDArray[np.floating]

TOLERANCE = 1e-7
"""Residual, relative to the right-hand side in the preconditioner's norm, at which a column is done."""
MAX_STEPS = 60
_CHUNK_ELEMENTS = 2**19


@dataclass(frozen=True)
class Fold:
    """Solution of fold `index`: penalties and weights (n_features, n_penalties, n_targets)."""

    index: int
    penalties: FloatArray
    weights: FloatArray


def solve(moments: Moments, penalties: Sequence[float]) -> FloatArray:
    """Ridge weights on all trials of `moments`, shape (n_features, n_penalties, n_targets)."""
    from scipy.linalg import cho_factor, cho_solve

    gram, cross = moments.gram(), moments.cross
    diagonal = np.arange(gram.shape[0])
    solutions = []
    for penalty in penalties:
        shifted = gram.copy()
        shifted[diagonal, diagonal] += penalty
        try:
            solutions.append(cho_solve(cho_factor(shifted, overwrite_a=True, check_finite=False), cross))
        except np.linalg.LinAlgError as error:
            raise DataError(
                f"alphas must be large enough to invert the lagged covariance; got {penalty:.3g} "
                f"against a mean eigenvalue of {moments.trace / gram.shape[0]:.3g}"
            ) from error
    return np.stack(solutions, axis=1)


def solve_left_out(
    parts: Sequence[Moments],
    folds: Sequence[Sequence[int]],
    penalties: Callable[[int, float], Sequence[float] | FloatArray],
    *,
    tolerance: float = TOLERANCE,
) -> Iterator[Fold]:
    """Yield a `Fold` for each set of left-out trials.

    Parameters
    ----------
    parts : sequence of Moments
        One per trial.
    folds : sequence of sequences of int
        Indices into `parts` to leave out; at least one trial must stay.
    penalties : callable
        Maps (fold number, trace of the training Gram matrix) to penalties, equally many for each fold.
    tolerance : float
        Relative residual.
    """
    total = Moments.total(parts)
    n_features, n_targets = total.cross.shape
    trace = total.trace
    basis: tuple[FloatArray, FloatArray] | None = None
    for chunk in _chunks(folds, n_features * n_targets * 10):
        left = [Moments.total([parts[k] for k in folds[i]]) for i in chunk]
        ridges = [
            np.asarray(penalties(i, trace - m.trace), dtype=np.float64)
            for i, m in zip(chunk, left, strict=True)
        ]
        if n_features <= 8 * n_targets * ridges[0].size or n_features <= 128:
            weights = [_solve_directly(total, m, ridge) for m, ridge in zip(left, ridges, strict=True)]
        else:
            if basis is None:
                basis = _diagonalise(total)
            weights = _solve_iteratively(total, basis, left, np.stack(ridges), tolerance)
        for i, ridge, w in zip(chunk, ridges, weights, strict=True):
            yield Fold(i, ridge, w)


def _chunks(folds: Sequence[Sequence[int]], elements_per_fold: int) -> Iterator[range]:
    """Fold indices, so many at a time that the iteration's arrays stay small."""
    size = max(1, _CHUNK_ELEMENTS // elements_per_fold)
    for start in range(0, len(folds), size):
        yield range(start, min(start + size, len(folds)))


def _diagonalise(total: Moments) -> tuple[FloatArray, FloatArray]:
    from scipy.linalg import eigh

    values, vectors = eigh(total.gram(), overwrite_a=True, check_finite=False, driver="evd")
    return np.maximum(values, 0), vectors


def _solve_directly(total: Moments, left: Moments, ridge: FloatArray) -> FloatArray:
    """One eigendecomposition of the training Gram matrix serves all penalties."""
    gram = total.gram() - left.gram()
    values, vectors = np.linalg.eigh(gram)
    rotated = vectors.T @ (total.cross - left.cross)
    scaled = rotated[:, None, :] / (np.maximum(values, 0)[:, None, None] + ridge[None, :, None])
    return np.tensordot(vectors, scaled, axes=(1, 0))


def _solve_iteratively(
    total: Moments,
    basis: tuple[FloatArray, FloatArray],
    left: Sequence[Moments],
    ridges: FloatArray,
    tolerance: float,
) -> list[FloatArray]:
    """Preconditioned conjugate gradients in the eigenbasis, columns ordered (fold, penalty, target)."""
    values, vectors = basis
    n_folds, n_penalties = ridges.shape
    n_features, n_targets = total.cross.shape
    kept = np.array([1 - m.n_times / total.n_times for m in left])
    shift = np.repeat(ridges, n_targets, axis=1)  # (folds, width)
    diagonal = values[:, None, None] + shift  # (features, folds, width)
    inverse = 1 / (values[:, None, None] * kept[:, None] + shift)
    cross = np.stack([total.cross - m.cross for m in left], axis=1)  # (features, folds, targets)
    rhs = np.tile(_times(vectors.T, cross), (1, 1, n_penalties))

    def system(x: FloatArray, active: NDArray[np.intp]) -> FloatArray:
        rotated = _times(vectors, x)
        for column, fold in enumerate(active):
            rotated[:, column] = left[fold].gram_times(np.ascontiguousarray(rotated[:, column]))
        return diagonal[:, active] * x - _times(vectors.T, rotated)

    solution, unsolved = _conjugate_gradients(system, rhs, inverse, tolerance)
    weights = _times(vectors, solution)
    result = []
    for fold in range(n_folds):
        if unsolved[fold]:
            result.append(_solve_directly(total, left[fold], ridges[fold]))
        else:
            result.append(weights[:, fold].reshape(n_features, n_penalties, n_targets))
    return result


def _conjugate_gradients(
    system: Callable[[FloatArray, NDArray[np.intp]], FloatArray],
    rhs: FloatArray,
    inverse: FloatArray,
    tolerance: float,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Solve for every column of rhs (features, folds, width); return the solution and which folds failed."""
    goal = tolerance**2 * _dots(rhs, inverse * rhs)
    active = np.arange(rhs.shape[1])
    solution = inverse * rhs
    residual = rhs - system(solution, active)
    step = inverse * residual
    rho = _dots(residual, step)
    x = solution
    for _ in range(MAX_STEPS):
        open_folds = (rho > goal).any(axis=1)
        if not open_folds.all():
            solution[:, active] = x
            active, goal, rho = active[open_folds], goal[open_folds], rho[open_folds]
            x, residual, step = x[:, open_folds], residual[:, open_folds], step[:, open_folds]
        if not active.size:
            break
        image = system(step, active)
        curvature = _dots(step, image)
        length = np.divide(rho, curvature, out=np.zeros_like(rho), where=curvature > 0)
        x = x + length * step
        residual = residual - length * image
        preconditioned = inverse[:, active] * residual
        previous, rho = rho, _dots(residual, preconditioned)
        step = preconditioned + np.divide(rho, previous, out=np.zeros_like(rho), where=previous > 0) * step
    else:
        solution[:, active] = x
    unsolved = np.zeros(rhs.shape[1], dtype=bool)
    unsolved[active] = True
    return solution, unsolved


def _dots(a: FloatArray, b: FloatArray) -> FloatArray:
    """Inner products over the first axis."""
    return np.einsum("ijk,ijk->jk", a, b)


def _times(matrix: FloatArray, x: FloatArray) -> FloatArray:
    """Matrix times (features, folds, width) over the features."""
    return (matrix @ x.reshape(x.shape[0], -1)).reshape(matrix.shape[0], *x.shape[1:])
