"""Stimulus reconstruction: a ridge-regularised linear decoder of the attended envelope.

The decoder predicts envelope(t) from the EEG at t + tmin ... t + tmax, with one weight per channel and lag.
Covariances, not decoders, are averaged over trials. Every trial's EEG and envelope are centred; rows beyond a
trial's ends are zeros.

References
----------
O'Sullivan et al. (2015), Cereb. Cortex 25, 1697-1706.
Biesmans, Das, Francart and Bertrand (2017), IEEE Trans. Neural Syst. Rehabil. Eng. 25, 402-412.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from cogattn.eeg.aad.apart import Overlap, check_overlap
from cogattn.eeg.aad.checks import checked_eeg, checked_lags
from cogattn.eeg.aad.lagged import Moments, predict
from cogattn.eeg.aad.leave_out import solve
from cogattn.eeg.aad.penalties import Alphas, Problem, best_penalties
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError


class RidgeDecoder:
    """Backward model with the penalty chosen by cross-validation over the training trials.

    Parameters
    ----------
    sfreq : float
        Rate of EEG and envelopes in Hz.
    tmin, tmax : float
        EEG lags after the envelope in seconds, both included.
    alphas : sequence of float, "ledoit-wolf" or None
        Penalties added to the diagonal of X'X (as in scikit-learn); among several the one with the highest
        held-out correlation is taken. None: `RELATIVE_ALPHAS` times the mean eigenvalue, which makes the
        decoder independent of the EEG's unit. ``ledoit-wolf``: analytic shrinkage, nothing to choose.

    Attributes
    ----------
    coef_ : array, shape (n_lags, n_channels)
        Weights at tmin, ..., tmax.
    alpha_ : float
        The penalty.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> envelopes = rng.random((4, 640))  # ten seconds
    >>> eeg = envelopes[:, :, None] + rng.standard_normal((4, 640, 8))
    >>> decoder = RidgeDecoder(sfreq=64.0).fit(list(eeg[:3]), list(envelopes[:3]))
    >>> decoder.predict(eeg[3]).shape
    (640,)
    """

    def __init__(self, sfreq: float, tmin: float = 0.0, tmax: float = 0.25, alphas: Alphas = None) -> None:
        self.sfreq = sfreq
        self.tmin = tmin
        self.tmax = tmax
        self.alphas = alphas

    def fit(
        self, eeg: Sequence[FloatArray], envelope: Sequence[FloatArray], *, overlap: Overlap = "refuse"
    ) -> RidgeDecoder:
        """Fit on a list of trials: eeg (n_times, n_channels), envelope (n_times,).

        Trials that share EEG are refused, for the penalty is chosen on trials that are left out; ``overlap="allow"``
        where they are to share it.
        """
        problem = Problem.checked(eeg, envelope, sfreq=self.sfreq, tmin=self.tmin, tmax=self.tmax)
        check_overlap(eeg, overlap, sfreq=self.sfreq)
        choose = best_penalties(problem, self.alphas, [()])
        total = Moments.total(problem.parts)
        self.alpha_ = choose(0, total.trace)
        self.coef_ = solve(total, [self.alpha_])[:, 0, 0].reshape(problem.lags.n, -1)
        return self

    @overload
    def predict(self, eeg: FloatArray) -> FloatArray: ...

    @overload
    def predict(self, eeg: Sequence[FloatArray]) -> list[FloatArray]: ...

    def predict(self, eeg: Sequence[FloatArray] | FloatArray) -> list[FloatArray] | FloatArray:
        """Reconstruct the envelope (zero mean), (n_times,), of one trial or of each of a list of trials."""
        if not hasattr(self, "coef_"):
            raise DataError("a decoder must be fitted before it predicts; call fit first")
        single = isinstance(eeg, np.ndarray) and eeg.ndim == 2
        trials = checked_eeg(eeg)
        lags = checked_lags(self.tmin, self.tmax, self.sfreq, trials)
        if trials[0].shape[1] != self.coef_.shape[1]:
            raise DataError(
                f"eeg must have the channels of the fit; got {trials[0].shape[1]} for {self.coef_.shape[1]}"
            )
        weights = self.coef_.reshape(-1, 1)
        decoded = [predict(trial, weights, lags)[:, 0] for trial in trials]
        return decoded[0] if single else decoded
