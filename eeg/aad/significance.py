"""Is a decoding better than chance? Binomial over windows, permutation over trials, circular shifts.

Windows of one trial share its noise and its decoder, and leave-one-out decoders share their training data: in
pure noise their accuracies scatter more than a binomial. `binomial_threshold` and `permutation_p` (which swap
the talkers of finished reconstructions) are therefore approximate; `refit_permutation_p` swaps the talkers of
whole trials in training and test alike and refits every decoder, which is exact, and is the one to report.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.aad.inputs import checked_eeg, checked_lags, checked_streams
from cogattn.eeg.aad.lagged import Moments
from cogattn.eeg.aad.leave_out import solve_left_out
from cogattn.eeg.aad.metrics import accuracy, correlation
from cogattn.eeg.aad.penalties import Problem, ledoit_wolf_alpha
from cogattn.errors import DataError

FloatArray = NDArray[np.floating]


def binomial_threshold(n: int, *, alpha: float = 0.05) -> float:
    """Smallest share k / n of correct decisions with P(at least k | chance 0.5) at most `alpha`, one-sided.

    Examples
    --------
    >>> binomial_threshold(60)
    0.6166666666666667
    """
    from scipy.stats import binom

    if n < 1 or not 0 < alpha < 1:
        raise DataError(f"n must be positive and alpha in (0, 1); got {n}, {alpha}")
    return float(binom.isf(alpha, n, 0.5) + 1) / n


def binomial_interval(n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Shares of correct decisions between which chance falls with at least this probability."""
    from scipy.stats import binom

    low, high = binom.interval(confidence, n, 0.5)
    return float(low) / n, float(high) / n


def permutation_p(
    margins: Sequence[FloatArray], rng: np.random.Generator, *, n_permutations: int = 10_000
) -> float:
    """One-sided p of the accuracy when the two talkers are swapped in random whole trials.

    Parameters
    ----------
    margins : list of array
        Correlation differences of the windows of each trial (see `window_margins`).
    rng : numpy.random.Generator
        Draws the swaps; unused where all 2**n_trials swaps are few enough to be enumerated.
    n_permutations : int
        How many random swaps.

    Returns
    -------
    float
        Share of swaps (the identity included) whose accuracy reaches the observed one.
    """
    right = np.array([accuracy(trial) * trial.size for trial in margins if trial.size])
    sizes = np.array([trial.size for trial in margins if trial.size])
    if not right.size:
        raise DataError("margins must hold at least one window; got none")
    gain = 2 * right - sizes  # what swapping a trial takes away
    if 2**right.size <= n_permutations:
        swaps = (np.arange(2**right.size)[:, None] >> np.arange(right.size)) & 1
        lost = swaps @ gain
        return float(np.mean(lost <= 1e-9))
    lost = rng.integers(0, 2, (n_permutations, right.size)) @ gain
    return float((1 + np.sum(lost <= 1e-9)) / (n_permutations + 1))


def refit_permutation_p(
    eeg: Sequence[FloatArray],
    attended: Sequence[FloatArray],
    unattended: Sequence[FloatArray],
    rng: np.random.Generator,
    *,
    sfreq: float,
    tmin: float = 0.0,
    tmax: float = 0.25,
    n_permutations: int = 1000,
) -> float:
    """One-sided p of the number of trials decoded, every decoder refitted to the swapped talkers.

    Ridge weights are linear in the training envelopes, so one leave-one-out pass with every envelope as a
    target of its own gives the decision of any swapping of talkers; the penalty is Ledoit-Wolf's, which no
    label changes. Ties are broken by the mean margin. Swapping all trials decodes the ignored talker and may
    do as well, so p cannot fall far below 2 / 2**n_trials.

    Parameters
    ----------
    eeg, attended, unattended, sfreq, tmin, tmax
        As in `cross_validate`; a trial is one decision.
    rng : numpy.random.Generator
        Draws the swaps.
    n_permutations : int
        How many.

    Returns
    -------
    float
        (1 + swaps that do as well as the truth) / (1 + n_permutations).
    """
    x = checked_eeg(eeg, least=2)
    first = checked_streams(attended, x, name="attended")
    second = checked_streams(unattended, x, name="unattended")
    sounds = [
        np.hstack([a / np.linalg.norm(a), u / np.linalg.norm(u)]) for a, u in zip(first, second, strict=True)
    ]
    kernel = _sound_kernel(Problem.of(x, sounds, checked_lags(tmin, tmax, sfreq, x)))
    swaps = np.vstack([np.zeros(len(x), dtype=int), rng.integers(0, 2, (n_permutations, len(x)))])
    scores = np.array([_swapped_score(kernel, swap) for swap in swaps])
    return float((1 + np.sum(scores[1:] >= scores[0] - 1e-12)) / (1 + n_permutations))


def shift_null(
    reconstruction: FloatArray, envelope: FloatArray, rng: np.random.Generator, *, n_shifts: int = 1000
) -> FloatArray:
    """Correlations after circular shifts of the envelope by at least a tenth of the trial, (n_shifts,)."""
    n_times = envelope.shape[0]
    guard = max(1, n_times // 10)
    if n_times < 10:
        raise DataError(f"a shifted envelope must hold at least 10 samples; got {n_times}")
    shifts = rng.integers(guard, n_times - guard + 1, n_shifts)
    return np.array([float(correlation(reconstruction, np.roll(envelope, s))) for s in shifts])


def _sound_kernel(problem: Problem) -> FloatArray:
    """Match of trial k's talkers with what trial j's talkers teach, (k, talker, j, talker)."""
    n = len(problem.parts)
    wide = []
    for j, part in enumerate(problem.parts):
        cross = np.zeros((part.cross.shape[0], 2 * n))
        cross[:, 2 * j : 2 * j + 2] = part.cross
        wide.append(Moments(part.r, part.outside, cross, np.ones(2 * n), part.n_times))
    penalty = ledoit_wolf_alpha(problem, range(n)) / n
    kernel = np.zeros((n, 2, n, 2))
    for fold in solve_left_out(wide, [[k] for k in range(n)], lambda _, trace: [penalty * (n - 1)]):
        k = fold.index
        kernel[k] = (problem.parts[k].cross.T @ fold.weights[:, 0]).reshape(2, n, 2)
    return kernel


def _swapped_score(kernel: FloatArray, swap: NDArray[np.integer]) -> float:
    """Trials decoded when talkers are exchanged where swap is 1, plus a tie-breaking fraction."""
    each = np.arange(swap.size)
    chosen = kernel[:, :, each, swap].sum(axis=2)  # (trials, talkers): match with the decoder of the others
    margin = chosen[each, swap] - chosen[each, 1 - swap]
    spread = np.abs(margin).sum()
    return float(np.sum(margin > 0) + (0.5 * margin.sum() / spread if spread > 0 else 0.0))
