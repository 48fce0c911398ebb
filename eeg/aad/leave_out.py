"""Ridge solutions without some of the trials, for all trials and penalties at once, exact to a tolerance.

Every fold solves (G - G_S + penalty I) W = b - b_S, where G and b are the moments of all trials and G_S, b_S
those of the fold's left-out trials. G is diagonalised once, G = V diag(w) V'. In the basis V a fold differs
from the diagonal system only by G_S, which is close to a fraction f of G; conjugate gradients preconditioned
by (1 - f) w + penalty therefore converge in a few steps, all folds and penalties side by side. A fold that
does not converge (a left-out trial unlike all others) is solved by its own eigendecomposition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.aad.lagged import Moments
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

TOLERANCE = 1e-7
"""Residual, relative to the right-hand side in the preconditioner's norm, at which a column is done."""
MAX_STEPS = 60
_CHUNK_ELEMENTS = 2**18


@dataclass(frozen=True)
class Fold:
    """Solution of fold `index`: penalties and weights (n_features, n_penalties, n_targets)."""

    index: int
    penalties: FloatArray
    weights: FloatArray


class Basis:
    """Eigenvalues and eigenvectors of the Gram matrix of all trials: the dearest step, taken once and when needed.

    Parameters
    ----------
    parts : sequence of Moments
        One per trial; only what they say of the predictors matters.
    """

    def __init__(self, parts: Sequence[Moments]) -> None:
        self._parts = parts

    @cached_property
    def pair(self) -> tuple[FloatArray, FloatArray]:
        """Values (features,), none negative, and vectors (features, features)."""
        return _diagonalise(Moments.total(self._parts))


def solve(moments: Moments, penalties: Sequence[float]) -> FloatArray:
    """Ridge weights on all trials of `moments`, shape (n_features, n_penalties, n_targets)."""
    from scipy.linalg import cho_factor, cho_solve

    gram, cross = moments.gram(), moments.cross
    diagonal = np.arange(gram.shape[0])
    solutions = []
    for penalty in penalties:
        shifted = gram.copy()  # (features, features)
        shifted[diagonal, diagonal] += penalty
        try:
            solutions.append(cho_solve(cho_factor(shifted, overwrite_a=True, check_finite=False), cross))
        except np.linalg.LinAlgError as error:
            raise DataError(
                f"alphas must be large enough to invert the lagged covariance; got {penalty:.3g} "
                f"against a mean eigenvalue of {moments.trace / gram.shape[0]:.3g}"
            ) from error
    return np.stack(solutions, axis=1)  # (features, penalties, targets)


def solve_left_out(
    parts: Sequence[Moments],
    folds: Sequence[Sequence[int]],
    penalties: Callable[[int, float], Sequence[float] | FloatArray],
    *,
    tolerance: float = TOLERANCE,
    basis: Basis | None = None,
) -> Iterator[Fold]:
    """Yield a `Fold` for each set of left-out trials.

    Parameters
    ----------
    parts : sequence of Moments
        One per trial.
    folds : sequence of sequences of int
        Indices into `parts` to leave out, or none; at least one trial must stay.
    penalties : callable
        Maps (fold number, trace of the training Gram matrix) to penalties, equally many for each fold.
    tolerance : float
        Relative residual.
    basis : Basis, optional
        Of these parts, where another pass has use for it too.
    """
    total = Moments.total(parts)
    n_features, n_targets = total.cross.shape
    trace = total.trace
    basis = basis or Basis(parts)
    for chunk in _chunks(folds, n_features * n_targets * 10):
        left = [
            Moments.total([parts[k] for k in folds[i]]) if len(folds[i]) else total.emptied() for i in chunk
        ]
        ridges = [
            np.asarray(penalties(i, trace - m.trace), dtype=np.float64)
            for i, m in zip(chunk, left, strict=True)
        ]
        # with few features, or many columns to solve for, one eigendecomposition a fold is cheaper than a shared one
        if n_features <= 8 * n_targets * ridges[0].size or n_features <= 128:
            weights = [_solve_directly(total, m, ridge) for m, ridge in zip(left, ridges, strict=True)]
        else:
            weights = _solve_iteratively(total, basis.pair, left, np.stack(ridges), tolerance)
        for i, ridge, w in zip(chunk, ridges, weights, strict=True):
            yield Fold(i, ridge, w)


def _chunks(folds: Sequence[Sequence[int]], elements_per_fold: int) -> Iterator[range]:
    """Fold indices, so many at a time that the iteration's arrays stay small."""
    size = max(1, _CHUNK_ELEMENTS // elements_per_fold)
    for start in range(0, len(folds), size):
        yield range(start, min(start + size, len(folds)))


def _diagonalise(total: Moments) -> tuple[FloatArray, FloatArray]:
    from scipy.linalg import eigh

    # the transpose of a symmetric matrix in C order is the same matrix in Fortran order, which LAPACK may overwrite
    values, vectors = eigh(total.gram().T, overwrite_a=True, check_finite=False, driver="evd")
    return np.maximum(values, 0), vectors  # rounding makes eigenvalues of a singular covariance negative


def _solve_directly(total: Moments, left: Moments, ridge: FloatArray) -> FloatArray:
    """A Cholesky factor for a single penalty; else one eigendecomposition of the training Gram matrix serves all."""
    gram = total.gram() - left.gram()
    cross = total.cross - left.cross
    if ridge.size == 1:
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        diagonal = np.arange(gram.shape[0])
        shifted = gram.copy()
        shifted[diagonal, diagonal] += ridge[0]
        with suppress(LinAlgError):  # singular to rounding: eigenvalues can be cut at 0
            factor = cho_factor(shifted, overwrite_a=True, check_finite=False)
            return cho_solve(factor, cross, check_finite=False)[:, None, :]  # (features, 1, targets)
    values, vectors = np.linalg.eigh(gram)
    rotated = vectors.T @ cross  # (features, targets)
    # (features, penalties, targets)
    scaled = rotated[:, None, :] / (np.maximum(values, 0)[:, None, None] + ridge[None, :, None])
    return np.tensordot(vectors, scaled, axes=(1, 0))


def _solve_iteratively(
    total: Moments,
    basis: tuple[FloatArray, FloatArray],
    left: Sequence[Moments],
    ridges: FloatArray,
    tolerance: float,
) -> list[FloatArray]:
    """Preconditioned conjugate gradients in the eigenbasis, a column for each (fold, penalty, target)."""
    values, vectors = basis  # (features,), (features, features)
    n_folds, n_penalties = ridges.shape
    n_features, n_targets = total.cross.shape
    width = n_penalties * n_targets  # columns of a fold
    fold_of = np.repeat(np.arange(n_folds), width)  # (columns,), folds in rising order
    shift = np.repeat(ridges, n_targets)  # (columns,): ridges are read row by row, fold by fold
    # share of the data that a fold keeps, for its left-out G_S is close to this much less of G
    kept = 1 - np.array([m.trace for m in left]) / total.trace
    # (features, folds * targets), and for each column which of them it is solved for
    cross = vectors.T @ np.concatenate([total.cross - m.cross for m in left], axis=1)
    target_of = fold_of * n_targets + np.tile(np.arange(n_targets), n_folds * n_penalties)

    left_out = [m.gram_operator() for m in left]  # G_S without forming it

    def system(x: FloatArray, columns: NDArray[np.intp]) -> FloatArray:
        """(diag(w) - V' G_S V + penalty I) x for the open columns, x of shape (features, open columns)."""
        rotated = vectors @ x  # G_S is known in the lags, not in the eigenbasis
        # columns that are done drop out, but stay in order: each fold's are still neighbours
        ends = np.searchsorted(fold_of[columns], np.arange(n_folds + 1))
        for fold, (start, stop) in enumerate(pairwise(ends)):
            if stop > start:
                rotated[:, start:stop] = left_out[fold](rotated[:, start:stop])
        return (values[:, None] + shift[columns]) * x - vectors.T @ rotated

    inverse = 1 / (values[:, None] * kept[fold_of] + shift)  # the preconditioner, (features, columns)
    solution, is_open = _conjugate_gradients(system, cross[:, target_of], inverse, tolerance)
    weights = (vectors @ solution).reshape(n_features, n_folds, n_penalties, n_targets)
    unsolved = set(fold_of[is_open].tolist())  # a single open column: the whole fold is solved anew
    return [
        _solve_directly(total, left[fold], ridges[fold]) if fold in unsolved else weights[:, fold]
        for fold in range(n_folds)
    ]


def _conjugate_gradients(
    system: Callable[[FloatArray, NDArray[np.intp]], FloatArray],
    rhs: FloatArray,
    inverse: FloatArray,
    tolerance: float,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Solve for every column of rhs (features, columns); return the solution and which columns stay open."""
    columns = np.arange(rhs.shape[1])  # those still open; x, residual, step and inverse hold these only
    solution, x, residual = np.zeros_like(rhs), np.zeros_like(rhs), rhs.copy()
    step = inverse * residual
    rho = _dots(residual, step)  # squared norm of the residual, in the preconditioner's norm
    goal = tolerance**2 * rho
    for _ in range(MAX_STEPS):
        is_open = rho > goal
        if not is_open.all():
            solution[:, columns] = x  # the open ones too; they are overwritten when they close
            columns, goal, rho, inverse = columns[is_open], goal[is_open], rho[is_open], inverse[:, is_open]
            x, residual, step = x[:, is_open], residual[:, is_open], step[:, is_open]
        if not columns.size:
            break
        image = system(step, columns)
        curvature = _dots(step, image)
        # where rounding leaves no curvature the column stands still, stays open and is solved directly
        length = np.divide(rho, curvature, out=np.zeros_like(rho), where=curvature > 0)
        x += length * step
        residual -= length * image
        preconditioned = inverse * residual
        previous, rho = rho, _dots(residual, preconditioned)
        step *= np.divide(rho, previous, out=np.zeros_like(rho), where=previous > 0)
        step += preconditioned
    else:
        solution[:, columns] = x
    return solution, np.isin(np.arange(rhs.shape[1]), columns)


def _dots(a: FloatArray, b: FloatArray) -> FloatArray:
    """Inner products of the columns."""
    return np.einsum("ij,ij->j", a, b)
