"""Whom a listener follows among separated talkers, as a probability that is learned rather than set.

The probability of talker k in a window is a softmax of sharpness times the correlation of its envelope with the decoded
one; successive windows multiply. The sharpness is the one under which held-out decisions were the likeliest, with half
a wrong decision added, so that a decoder that was never wrong is not taken for certain, and never below 0.

References
----------
McFadden (1974), in Frontiers in Econometrics, 105-142 (conditional logit).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cogattn.eeg.aad.metrics import window_correlation
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

SHARPEST = 1e4
"""A difference in correlation of .001 is never worth more than odds of e to the tenth."""


@dataclass(frozen=True)
class Selector:
    """From correlations to the probability of each talker.

    Parameters
    ----------
    sharpness : float
        Log odds per unit of correlation, in one window.
    window_s : float
        Length of a window in seconds.
    """

    sharpness: float
    window_s: float

    @classmethod
    def fit(cls, margins: ArrayLike, *, window_s: float) -> Selector:
        """Learn from held-out windows: correlation with the attended minus that with the other talker, (n_windows,)."""
        return cls(sharpness_of(margins), window_s)

    def __call__(self, decoded: FloatArray, envelopes: Sequence[FloatArray], *, sfreq: float) -> FloatArray:
        """Probability of each talker over all of `decoded`, (n_talkers,).

        Parameters
        ----------
        decoded : array, shape (n_times,)
            Reconstruction.
        envelopes : sequence of array, each (n_times,)
            Of the talkers, filtered as in the decoder's training.
        sfreq : float
            Of all, in Hz.
        """
        length = min(round(self.window_s * sfreq), len(decoded))
        r = np.array([window_correlation(decoded, e, length=length) for e in envelopes])
        evidence = self.sharpness * r.sum(axis=1)
        share = np.exp(evidence - evidence.max())
        return share / share.sum()


def sharpness_of(margins: ArrayLike) -> float:
    """Log odds that a margin of 1 is worth; 0 where margins do not favour the attended talker."""
    from scipy.optimize import minimize_scalar

    values = np.asarray(margins, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise DataError(f"margins must be finite, one at least; got {values.size}")

    def loss(log_sharpness: float) -> float:
        odds = np.exp(log_sharpness) * values
        return float(np.logaddexp(0, -odds).sum() + 0.5 * np.logaddexp(0, odds).mean())

    slope_at_zero = values.sum() - 0.5 * values.mean()
    if slope_at_zero <= 0:
        return 0.0
    found = minimize_scalar(loss, bounds=(-12.0, np.log(SHARPEST)), method="bounded")
    return float(np.exp(found.x))


def probability(margins: ArrayLike, sharpness: float) -> FloatArray:
    """Probability of the talker whom positive margins favour, in each window."""
    from scipy.special import expit

    return expit(sharpness * np.asarray(margins, dtype=np.float64))
