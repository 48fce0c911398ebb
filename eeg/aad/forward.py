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
from itertools import product

import numpy as np

from cogattn.eeg.aad.checks import checked_eeg, checked_lags, checked_streams
from cogattn.eeg.aad.lagged import Lags, Moments, predict
from cogattn.eeg.aad.leave_out import solve
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
        candidates = self._scales(x[0].shape[1])
        problems = [Problem.of([trial * scale for trial in x], y, lags) for scale in candidates]
        best = 0
        if len(problems) > 1:
            if isinstance(self.alphas, str):
                raise DataError("alphas must be numbers or None with bands; got 'ledoit-wolf'")
            best = int(np.argmax([selection_scores(p, self.alphas, [()]).max() for p in problems]))
        total = Moments.total(problems[best].parts)
        self.scale_ = candidates[best]
        self.alpha_ = best_penalties(problems[best], self.alphas, [()])(0, total.trace)
        weights = solve(total, [self.alpha_])[:, 0].reshape(lags.n, x[0].shape[1], -1)
        self.coef_ = weights[::-1] * self.scale_[:, None]  # earliest response first
        return self

    def predict(self, stimulus: Sequence[FloatArray]) -> list[FloatArray]:
        """Predict the EEG (zero mean) of each trial, (n_times, n_channels)."""
        if not hasattr(self, "coef_"):
            raise DataError("a model must be fitted before it predicts; call fit first")
        lags = Lags.forward(self.tmin, self.tmax, self.sfreq)
        weights = self.coef_[::-1].reshape(-1, self.coef_.shape[2])
        trials = checked_streams(stimulus, stimulus, name="stimulus")
        if trials[0].shape[1] != self.coef_.shape[1]:
            raise DataError(
                f"stimulus must have the features of the fit; got {trials[0].shape[1]} for {self.coef_.shape[1]}"
            )
        return [predict(trial, weights, lags) for trial in trials]

    def score(self, stimulus: Sequence[FloatArray], eeg: Sequence[FloatArray]) -> FloatArray:
        """Correlation of predicted and recorded EEG, shape (n_trials, n_channels)."""
        pairs = zip(self.predict(stimulus), checked_eeg(eeg), strict=True)
        return np.array([correlation(predicted, recorded) for predicted, recorded in pairs])

    def _scales(self, n_features: int) -> list[FloatArray]:
        """Feature scalings to try: one for plain ridge, a grid over bands else."""
        if self.bands is None:
            return [np.ones(n_features)]
        bands = np.asarray(self.bands)
        if bands.shape != (n_features,):
            raise DataError(f"bands must hold one group per feature; got {bands.shape} for {n_features}")
        groups = np.unique(bands)
        grid = product(*([(1.0,)] + [BAND_SCALES] * (groups.size - 1)))
        return [np.asarray(row)[np.searchsorted(groups, bands)] for row in grid]
