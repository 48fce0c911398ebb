"""Split-half reliability of the channel: how well do two halves of the trials agree on who is who?

The trials of each cell (observer, noise SD, band) are halved at random, the channel is fitted to each half, and the
halves are correlated over observers (`cogattn.statistics.relations.split_half`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.measures import Measure
from cogattn.psychophysics.masking.channel.fit import fit_channels
from cogattn.psychophysics.masking.config import GainChoice
from cogattn.psychophysics.masking.measures import CHANNEL
from cogattn.psychophysics.masking.stimuli.noise import BandSpectra
from cogattn.statistics.relations import SplitHalf, split_half

Counts = NDArray[np.int64]


def channel_reliability(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: Sequence[float] | NDArray[np.float64],
    *,
    rng: np.random.Generator,
    spectra: BandSpectra | None = None,
    gain: GainChoice = "log-gaussian",
    n_splits: int = 10,
) -> dict[Measure, SplitHalf]:
    """Return the split-half reliability of bandwidth, centre and peak sensitivity over observers.

    Parameters
    ----------
    n_correct, n_trials : arrays of int, shape (n_observers, n_sds, n_bands)
        Counts.
    noise_sds : array, shape (n_sds,)
        Rising.
    rng : numpy.random.Generator
        Halves the trials, and draws observers for the intervals.
    spectra : BandSpectra, optional
        Of the noise; by default that of the paper.
    gain : {"auto", "log-gaussian", "asymmetric", "free"}
        Shape of the channel's gain.
    n_splits : int
        How often the trials are halved.

    Returns
    -------
    dict of Measure to SplitHalf
        Of all trials (``full``) and of half of them (``half``). An observer whose channel is not identified in some
        half is left out.

    Raises
    ------
    DataError
        If the arrays are no counts, or do not fit together.
    """
    correct, trials = np.asarray(n_correct), np.asarray(n_trials)
    first, second = [], []
    for _ in range(n_splits):
        half_correct, half_trials = halve(correct, trials, rng=rng)
        first.append(_channels(half_correct, half_trials, noise_sds, spectra, gain))
        second.append(_channels(correct - half_correct, trials - half_trials, noise_sds, spectra, gain))
    a, b = np.stack(first, axis=1), np.stack(second, axis=1)  # (3, n_splits, n_observers)
    return {measure: split_half(a[i], b[i], rng=rng) for i, measure in enumerate(CHANNEL)}


def halve(n_correct: Counts, n_trials: Counts, *, rng: np.random.Generator) -> tuple[Counts, Counts]:
    """Draw half of the trials of each cell without replacement; of an odd number, the larger half or the smaller.

    Parameters
    ----------
    n_correct, n_trials : arrays of int, any shape
        Counts.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    n_correct, n_trials : arrays of int
        Of the first half; the second is what remains.
    """
    half = n_trials // 2 + (n_trials % 2) * rng.integers(0, 2, n_trials.shape)
    return rng.hypergeometric(n_correct, n_trials - n_correct, half), half


def _channels(
    n_correct: Counts, n_trials: Counts, noise_sds: ArrayLike, spectra: BandSpectra | None, gain: GainChoice
) -> NDArray[np.float64]:
    """Bandwidths, centres and peaks, (3, n_observers)."""
    found = fit_channels(n_correct, n_trials, noise_sds, spectra=spectra, gain=gain)
    return np.array([(c.bandwidth_octaves, c.center_cpi, c.peak_sensitivity) for c in found]).T
