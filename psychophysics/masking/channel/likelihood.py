"""Joint maximum-likelihood channel: every cell of noise SD and band is a binomial count of one model.

Noise of SD ``sd`` in band b reaches the decision through a power gain G, one of those of `gains`; unless another is
asked for, the log-Gaussian of unit height,

    W_b = sum_f P_b(f) G(f),          G(f) = 2^-(2 log2(f / f0) / BW)^2,

P_b being the band's measured power spectrum at SD 1 (DC reaches nothing), and lowers accuracy from ``top``
to guessing (1 of K alternatives):

    p = 1/K + (top - 1/K) * 2^-(sd^2 peak^2 W_b)^k.

So BW is the full width at half maximum of the power gain in octaves, f0 its centre in true cycles per image,
and ``peak`` the reciprocal of the noise SD which, concentrated at the centre, halves the part of accuracy
that is above chance. With e = (ln 2)^(1/k) sd^2 peak^2 W_b this is p = 1/K + (top - 1/K) exp(-e^k).

Where a gain has parameters of its own, their prior is part of what is maximised, and they cost as many degrees of
freedom as the counts determine of them (the trace of the data's share of the information).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from cogattn.psychophysics.masking.channel.gains import (
    N_SHARED,
    GainName,
    LogGaussian,
    gain_named,
)
from cogattn.statistics.maximum_likelihood import (
    Array,
    Rows,
    binomial,
)

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.stimuli.noise import BandSpectra

PARAMETERS = ("log_bandwidth", "log2_center", "log_peak", "log_steepness", "logit_top")
"""Columns of a parameter array: ln BW (octaves), log2 f0 (cycles per image), ln peak (1 / SD), ln k, and the
logit of (top - 1/K) / (1 - 1/K). Those of a gain's own follow."""
BANDWIDTH_LIMITS = (0.2, 20.0)
"""Octaves; an interval that reaches a limit is open on that side."""
_PEAK_LIMITS = (1e-2, 1e5)
_STEEPNESS_LIMITS = (0.2, 5.0)
_TOP_LIMITS = (-5.0, 10.0)
_LN2 = np.log(2.0)


def channel_parameters(
    bandwidth_octaves: float,
    center_cpi: float,
    peak_sensitivity: float,
    *,
    steepness: float,
    top_accuracy: float,
    n_alternatives: int = 16,
) -> Array:
    """Return the parameter array, shape (5,), of a channel given in its own units (see `PARAMETERS`)."""
    top = (n_alternatives * top_accuracy - 1) / (n_alternatives - 1)
    logs = np.log([bandwidth_octaves, peak_sensitivity, steepness])
    return np.array([logs[0], np.log2(center_cpi), logs[1], logs[2], logit(top)])


def top_accuracy(parameters: Array, n_alternatives: int) -> Array:
    """Return the accuracy without noise, shape (...,), of parameters (..., p)."""
    return 1 / n_alternatives + (1 - 1 / n_alternatives) * expit(parameters[..., 4])


@dataclass(frozen=True)
class Cells:
    """Which noise each count belongs to: ln SD^2 (0 where there is no noise), band, and whether SD > 0."""

    log_variance: Array
    band: NDArray[np.int64]
    noisy: NDArray[np.bool_]

    @classmethod
    def of(cls, noise_sds: ArrayLike, bands: ArrayLike) -> Cells:
        """Return the cells of paired SDs and bands, each of shape (n_cells,)."""
        sds = np.asarray(noise_sds, dtype=float)
        return cls(2 * np.log(np.where(sds > 0, sds, 1.0)), np.asarray(bands), sds > 0)

    @classmethod
    def grid(cls, noise_sds: ArrayLike, n_bands: int) -> Cells:
        """Return all cells of a grid, row by row."""
        sds = np.asarray(noise_sds, dtype=float)
        return cls.of(np.repeat(sds, n_bands), np.tile(np.arange(n_bands), len(sds)))

    def take(self, used: NDArray[np.bool_] | NDArray[np.int64]) -> Cells:
        """Return those that are used, by truth or by number."""
        return Cells(self.log_variance[used], self.band[used], self.noisy[used])


@dataclass(frozen=True)
class ChannelModel:
    """The model of this module for given noise.

    Parameters
    ----------
    log2_frequencies : array, shape (n_freq,)
        log2 of cycles per image, without DC.
    power : array, shape (n_bands, n_freq)
        Noise power at SD 1.
    guess : float
        1 / K.
    gain : LogGaussian
        The gain, or another of `gains`; with its own parameters there are p in all.
    lower, upper : arrays, shape (p,)
        Limits of the parameters.
    """

    log2_frequencies: Array
    power: Array
    guess: float
    gain: LogGaussian
    lower: Array
    upper: Array

    @classmethod
    def of(
        cls, spectra: BandSpectra, n_alternatives: int = 16, gain: GainName = "log-gaussian"
    ) -> ChannelModel:
        """Build the model for noise of these spectra; the centre may lie an octave beyond the bands."""
        carries = (spectra.frequencies_cpi > 0) & (spectra.power.sum(axis=0) > 0)
        frequencies = np.log2(spectra.frequencies_cpi[carries])
        centers = np.log2([spectra.nominal_cpi[0] / 2, spectra.nominal_cpi[-1] * 2])
        logs = np.log([BANDWIDTH_LIMITS, _PEAK_LIMITS, _STEEPNESS_LIMITS])
        lower, upper = np.stack([logs[0], centers, logs[1], logs[2], _TOP_LIMITS], axis=1)
        shape = gain_named(gain, np.log2(spectra.mean_cpi), frequencies)
        lower, upper = np.array([*lower, *(-x for x in shape.limit)]), np.array([*upper, *shape.limit])
        return cls(frequencies, spectra.power[:, carries], 1.0 / n_alternatives, shape, lower, upper)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters: `PARAMETERS` and the gain's own."""
        return (*PARAMETERS, *self.gain.own)

    @property
    def prior_precision(self) -> Array:
        """Reciprocal variance of the prior of each parameter, shape (p,); 0 for the shared ones."""
        return np.concatenate([np.zeros(N_SHARED), np.array(self.gain.prior_sd) ** -2.0])

    def features(self, theta: Array) -> tuple[Array, Array]:
        """Return ln bandwidth, log2 centre and ln peak sensitivity (n, 3), with slopes (n, 3, p)."""
        return self.gain.features(theta)

    def accuracy(self, parameters: ArrayLike, noise_sds: ArrayLike) -> Array:
        """Return the expected proportion correct, shape (..., n_sds, n_bands), for parameters (..., p)."""
        theta = np.asarray(parameters, dtype=float)
        cells = Cells.grid(noise_sds, len(self.power))
        p, _ = self.slopes(theta.reshape(-1, theta.shape[-1]), cells)
        return p.reshape(*theta.shape[:-1], -1, len(self.power))

    def slopes(self, theta: Array, cells: Cells) -> tuple[Array, Array]:
        """Return accuracy (n, n_cells) and its derivative by each parameter (n, n_cells, p)."""
        log_weights, by_gain = self._weights(theta)
        steepness, top = np.exp(theta[:, 3, None]), theta[:, 4, None]
        exponent = steepness * (cells.log_variance + 2 * theta[:, 2, None] + log_weights[:, cells.band])
        exponent = np.clip(exponent, -500, 50)
        power = _LN2 * np.exp(exponent) * cells.noisy
        above = (1 - self.guess) * expit(top) * np.exp(-power)
        by_drive = -above * power * steepness
        by_steepness, by_top = -above * power * exponent, above * expit(-top)
        by_gain = by_drive[..., None] * by_gain[:, cells.band]
        shared = np.stack([2 * by_drive, by_steepness, by_top], axis=-1)
        return self.guess + above, np.concatenate([by_gain[..., :2], shared, by_gain[..., 2:]], axis=-1)

    def log_weights(self, theta: Array) -> Array:
        """Return ln W_b, shape (n, n_bands), for parameters (n, p)."""
        return self._weights(theta)[0]

    def _weights(self, theta: Array) -> tuple[Array, Array]:
        """ln W_b (n, n_bands), and its derivatives by ln BW, log2 f0 and the gain's own (n, n_bands, 2 + n_own)."""
        log_gain, slopes = self.gain.log_gain(theta, self.log2_frequencies)
        gain = np.exp(np.minimum(log_gain, 200.0))
        weight = np.maximum(gain @ self.power.T, 1e-280)
        return np.log(weight), self.power @ (gain[..., None] * slopes) / weight[..., None]


@dataclass(frozen=True)
class ChannelLikelihood:
    """Counts (n_obs, n_cells) under a model; a `cogattn.statistics.maximum_likelihood.Likelihood`."""

    model: ChannelModel
    cells: Cells
    correct: Array
    trials: Array

    @property
    def lower(self) -> Array:
        """Lower limits, shape (p,)."""
        return self.model.lower

    @property
    def upper(self) -> Array:
        """Upper limits, shape (p,)."""
        return self.model.upper

    def __call__(self, theta: Array, rows: Rows) -> tuple[Array, Array, Array]:
        """Return log likelihood, score and information of ``theta[i]`` for observer ``rows[i]``, prior included."""
        p, slopes = self.model.slopes(theta, self.cells)
        value, score, information = binomial(self.correct[rows], self.trials[rows], p, slopes)
        if not self.model.gain.own:
            return value, score, information
        precision = self.model.prior_precision
        pull = theta * precision
        return value - 0.5 * (theta * pull).sum(axis=1), score - pull, information + np.diag(precision)

    @property
    def plain(self) -> ChannelLikelihood:
        """The likelihood of the same counts under the log-Gaussian gain."""
        model = self.model
        lower, upper = model.lower[:N_SHARED], model.upper[:N_SHARED]
        return replace(self, model=replace(model, gain=LogGaussian(), lower=lower, upper=upper))


def channel_likelihood(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    spectra: BandSpectra | None,
    *,
    n_alternatives: int = 16,
    gain: GainName = "log-gaussian",
) -> ChannelLikelihood:
    """Return the likelihood of counts (n_obs, n_sds, n_bands); without `spectra`, of the paper's noise."""
    trials = np.asarray(n_trials, dtype=float)
    if spectra is None:
        from cogattn.psychophysics.masking.stimuli.noise import pyramid_spectra

        spectra = pyramid_spectra(trials.shape[-1])
    model = ChannelModel.of(spectra, n_alternatives, gain)
    cells = Cells.grid(noise_sds, trials.shape[-1])
    trials = trials.reshape(len(trials), -1)
    correct = np.asarray(n_correct, dtype=float).reshape(trials.shape)
    used = np.any(trials, axis=0)
    return ChannelLikelihood(model, cells.take(used), correct[:, used], trials[:, used])
