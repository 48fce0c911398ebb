"""Is a decoding better than chance? Refitted permutation, and a binomial with the right spread.

Leave-one-out decisions are not independent coins, even with one decision a trial and no sound played twice. In pure
noise trial k is decided by sum_j K(k, j), where K compares what trial j's label taught with what trial k's label
asks; half of each term is the same in K(j, k). A pair of trials that agree by accident makes *both* right. For
linear decoders the margins of two trials then correlate by 1 / (2 (n - 1)) and their signs by 2 / pi of that, so
that the number of correct trials has 1 + 1 / pi = 1.32 times a binomial's variance, however many trials there are
(`LEAVE_ONE_OUT_DISPERSION`; simulation agrees). The excess vanishes where the response to speech dominates what a
decoder learns, and where decoders come from other people's trials.

- `refit_permutation_p` swaps the talkers of whole trials in training and test and refits: exact, the one to report.
- `chance_interval` and `chance_threshold` have the spread above; safe in all these cases.
- `binomial_interval`, `binomial_threshold` and `permutation_p` (which swaps the talkers of finished
  reconstructions) take decisions as independent: right for decoders from other data, too liberal in leave-one-out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.aad.apart import Overlap, apart, check_overlap
from cogattn.eeg.aad.checks import checked_eeg, checked_lags, checked_streams
from cogattn.eeg.aad.leave_out import solve_left_out
from cogattn.eeg.aad.metrics import accuracy
from cogattn.eeg.aad.penalties import Problem, ledoit_wolf_alpha
from cogattn.eeg.aad.splits import By
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

LEAVE_ONE_OUT_DISPERSION = 1 + 1 / math.pi
"""Variance of the number of correct leave-one-out decisions in pure noise, over a binomial's."""


def dispersion_of(validation: By) -> float:
    """Variance of the number of correct decisions by chance, over a binomial's, under a scheme of validation.

    It is 1 where decoders come from other subjects: no tested trial teaches another's decoder.
    """
    return 1.0 if validation == "subject" else LEAVE_ONE_OUT_DISPERSION


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


def chance_interval(
    n: int, *, confidence: float = 0.95, dispersion: float = LEAVE_ONE_OUT_DISPERSION
) -> tuple[float, float]:
    """Shares of correct decisions between which chance falls, decisions being dependent.

    Parameters
    ----------
    n : int
        Decisions.
    confidence : float
        Least probability of the interval.
    dispersion : float
        Variance of the number of correct decisions over a binomial's, at least 1: the default in
        leave-one-out, 1 for decoders trained on other data. Numbers follow the beta-binomial of that variance.
    """
    low, high = _chance(n, dispersion).interval(confidence)
    return float(low) / n, float(high) / n


def chance_threshold(n: int, *, alpha: float = 0.05, dispersion: float = LEAVE_ONE_OUT_DISPERSION) -> float:
    """Smallest share k / n with P(at least k | chance) at most `alpha`; parameters as in `chance_interval`."""
    return float(_chance(n, dispersion).isf(alpha) + 1) / n


def permutation_p(
    margins: Sequence[FloatArray], rng: np.random.Generator, *, n_permutations: int = 10_000
) -> float:
    """One-sided p of the accuracy when the two talkers are swapped in random whole trials.

    Parameters
    ----------
    margins : list of array, shapes (n_windows,)
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
    swaps = _swaps(right.size, rng, n_permutations)
    return _share_reached(swaps @ gain <= 1e-9, right.size)


def refit_permutation_p(
    eeg: Sequence[FloatArray],
    attended: Sequence[FloatArray],
    unattended: Sequence[FloatArray],
    rng: np.random.Generator,
    *,
    sfreq: float,
    tmin: float = 0.0,
    tmax: float = 0.25,
    train_on: Literal["attended", "unattended"] = "attended",
    folds: Sequence[tuple[Sequence[int], Sequence[int]]] | None = None,
    n_permutations: int = 1000,
    overlap: Overlap = "refuse",
) -> float:
    """One-sided p of the number of trials whose attended talker is decoded, refitted to every swap of talkers.

    Ridge weights are linear in the training envelopes, so one leave-one-out pass with every envelope as a
    target of its own gives the decision of any swapping of talkers; the penalty is Ledoit-Wolf's, which no
    label changes. Ties are broken by the mean margin.

    Parameters
    ----------
    eeg, attended, unattended, sfreq, tmin, tmax
        As in `cross_validate`; a trial is one decision.
    rng : numpy.random.Generator
        Draws the swaps; unused where all 2**n_trials are few enough to be made.
    train_on : {"attended", "unattended"}
        Which talker the decoder learns to reconstruct; the second is a control.
    folds : sequence of (train, test), optional
        Trials of each fold, as from `folds`; when absent one trial at a time is tested, and those that share a sound
        with it are left out. They stay as they are when talkers are swapped.
    n_permutations : int
        How many, unless there are no more than that.
    overlap : {"refuse", "allow"}
        As in `cross_validate`.

    Returns
    -------
    float
        Share of swaps (the identity included) that do as well as the truth.
    """
    x = checked_eeg(eeg, least=2)
    first = checked_streams(attended, x, name="attended")
    checked_streams(unattended, x, name="unattended")
    check_overlap(eeg, overlap, sfreq=sfreq)
    splits = folds or apart(attended, unattended, sfreq=sfreq)
    problem = Problem.of(x, first, checked_lags(tmin, tmax, sfreq, x))
    return refit_p(
        problem,
        attended,
        unattended,
        splits,
        rng,
        taught_is_attended=train_on == "attended",
        n_permutations=n_permutations,
    )


def refit_p(
    problem: Problem,
    attended: Sequence[FloatArray],
    unattended: Sequence[FloatArray],
    splits: Sequence[tuple[Sequence[int], Sequence[int]]],
    rng: np.random.Generator,
    *,
    taught_is_attended: bool = True,
    n_permutations: int = 1000,
) -> float:
    """`refit_permutation_p` from moments that are there already; trials may come in pieces.

    Parameters
    ----------
    problem : Problem
        Lagged EEG of all trials; its targets do not matter.
    attended, unattended : list of array, each (n_times,) or (n_times, n_features)
        What was played in each piece of the problem.
    splits : sequence of (train, test)
        Trials of the problem; all are tested once.
    rng, n_permutations
        As in `refit_permutation_p`.
    taught_is_attended : bool
        Whether the decoder learns the attended talker; else the ignored one.
    """
    kernel = sound_kernel(problem, attended, unattended, splits)
    if not taught_is_attended:
        kernel = kernel[..., ::-1]
    n_trials = len(problem.parts)
    return permuted_p(lambda swap: trial_score(swapped_margins(kernel, swap)), n_trials, rng, n_permutations)


def least_p(n_trials: int, n_permutations: int) -> float:
    """Smallest p that swapping the talkers of so many trials can give: no other swap does as well as the truth."""
    return max(2.0**-n_trials, 1 / (n_permutations + 1))


def permuted_p(
    score: Callable[[NDArray[np.integer]], float],
    n_trials: int,
    rng: np.random.Generator,
    n_permutations: int,
) -> float:
    """One-sided p of `score` of no swap among random swaps (1 where a trial's talkers are exchanged)."""
    observed = score(np.zeros(n_trials, dtype=int))
    swaps = _swaps(n_trials, rng, n_permutations)
    return _share_reached(np.array([score(swap) >= observed - 1e-12 for swap in swaps]), n_trials)


def _swaps(n_trials: int, rng: np.random.Generator, n_permutations: int) -> NDArray[np.integer]:
    """All swaps, (2**n_trials, n_trials), where they are no more than `n_permutations`; else so many random ones."""
    if 2**n_trials <= n_permutations:
        return (np.arange(2**n_trials)[:, None] >> np.arange(n_trials)) & 1
    return rng.integers(0, 2, (n_permutations, n_trials))


def _share_reached(reached: NDArray[np.bool_], n_trials: int) -> float:
    """Share of swaps that reach the truth, which is one of all, and one more than those that are drawn."""
    if reached.size == 2**n_trials:
        return float(reached.mean())
    return float((1 + reached.sum()) / (1 + reached.size))


def trial_score(margins: FloatArray) -> float:
    """Trials decoded, plus a fraction that breaks ties by the mean margin; margins of shape (n_trials,)."""
    spread = np.abs(margins).sum()
    tie_breaker = 0.25 * margins.sum() / spread if spread > 0 else 0.0
    return float(np.sum(margins > 0) + 0.5 * np.sum(margins == 0) + tie_breaker)


def _chance(n: int, dispersion: float):
    """Beta-binomial of mean n / 2 whose variance is `dispersion` times the binomial's."""
    from scipy.stats import betabinom, binom

    if n < 1 or dispersion < 1:
        raise DataError(f"n must be positive and dispersion at least 1; got {n}, {dispersion}")
    if dispersion >= n or dispersion == 1:
        return binom(n, 0.5)
    shape = ((n - 1) / (dispersion - 1) - 1) / 2
    return betabinom(n, shape, shape)


def sound_kernel(
    problem: Problem,
    attended: Sequence[FloatArray],
    unattended: Sequence[FloatArray],
    splits: Sequence[tuple[Sequence[int], Sequence[int]]],
) -> FloatArray:
    """Match of trial k's talkers with what trial j's talkers teach, (k, talker, j, talker); features are added up."""
    n = len(problem.parts)
    sounds = _unit_sounds(problem, attended, unattended)  # pieces: (n_times, 2 * n_features)
    taught = problem.toward(sounds)
    n_features = sounds[0].shape[1] // 2
    wide = []
    for j, part in enumerate(taught.parts):
        cross = np.zeros((part.cross.shape[0], n, 2 * n_features))
        cross[:, j] = part.cross
        wide.append(part.toward(cross.reshape(len(cross), -1), np.ones(2 * n * n_features)))
    penalty = ledoit_wolf_alpha(problem, range(n)) / n
    left_out = [sorted(set(range(n)) - set(train)) for train, _ in splits]
    kernel = np.zeros((n, 2, n, 2))
    ridges = [[penalty * len(train)] for train, _ in splits]
    for fold in solve_left_out(wide, left_out, lambda i, _: ridges[i], basis=taught.basis):
        for k in splits[fold.index][1]:
            match = taught.parts[k].cross.T @ fold.weights[:, 0]
            match = match.reshape(2, n_features, n, 2, n_features)
            kernel[k] = np.einsum("afjbf->ajb", match)
    return kernel


def _unit_sounds(
    problem: Problem, attended: Sequence[FloatArray], unattended: Sequence[FloatArray]
) -> list[FloatArray]:
    """Each piece's features of both talkers, centred and of unit norm over their trial."""
    roles = [checked_streams(role, problem.x, name="sound") for role in (attended, unattended)]
    both = [np.hstack(pair) for pair in zip(*roles, strict=True)]
    for pieces in problem.pieces:
        norm = np.sqrt(sum((both[k] ** 2).sum(axis=0) for k in pieces))
        for k in pieces:
            both[k] = both[k] / norm
    return both


def swapped_margins(kernel: FloatArray, swap: NDArray[np.integer]) -> FloatArray:
    """Margin of every trial when talkers are exchanged where swap is 1."""
    each = np.arange(swap.size)
    chosen = kernel[:, :, each, swap].sum(axis=2)  # (trials, talkers): match with the decoder of the others
    return chosen[each, swap] - chosen[each, 1 - swap]
