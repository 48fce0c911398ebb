"""How far a channel is from what was seen: cell by cell, in one number, and whether that is said aloud.

Two numbers. *Dispersion* is the deviance over its degrees of freedom, 1 for binomial counts about a true channel; its
interval takes the scatter to be a multiple of binomial scatter (deviance over quantiles of chi-square). *RMS misfit* is
in accuracy and does not grow with the number of trials: the root mean square of observed minus fitted accuracy over
cells with noise, weighted by trials, less what binomial scatter alone would give.

A channel is said not to fit where both speak: the deviance's P is below .01, and the RMS misfit is above .05. P alone
refuses every simple model that is given trials enough; the RMS misfit alone is noisy in small runs. People's own counts
disperse by 1.3 on average, so a dispersion a little above 1 is no cause for alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2

from cogattn.measures import Estimate
from cogattn.psychophysics.masking.channel.result import Channel

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.stimuli.noise import BandSpectra

P_MISFIT = 0.01
RMS_MISFIT = 0.05


@dataclass(frozen=True)
class Misfit:
    """How badly a channel fits.

    Parameters
    ----------
    dispersion : Estimate
        Deviance over degrees of freedom, its interval, and the number of trials.
    p : float
        P value of the deviance.
    rms : float
        RMS misfit in accuracy, 0 where binomial scatter explains all.
    """

    dispersion: Estimate
    p: float
    rms: float

    @property
    def speaks(self) -> bool:
        """Whether the channel must be said not to fit."""
        return self.p < P_MISFIT and self.rms > RMS_MISFIT


def misfit(channel: Channel, residuals: pd.DataFrame) -> Misfit:
    """Return how badly a channel fits, from it and its `residual_table`."""
    return Misfit(dispersion(channel), channel.p_misfit, _rms(residuals[residuals["noise_sd"] > 0]))


def dispersion(channel: Channel) -> Estimate:
    """Return deviance over degrees of freedom with its interval; NaN where there is no degree of freedom."""
    if not channel.df > 0:
        return Estimate.bare(np.nan, channel.n_trials)
    tail = (1 - channel.confidence) / 2
    upper, lower = chi2.ppf([1 - tail, tail], channel.df)
    return Estimate(
        channel.dispersion,
        float(channel.deviance / upper),
        float(channel.deviance / lower),
        channel.n_trials,
    )


def residual_table(
    channel: Channel,
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    spectra: BandSpectra,
    *,
    n_alternatives: int = 16,
) -> pd.DataFrame:
    """Return observed and fitted accuracy, a row per cell with trials.

    Parameters
    ----------
    channel : Channel
        An "ml" channel.
    n_correct, n_trials : arrays of int, shape (n_sds, n_bands)
        Counts.
    noise_sds : array, shape (n_sds,)
        Of the rows; trials without noise are gathered in one cell.
    spectra : BandSpectra
        Of the noise.
    n_alternatives : int
        Number of answers to choose from.

    Returns
    -------
    DataFrame
        Columns noise_sd, band (-1 without noise), mean_cpi (NaN without noise), n_trials, accuracy, fitted, residual
        (accuracy - fitted) and z (residual over its binomial standard error).
    """
    right, shown = (np.array(counts, dtype=float) for counts in (n_correct, n_trials))
    sds = np.asarray(noise_sds, dtype=float)
    for counts in (right, shown):
        counts[sds == 0, 0] = counts[sds == 0].sum(axis=1)
        counts[sds == 0, 1:] = 0
    p = channel.accuracy(sds, spectra, n_alternatives=n_alternatives)
    row, band = np.nonzero(shown)
    n, noisy = shown[row, band], sds[row] > 0
    share, fitted = right[row, band] / n, p[row, band]
    return pd.DataFrame(
        {
            "noise_sd": sds[row],
            "band": np.where(noisy, band, -1),
            "mean_cpi": np.where(noisy, spectra.mean_cpi[band], np.nan),
            "n_trials": n.astype(int),
            "accuracy": share,
            "fitted": fitted,
            "residual": share - fitted,
            "z": (share - fitted) / np.sqrt(fitted * (1 - fitted) / n),
        }
    )


def _rms(cells: pd.DataFrame) -> float:
    n, p = cells["n_trials"], cells["fitted"]
    excess = (n * cells["residual"] ** 2 - p * (1 - p)).sum() / n.sum()
    return float(np.sqrt(max(excess, 0.0))) if np.isfinite(excess) else np.nan
