"""The spatial-frequency channel of an observer, from counts of correct answers by noise SD and band.

Two estimators. ``"ml"``: the joint maximum-likelihood channel (`likelihood`), in true frequencies, with intervals by
the likelihood and one of three gains (`gains`), named or chosen by evidence (`evidence`); the default. ``"paper"``: the
integer-threshold Gaussian fit of Subramanian et al. (2023) (`paper_fit`), in nominal frequencies, with intervals by
resampling each cell; for comparison with published numbers. What the counts do not determine is NaN, and the reason is
given.

Units of peak sensitivity differ: "ml" gives the reciprocal of the noise SD that, concentrated at the
channel's centre, halves the part of accuracy above chance; "paper" gives 0.01 over the noise SD at threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cogattn.errors import DataError
from cogattn.psychophysics.masking.channel.evidence import compare_gains
from cogattn.psychophysics.masking.channel.gains import GainName
from cogattn.psychophysics.masking.channel.maximum import ChannelFits, fit_many
from cogattn.psychophysics.masking.channel.paper_fit import (
    GaussianFit,
    fit_gaussian,
    integer_thresholds,
    least_squares_gaussian,
    noise_ladder,
)
from cogattn.psychophysics.masking.channel.result import Array, Channel, Estimator, Interval, channel_of
from cogattn.psychophysics.masking.config import LOWEST_CPI, GainChoice

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.stimuli.noise import BandSpectra


def fit_channel(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    *,
    estimator: Estimator = "ml",
    gain: GainChoice = "log-gaussian",
    spectra: BandSpectra | None = None,
    n_alternatives: int = 16,
    criterion: float = 0.5,
    confidence: float = 0.95,
    interval: Literal["profile", "bootstrap"] = "profile",
    n_bootstrap: int = 500,
    rng: np.random.Generator | None = None,
    nominal_cpi: ArrayLike | None = None,
) -> Channel:
    """Estimate one observer's channel.

    Parameters
    ----------
    n_correct, n_trials : arrays of int, shape (n_sds, n_bands)
        Counts, lowest band first. Cells without trials are allowed for "ml"; so the row without noise, whose
        bands mean nothing, may stand in one column.
    noise_sds : array, shape (n_sds,)
        Noise SDs of the rows, rising, in units of the image's range (0 black, 1 white).
    estimator : {"ml", "paper"}
        See the module.
    gain : {"auto", "log-gaussian", "asymmetric", "free"}
        Shape of the gain ("ml"); "auto" takes that of most evidence (`every_gain`).
    spectra : BandSpectra, optional
        Power spectra of the bands at SD 1 ("ml"); by default those of the paper's noise.
    n_alternatives : int
        Number of answers to choose from; accuracy by guessing is its reciprocal.
    criterion : float
        Accuracy at the paper's threshold.
    confidence : float
        Level of the intervals.
    interval : {"profile", "bootstrap"}
        For "ml": profile likelihood, or refits to counts drawn from the fit. "paper" resamples each cell.
    n_bootstrap : int
        Number of resamples.
    rng : numpy.random.Generator, optional
        Draws them; by default a fresh generator with seed 0.
    nominal_cpi : array, shape (n_bands,), optional
        Labels of the bands ("paper"); by default those of `spectra`, else 1.75, 3.5, ...

    Returns
    -------
    Channel

    Raises
    ------
    DataError
        If the arrays do not fit together, or are no counts.

    Examples
    --------
    >>> n_correct = [
    ...     [57, 57, 57, 57, 57, 57, 57],  # without noise
    ...     [57, 56, 51, 47, 51, 56, 57],
    ...     [57, 53, 38, 27, 38, 53, 57],
    ...     [57, 42, 13, 6, 13, 42, 57],
    ...     [56, 18, 4, 4, 4, 18, 56],
    ... ]
    >>> channel = fit_channel(n_correct, np.full((5, 7), 60), [0, 0.02, 0.04, 0.08, 0.16])
    >>> np.round([channel.bandwidth_octaves, *channel.bandwidth_interval], 1)
    array([2. , 1.8, 2.2])
    """
    channels = fit_channels(
        _counts(n_correct, "n_correct")[None],
        _counts(n_trials, "n_trials")[None],
        noise_sds,
        estimator=estimator,
        gain=gain,
        spectra=spectra,
        n_alternatives=n_alternatives,
        criterion=criterion,
        confidence=confidence,
        interval=interval,
        n_bootstrap=n_bootstrap,
        rng=rng,
        nominal_cpi=nominal_cpi,
    )
    return channels[0]


def fit_channels(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    *,
    estimator: Estimator = "ml",
    gain: GainChoice = "log-gaussian",
    spectra: BandSpectra | None = None,
    n_alternatives: int = 16,
    criterion: float = 0.5,
    confidence: float = 0.95,
    interval: Literal["profile", "bootstrap"] = "profile",
    n_bootstrap: int = 500,
    rng: np.random.Generator | None = None,
    nominal_cpi: ArrayLike | None = None,
) -> list[Channel]:
    """Estimate the channels of several observers: `fit_channel` on counts (n_obs, n_sds, n_bands)."""
    correct, trials = _counts(n_correct, "n_correct"), _counts(n_trials, "n_trials")
    sds = np.asarray(noise_sds, dtype=float)
    _check(correct, trials, sds, spectra)
    rng = np.random.default_rng(0) if rng is None else rng
    if estimator == "paper":
        labels = spectra.nominal_cpi if nominal_cpi is None and spectra is not None else nominal_cpi
        lowest = LOWEST_CPI if labels is None else float(np.asarray(labels, dtype=float)[0])
        counts = zip(correct, trials, strict=True)
        return [_paper(c, n, sds, lowest, criterion, confidence, n_bootstrap, rng) for c, n in counts]
    if gain == "auto":
        found = every_gain(
            correct, trials, sds, spectra=spectra, n_alternatives=n_alternatives, confidence=confidence
        )
        return [choice.best for choice in found]
    fits = fit_many(
        correct,
        trials,
        sds,
        spectra,
        gain=gain,
        n_alternatives=n_alternatives,
        confidence=confidence,
        interval=interval,
        n_bootstrap=n_bootstrap,
        rng=rng,
    )
    return _channels(fits, correct, trials, confidence)


@dataclass(frozen=True)
class GainsOfOne:
    """One observer's channel under every gain.

    Parameters
    ----------
    channels : mapping of str to Channel
        By name of the gain, the plainest first; each has its weight.
    chosen : str
        The gain of most evidence.
    log_evidence : mapping of str to float
        For each gain; only differences mean something.
    """

    channels: Mapping[GainName, Channel]
    chosen: GainName
    log_evidence: Mapping[GainName, float]

    @property
    def best(self) -> Channel:
        """The channel under the chosen gain."""
        return self.channels[self.chosen]

    def under(self, gain: GainChoice) -> Channel:
        """Return the channel under a gain, or under the chosen one.

        With three bands the free gain has no freedom: it is the log-Gaussian.
        """
        if gain == "auto":
            return self.best
        return self.channels.get(gain, self.channels["log-gaussian"])


def every_gain(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    *,
    spectra: BandSpectra | None = None,
    n_alternatives: int = 16,
    confidence: float = 0.95,
) -> list[GainsOfOne]:
    """Fit every gain to several observers' counts (n_obs, n_sds, n_bands) and weigh them.

    See `cogattn.psychophysics.masking.channel.evidence`; parameters and errors as for `fit_channel`.
    """
    correct, trials = _counts(n_correct, "n_correct"), _counts(n_trials, "n_trials")
    sds = np.asarray(noise_sds, dtype=float)
    _check(correct, trials, sds, spectra)
    found = compare_gains(correct, trials, sds, spectra, n_alternatives=n_alternatives, confidence=confidence)
    names = list(found.fits)
    columns = [
        _channels(fits, correct, trials, confidence, weights)
        for fits, weights in zip(found.fits.values(), found.weights.T, strict=True)
    ]
    return [
        GainsOfOne(
            dict(zip(names, channels, strict=True)),
            names[chosen],
            dict(zip(names, evidence.tolist(), strict=True)),
        )
        for channels, chosen, evidence in zip(
            zip(*columns, strict=True), found.chosen, found.log_evidence, strict=True
        )
    ]


def gains_table(observer: str, gains: GainsOfOne) -> pd.DataFrame:
    """Return an observer's channel under every gain, a row each.

    Returns
    -------
    DataFrame
        Columns observer, gain, chosen (the gain of most evidence), weight, log_evidence (less that of the log-Gaussian
        gain), log_likelihood (of the deviance: 0 is the saturated model), deviance, df, dispersion, p_misfit,
        bandwidth_octaves, center_cpi and peak_sensitivity each with ``_lo`` and ``_hi``, steepness, top_accuracy,
        at_limit, identified and reason.
    """
    rows = []
    for name, channel in gains.channels.items():
        values = {
            f"{key}{end}": value
            for key, estimate, interval in (
                ("bandwidth_octaves", channel.bandwidth_octaves, channel.bandwidth_interval),
                ("center_cpi", channel.center_cpi, channel.center_interval),
                ("peak_sensitivity", channel.peak_sensitivity, channel.peak_interval),
            )
            for end, value in zip(("", "_lo", "_hi"), (estimate, *interval), strict=True)
        }
        rows.append(
            {
                "observer": observer, "gain": name, "chosen": name == gains.chosen, "weight": channel.weight,
                "log_evidence": gains.log_evidence[name] - gains.log_evidence["log-gaussian"],
                "log_likelihood": -channel.deviance / 2, "deviance": channel.deviance, "df": channel.df,
                "dispersion": channel.dispersion, "p_misfit": channel.p_misfit, **values,
                "steepness": channel.steepness, "top_accuracy": channel.top_accuracy,
                "at_limit": ", ".join(channel.at_limit), "identified": channel.identified, "reason": channel.reason,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _channels(
    fits: ChannelFits, correct: Array, trials: Array, confidence: float, weights: Array | None = None
) -> list[Channel]:
    right, shown = correct.sum(axis=(1, 2)), trials.sum(axis=(1, 2))
    weights = np.full(len(shown), np.nan) if weights is None else weights
    return [
        channel_of(
            fits, i, n_trials=int(n), mean_accuracy=r / n, confidence=confidence, weight=float(weights[i])
        )
        for i, (r, n) in enumerate(zip(right, shown, strict=True))
    ]


def _paper(
    correct: Array,
    trials: Array,
    sds: Array,
    lowest_cpi: float,
    criterion: float,
    confidence: float,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> Channel:
    levels = noise_ladder(sds)
    noisy = sds > 0
    if not trials[noisy].all():
        raise DataError("n_trials must be above 0 in all cells with noise for estimator 'paper'; use 'ml'")
    n_noisy = trials[noisy].astype(np.int64)
    accuracy = correct[noisy] / n_noisy
    found = tuple(integer_thresholds(accuracy, levels, criterion=criterion).tolist())
    fit = fit_gaussian(found, n_levels=len(levels))
    drawn = rng.binomial(n_noisy, accuracy, (n_bootstrap, *accuracy.shape)) / n_noisy
    resampled = integer_thresholds(drawn, levels, criterion=criterion).tolist()
    again = [_fit_once(tuple(row), len(levels)) for row in resampled]
    values = np.array([_paper_values(each, levels, lowest_cpi) for each in (fit, *again)])
    intervals = [_percentiles(column, confidence) for column in values[1:].T]
    bandwidth, center, peak = map(float, values[0])
    return Channel(
        bandwidth,
        intervals[0],
        center,
        intervals[1],
        peak,
        intervals[2],
        estimator="paper",
        identified=fit.identified,
        reason=fit.reason,
        n_trials=int(trials.sum()),
        confidence=confidence,
        thresholds=found,
    )


@lru_cache(maxsize=4096)
def _fit_once(thresholds: tuple[int, ...], n_levels: int) -> GaussianFit:
    """Resamples repeat the same few integers."""
    return least_squares_gaussian(thresholds, n_levels=n_levels)


def _paper_values(fit: GaussianFit, levels: Array, lowest_cpi: float) -> tuple[float, float, float]:
    return fit.bandwidth_octaves, fit.center_cpi(lowest_cpi), fit.peak_sensitivity(levels)


def _percentiles(values: Array, confidence: float) -> Interval:
    """Percentile interval in which a resample without a number may lie anywhere."""
    tail = (1 - confidence) / 2
    lo = np.quantile(np.nan_to_num(values, nan=0.0), tail, method="lower")
    hi = np.quantile(np.nan_to_num(values, nan=np.inf), 1 - tail, method="higher")
    return float(lo), float(hi)


def _counts(values: ArrayLike, name: str) -> Array:
    try:
        counts = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"{name} must be an array of counts; got {values!r}") from None
    if not (np.isfinite(counts) & (counts >= 0) & (counts == np.round(counts))).all():
        raise DataError(f"{name} must be counts, whole and not negative; got {_first_bad(counts)}")
    return counts


def _first_bad(counts: Array) -> str:
    bad = ~(np.isfinite(counts) & (counts >= 0) & (counts == np.round(counts)))
    where = tuple(int(i) for i in np.argwhere(bad)[0])
    return f"{counts[where]} at index {where}"


def _check(correct: Array, trials: Array, sds: Array, spectra: BandSpectra | None) -> None:
    """Raise DataError unless counts, SDs and bands fit together."""
    if sds.ndim != 1 or not np.isfinite(sds).all() or (sds < 0).any() or (np.diff(sds) <= 0).any():
        raise DataError(f"noise_sds must rise from 0 or more; got {sds.tolist()}")
    if correct.ndim != 3 or correct.shape != trials.shape or correct.shape[1] != len(sds):
        raise DataError(
            f"n_correct and n_trials must have one row per noise SD ({len(sds)}) and one column per band; "
            f"got shapes {correct.shape[1:]} and {trials.shape[1:]}"
        )
    if (correct > trials).any():
        where = tuple(int(i) for i in np.argwhere(correct > trials)[0])
        raise DataError(
            f"n_correct must be at most n_trials; got {correct[where]:.0f} of {trials[where]:.0f} "
            f"(noise SD {sds[where[1]]:g}, band {where[2]})"
        )
    if not trials[:, sds > 0].any(axis=(1, 2)).all():
        raise DataError("n_trials must be above 0 in some cell with noise; got none")
    if spectra is not None and len(spectra.power) != correct.shape[2]:
        raise DataError(
            "spectra must have one band per column of counts; "
            f"got {len(spectra.power)} bands and {correct.shape[2]} columns"
        )
