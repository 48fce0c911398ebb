"""Dominant bands by a rule with an interval, and the published bands beside them.

A band is a peak of a curve over frequency that rises above both of its bases by more than resampling noise,
corrected for the number of places where a peak could have been. Its edges lie at half its height; its peak
and height come with intervals from the resampled curves. Mains stretches are bridged, so no peak can lie in
one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.signal import find_peaks, peak_widths
from scipy.stats import norm
from scipy.stats import t as student

from cogattn.eeg.types import FloatArray
from cogattn.statistics.intervals import widened


@dataclass(frozen=True)
class Band:
    """A dominant band; frequencies in Hz, heights in the curve's unit above the higher base.

    Parameters
    ----------
    low_hz, high_hz : float
        Edges at half of the height.
    peak_hz, peak_lo_hz, peak_hi_hz : float
        Peak and its interval.
    height, height_lo, height_hi : float
        Peak above the higher of its two bases, and its interval.
    at_mask : bool
        A masked stretch touches the band.
    height_se : float
        Standard error of the height; NaN where it was not kept.
    """

    low_hz: float
    high_hz: float
    peak_hz: float
    peak_lo_hz: float
    peak_hi_hz: float
    height: float
    height_lo: float
    height_hi: float
    at_mask: bool
    height_se: float = float("nan")


@dataclass(frozen=True)
class ReportedBand:
    """A band that a publication reports."""

    measure: Literal["response", "csd"]
    low_hz: float
    high_hz: float


REPORTED = (
    ReportedBand("response", 8, 11),
    ReportedBand("response", 53, 56),
    ReportedBand("response", 78, 81),
    ReportedBand("csd", 10, 13),
    ReportedBand("csd", 27, 29),
    ReportedBand("csd", 62, 64),
)
"""Peaks of the time-averaged response and of all channel pairs' CSD in arXiv:2507.05635 (abstract)."""


def dominant_bands(
    frequencies_hz: FloatArray,
    curve: FloatArray,
    resampled: FloatArray,
    *,
    usable: NDArray[np.bool_],
    eligible: NDArray[np.bool_] | None = None,
    smooth_hz: float = 1.0,
    alpha: float = 0.05,
    confidence: float = 0.95,
    degrees_of_freedom: int | None = None,
) -> list[Band]:
    """Find the peaks of a curve that resampling noise does not explain.

    Parameters
    ----------
    frequencies_hz : array, shape (n_frequencies,)
        Evenly spaced.
    curve : array, shape (n_frequencies,)
        Mean coherence, power above background, or the like.
    resampled : array, shape (n_samples, n_frequencies)
        The same curve in each bootstrap sample.
    usable : bool array, shape (n_frequencies,)
        False where mains are masked.
    eligible : bool array, shape (n_frequencies,), optional
        Half of a band's usable frequencies must be such (a response beyond chance, say).
    smooth_hz : float
        Full width at half maximum of the Gaussian that both curves are smoothed with.
    alpha : float
        Chance that a featureless curve yields any band, at most (Bonferroni over pairs of peak and base).
    confidence : float
        Of the intervals of peak and height.
    degrees_of_freedom : int, optional
        Of the scatter of `resampled`, one less than the blocks behind it; the critical height is then Student's and
        not the normal distribution's, and intervals are widened alike.

    Returns
    -------
    list of Band
        By rising frequency.
    """
    spacing = frequencies_hz[1] - frequencies_hz[0]
    smooth = _smoother(usable, smooth_hz / spacing / 2.3548)
    observed, samples = smooth(curve), smooth(resampled)
    peaks, found = find_peaks(observed, prominence=0)
    edges = peak_widths(observed, peaks, rel_height=0.5)[2:]
    n_places = max(1.0, usable.sum() * spacing / smooth_hz)
    null = norm if degrees_of_freedom is None else student(degrees_of_freedom)
    critical = null.isf(alpha / n_places**2)
    if degrees_of_freedom is not None:  # percentiles of few blocks reach less far than they say
        confidence = widened(confidence, degrees_of_freedom + 1)
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    bands = []
    for peak, left, right, low, high in zip(
        peaks, found["left_bases"], found["right_bases"], *edges, strict=True
    ):
        base = left if observed[left] >= observed[right] else right
        height = observed[peak] - observed[base]
        heights = samples[:, peak] - samples[:, base]
        inside = slice(int(np.floor(low)), int(np.ceil(high)) + 1)
        if height <= critical * heights.std() or not usable[peak]:
            continue
        if eligible is not None and (eligible & usable)[inside].sum() < 0.5 * usable[inside].sum():
            continue
        at = frequencies_hz[inside.start + np.argmax(samples[:, inside], axis=1)]
        low_hz, high_hz = frequencies_hz[0] + spacing * np.array([low, high])
        bands.append(
            Band(
                float(low_hz),
                float(high_hz),
                float(frequencies_hz[peak]),
                *map(float, np.percentile(at, tails)),
                float(height),
                *map(float, np.percentile(heights, tails)),
                at_mask=not usable[inside].all(),
                height_se=float(heights.std()),
            )
        )
    return bands


def above_background(frequencies_hz: FloatArray, power: FloatArray, *, octaves: float = 1.0) -> FloatArray:
    """Decibels above the smooth background of a spectrum.

    Parameters
    ----------
    frequencies_hz : array, shape (n_frequencies,)
        Above zero.
    power : array, shape (..., n_frequencies)
        Power density, or the magnitude of a cross-density.
    octaves : float
        The background is a running median over this many octaves on each side, of what a straight line in
        log-log coordinates leaves; peaks much narrower than that stand out.

    Returns
    -------
    array, shape of `power`
        10 log10(power / background).
    """
    log_f = np.log2(frequencies_hz)
    level = 10 * np.log10(power)
    grid = np.linspace(log_f[0], log_f[-1], 256)
    centred = log_f - log_f.mean()
    slope = (level @ centred) / (centred @ centred)
    line = level.mean(axis=-1, keepdims=True) + slope[..., None] * centred
    rest = level - line
    width = 2 * max(1, round(octaves / (grid[1] - grid[0]))) + 1
    flat = rest.reshape(-1, rest.shape[-1])
    background = np.stack(
        [
            np.interp(log_f, grid, median_filter(np.interp(grid, log_f, row), width, mode="nearest"))
            for row in flat
        ]
    )
    return rest - background.reshape(rest.shape)


@dataclass(frozen=True)
class Verdict:
    """A published band beside ours.

    Parameters
    ----------
    reported : ReportedBand
        As published.
    verdict : {"reproduced", "not reproduced", "not testable"}
        On the data given.
    band : Band or None
        The dominant band that overlaps it, the highest one where several do.
    reason : str
        One sentence.
    """

    reported: ReportedBand
    verdict: Literal["reproduced", "not reproduced", "not testable"]
    band: Band | None
    reason: str


def compare_reported(
    measure: Literal["response", "csd"],
    bands: Sequence[Band],
    frequencies_hz: FloatArray,
    usable: NDArray[np.bool_],
    followed: NDArray[np.bool_],
    *,
    reported: Sequence[ReportedBand] = REPORTED,
) -> list[Verdict]:
    """Say for each published band of one measure whether the data given show it.

    A band is reproduced where the interval of one of our peaks overlaps it and the envelope is followed in at least
    half of what the two share: power and coupling have peaks without any sound, alpha's first of all. It is not
    testable where it lies outside the analysed frequencies or is masked by more than half.

    Parameters
    ----------
    measure : {"response", "csd"}
        Which published bands to compare.
    bands : sequence of Band
        Ours.
    frequencies_hz, usable, followed : array, shape (n_frequencies,)
        Analysed frequencies, which of them are not masked, and at which some channel follows the envelope.
    reported : sequence of ReportedBand
        By default those of arXiv:2507.05635.
    """
    shown = (frequencies_hz, usable, followed)
    return [_verdict(band, bands, *shown) for band in reported if band.measure == measure]


def followed_share(
    low_hz: float,
    high_hz: float,
    frequencies_hz: FloatArray,
    usable: NDArray[np.bool_],
    followed: NDArray[np.bool_],
) -> float:
    """Share of the usable frequencies between two at which the envelope is followed; 0 where none is usable."""
    inside = usable & (frequencies_hz >= low_hz - 1e-9) & (frequencies_hz <= high_hz + 1e-9)
    return float(followed[inside].mean()) if inside.any() else 0.0


def _verdict(
    reported: ReportedBand,
    bands: Sequence[Band],
    frequencies_hz: FloatArray,
    usable: NDArray[np.bool_],
    followed: NDArray[np.bool_],
) -> Verdict:
    inside = (frequencies_hz >= reported.low_hz) & (frequencies_hz <= reported.high_hz)
    if frequencies_hz[0] > reported.low_hz or frequencies_hz[-1] < reported.high_hz:
        span = f"{frequencies_hz[0]:g}-{frequencies_hz[-1]:g} Hz"
        return Verdict(reported, "not testable", None, f"only {span} were analysed")
    if usable[inside].mean() <= 0.5:
        return Verdict(reported, "not testable", None, "mains or a notch's edge covers over half of it")
    near = [b for b in bands if b.peak_lo_hz <= reported.high_hz and b.peak_hi_hz >= reported.low_hz]
    if not near:
        return Verdict(reported, "not reproduced", None, "no dominant band peaks there")

    def share(band: Band) -> float:
        low, high = max(band.low_hz, reported.low_hz), min(band.high_hz, reported.high_hz)
        low, high = (
            (low, high) if low <= high else (band.low_hz, band.high_hz)
        )  # an interval alone reaches in
        return followed_share(low, high, frequencies_hz, usable, followed)

    following = [band for band in near if share(band) >= 0.5]
    band = max(following or near, key=lambda b: b.height)
    reason = f"dominant band {band.low_hz:.1f}-{band.high_hz:.1f} Hz peaks at {band.peak_hz:.1f} Hz"
    reason += ", beside masked mains" if band.at_mask else ""
    if following:
        return Verdict(reported, "reproduced", band, reason)
    unlike = f"but the envelope is followed at {100 * share(band):.0f} % of its frequencies, not half"
    return Verdict(reported, "not reproduced", band, f"{reason}, {unlike}")


def _smoother(usable: NDArray[np.bool_], sd_bins: float) -> Callable[[FloatArray], FloatArray]:
    """A function that bridges masked bins by a straight line and smooths over the last axis."""
    index = np.arange(len(usable))

    def smooth(curves: FloatArray) -> FloatArray:
        rows = np.atleast_2d(curves).astype(np.float64)
        if not usable.all():
            rows = np.stack([np.interp(index, index[usable], row[usable]) for row in rows])
        return gaussian_filter1d(rows, sd_bins, axis=-1, mode="nearest").reshape(np.shape(curves))

    return smooth
