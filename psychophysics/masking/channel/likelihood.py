"""Joint maximum-likelihood channel: every cell of noise SD and band is a binomial count of one model.

Noise of SD ``sd`` in band b reaches the decision through a log-Gaussian power gain G of unit height,

    W_b = sum_f P_b(f) G(f),          G(f) = 2^-(2 log2(f / f0) / BW)^2,

P_b being the band's measured power spectrum at SD 1 (DC reaches nothing), and lowers accuracy from ``top``
to guessing (1 of K alternatives):

    p = 1/K + (top - 1/K) * 2^-(sd^2 peak^2 W_b)^k.

So BW is the full width at half maximum of the power gain in octaves, f0 its centre in true cycles per image,
and ``peak`` the reciprocal of the noise SD which, concentrated at the centre, halves the part of accuracy
that is above chance. With e = (ln 2)^(1/k) sd^2 peak^2 W_b this is p = 1/K + (top - 1/K) exp(-e^k).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from scipy.stats import chi2

from cogattn.statistics.maximum_likelihood import (
    Array,
    Maximum,
    Rows,
    binomial,
    binomial_deviance,
    climb_from_grids,
    covariance,
    maximise,
    profile_intervals,
)

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.stimuli.noise import BandSpectra

PARAMETERS = ("log_bandwidth", "log2_center", "log_peak", "log_steepness", "logit_top")
"""Columns of a parameter array: ln BW (octaves), log2 f0 (cycles per image), ln peak (1 / SD), ln k, and the
logit of (top - 1/K) / (1 - 1/K)."""
N_REPORTED = 3
"""The first three parameters carry intervals."""
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
    """Return the accuracy without noise, shape (...,), of parameters (..., 5)."""
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

    def take(self, used: NDArray[np.bool_]) -> Cells:
        """Return those that are used."""
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
    lower, upper : arrays, shape (5,)
        Limits of the parameters.
    """

    log2_frequencies: Array
    power: Array
    guess: float
    lower: Array
    upper: Array

    @classmethod
    def of(cls, spectra: BandSpectra, n_alternatives: int = 16) -> ChannelModel:
        """Build the model for noise of these spectra; the centre may lie an octave beyond the bands."""
        carries = (spectra.frequencies_cpi > 0) & (spectra.power.sum(axis=0) > 0)
        frequencies = np.log2(spectra.frequencies_cpi[carries])
        centers = np.log2([spectra.nominal_cpi[0] / 2, spectra.nominal_cpi[-1] * 2])
        logs = np.log([BANDWIDTH_LIMITS, _PEAK_LIMITS, _STEEPNESS_LIMITS])
        lower, upper = np.stack([logs[0], centers, logs[1], logs[2], _TOP_LIMITS], axis=1)
        return cls(frequencies, spectra.power[:, carries], 1.0 / n_alternatives, lower, upper)

    def accuracy(self, parameters: ArrayLike, noise_sds: ArrayLike) -> Array:
        """Return the expected proportion correct, shape (..., n_sds, n_bands), for parameters (..., 5)."""
        theta = np.asarray(parameters, dtype=float)
        cells = Cells.grid(noise_sds, len(self.power))
        p, _ = self.slopes(theta.reshape(-1, len(PARAMETERS)), cells)
        return p.reshape(*theta.shape[:-1], -1, len(self.power))

    def slopes(self, theta: Array, cells: Cells) -> tuple[Array, Array]:
        """Return accuracy (n, n_cells) and its derivative by each parameter (n, n_cells, 5)."""
        log_weight, by_bandwidth, by_center = (w[:, cells.band] for w in self._weights(theta))
        steepness, top = np.exp(theta[:, 3, None]), theta[:, 4, None]
        exponent = steepness * (cells.log_variance + 2 * theta[:, 2, None] + log_weight)
        exponent = np.clip(exponent, -500, 50)
        power = _LN2 * np.exp(exponent) * cells.noisy
        above = (1 - self.guess) * expit(top) * np.exp(-power)
        by_drive = -above * power * steepness
        by_steepness, by_top = -above * power * exponent, above * expit(-top)
        parts = (by_drive * by_bandwidth, by_drive * by_center, 2 * by_drive, by_steepness, by_top)
        return self.guess + above, np.stack(parts, axis=-1)

    def log_weights(self, theta: Array) -> Array:
        """Return ln W_b, shape (n, n_bands), for parameters (n, 5)."""
        return self._weights(theta)[0]

    def _weights(self, theta: Array) -> tuple[Array, Array, Array]:
        """ln W_b, and its derivatives by ln BW and log2 f0; each (n, n_bands)."""
        bandwidth = np.exp(theta[:, 0, None])
        distance = self.log2_frequencies - theta[:, 1, None]
        squared = (2 * distance / bandwidth) ** 2
        gain = np.exp2(-squared)
        weight = np.maximum(gain @ self.power.T, 1e-280)
        by_bandwidth = 2 * _LN2 * ((gain * squared) @ self.power.T) / weight
        by_center = 8 * _LN2 / bandwidth**2 * ((gain * distance) @ self.power.T) / weight
        return np.log(weight), by_bandwidth, by_center


@dataclass(frozen=True)
class ChannelLikelihood:
    """Counts (n_obs, n_cells) under a model; a `cogattn.statistics.maximum_likelihood.Likelihood`."""

    model: ChannelModel
    cells: Cells
    correct: Array
    trials: Array

    @property
    def lower(self) -> Array:
        """Lower limits, shape (5,)."""
        return self.model.lower

    @property
    def upper(self) -> Array:
        """Upper limits, shape (5,)."""
        return self.model.upper

    def __call__(self, theta: Array, rows: Rows) -> tuple[Array, Array, Array]:
        """Return log likelihood, score and information of ``theta[i]`` for observer ``rows[i]``."""
        p, slopes = self.model.slopes(theta, self.cells)
        return binomial(self.correct[rows], self.trials[rows], p, slopes)


@dataclass(frozen=True)
class ChannelFits:
    """Fits of a batch of observers.

    Parameters
    ----------
    parameters : array, shape (n_obs, 5)
        Columns `PARAMETERS`, whether the counts determine them or not.
    covariance : array, shape (n_obs, 5, 5)
        Inverse Fisher information; 0 for a parameter on its limit.
    intervals : array, shape (n_obs, 3, 2)
        Of the first three parameters; -inf or inf where open.
    at_limit : array of bool, shape (n_obs, 3)
        The estimate lies on a limit.
    deviance : array, shape (n_obs,)
        Against the saturated model.
    df : array of int, shape (n_obs,)
        Cells with trials, less 5.
    p_constant : array, shape (n_obs,)
        P value (likelihood ratio, 4 df) of equal accuracy in all cells.
    """

    parameters: Array
    covariance: Array
    intervals: Array
    at_limit: NDArray[np.bool_]
    deviance: Array
    df: NDArray[np.int64]
    p_constant: Array


def fit_many(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    spectra: BandSpectra | None = None,
    *,
    n_alternatives: int = 16,
    confidence: float = 0.95,
    interval: Literal["profile", "bootstrap"] = "profile",
    n_bootstrap: int = 500,
    rng: np.random.Generator | None = None,
) -> ChannelFits:
    """Fit the channel of each observer of a batch.

    Parameters
    ----------
    n_correct, n_trials : arrays of int, shape (n_obs, n_sds, n_bands)
        Counts. Cells without trials are allowed; the band of a cell without noise means nothing.
    noise_sds : array, shape (n_sds,)
        Noise SDs.
    spectra : BandSpectra, optional
        Power spectra of the noise bands at SD 1; by default those of the paper's pyramid bands.
    n_alternatives : int
        K.
    confidence : float
        Of the intervals.
    interval : {"profile", "bootstrap"}
        Profile likelihood, or percentiles of refits to counts drawn from the fitted model.
    n_bootstrap : int
        Number of refits.
    rng : numpy.random.Generator, optional
        Draws those counts; by default a fresh generator with seed 0.

    Returns
    -------
    ChannelFits
    """
    likelihood = channel_likelihood(n_correct, n_trials, noise_sds, spectra, n_alternatives=n_alternatives)
    best = find_maximum(likelihood)
    if interval == "profile":
        best, intervals = profile_intervals(likelihood, best, range(N_REPORTED), chi2.ppf(confidence, 1))
    else:
        rng = np.random.default_rng(0) if rng is None else rng
        intervals = _bootstrap_intervals(likelihood, best, confidence, n_bootstrap, rng)
    return _summary(likelihood, best, intervals)


def channel_likelihood(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    spectra: BandSpectra | None,
    *,
    n_alternatives: int = 16,
) -> ChannelLikelihood:
    """Return the likelihood of counts (n_obs, n_sds, n_bands); without `spectra`, of the paper's noise."""
    trials = np.asarray(n_trials, dtype=float)
    if spectra is None:
        from cogattn.psychophysics.masking.stimuli.noise import pyramid_spectra

        spectra = pyramid_spectra(trials.shape[-1])
    model = ChannelModel.of(spectra, n_alternatives)
    cells = Cells.grid(noise_sds, trials.shape[-1])
    trials = trials.reshape(len(trials), -1)
    correct = np.asarray(n_correct, dtype=float).reshape(trials.shape)
    used = np.any(trials, axis=0)
    return ChannelLikelihood(model, cells.take(used), correct[:, used], trials[:, used])


def find_maximum(likelihood: ChannelLikelihood) -> Maximum:
    """Return the highest of the climbs from the best points of a coarse grid at each of three bandwidths."""
    model, cells = likelihood.model, likelihood.cells
    sds = np.exp(cells.log_variance[cells.noisy] / 2)
    centers = np.arange(model.lower[1] + 1, model.upper[1] - 0.5)
    peaks = np.log(np.geomspace(0.5 / sds.max(), 20 / sds.min(), 12))
    axes = (centers, peaks, np.log([0.5, 1.2]), logit([0.5, 0.8, 0.97]))
    grids = []
    for bandwidth in (0.8, 1.6, 3.2):
        grid = np.meshgrid([np.log(bandwidth)], *axes, indexing="ij")
        points = np.stack(grid, axis=-1).reshape(-1, len(PARAMETERS))
        grids.append((points, model.slopes(points, cells)[0]))
    return climb_from_grids(likelihood, grids, likelihood.correct, likelihood.trials)


def _bootstrap_intervals(
    likelihood: ChannelLikelihood,
    best: Maximum,
    confidence: float,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> Array:
    """Percentiles of refits, started at the fit, to counts drawn from it."""
    n_obs = len(best.theta)
    p, _ = likelihood.model.slopes(best.theta, likelihood.cells)
    trials = np.repeat(likelihood.trials, n_bootstrap, axis=0)
    drawn = rng.binomial(trials.astype(np.int64), np.repeat(p, n_bootstrap, axis=0)).astype(float)
    again = ChannelLikelihood(likelihood.model, likelihood.cells, drawn, trials)
    refits = maximise(again, np.repeat(best.theta, n_bootstrap, axis=0), np.arange(len(trials)))
    refits = refits.theta[:, :N_REPORTED].reshape(n_obs, n_bootstrap, N_REPORTED)
    lo, hi = np.quantile(refits, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)  # (n_obs, 3)
    lo = np.where(lo <= likelihood.lower[:N_REPORTED], -np.inf, lo)
    hi = np.where(hi >= likelihood.upper[:N_REPORTED], np.inf, hi)
    return np.stack([lo, hi], axis=-1)


def _summary(likelihood: ChannelLikelihood, best: Maximum, intervals: Array) -> ChannelFits:
    p, _ = likelihood.model.slopes(best.theta, likelihood.cells)
    correct, trials = likelihood.correct, likelihood.trials
    deviance = binomial_deviance(correct, trials, p)
    mean = np.broadcast_to(correct.sum(1, keepdims=True) / trials.sum(1, keepdims=True), correct.shape)
    gain = binomial_deviance(correct, trials, mean) - deviance
    on_limit = (best.theta <= likelihood.lower) | (best.theta >= likelihood.upper)
    return ChannelFits(
        parameters=best.theta,
        covariance=covariance(likelihood, best),
        intervals=intervals,
        at_limit=on_limit[:, :N_REPORTED],
        deviance=deviance,
        df=(trials > 0).sum(axis=1) - len(PARAMETERS),
        p_constant=chi2.sf(gain, len(PARAMETERS) - 1),
    )
