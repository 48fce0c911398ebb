"""The channel where each image is seen in many cells: intervals by resampling images.

In the crossed design the trials of one image stand or fall together, so an interval that takes them for
independent is too narrow. Images are the units here: they are drawn with replacement, with all their trials.

Resamples of the free gain do not vary by what its prior decides, so its interval takes in the one by its errors as
well. Over 50 simulated observers each, of a bent and of a log-Gaussian channel, with 64 images whose ln sensitivities
differ by an SD of .7, this holds the bandwidth in .98 and 1.00; percentiles alone do in .86 and .96.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.psychophysics.masking.channel.fit import Channel, fit_channel
from cogattn.psychophysics.masking.channel.gains import GainName
from cogattn.psychophysics.masking.channel.likelihood import channel_likelihood
from cogattn.psychophysics.masking.channel.maximum import find_maximum
from cogattn.psychophysics.masking.config import GainChoice
from cogattn.psychophysics.masking.design import count_correct
from cogattn.psychophysics.masking.stimuli.noise import BandSpectra

POWERS = (np.exp, np.exp2, np.exp)


def fit_channel_by_images(
    counted: pd.DataFrame,
    spectra: BandSpectra,
    *,
    gain: GainChoice = "log-gaussian",
    n_alternatives: int,
    confidence: float,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> Channel:
    """Fit the "ml" channel with percentile intervals over resampled images.

    Parameters
    ----------
    counted : DataFrame
        Columns image, band, noise_sd, n (trials), correct (how many of them were answered right).
    spectra : BandSpectra
        Of the noise bands.
    gain : {"auto", "log-gaussian", "asymmetric", "free"}
        Shape of the gain; "auto" takes that of most evidence, in all trials.
    n_alternatives : int
        Number of answers to choose from.
    confidence : float
        Level of the intervals.
    n_bootstrap : int
        Resamples.
    rng : numpy.random.Generator
        Draws the images.

    Returns
    -------
    Channel
        Its deviance still takes trials for independent.
    """
    n_bands = len(spectra.power)
    correct, shown, sds = count_correct(counted, n_bands=n_bands)
    channel = fit_channel(
        correct, shown, sds, gain=gain, spectra=spectra, n_alternatives=n_alternatives, confidence=confidence
    )
    if not np.isfinite(channel.bandwidth_octaves):
        return channel
    per_image = [
        count_correct(rows, n_bands=n_bands, sds=sds)[:2] for _, rows in counted.groupby("image", sort=True)
    ]
    counts = np.array(per_image, dtype=float)  # (n_images, 2, n_sds, n_bands)
    drawn = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=n_bootstrap)
    resampled = np.tensordot(drawn.astype(float), counts, axes=1)
    estimates = _estimates(resampled[:, 0], resampled[:, 1], sds, spectra, n_alternatives, channel.gain_name)
    tail = (1 - confidence) / 2
    lower = np.quantile(np.nan_to_num(estimates, nan=-np.inf), tail, axis=0, method="lower")
    upper = np.quantile(np.nan_to_num(estimates, nan=np.inf), 1 - tail, axis=0, method="higher")
    ends = [(float(power(lo)), float(power(hi))) for power, lo, hi in zip(POWERS, lower, upper, strict=True)]
    if channel.model is not None and not channel.model.gain.explicit:
        by_errors = channel.bandwidth_interval, channel.center_interval, channel.peak_interval
        ends = [(min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(ends, by_errors, strict=True)]
    bandwidth, center, peak = ends
    return replace(channel, bandwidth_interval=bandwidth, center_interval=center, peak_interval=peak)


def _estimates(
    correct: NDArray[np.float64],
    shown: NDArray[np.float64],
    sds: NDArray[np.float64],
    spectra: BandSpectra,
    n_alternatives: int,
    gain: GainName,
) -> NDArray[np.float64]:
    """Bandwidth, centre and peak, on their logarithmic scales, of each resample; (n_bootstrap, 3)."""
    likelihood = channel_likelihood(correct, shown, sds, spectra, n_alternatives=n_alternatives, gain=gain)
    return likelihood.model.features(find_maximum(likelihood).theta)[0]
