"""Fits of many observers at once: the highest point of each likelihood, its errors, intervals and deviance.

Bandwidth, centre and peak sensitivity have profile-likelihood intervals where they are parameters of the gain; of the
free gain, where they are read off the curve, the intervals are 1.96 standard errors of their logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit, xlogy
from scipy.stats import chi2, norm

from cogattn.psychophysics.masking.channel.gains import N_FEATURES, GainName
from cogattn.psychophysics.masking.channel.likelihood import (
    PARAMETERS,
    ChannelLikelihood,
    ChannelModel,
    channel_likelihood,
)
from cogattn.statistics.maximum_likelihood import (
    Array,
    Maximum,
    binomial_deviance,
    climb_from_grids,
    covariance,
    maximise,
    profile_intervals,
)

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.stimuli.noise import BandSpectra


@dataclass(frozen=True)
class ChannelFits:
    """Fits of a batch of observers with one gain.

    Parameters
    ----------
    model : ChannelModel
        What was fitted.
    parameters : array, shape (n_obs, p)
        Columns `ChannelModel.parameters`, whether the counts determine them or not.
    information : array, shape (n_obs, p, p)
        Fisher information of the counts, without the prior.
    covariance : array, shape (n_obs, p, p)
        Inverse of it and the prior's; 0 for a parameter on its limit.
    features, errors : arrays, shape (n_obs, 3)
        ln bandwidth, log2 centre and ln peak sensitivity, and their standard errors; NaN where the gain has no width,
        errors also on a limit.
    intervals : array, shape (n_obs, 3, 2)
        Of the features; -inf or inf where open.
    at_limit : array of bool, shape (n_obs, p)
        The estimate lies on a limit.
    log_likelihood : array, shape (n_obs,)
        Without the prior, and without the binomial coefficients.
    deviance : array, shape (n_obs,)
        Against the saturated model.
    df : array, shape (n_obs,)
        Cells with trials, less 5, less what the counts determine of the gain's own parameters.
    p_constant : array, shape (n_obs,)
        P value (likelihood ratio, p - 1 df) of equal accuracy in all cells.
    """

    model: ChannelModel
    parameters: Array
    information: Array
    covariance: Array
    features: Array
    errors: Array
    intervals: Array
    at_limit: NDArray[np.bool_]
    log_likelihood: Array
    deviance: Array
    df: Array
    p_constant: Array

    @property
    def dispersion(self) -> Array:
        """Deviance per degree of freedom, shape (n_obs,); NaN without degrees of freedom."""
        return np.where(self.df > 0, self.deviance / np.where(self.df > 0, self.df, 1.0), np.nan)


def fit_many(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    spectra: BandSpectra | None = None,
    *,
    gain: GainName = "log-gaussian",
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
    gain : {"log-gaussian", "asymmetric", "free"}
        Shape of the gain.
    n_alternatives : int
        K.
    confidence : float
        Of the intervals.
    interval : {"profile", "bootstrap"}
        Profile likelihood (of the free gain: by the errors of the logarithms), or percentiles of refits to counts drawn
        from the fitted model.
    n_bootstrap : int
        Number of refits.
    rng : numpy.random.Generator, optional
        Draws those counts; by default a fresh generator with seed 0.

    Returns
    -------
    ChannelFits
    """
    likelihood = channel_likelihood(
        n_correct, n_trials, noise_sds, spectra, n_alternatives=n_alternatives, gain=gain
    )
    best = find_maximum(likelihood)
    if interval == "bootstrap":
        rng = np.random.default_rng(0) if rng is None else rng
        return _summary(
            likelihood, best, _bootstrap_intervals(likelihood, best, confidence, n_bootstrap, rng)
        )
    return fit_from(likelihood, best, confidence=confidence)


def fit_from(likelihood: ChannelLikelihood, best: Maximum, *, confidence: float) -> ChannelFits:
    """Return the fits whose maximum was found by `find_maximum`, with intervals by the likelihood."""
    if likelihood.model.gain.explicit:
        cut = float(chi2.ppf(confidence, 1))
        best, intervals = profile_intervals(likelihood, best, range(N_FEATURES), cut)
        return _summary(likelihood, best, intervals)
    return _summary(likelihood, best, _error_intervals(likelihood, best, confidence))


def find_maximum(likelihood: ChannelLikelihood, plain: Maximum | None = None) -> Maximum:
    """Return the highest of several climbs.

    Of the log-Gaussian gain they start at the best points of a coarse grid at each of three bandwidths; of another
    gain at the log-Gaussian maximum (`plain`, where it is known), as it is and bent to either side.
    """
    if not likelihood.model.gain.own:
        return _from_grids(likelihood) if plain is None else plain
    plain = find_maximum(likelihood.plain) if plain is None else plain
    rows = np.arange(len(plain.theta))
    best: Maximum | None = None
    for bend in (0.0, 1.0, -1.0):
        start = np.concatenate(
            [plain.theta, np.full((len(rows), len(likelihood.model.gain.own)), bend)], axis=1
        )
        end = maximise(likelihood, start, rows)
        higher = rows if best is None else np.flatnonzero(end.value > best.value)
        best = end if best is None else best.put(higher, end.take(higher))
    return best or plain


def feature_errors(likelihood: ChannelLikelihood, best: Maximum) -> tuple[Array, Array]:
    """Return the features at a maximum and their standard errors, (n_obs, 3) each; NaN where an error is not known."""
    values, slopes = likelihood.model.features(best.theta)
    variance = np.einsum("nip,npq,niq->ni", slopes, covariance(likelihood, best), slopes)
    return values, np.where(variance > 0, np.sqrt(np.maximum(variance, 0.0)), np.nan)


def _from_grids(likelihood: ChannelLikelihood) -> Maximum:
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
    again = replace(likelihood, correct=drawn, trials=trials)
    refits = maximise(again, np.repeat(best.theta, n_bootstrap, axis=0), np.arange(len(trials)))
    refits = likelihood.model.features(refits.theta)[0].reshape(n_obs, n_bootstrap, N_FEATURES)
    lo, hi = np.quantile(refits, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)  # (n_obs, 3)
    lo = np.where(~(lo > likelihood.lower[:N_FEATURES]), -np.inf, lo)
    hi = np.where(~(hi < likelihood.upper[:N_FEATURES]), np.inf, hi)
    return np.stack([lo, hi], axis=-1)


def _error_intervals(likelihood: ChannelLikelihood, best: Maximum, confidence: float) -> Array:
    """Features and so many errors about them; open where there is no error."""
    values, errors = feature_errors(likelihood, best)
    reach = float(norm.ppf((1 + confidence) / 2)) * errors
    ends = np.stack([values - reach, values + reach], axis=-1)
    return np.where(np.isfinite(ends), ends, [-np.inf, np.inf])


def _summary(likelihood: ChannelLikelihood, best: Maximum, intervals: Array) -> ChannelFits:
    model, correct, trials = likelihood.model, likelihood.correct, likelihood.trials
    p, _ = model.slopes(best.theta, likelihood.cells)
    deviance = binomial_deviance(correct, trials, p)
    mean = np.broadcast_to(correct.sum(1, keepdims=True) / trials.sum(1, keepdims=True), correct.shape)
    better = binomial_deviance(correct, trials, mean) - deviance
    spread = covariance(likelihood, best)
    features, errors = feature_errors(likelihood, best)
    given = np.einsum("nii->ni", spread) @ model.prior_precision  # by the prior, of the gain's own parameters
    return ChannelFits(
        model=model,
        parameters=best.theta,
        information=best.information - np.diag(model.prior_precision),
        covariance=spread,
        features=features,
        errors=errors,
        intervals=intervals,
        at_limit=(best.theta <= likelihood.lower) | (best.theta >= likelihood.upper),
        log_likelihood=(xlogy(correct, p) + xlogy(trials - correct, 1 - p)).sum(axis=1),
        deviance=deviance,
        df=(trials > 0).sum(axis=1) - len(model.parameters) + given,
        p_constant=chi2.sf(better, len(model.parameters) - 1),
    )
