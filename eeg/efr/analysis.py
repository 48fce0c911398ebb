"""The whole analysis of one recording: what it follows, where, what couples, and which bands dominate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from cogattn.eeg.efr.bands import Band, above_background, dominant_bands
from cogattn.eeg.efr.config import MainsSettings, SignificanceSettings, SpectrumSettings
from cogattn.eeg.efr.coupling import Coupling, pair_coupling
from cogattn.eeg.efr.lags import MARGIN_HZ, lag_smoother
from cogattn.eeg.efr.mains import MainsLine, mains_lines, usable_bins
from cogattn.eeg.efr.response import (
    PathResponse,
    Resampled,
    block_labels,
    drawn,
    path_over_time,
    path_response,
    resample_response,
)
from cogattn.eeg.efr.spectra import SegmentSpectra, multitaper_segments, welch_segments
from cogattn.eeg.efr.surrogates import Chance, false_discovery, shift_chance, shuffle_chance
from cogattn.eeg.types import ComplexArray, FloatArray
from cogattn.statistics.intervals import scatter_interval

MOST_BLOCKS = 60
"""Blocks that a bootstrap resamples; more would cost time and not sharpen an interval."""


@dataclass(frozen=True)
class Curve:
    """One number for each frequency, in every bootstrap sample, and the bands that dominate it.

    Parameters
    ----------
    value : array, shape (n_frequencies,)
        Mean decibels above background (response, transfer, csd) or mean debiased coherence (following).
    lo, hi : array, shape (n_frequencies,)
        95 % interval.
    bands : tuple of Band
        Dominant bands.
    """

    value: FloatArray
    lo: FloatArray
    hi: FloatArray
    bands: tuple[Band, ...]


@dataclass(frozen=True)
class Analysis:
    """Everything found in one recording.

    Parameters
    ----------
    power : array, shape (n_channels, n_frequencies)
        Time-averaged EEG power density, unit^2 / Hz.
    response : PathResponse
        Transfer function and coherence with the envelope.
    resampled : Resampled
        Both in every bootstrap sample.
    chance : Chance
        Surrogates.
    q : array, shape (n_channels, n_frequencies)
        False-discovery rate at which coherence with the envelope is called; 1 where masked.
    followed : bool array, shape (n_channels, n_frequencies)
        q and the plain count of surrogates both at or below alpha.
    over_time : (array (n_stretches,), complex array (n_stretches, n_channels, n_frequencies))
        Start of each stretch in seconds, and its transfer function.
    coupling : Coupling
        Of all pairs.
    q_lagged : array, shape (n_frequencies, n_channels, n_channels)
        False-discovery rate of lagged coupling, over pairs and frequencies.
    lines : list of MainsLine
        Mains and notches.
    usable : bool array, shape (n_frequencies,)
        Not masked.
    curves : dict of str to Curve
        ``response`` (EEG power), ``transfer`` (gain), ``following`` (coherence with the envelope), ``csd``.
    n_segments, n_effective : float
        Segments, and how many independent ones they are worth.
    """

    power: FloatArray
    response: PathResponse
    resampled: Resampled
    chance: Chance
    q: FloatArray
    followed: NDArray[np.bool_]
    over_time: tuple[FloatArray, ComplexArray]
    coupling: Coupling
    q_lagged: FloatArray
    lines: list[MainsLine]
    usable: NDArray[np.bool_]
    curves: dict[str, Curve]
    n_segments: int
    n_effective: float


def analyse(
    eeg: Sequence[FloatArray],
    envelopes: Sequence[FloatArray],
    *,
    sfreq: float,
    rng: np.random.Generator,
    spectrum: SpectrumSettings | None = None,
    mains: MainsSettings | None = None,
    significance: SignificanceSettings | None = None,
) -> Analysis:
    """Analyse one recording.

    Parameters
    ----------
    eeg : sequence of array, each (n_times, n_channels)
        Trials, any unit.
    envelopes : sequence of array, each (n_times,)
        What was heard, sample by sample.
    sfreq : float
        Sampling rate in Hz, of both.
    rng : numpy.random.Generator
        Draws bootstrap samples and phase shuffles.
    spectrum, mains, significance : settings, optional
        Those of `cogattn.eeg.efr.config`.

    Raises
    ------
    DataError
        If trials are too short or few for the settings, or hold no power.
    """
    settings = (
        spectrum or SpectrumSettings(),
        mains or MainsSettings(),
        significance or SignificanceSettings(),
    )
    with threadpool_limits(1, user_api="blas"):  # many small products: more threads only wait for each other
        return _analyse(eeg, envelopes, sfreq, rng, *settings)


def _analyse(
    eeg: Sequence[FloatArray],
    envelopes: Sequence[FloatArray],
    sfreq: float,
    rng: np.random.Generator,
    spectrum: SpectrumSettings,
    mains: MainsSettings,
    significance: SignificanceSettings,
) -> Analysis:
    """Run every estimate."""

    def transform(trials: Sequence[FloatArray]) -> SegmentSpectra:
        return short_time(trials, sfreq, spectrum)

    # The transfer function is smoothed over a wider band than is reported; all else is of that band.
    wide_stimulus = transform([np.asarray(envelope)[:, None] for envelope in envelopes])
    wide = transform(eeg)
    band_hz = (spectrum.low_hz, spectrum.high_hz)
    stimulus, spectra = wide_stimulus.within(band_hz), wide.within(band_hz)
    frequencies_hz, power = spectra.frequencies_hz, spectra.power
    lines = _lines(frequencies_hz, power, mains)
    usable = usable_bins(frequencies_hz, lines)
    chance = _chance(stimulus, spectra, envelopes, rng, significance, lambda x: transform(x).within(band_hz))
    q = false_discovery(chance.p, usable, dependent=significance.dependent)
    followed = (q <= significance.alpha) & (chance.p_counted <= significance.alpha)
    response = path_response(wide_stimulus, wide, ridge=spectrum.ridge)
    resampled = resample_response(
        wide_stimulus,
        wide,
        rng,
        n_samples=significance.n_bootstrap,
        block_s=_block_s(spectra, significance),
        ridge=spectrum.ridge,
    )
    start_s, transfer = path_over_time(
        wide_stimulus, wide, stretch_s=spectrum.stretch_s, ridge=spectrum.ridge
    )
    if spectrum.smooths:
        masked = usable_bins(wide.frequencies_hz, _lines(wide.frequencies_hz, wide.power, mains))
        smoother = lag_smoother(
            wide, low_s=spectrum.lag_low_s, high_s=spectrum.lag_high_s, band_hz=band_hz, usable=masked
        )
        response, resampled = response.smoothed(smoother), resampled.smoothed(smoother)
        transfer = smoother(transfer)
    coupling = pair_coupling(spectra)
    return Analysis(
        power=power,
        response=response,
        resampled=resampled,
        chance=chance,
        q=q,
        followed=followed,
        over_time=(start_s, transfer),
        coupling=coupling,
        q_lagged=_lagged_discoveries(coupling, usable, dependent=significance.dependent),
        lines=lines,
        usable=usable,
        curves=_curves(spectra, response, resampled, followed, usable, rng, significance),
        n_segments=spectra.n_segments,
        n_effective=spectra.n_effective,
    )


def short_time(trials: Sequence[FloatArray], sfreq: float, spectrum: SpectrumSettings) -> SegmentSpectra:
    """Short-time spectra by the chosen estimator; beyond the band where the transfer function is smoothed."""
    band_hz = (spectrum.low_hz, spectrum.high_hz)
    if spectrum.smooths:
        band_hz = (
            1 / spectrum.segment_s,
            min(spectrum.high_hz + MARGIN_HZ, sfreq / 2 - 1 / spectrum.segment_s),
        )
    if spectrum.estimator == "welch":
        return welch_segments(
            trials, sfreq=sfreq, segment_s=spectrum.segment_s, band_hz=band_hz, overlap=spectrum.overlap
        )
    return multitaper_segments(
        trials,
        sfreq=sfreq,
        segment_s=spectrum.segment_s,
        band_hz=band_hz,
        half_bandwidth_hz=spectrum.half_bandwidth_hz,
    )


def _lines(frequencies_hz: FloatArray, power: FloatArray, mains: MainsSettings) -> list[MainsLine]:
    """Mains lines of either frequency, and which of them are masked."""
    return mains_lines(
        frequencies_hz,
        power,
        mains_hz=mains.mains_hz,
        half_width_hz=mains.half_width_hz,
        edge_hz=mains.edge_hz,
    )


def _chance(
    stimulus: SegmentSpectra,
    spectra: SegmentSpectra,
    envelopes: Sequence[FloatArray],
    rng: np.random.Generator,
    significance: SignificanceSettings,
    transform: Callable[[Sequence[FloatArray]], SegmentSpectra],
) -> Chance:
    """Surrogates of the chosen kind."""
    if significance.surrogates == "shift":
        return shift_chance(stimulus, spectra, min_shift_s=significance.min_shift_s)
    return shuffle_chance(
        stimulus, spectra, envelopes, rng, n_surrogates=significance.n_shuffles, transform=transform
    )


def _block_s(spectra: SegmentSpectra, significance: SignificanceSettings) -> float:
    """Length of a block: as set, but longer where a recording would fall into more than `MOST_BLOCKS`."""
    duration_s = spectra.n_segments / spectra.n_tapers * spectra.hop_s
    return max(significance.block_s, duration_s / MOST_BLOCKS)


def _lagged_discoveries(coupling: Coupling, usable: NDArray[np.bool_], *, dependent: bool) -> FloatArray:
    """False-discovery rates over pairs (each once) and usable frequencies."""
    n = coupling.p_lagged.shape[1]
    one, other = np.triu_indices(n, 1)
    pairs = false_discovery(coupling.p_lagged[:, one, other].T, usable, dependent=dependent)
    q = np.ones_like(coupling.p_lagged)
    q[:, one, other] = q[:, other, one] = pairs.T
    return q


def _curves(
    spectra: SegmentSpectra,
    response: PathResponse,
    resampled: Resampled,
    followed: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    rng: np.random.Generator,
    significance: SignificanceSettings,
) -> dict[str, Curve]:
    """Curves over frequency and their dominant bands."""
    f, block_s = spectra.frequencies_hz, _block_s(spectra, significance)
    n_blocks = int(block_labels(spectra, block_s)[-1]) + 1
    power, csd = resampled_levels(spectra, rng, n_samples=significance.n_bootstrap, block_s=block_s)
    following = np.vstack([response.debiased.mean(axis=0), resampled.debiased.mean(axis=1)])
    gain = np.concatenate([np.abs(response.transfer)[None], resampled.gain])
    gain_level = np.exp(2 * np.log(gain).mean(axis=1))  # squared, as power is
    sources: dict[str, tuple[FloatArray, NDArray[np.bool_] | None]] = {
        "response": (above_background(f, power), None),
        "transfer": (above_background(f, gain_level), np.asarray(followed.mean(axis=0) >= 0.5)),
        "following": (following, np.asarray(followed.any(axis=0))),
        "csd": (above_background(f, csd), None),
    }
    curves = {}
    for name, (rows, eligible) in sources.items():
        bands = dominant_bands(
            f,
            rows[0],
            rows[1:],
            usable=usable,
            eligible=eligible,
            alpha=significance.alpha,
            degrees_of_freedom=n_blocks - 1,
        )
        lo, hi = scatter_interval(rows[0], rows[1:], n_blocks)
        curves[name] = Curve(rows[0], lo, hi, tuple(bands))
    return curves


def resampled_levels(
    spectra: SegmentSpectra, rng: np.random.Generator, *, n_samples: int, block_s: float
) -> tuple[FloatArray, FloatArray]:
    """Geometric means over channels of power and over pairs of |CSD|, observed and bootstrapped over blocks.

    Returns
    -------
    power, csd : array, shape (1 + n_samples, n_frequencies)
        The first row is observed.
    """
    label = block_labels(spectra, block_s)
    starts = np.flatnonzero(np.diff(label, prepend=-1))
    n_blocks, n = len(starts), spectra.values.shape[1]
    weights = np.ones((1 + n_samples, n_blocks), dtype=np.float32)
    weights[1:] = drawn(rng, n_blocks, n_samples)
    weights /= weights @ np.bincount(label).astype(np.float32)[:, None]
    one, other = np.triu_indices(n, 1)
    power, csd = np.empty((2, len(weights), len(spectra.frequencies_hz)))
    for f, values in enumerate(spectra.values):
        scale = np.sqrt((values.real**2 + values.imag**2).mean(axis=1, dtype=np.float64))
        unit = values / scale[:, None].astype(np.float32)
        blocks = np.stack([x @ x.conj().T for x in np.split(unit, starts[1:], axis=1)])
        own = weights @ blocks.real[:, np.arange(n), np.arange(n)]
        shared = blocks[:, one, other]
        real, imag = weights @ shared.real, weights @ shared.imag
        power[:, f] = np.exp(np.log(own).mean(axis=1) + 2 * np.log(scale).mean())
        level = 0.5 * np.log(real**2 + imag**2 + np.float32(1e-30)).mean(axis=1)
        csd[:, f] = np.exp(level + (np.log(scale)[one] + np.log(scale)[other]).mean())
    return power, csd
