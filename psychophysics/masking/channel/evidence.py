"""Which gain do the counts speak for? The evidence for each gain of `gains`, observer by observer.

The evidence is the marginal likelihood by Laplace's approximation: the likelihood at the maximum, times the density of
the prior there, times the volume that the posterior takes in,

    ln Z = l / c + ln prior + (p / 2) ln 2 pi - 1/2 ln |J / c + prior precision|.

It is not BIC, because what the free gain's parameters cost depends on how much the counts say of each: p ln(n) / 2
would charge it for four parameters where its prior leaves it two. The shared five parameters have one weak prior under
all gains, which cancels but for the volumes.

Counts of networks and of people scatter more than binomial ones, and a gain must not win by fitting that scatter. So
log likelihood and information are divided by the dispersion c of the gain that fits best, at least 1 (quasi-likelihood,
as in QAIC: Lebreton et al. 1992).

References
----------
Tierney, Kadane (1986), J. Am. Stat. Assoc. 81, 82-86. Kass, Raftery (1995), J. Am. Stat. Assoc. 90, 773-795.
Lebreton, Burnham, Clobert, Anderson (1992), Ecological Monographs 62, 67-118.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from cogattn.psychophysics.masking.channel.gains import GAINS, N_SHARED, GainName
from cogattn.psychophysics.masking.channel.likelihood import channel_likelihood
from cogattn.psychophysics.masking.channel.maximum import ChannelFits, find_maximum, fit_from
from cogattn.statistics.maximum_likelihood import Array

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.stimuli.noise import BandSpectra

SHARED_PRIOR_SD = np.array([1.0, 2.0, 2.0, 1.0, 2.0])
"""Of ln bandwidth, log2 centre, ln peak, ln steepness and the logit of the top: wide enough to say nothing."""


@dataclass(frozen=True)
class GainComparison:
    """Fits of a batch of observers with every gain.

    Parameters
    ----------
    fits : mapping of str to ChannelFits
        By name of the gain, the plainest first. A gain that the number of bands makes the same as the log-Gaussian is
        left out.
    log_evidence : array, shape (n_obs, n_gains)
        In the order of `fits`; of an observer, only differences mean something.
    dispersion : array, shape (n_obs,)
        By which log likelihoods were divided.
    """

    fits: Mapping[GainName, ChannelFits]
    log_evidence: Array
    dispersion: Array

    @property
    def weights(self) -> Array:
        """Probability of each gain if all are equally likely beforehand, shape (n_obs, n_gains)."""
        return softmax(self.log_evidence, axis=1)

    @property
    def chosen(self) -> NDArray[np.int64]:
        """Index of the gain of most evidence, shape (n_obs,); one without a width is chosen only if none has any."""
        has_width = np.stack([np.isfinite(fit.features[:, 0]) for fit in self.fits.values()], axis=1)
        value = np.where(has_width | ~has_width.any(axis=1, keepdims=True), self.log_evidence, -np.inf)
        return value.argmax(axis=1)


def compare_gains(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    spectra: BandSpectra | None = None,
    *,
    n_alternatives: int = 16,
    confidence: float = 0.95,
) -> GainComparison:
    """Fit every gain to the counts of each observer of a batch and weigh them.

    Parameters
    ----------
    n_correct, n_trials, noise_sds, spectra, n_alternatives, confidence
        As for `cogattn.psychophysics.masking.channel.maximum.fit_many`.
    """
    fits: dict[GainName, ChannelFits] = {}
    plain = None
    for gain in GAINS:
        likelihood = channel_likelihood(
            n_correct, n_trials, noise_sds, spectra, n_alternatives=n_alternatives, gain=gain
        )
        if plain is not None and not likelihood.model.gain.own:
            continue
        best = find_maximum(likelihood, plain)
        plain = best if plain is None else plain
        fits[gain] = fit_from(likelihood, best, confidence=confidence)
    lowest = np.nanmin(np.stack([fit.dispersion for fit in fits.values()]), axis=0)
    dispersion = np.fmax(lowest, 1.0)
    evidence = np.stack([log_evidence(fit, dispersion) for fit in fits.values()], axis=1)
    return GainComparison(fits, evidence, dispersion)


def log_evidence(fits: ChannelFits, dispersion: ArrayLike = 1.0) -> Array:
    """Return the log evidence for a gain, shape (n_obs,), given the dispersion of the counts; see the module."""
    scale = np.asarray(dispersion, dtype=float)
    own_sd = np.array(fits.model.gain.prior_sd)
    precision = np.concatenate([SHARED_PRIOR_SD, own_sd]) ** -2.0
    own = fits.parameters[:, N_SHARED:] / own_sd
    log_prior = -0.5 * (own**2 + np.log(2 * np.pi * own_sd**2)).sum(axis=1)
    information = fits.information / np.expand_dims(scale, (-2, -1)) + np.diag(precision)
    log_volume = 0.5 * (fits.parameters.shape[1] * np.log(2 * np.pi) - np.linalg.slogdet(information)[1])
    return fits.log_likelihood / scale + log_prior + log_volume
