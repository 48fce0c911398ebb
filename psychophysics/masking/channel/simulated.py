"""Simulated observers whose accuracy is that of measured ones: response surfaces, smoothed along the noise SD.

In each band accuracy falls with the noise SD as a Weibull function of its own threshold and slope,

    p = 1/K + (top - 1/K) * 2^-(sd / threshold_b)^(2 k_b),

with one ``top``. No channel joins the bands, so such an observer departs from any gain as much as the measured one
does. Slopes k_b have a log-normal prior (SD `SLOPE_SD`) about a common one, because thirty answers a cell say little
about each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from cogattn.psychophysics.masking.channel.likelihood import Cells
from cogattn.statistics.maximum_likelihood import Array, Rows, binomial, maximise

SLOPE_SD = 0.3
"""SD of ln k_b about the common ln k."""
_LN2 = np.log(2.0)
_LEAST = 1e-9
_START = (2 * np.log(0.04), 0.0, 0.0, 1.5)
"""ln of a threshold's power, ln k, ln k_b less that, and the logit of top; SDs of weak priors about them follow."""
_PRIOR_SD = (3.0, 0.6, SLOPE_SD, 1.5)


@dataclass(frozen=True)
class SimulatedObserver:
    """Answers with the accuracy of a measured observer.

    Parameters
    ----------
    thresholds : array, shape (n_bands,)
        Noise SD at which the part of accuracy above chance is halved.
    slopes : array, shape (n_bands,)
        k_b.
    top : float
        Accuracy without noise.
    n_alternatives : int
        K.
    """

    thresholds: Array
    slopes: Array
    top: float
    n_alternatives: int = 16

    @classmethod
    def like(
        cls, n_correct: ArrayLike, n_trials: ArrayLike, noise_sds: ArrayLike, *, n_alternatives: int = 16
    ) -> SimulatedObserver:
        """Make the observer whose surface fits counts (n_sds, n_bands) best."""
        correct, trials = np.asarray(n_correct, dtype=float), np.asarray(n_trials, dtype=float)
        n_bands = correct.shape[1]
        bands = _Bands(
            Cells.grid(noise_sds, n_bands), correct.ravel(), trials.ravel(), n_bands, 1 / n_alternatives
        )
        theta = maximise(bands, bands.mean[None], np.zeros(1, dtype=np.int64)).theta[0]
        thresholds, slopes, top = _split(theta[None], n_bands)
        height = (1 - 1 / n_alternatives) * float(expit(top[0, 0]))
        return cls(np.exp(thresholds[0] / 2), np.exp(slopes[0]), 1 / n_alternatives + height, n_alternatives)

    def accuracy(self, bands: ArrayLike, noise_sds: ArrayLike) -> Array:
        """Return the chance to be right in these bands at these SDs, shape (n,); bands mean nothing at SD 0."""
        band, sd = np.asarray(bands), np.asarray(noise_sds, dtype=float)
        guess = 1 / self.n_alternatives
        kept = np.exp2(-((sd / self.thresholds[band]) ** (2 * self.slopes[band])))
        return guess + (self.top - guess) * np.where(sd > 0, kept, 1.0)

    def grid(self, noise_sds: ArrayLike) -> Array:
        """Return the accuracy in every cell of a grid, shape (n_sds, n_bands)."""
        sds, n_bands = np.asarray(noise_sds, dtype=float), len(self.thresholds)
        cells = np.tile(np.arange(n_bands), len(sds)), np.repeat(sds, n_bands)
        return self.accuracy(*cells).reshape(len(sds), n_bands)


@dataclass(frozen=True)
class _Bands:
    """Log posterior of ln thresholds' power, ln k, ln k_b / k and logit top; a `maximum_likelihood.Likelihood`."""

    cells: Cells
    correct: Array
    trials: Array
    n_bands: int
    guess: float

    @property
    def mean(self) -> Array:
        return np.repeat(_START, self._sizes)

    @property
    def precision(self) -> Array:
        return np.repeat(_PRIOR_SD, self._sizes) ** -2.0

    @property
    def lower(self) -> Array:
        return self.mean - 12

    @property
    def upper(self) -> Array:
        return self.mean + 12

    @property
    def _sizes(self) -> tuple[int, int, int, int]:
        return self.n_bands, 1, self.n_bands, 1

    def __call__(self, theta: Array, rows: Rows) -> tuple[Array, Array, Array]:
        thresholds, slopes, top = _split(theta, self.n_bands)
        band, cell = self.cells.band, np.arange(len(self.cells.band))
        k = np.exp(slopes[:, band])
        exponent = np.clip(k * (self.cells.log_variance - thresholds[:, band]), -500, 50)
        power = _LN2 * np.exp(exponent) * self.cells.noisy
        above = (1 - self.guess) * expit(top) * np.exp(-power)
        by_theta = np.zeros((*above.shape, theta.shape[1]))
        by_theta[:, cell, band] = above * power * k
        by_theta[:, cell, self.n_bands] = -above * power * exponent
        by_theta[:, cell, self.n_bands + 1 + band] = -above * power * exponent
        by_theta[:, cell, -1] = above * expit(-top)
        p = np.clip(self.guess + above, _LEAST, 1 - _LEAST)
        counts = np.broadcast_to(self.correct, p.shape), np.broadcast_to(self.trials, p.shape)
        value, score, information = binomial(*counts, p, by_theta)
        away = theta - self.mean
        value = value - 0.5 * (away**2 * self.precision).sum(axis=1)
        return value, score - away * self.precision, information + np.diag(self.precision)


def _split(theta: Array, n_bands: int) -> tuple[Array, Array, Array]:
    """ln of the thresholds' power (n, n_bands), ln k_b (n, n_bands) and logit top (n, 1)."""
    common = theta[:, n_bands, None]
    return theta[:, :n_bands], common + theta[:, n_bands + 1 : 2 * n_bands + 1], theta[:, -1:]
