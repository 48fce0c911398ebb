"""Which ridge penalty a decoder gets: chosen on held-out blocks of its training trials, or by shrinkage.

References
----------
Ledoit and Wolf (2004), J. Multivar. Anal. 88, 365-411.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from cogattn.eeg.aad.checks import checked_alphas, checked_eeg, checked_lags, checked_streams
from cogattn.eeg.aad.lagged import Lags, Moments, cross_moments
from cogattn.eeg.aad.leave_out import Basis, Fold, solve_left_out
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

Alphas = Sequence[float] | Literal["ledoit-wolf"] | None

RELATIVE_ALPHAS = tuple(float(a) for a in np.logspace(-6, 3, 10))
"""Default penalties, in units of the mean eigenvalue of the training trials' lagged Gram matrix."""

INNER_BLOCKS = 5
"""Into how many blocks of neighbouring trials the data are split to choose a penalty."""

_SELECTION_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Problem:
    """Centred pieces of trials (predictor and target), their lags, and the moments of every trial.

    Parameters
    ----------
    x, y : sequence of array, each (n_times, n_channels) and (n_times, n_targets)
        Pieces, each centred; most trials are a single one.
    lags : Lags
        Of the predictor.
    parts : sequence of Moments
        One per trial.
    pieces : sequence of sequence of int
        Which of x and y each trial consists of.
    """

    x: Sequence[FloatArray]
    y: Sequence[FloatArray]
    lags: Lags
    parts: Sequence[Moments]
    pieces: Sequence[Sequence[int]]

    @classmethod
    def of(
        cls,
        x: Sequence[FloatArray],
        y: Sequence[FloatArray],
        lags: Lags,
        pieces: Sequence[Sequence[int]] | None = None,
    ) -> Problem:
        """Compute the moments of every trial; each piece is a trial where `pieces` does not say otherwise."""
        trials = [[k] for k in range(len(x))] if pieces is None else pieces
        parts = [Moments.total([Moments.of(x[k], y[k], lags) for k in trial]) for trial in trials]
        return cls(x, y, lags, parts, trials)

    @cached_property
    def basis(self) -> Basis:
        """Of all trials' predictors."""
        return Basis(self.parts)

    def toward(self, y: Sequence[FloatArray]) -> Problem:
        """The same predictors with other targets; what predictors alone determine is not computed again."""
        parts = []
        for part, trial in zip(self.parts, self.pieces, strict=True):
            cross = sum(cross_moments(self.x[k], y[k], self.lags) for k in trial)
            power = sum(np.einsum("tk,tk->k", y[k], y[k]) for k in trial)
            parts.append(part.toward(np.asarray(cross), np.asarray(power)))
        other = replace(self, y=y, parts=parts)
        other.__dict__["basis"] = self.basis  # of the predictors alone
        return other

    def scaled(self, scale: FloatArray) -> Problem:
        """The same with every predictor channel multiplied by its entry of `scale`, (n_channels,)."""
        parts = [part.scaled(scale) for part in self.parts]
        return replace(self, x=[x * scale for x in self.x], parts=parts)

    def without(
        self,
        folds: Sequence[Sequence[int]],
        penalties: Callable[[int, float], Sequence[float] | FloatArray],
        **tolerance: float,
    ) -> Iterator[Fold]:
        """Solve without each fold's trials: see `solve_left_out`."""
        return solve_left_out(self.parts, folds, penalties, basis=self.basis, **tolerance)

    @classmethod
    def checked(
        cls,
        eeg: Sequence[FloatArray],
        envelope: Sequence[FloatArray],
        *,
        sfreq: float,
        tmin: float,
        tmax: float,
        least: int = 1,
    ) -> Problem:
        """Check and centre lists of trials for a backward model; DataError where they cannot be used."""
        x = checked_eeg(eeg, least=least)
        y = checked_streams(envelope, x, name="envelope")
        return cls.of(x, y, checked_lags(tmin, tmax, sfreq, x))


def grid(alphas: Sequence[float] | None, n_features: int) -> Callable[[float], FloatArray]:
    """Map the training Gram matrix's trace to penalties; absolute ones stay as they are."""
    given = checked_alphas(alphas)
    if given is not None:
        return lambda trace: given
    return lambda trace: np.asarray(RELATIVE_ALPHAS) * trace / n_features


def best_penalties(
    problem: Problem, alphas: Alphas, folds: Sequence[Sequence[int]]
) -> Callable[[int, float], float]:
    """Choose a penalty for the training trials of each fold, from those trials alone.

    Parameters
    ----------
    problem : Problem
        All trials.
    alphas : sequence of float, "ledoit-wolf" or None
        As in `RidgeDecoder`.
    folds : sequence of sequences of int
        Test trials of each fold; an empty one trains on everything.

    Returns
    -------
    callable
        Maps (fold number, trace of the fold's training Gram matrix) to the penalty.
    """
    n_features = problem.parts[0].cross.shape[0]
    if isinstance(alphas, str):
        if alphas != "ledoit-wolf":
            raise DataError(f"alphas must be numbers, None or 'ledoit-wolf'; got {alphas!r}")
        shrunk = [ledoit_wolf_alpha(problem, _others(len(problem.parts), fold)) for fold in folds]
        return lambda fold, trace: shrunk[fold]
    candidates = grid(alphas, n_features)
    if len(candidates(1.0)) == 1:
        return lambda fold, trace: float(candidates(trace)[0])
    best = np.argmax(selection_scores(problem, alphas, folds), axis=1)
    return lambda fold, trace: float(candidates(trace)[best[fold]])


def selection_scores(
    problem: Problem, alphas: Sequence[float] | None, folds: Sequence[Sequence[int]]
) -> FloatArray:
    """Correlation with held-out blocks of each fold's training trials, shape (n_folds, n_alphas).

    A block is decoded by all trials that belong neither to it nor to the fold's test trials; correlations are
    pooled within a block and averaged over blocks. A single training trial is split into halves.
    """
    n_trials = len(problem.parts)
    scored: dict[tuple[int, ...], list[tuple[int, list[int]]]] = {}
    single = []
    for i, fold in enumerate(folds):
        if n_trials - len(fold) == 1:
            single.append(i)
            continue
        for score, leave in _inner_blocks(n_trials, fold):
            scored.setdefault(leave, []).append((i, score))
    candidates = grid(alphas, problem.parts[0].cross.shape[0])
    totals = np.zeros((len(folds), len(candidates(1.0))))
    counts = np.zeros(len(folds))
    leaves = list(scored)
    solutions = problem.without(leaves, lambda _, trace: candidates(trace), tolerance=_SELECTION_TOLERANCE)
    for solution in solutions if leaves else ():
        for i, score in scored[leaves[solution.index]]:
            held_out = Moments.total([problem.parts[k] for k in score])
            totals[i] += pooled_correlation(held_out, solution.weights).mean(axis=1)
            counts[i] += 1
    for i in single:
        (only,) = _others(n_trials, folds[i])
        totals[i] = selection_scores(_halves(problem, only), alphas, [()])[0]
        counts[i] = 1
    return totals / counts[:, None]


def pooled_correlation(moments: Moments, weights: FloatArray) -> FloatArray:
    """Correlation of prediction and target over all samples of `moments`, (n_penalties, n_targets)."""
    n_features, n_penalties, n_targets = weights.shape
    flat = weights.reshape(n_features, -1)
    energy = np.einsum("ij,ij->j", flat, moments.gram_times(flat))
    offset = (moments.column_sums @ flat) ** 2 / moments.n_times
    variance = np.maximum(energy - offset, 0).reshape(n_penalties, n_targets)
    shared = np.einsum("fpt,ft->pt", weights, moments.cross)
    scale = np.sqrt(variance * moments.power)
    return np.divide(shared, scale, out=np.zeros_like(shared), where=scale > 0)


def ledoit_wolf_alpha(problem: Problem, trials: Sequence[int]) -> float:
    """Penalty equivalent to Ledoit-Wolf shrinkage of the lagged covariance of these trials.

    Shrinking G / n to (1 - s) G / n + s m I, m its mean eigenvalue, gives the direction of the ridge solution
    with penalty s / (1 - s) * n m. The estimate of s needs only the squared norms of the lagged rows.
    """
    moments = Moments.total([problem.parts[k] for k in trials])
    n_features, n = moments.cross.shape[0], moments.n_times
    gram = moments.gram()
    power = np.concatenate(
        [_row_power(problem.x[k], problem.lags) for t in trials for k in problem.pieces[t]]
    )
    mean = moments.trace / n / n_features
    squared = float(np.einsum("ij,ij->", gram, gram)) / n**2
    spread = squared - n_features * mean**2
    noise = (float(power @ power) / n - squared) / n
    shrinkage = min(max(noise / spread, 0.0), 1.0) if spread > 0 else 1.0
    if shrinkage >= 1.0:
        raise DataError("Ledoit-Wolf shrinkage must stay below 1; got 1: too little data for so many lags")
    return shrinkage / (1 - shrinkage) * n * mean


def _inner_blocks(n_trials: int, fold: Sequence[int]) -> list[tuple[list[int], tuple[int, ...]]]:
    """(trials to score, trials to leave out) for each block of the fold's training trials, at least two."""
    training = _others(n_trials, fold)
    n_blocks = min(INNER_BLOCKS, len(training))
    pairs = []
    for b in range(n_blocks):
        score = [k for i, k in enumerate(training) if i * n_blocks // len(training) == b]
        pairs.append((score, tuple(sorted({*score, *fold}))))
    return pairs


def _others(n_trials: int, fold: Sequence[int]) -> list[int]:
    return [k for k in range(n_trials) if k not in set(fold)]


def _halves(problem: Problem, trial: int) -> Problem:
    """The longest piece of one trial as two trials, each centred."""
    longest = max(problem.pieces[trial], key=lambda k: len(problem.x[k]))
    x, y = problem.x[longest], problem.y[longest]
    middle = x.shape[0] // 2
    parts = (slice(None, middle), slice(middle, None))
    xs, ys = ([data[part] - data[part].mean(axis=0) for part in parts] for data in (x, y))
    return Problem.of(xs, ys, problem.lags)


def _row_power(x: FloatArray, lags: Lags) -> FloatArray:
    """Squared norm of each lagged row."""
    total = np.concatenate([[0.0], np.cumsum(np.einsum("tc,tc->t", x, x))])
    times = np.arange(x.shape[0])
    first = np.clip(times + lags.first, 0, x.shape[0])
    last = np.clip(times + lags.last + 1, 0, x.shape[0])
    return total[last] - total[first]
