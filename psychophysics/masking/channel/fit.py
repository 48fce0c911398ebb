"""The spatial-frequency channel of an observer, from counts of correct answers by noise SD and band.

Two estimators. ``"ml"``: the joint maximum-likelihood channel (`likelihood`), in true frequencies, with
profile-likelihood intervals; the default. ``"paper"``: the integer-threshold Gaussian fit of Subramanian et
al. (2023) (`paper_fit`), in nominal frequencies, with intervals by resampling each cell; for comparison with
published numbers. What the counts do not determine is NaN, and the reason is given.

Units of peak sensitivity differ: "ml" gives the reciprocal of the noise SD that, concentrated at the
channel's centre, halves the part of accuracy above chance; "paper" gives 0.01 over the noise SD at threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.errors import DataError
from cogattn.psychophysics.masking.channel.likelihood import (
    ChannelFits,
    ChannelModel,
    channel_parameters,
    fit_many,
)
from cogattn.psychophysics.masking.channel.likelihood import top_accuracy as accuracy_without_noise
from cogattn.psychophysics.masking.channel.paper_fit import (
    GaussianFit,
    fit_gaussian,
    integer_thresholds,
    least_squares_gaussian,
    noise_ladder,
)
from cogattn.psychophysics.masking.config import LOWEST_CPI

if TYPE_CHECKING:
    from cogattn.psychophysics.masking.stimuli.noise import BandSpectra

Array = NDArray[np.float64]
Interval = tuple[float, float]
Estimator = Literal["ml", "paper"]

_P_NO_EFFECT = 0.01
_NAMES = ("bandwidth", "centre", "peak sensitivity")


@dataclass(frozen=True)
class Channel:
    """A spatial-frequency channel with intervals.

    Parameters
    ----------
    bandwidth_octaves, center_cpi, peak_sensitivity : float
        Full width at half maximum of the power gain; centre in cycles per image (true for "ml", nominal for
        "paper"); see the module for the unit of sensitivity. NaN where the counts do not determine them.
    bandwidth_interval, center_interval, peak_interval : tuple of float
        Interval of level `confidence`; 0 or inf where it is open.
    estimator : {"ml", "paper"}
        How it was estimated.
    identified : bool
        Whether the counts determine all three.
    reason : str
        Why not; or a remark.
    n_trials : int
        Trials behind it.
    confidence : float
        Of the intervals.
    standard_errors : tuple of float
        Of bandwidth, centre and peak sensitivity, in their units ("ml" only); NaN where the value is.
    steepness, top_accuracy : float
        Exponent of the psychometric function, and accuracy without noise ("ml" only, else NaN).
    deviance : float
        Against the saturated model ("ml" only, else NaN).
    df : int
        Degrees of freedom of the deviance.
    thresholds : tuple of int
        Integer threshold of each band ("paper" only).
    """

    bandwidth_octaves: float
    bandwidth_interval: Interval
    center_cpi: float
    center_interval: Interval
    peak_sensitivity: float
    peak_interval: Interval
    estimator: Estimator
    identified: bool
    reason: str
    n_trials: int
    confidence: float = 0.95
    standard_errors: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    steepness: float = np.nan
    top_accuracy: float = np.nan
    deviance: float = np.nan
    df: int = 0
    thresholds: tuple[int, ...] = ()

    @property
    def dispersion(self) -> float:
        """Deviance per degree of freedom: about 1 for binomial counts, more where cells or people differ."""
        return self.deviance / self.df if self.df > 0 else np.nan

    def gain(self, frequencies_cpi: ArrayLike) -> Array:
        """Power gain, 1 at the centre and 1/2 at half the bandwidth from it; NaN if not determined."""
        octaves = np.log2(np.asarray(frequencies_cpi, dtype=float) / self.center_cpi)
        return np.exp2(-((2 * octaves / self.bandwidth_octaves) ** 2))

    def accuracy(self, noise_sds: ArrayLike, spectra: BandSpectra, *, n_alternatives: int = 16) -> Array:
        """Accuracy that an "ml" channel predicts, shape (n_sds, n_bands); NaN if not determined."""
        theta = channel_parameters(
            self.bandwidth_octaves,
            self.center_cpi,
            self.peak_sensitivity,
            steepness=self.steepness,
            top_accuracy=self.top_accuracy,
            n_alternatives=n_alternatives,
        )
        return ChannelModel.of(spectra, n_alternatives).accuracy(theta, noise_sds)


def fit_channel(
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    noise_sds: ArrayLike,
    *,
    estimator: Estimator = "ml",
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
    array([1.7, 1.5, 1.9])
    """
    channels = fit_channels(
        _counts(n_correct, "n_correct")[None],
        _counts(n_trials, "n_trials")[None],
        noise_sds,
        estimator=estimator,
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
    fits = fit_many(
        correct,
        trials,
        sds,
        spectra,
        n_alternatives=n_alternatives,
        confidence=confidence,
        interval=interval,
        n_bootstrap=n_bootstrap,
        rng=rng,
    )
    shares = correct.sum(axis=(1, 2)) / trials.sum(axis=(1, 2))
    n_all = trials.sum(axis=(1, 2))
    return [_ml(fits, i, int(n_all[i]), shares[i], n_alternatives, confidence) for i in range(len(correct))]


def _ml(
    fits: ChannelFits, i: int, n_trials: int, mean_accuracy: float, n_alternatives: int, confidence: float
) -> Channel:
    theta = fits.parameters[i]
    values = np.array([np.exp(theta[0]), 2.0 ** theta[1], np.exp(theta[2])])
    ends = fits.intervals[i]
    ends = np.stack([np.exp(ends[0]), np.exp2(ends[1]), np.exp(ends[2])])
    if fits.p_constant[i] > _P_NO_EFFECT:
        reason = (
            f"accuracy does not fall with the noise (P = {fits.p_constant[i]:.2g}): {mean_accuracy:.2f} on "
            f"average, {1 / n_alternatives:.2f} by guessing"
        )
        values[:], ends[:] = np.nan, (0.0, np.inf)
    else:
        both_open = (ends[:, 0] == 0) & np.isinf(ends[:, 1])
        unknown = both_open | fits.at_limit[i]
        values[unknown] = np.nan
        names = [name for name, missing in zip(_NAMES, unknown, strict=True) if missing]
        reason = f"the counts do not determine the {' and the '.join(names)}" if names else ""
    # of ln BW, log2 f0 and ln peak; 0 on a limit, where it is not known
    errors = np.sqrt(np.diagonal(fits.covariance[i])[:3]) * [1.0, np.log(2.0), 1.0] * values
    first, second, third = (float(error) if error > 0 else np.nan for error in errors)
    (bandwidth, center, peak), intervals = map(float, values), [(float(a), float(b)) for a, b in ends]
    return Channel(
        bandwidth,
        intervals[0],
        center,
        intervals[1],
        peak,
        intervals[2],
        estimator="ml",
        identified=not reason,
        reason=reason,
        n_trials=n_trials,
        confidence=confidence,
        standard_errors=(first, second, third),
        steepness=float(np.exp(theta[3])),
        top_accuracy=float(accuracy_without_noise(theta, n_alternatives)),
        deviance=float(fits.deviance[i]),
        df=int(fits.df[i]),
    )


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
