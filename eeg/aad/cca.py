"""Canonical correlation analysis: EEG and envelope are both filtered so that they correlate most.

Lagged EEG and the lagged attended envelope are each mapped to a few components; in a window, the differences
of the components' correlations between the two talkers are weighted by a linear discriminant without offset
(the talkers are exchangeable, so neither is favoured).

References
----------
de Cheveigne et al. (2018), NeuroImage 172, 206-216.
Geirnaert et al. (2021), IEEE Signal Process. Mag. 38, 89-102.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cogattn.eeg.aad.checks import checked_eeg, checked_lags, checked_streams
from cogattn.eeg.aad.lagged import Lags, Moments, lagged, predict
from cogattn.eeg.aad.metrics import window_correlation
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError


class CcaDecoder:
    """CCA components and a discriminant over their correlations.

    Parameters
    ----------
    sfreq : float
        Rate in Hz.
    eeg_context_s, stimulus_context_s : float
        The EEG is taken from 0 to this long after, the envelope from this long before to the current sample.
    n_components : int
        Components kept.
    shrinkage : float
        Ridge of both covariances, in units of their mean eigenvalue.
    window_s : float
        Window on which the discriminant is trained.

    Attributes
    ----------
    eeg_filters_ : array, shape (n_eeg_lags * n_channels, n_components)
    stimulus_filters_ : array, shape (n_stimulus_lags, n_components)
    canonical_ : array, shape (n_components,)
        Correlations on the training data.
    weights_ : array, shape (n_components,)
        The discriminant.
    """

    def __init__(
        self,
        sfreq: float,
        eeg_context_s: float = 0.4,
        stimulus_context_s: float = 1.2,
        n_components: int = 5,
        shrinkage: float = 0.1,
        window_s: float = 5.0,
    ) -> None:
        self.sfreq = sfreq
        self.eeg_context_s = eeg_context_s
        self.stimulus_context_s = stimulus_context_s
        self.n_components = n_components
        self.shrinkage = shrinkage
        self.window_s = window_s

    def fit(
        self, eeg: Sequence[FloatArray], attended: Sequence[FloatArray], unattended: Sequence[FloatArray]
    ) -> CcaDecoder:
        """Fit components on the attended talker and the discriminant on both; lists of trials."""
        x = checked_eeg(eeg)
        first = checked_streams(attended, x, name="attended")
        second = checked_streams(unattended, x, name="unattended")
        checked_lags(0.0, max(self.eeg_context_s, self.stimulus_context_s), self.sfreq, x)
        eeg_lags, sound_lags = self._lags()
        sounds = [lagged(s, sound_lags) for s in first]  # (n_times, n_lags)
        both = Moments.total([Moments.of(a, s, eeg_lags) for a, s in zip(x, sounds, strict=True)])
        gram_sound = sum((s.T @ s for s in sounds), start=np.zeros((sound_lags.n, sound_lags.n)))
        self._solve(both.gram(), gram_sound, both.cross)
        pairs = (
            self._correlations(a, pair, self.window_s) for a, *pair in zip(x, first, second, strict=True)
        )
        differences = np.concatenate([one - other for one, other in pairs])
        if len(differences) < 2:
            raise DataError(
                f"window_s must fit into the training trials at least twice; got {self.window_s:g} s"
            )
        scatter = np.atleast_2d(np.cov(differences.T)) + 1e-6 * np.eye(self.n_components)
        self.weights_ = np.linalg.solve(scatter, differences.mean(axis=0))
        return self

    def scores(self, eeg: FloatArray, sounds: Sequence[FloatArray], *, window_s: float) -> FloatArray:
        """Match of each sound with the EEG in successive windows of one trial, (n_sounds, n_windows)."""
        if not hasattr(self, "weights_"):
            raise DataError("a decoder must be fitted before it decides; call fit first")
        x = checked_eeg([eeg])
        streams = [checked_streams([sound], x, name="envelope")[0] for sound in sounds]
        return self._correlations(x[0], streams, window_s) @ self.weights_

    def margins(
        self, eeg: FloatArray, first: FloatArray, second: FloatArray, *, window_s: float
    ) -> FloatArray:
        """Evidence for `first` over `second` in successive windows of one trial; positive means first."""
        one, other = self.scores(eeg, [first, second], window_s=window_s)
        return one - other

    def _lags(self) -> tuple[Lags, Lags]:
        sound = Lags.forward(0.0, self.stimulus_context_s, self.sfreq)
        return Lags.backward(0.0, self.eeg_context_s, self.sfreq), sound

    def _solve(self, gram_eeg: FloatArray, gram_sound: FloatArray, cross: FloatArray) -> None:
        """Whiten both sides by Cholesky factors and take the leading singular vectors between them."""
        from scipy.linalg import solve_triangular

        factors = []
        for gram in (gram_eeg, gram_sound):
            ridge = self.shrinkage * np.trace(gram) / gram.shape[0]
            factors.append(np.linalg.cholesky(gram + ridge * np.eye(gram.shape[0])))
        white = solve_triangular(factors[0], cross, lower=True)
        white = solve_triangular(factors[1], white.T, lower=True).T
        left, values, right = np.linalg.svd(white, full_matrices=False)
        k = self.n_components
        if not 1 <= k <= values.size:
            raise DataError(f"n_components must lie between 1 and {values.size}; got {k}")
        self.eeg_filters_ = solve_triangular(factors[0].T, left[:, :k], lower=False)
        self.stimulus_filters_ = solve_triangular(factors[1].T, right[:k].T, lower=False)
        self.canonical_ = values[:k]

    def _correlations(self, x: FloatArray, sounds: Sequence[FloatArray], window_s: float) -> FloatArray:
        """Correlation of each component in each window, (n_sounds, n_windows, n_components)."""
        eeg_lags, sound_lags = self._lags()
        neural, length = predict(x, self.eeg_filters_, eeg_lags), round(window_s * self.sfreq)
        played = (predict(sound, self.stimulus_filters_, sound_lags) for sound in sounds)
        return np.stack([window_correlation(neural, heard, length=length) for heard in played])
