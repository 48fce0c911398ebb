"""Leave-one-trial-out decoding of attention, with the penalty chosen on the training trials alone.

For every test trial the penalty is the one whose decoder correlates best with held-out blocks of the *other*
trials; neither choice nor decoder has seen the test trial. All solutions come from the same moments
(`cogattn.eeg.aad.leave_out`), so that this costs a few times one leave-one-out pass.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cogattn.eeg.aad import metrics
from cogattn.eeg.aad.apart import Overlap, SharedSounds, apart, check_overlap
from cogattn.eeg.aad.checks import check_different, checked_eeg, checked_lags, checked_streams, trial_name
from cogattn.eeg.aad.lagged import predict
from cogattn.eeg.aad.penalties import Alphas, Problem, best_penalties, grid, pooled_correlation
from cogattn.eeg.aad.splits import Split
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

EXACT = 1e-11
"""Relative residual at which reconstructions agree with those of directly solved decoders to 1e-8."""


@dataclass(frozen=True)
class Decoding:
    """Reconstructions of trials that the decoder had not seen.

    Parameters
    ----------
    reconstruction, attended, unattended : list of array, each (n_times,)
        Decoded and played envelopes, trial by trial.
    r_attended, r_unattended : array, shape (n_trials,)
        Correlation of the reconstruction with either envelope over the whole trial.
    alphas : array, shape (n_trials,)
        Penalty of each trial's decoder.
    sfreq : float
        Rate in Hz.
    """

    reconstruction: list[FloatArray]
    attended: list[FloatArray]
    unattended: list[FloatArray]
    r_attended: FloatArray
    r_unattended: FloatArray
    alphas: FloatArray
    sfreq: float

    def accuracy(self, windows_s: Sequence[float]) -> FloatArray:
        """Accuracy at each window length (see `window_accuracy`)."""
        return metrics.window_accuracy(
            self.reconstruction, self.attended, self.unattended, sfreq=self.sfreq, windows_s=windows_s
        )

    def margins(self, windows_s: Sequence[float]) -> list[list[FloatArray]]:
        """Correlation differences of each window, by length and trial (see `window_margins`)."""
        return metrics.window_margins(
            self.reconstruction, self.attended, self.unattended, sfreq=self.sfreq, windows_s=windows_s
        )


@dataclass(frozen=True)
class LeaveOneOut:
    """Held-out correlations of every trial at every penalty: r (n_trials, n_alphas), alphas likewise."""

    r: FloatArray
    alphas: FloatArray


def cross_validate(
    eeg: Sequence[FloatArray],
    attended: Sequence[FloatArray],
    unattended: Sequence[FloatArray],
    *,
    sfreq: float,
    tmin: float = 0.0,
    tmax: float = 0.25,
    alphas: Alphas = None,
    train_on: Literal["attended", "unattended"] = "attended",
    groups: Sequence[Hashable] | None = None,
    subject: str | None = None,
    channels: Sequence[str] | None = None,
    overlap: Overlap = "refuse",
    shared_sounds: SharedSounds = "leave_out",
) -> Decoding:
    """Decode each trial with a decoder of the other trials; the penalty is chosen on those trials too.

    Trials that share a sound with the tested one, in whatever role and at whatever lag, are left out with it.

    Parameters
    ----------
    eeg : list of array, each (n_times, n_channels)
        Trials, in any unit.
    attended, unattended : list of array, each (n_times,)
        The two talkers' envelopes, sample by sample with the EEG.
    sfreq : float
        Rate of all in Hz.
    tmin, tmax : float
        EEG lags after the envelope in seconds, both included.
    alphas : sequence of float, "ledoit-wolf" or None
        As in `RidgeDecoder`.
    train_on : {"attended", "unattended"}
        Which envelope the decoders learn; ``unattended`` is the control that must not decode attention.
    groups : sequence, optional
        One label per trial (story, speaker, block); all trials that share the test trial's label are left out
        with it. Each trial is its own group when absent.
    subject, channels : optional
        Names for error messages.
    overlap : {"refuse", "allow"}
        What to do where trials of different groups share EEG (they overlap, or one occurs twice). ``allow`` where
        they were looked through already: such a decoding says nothing.
    shared_sounds : {"leave_out", "allow"}
        ``allow`` lets trials that share a sound with the tested one train its decoder.

    Returns
    -------
    Decoding
        One entry per trial, in order.

    Raises
    ------
    DataError
        If there are fewer than two trials or groups, nothing is left to train on, trials share EEG, both talkers of a
        trial have one envelope, or the data are damaged; with names.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> attended, unattended = rng.random((2, 6, 640))  # six trials of ten seconds
    >>> eeg = attended[:, :, None] + 3 * rng.standard_normal((6, 640, 4))
    >>> decoding = cross_validate(list(eeg), list(attended), list(unattended), sfreq=64.0)
    >>> decoding.accuracy([1, 10]).round(2)
    array([0.75, 1.  ])
    """
    x = checked_eeg(eeg, least=2, subject=subject, channels=channels)
    streams = {
        "attended": checked_streams(attended, x, name="attended", subject=subject),
        "unattended": checked_streams(unattended, x, name="unattended", subject=subject),
    }
    if train_on not in streams:
        raise DataError(f"train_on must be attended or unattended; got {train_on!r}")
    first, second = ([s[:, 0] for s in role] for role in streams.values())
    check_different(first, second, [trial_name(k, subject) for k in range(len(x))])
    lags = checked_lags(tmin, tmax, sfreq, x)
    _check_groups(len(x), groups, subject)
    check_overlap(eeg, overlap, sfreq=sfreq, subject=subject, groups=groups)
    splits = apart(
        attended, unattended, sfreq=sfreq, groups=groups, subject=subject, shared_sounds=shared_sounds
    )
    found, penalty = reconstruct_left_out(Problem.of(x, streams[train_on], lags), alphas, splits)
    decoded = [found[k][:, 0] for k in range(len(x))]
    return Decoding(
        decoded,
        first,
        second,
        np.array([float(metrics.correlation(y, a)) for y, a in zip(decoded, first, strict=True)]),
        np.array([float(metrics.correlation(y, u)) for y, u in zip(decoded, second, strict=True)]),
        np.array([penalty[k] for k in range(len(x))]),
        float(sfreq),
    )


def leave_one_out(
    eeg: Sequence[FloatArray],
    envelope: Sequence[FloatArray],
    *,
    sfreq: float,
    tmin: float = 0.0,
    tmax: float = 0.25,
    alphas: Sequence[float] | None = None,
    overlap: Overlap = "refuse",
) -> LeaveOneOut:
    """Correlation of every left-out trial at every penalty: the curve, not a choice.

    Parameters are those of `cross_validate`, of the same shapes. Picking the best penalty from this curve and
    reporting its value would choose on test data; `cross_validate` does not.
    """
    problem = Problem.checked(eeg, envelope, sfreq=sfreq, tmin=tmin, tmax=tmax, least=2)
    check_overlap(eeg, overlap, sfreq=sfreq)
    candidates = grid(alphas, problem.parts[0].cross.shape[0])
    n_alphas = len(candidates(1.0))
    r, used = np.empty((len(eeg), n_alphas)), np.empty((len(eeg), n_alphas))
    each = [[k] for k in range(len(eeg))]
    for fold in problem.without(each, lambda _, trace: candidates(trace)):
        k = fold.index
        r[k] = pooled_correlation(problem.parts[k], fold.weights)[:, 0]
        used[k] = fold.penalties
    return LeaveOneOut(r, used)


def reconstruct_left_out(
    problem: Problem, alphas: Alphas, splits: Sequence[Split], *, tolerance: float = EXACT
) -> tuple[dict[int, FloatArray], dict[int, float]]:
    """Reconstruct every piece of the tested trials by a decoder of its split's training trials alone.

    Parameters
    ----------
    problem : Problem
        All trials.
    alphas : sequence of float, "ledoit-wolf" or None
        As in `RidgeDecoder`; chosen inside each split's training trials.
    splits : sequence of (train, test)
        Trials of each; what is in neither is left out of both.
    tolerance : float
        Relative residual of the solutions.

    Returns
    -------
    dict of int to array, dict of int to float
        By piece, the reconstruction (n_times, n_targets), and the penalty behind it.
    """
    left_out = [_complement(train, len(problem.parts)) for train, _ in splits]
    penalty = best_penalties(problem, alphas, left_out)
    decoded, used = {}, {}
    for fold in problem.without(left_out, lambda i, trace: [penalty(i, trace)], tolerance=tolerance):
        for k in (piece for trial in splits[fold.index][1] for piece in problem.pieces[trial]):
            decoded[k] = predict(problem.x[k], fold.weights[:, 0], problem.lags)
            used[k] = float(fold.penalties[0])
    return decoded, used


def _complement(train: Sequence[int], n_trials: int) -> list[int]:
    return sorted(set(range(n_trials)) - set(train))


def _check_groups(n_trials: int, groups: Sequence[Hashable] | None, subject: str | None) -> None:
    """There is a label per trial, and two groups."""
    labels = list(range(n_trials)) if groups is None else list(groups)
    if len(labels) != n_trials:
        raise DataError(f"groups must hold one label per trial; got {len(labels)} for {n_trials} trials")
    if len(set(labels)) < 2:
        where = "" if subject is None else f" (subject {subject})"
        raise DataError(f"groups must name at least two groups; got only {labels[0]!r}{where}")
