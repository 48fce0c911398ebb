"""Forward models: how each channel answers the stimulus (temporal response function), also with banded ridge.

A channel at time t is predicted from the stimulus at t - tmax ... t - tmin. In banded ridge each group of
features has its own penalty: dividing a group by g and fitting ordinary ridge is ridge with g**2 times the
penalty on that group, so the search over groups is a search over scalings.

References
----------
Crosse, Di Liberto, Bednar and Lalor (2016), Front. Hum. Neurosci. 10, 604.
Nunez-Elizalde, Huth and Gallant (2019), NeuroImage 197, 482-492 (banded ridge).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.aad.checks import checked_eeg, checked_lags, checked_streams
from cogattn.eeg.aad.lagged import Lags, predict
from cogattn.eeg.aad.metrics import correlation
from cogattn.eeg.aad.penalties import Alphas, Problem, best_penalties, selection_scores
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

BAND_SCALES = (0.1, 1.0, 10.0)
"""Relative scalings tried for every band after the first."""


class ForwardModel:
    """Temporal response function from stimulus features to all channels at once.

    Parameters
    ----------
    sfreq : float
        Rate in Hz.
    tmin, tmax : float
        Delays of the response after the stimulus in seconds, both included.
    alphas : sequence of float, "ledoit-wolf" or None
        As in `RidgeDecoder`, for the stimulus; one penalty serves all channels.
    bands : sequence of int, optional
        Group of each feature for banded ridge; all features share one penalty when absent.

    Attributes
    ----------
    coef_ : array, shape (n_lags, n_features, n_channels)
        Response at tmin, ..., tmax.
    alpha_ : float
        Penalty.
    scale_ : array, shape (n_features,)
        Scaling of each feature (banded ridge).
    """

    def __init__(
        self,
        sfreq: float,
        tmin: float = -0.1,
        tmax: float = 0.4,
        alphas: Alphas = None,
        bands: Sequence[int] | None = None,
    ) -> None:
        self.sfreq = sfreq
        self.tmin = tmin
        self.tmax = tmax
        self.alphas = alphas
        self.bands = bands

    def fit(self, stimulus: Sequence[FloatArray], eeg: Sequence[FloatArray]) -> ForwardModel:
        """Fit on lists of trials: stimulus (n_times,) or (n_times, n_features), eeg (n_times, n_channels)."""
        y = checked_eeg(eeg)
        x = checked_streams(stimulus, y, name="stimulus")
        checked_lags(self.tmin, self.tmax, self.sfreq, y)
        lags = Lags.forward(self.tmin, self.tmax, self.sfreq)
        (fitted,) = fit_left_out(Problem.of(x, y, lags), [()], alphas=self.alphas, bands=self.bands)
        self.coef_, self.alpha_, self.scale_ = fitted.coef_, fitted.alpha, fitted.scale
        return self

    def predict(self, stimulus: Sequence[FloatArray]) -> list[FloatArray]:
        """Predict the EEG (zero mean) of each trial, (n_times, n_channels)."""
        if not hasattr(self, "coef_"):
            raise DataError("a model must be fitted before it predicts; call fit first")
        trials = checked_streams(stimulus, stimulus, name="stimulus")
        if trials[0].shape[1] != self.coef_.shape[1]:
            raise DataError(
                f"stimulus must have the features of the fit; got {trials[0].shape[1]} for {self.coef_.shape[1]}"
            )
        lags = Lags.forward(self.tmin, self.tmax, self.sfreq)
        return [predict(trial, lag_by_lag(self.coef_), lags) for trial in trials]

    def score(self, stimulus: Sequence[FloatArray], eeg: Sequence[FloatArray]) -> FloatArray:
        """Correlation of predicted and recorded EEG, shape (n_trials, n_channels)."""
        pairs = zip(self.predict(stimulus), checked_eeg(eeg), strict=True)
        return np.array([correlation(predicted, recorded) for predicted, recorded in pairs])


@dataclass(frozen=True)
class Response:
    """A fitted response: coef_ (n_lags, n_features, n_channels), earliest first, its penalty and scaling."""

    coef_: FloatArray
    alpha: float
    scale: FloatArray


def fit_left_out(
    problem: Problem,
    left_out: Sequence[Sequence[int]],
    *,
    alphas: Alphas = None,
    bands: Sequence[int] | None = None,
) -> list[Response]:
    """Fit a forward model without each of these sets of trials; penalties are chosen on the trials that stay.

    Parameters
    ----------
    problem : Problem
        Stimulus (predictor) and EEG (target) of all trials, lags as `Lags.forward` makes them.
    left_out : sequence of sequences of int
        Trials that each fit must not see; an empty one fits on everything.
    alphas, bands
        As in `ForwardModel`.

    Returns
    -------
    list of Response
        One for each set.
    """
    n_features = problem.x[0].shape[1]
    candidates = _scales(bands, n_features)
    problems = [problem.scaled(scale) if len(candidates) > 1 else problem for scale in candidates]
    best = np.zeros(len(left_out), dtype=int)
    if len(candidates) > 1:
        if isinstance(alphas, str):
            raise DataError("alphas must be numbers or None with bands; got 'ledoit-wolf'")
        best = np.argmax([selection_scores(p, alphas, left_out).max(axis=1) for p in problems], axis=0)
    found: dict[int, Response] = {}
    for i, scale in enumerate(candidates):
        own = [k for k in range(len(left_out)) if best[k] == i]
        folds = [left_out[k] for k in own]
        penalty = best_penalties(problems[i], alphas, folds) if own else None
        if penalty is None:
            continue
        for fold in problems[i].without(folds, lambda k, trace, choose=penalty: [choose(k, trace)]):
            weights = fold.weights[:, 0].reshape(problem.lags.n, n_features, -1)
            coef = weights[::-1] * scale[:, None]
            found[own[fold.index]] = Response(coef, float(fold.penalties[0]), scale)
    return [found[k] for k in range(len(left_out))]


def gains_left_out(
    stimulus: Sequence[FloatArray],
    eeg: Sequence[FloatArray],
    splits: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    sfreq: float,
    delays_s: tuple[float, float],
    groups: Sequence[int],
    banded: bool = True,
    pieces: Sequence[Sequence[int]] | None = None,
) -> tuple[FloatArray, FloatArray]:
    """How well tested trials are predicted by all features, and without each.

    Parameters
    ----------
    stimulus, eeg : list of array, each (n_times, n_columns) and (n_times, n_channels)
        Pieces of trials.
    splits : sequence of (train, test)
        Trials; models and their penalties come from the training trials alone.
    sfreq : float
        Rate in Hz.
    delays_s : (float, float)
        Delays of the response in seconds, both included.
    groups : sequence of int
        Feature, 0 ... n_features - 1, that each column of the stimulus belongs to.
    banded : bool
        Whether each feature has a penalty of its own.
    pieces : sequence of sequence of int, optional
        Which pieces each trial consists of; one each when absent.

    Returns
    -------
    whole : array, shape (n_trials,)
        Correlation of prediction and EEG, mean over channels, and over pieces by their lengths.
    without : array, shape (n_trials, n_features)
        The same of models that were fitted without a feature.
    """
    y = checked_eeg(eeg)
    x = checked_streams(stimulus, y, name="stimulus")
    checked_lags(*delays_s, sfreq, y)
    own = np.asarray(groups)
    n_features = int(own.max()) + 1

    def predicted(columns: NDArray[np.intp]) -> FloatArray:
        chosen = [trial[:, columns] for trial in x]
        problem = Problem.of(chosen, y, Lags.forward(*delays_s, sfreq), pieces)
        several = banded and len(set(own[columns])) > 1
        left_out = [sorted(set(range(len(problem.parts))) - set(train)) for train, _ in splits]
        fitted = fit_left_out(problem, left_out, bands=own[columns].tolist() if several else None)
        found = np.full(len(problem.parts), np.nan)
        for response, (_, test) in zip(fitted, splits, strict=True):
            for trial in test:
                lengths = [len(y[k]) for k in problem.pieces[trial]]
                each = [
                    correlation(predict(chosen[k], lag_by_lag(response.coef_), problem.lags), y[k]).mean()
                    for k in problem.pieces[trial]
                ]
                found[trial] = np.average(each, weights=lengths)
        return found

    without = [predicted(np.flatnonzero(own != f)) for f in range(n_features)]
    return predicted(np.arange(own.size)), np.stack(without, axis=1)


def lag_by_lag(coef: FloatArray) -> FloatArray:
    """Weights as `predict` takes them, (n_lags * n_features, n_channels), from (n_lags, n_features, n_channels)."""
    return coef[::-1].reshape(-1, coef.shape[2])


def _scales(bands: Sequence[int] | None, n_features: int) -> list[FloatArray]:
    """Feature scalings to try: one for plain ridge, a grid over bands else."""
    if bands is None:
        return [np.ones(n_features)]
    groups = np.asarray(bands)
    if groups.shape != (n_features,):
        raise DataError(f"bands must hold one group per feature; got {groups.shape} for {n_features}")
    known = np.unique(groups)
    grid = product(*([(1.0,)] + [BAND_SCALES] * (known.size - 1)))
    return [np.asarray(row)[np.searchsorted(known, groups)] for row in grid]
