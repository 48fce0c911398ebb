"""Chance level of a coherence with the stimulus: the same EEG beside an envelope that it did not hear.

Circular shifts keep envelope and EEG as they are and break only their timing; every shift by a whole number
of segments is tried, all at once by the FFT over segments. Phase shuffling keeps only the envelope's
spectrum. Without a response the squared coherence of n independent segments follows Beta(1, n - 1); the
surrogates give that n (it falls below the count of segments when spectra are correlated over time) and hence
p values far below one over the number of surrogates, as control of many channels and frequencies needs. The
plain count is kept beside it: a p value that leans on the Beta tail and not on the count would show there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import uniform_filter1d

from cogattn.eeg.efr.response import check_same_segments
from cogattn.eeg.efr.spectra import SegmentSpectra
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

MIN_SURROGATES = 19
"""Fewest surrogates that can reach p = .05 by counting."""


@dataclass(frozen=True)
class Chance:
    """Coherence beside its surrogates; arrays of shape (n_channels, n_frequencies).

    Parameters
    ----------
    p : array
        From the Beta distribution fitted to the surrogates.
    p_counted : array
        (1 + surrogates at least as coherent) / (1 + surrogates).
    mean : array
        Mean surrogate coherence.
    critical : array
        Coherence that 5 % of surrogates exceed, from the fitted distribution.
    n_surrogates : int
        How many.
    """

    p: FloatArray
    p_counted: FloatArray
    mean: FloatArray
    critical: FloatArray
    n_surrogates: int


def shift_chance(
    stimulus: SegmentSpectra, eeg: SegmentSpectra, *, min_shift_s: float = 5.0, smooth_bins: int = 5
) -> Chance:
    """Compare coherence with that at every circular shift of the envelope by whole segments.

    Parameters
    ----------
    stimulus, eeg : SegmentSpectra
        One envelope, and channels over the same segments.
    min_shift_s : float
        Shifts nearer than this to none are left out, since the brain may still follow there.
    smooth_bins : int
        Bins over which the surrogates' mean is averaged before the Beta distribution is fitted.

    Raises
    ------
    DataError
        If fewer than 19 shifts are left.

    References
    ----------
    Zuk et al. (2021), PLOS Comput. Biol. 17, e1009358 (circular shifts).
    """
    check_same_segments(stimulus, eeg)
    n_tapers = eeg.n_tapers
    n_windows = eeg.n_segments // n_tapers
    nearest = max(1, int(np.ceil(min_shift_s / eeg.hop_s)))
    shifts = np.arange(nearest, n_windows - nearest + 1)

    def surrogates(f: int) -> FloatArray:
        y = eeg.values[f].reshape(-1, n_windows, n_tapers)
        e = stimulus.values[f].reshape(1, n_windows, n_tapers)
        product = fft.fft(y, axis=1) * fft.fft(e, axis=1).conj()
        cross = fft.ifft(product.sum(axis=2), axis=1)[:, shifts]
        return _squared(cross) / (_squared(y).sum((1, 2)) * _squared(e).sum())[:, None]

    return _chance(stimulus, eeg, surrogates, len(shifts), smooth_bins)


def shuffle_chance(
    stimulus: SegmentSpectra,
    eeg: SegmentSpectra,
    envelopes: Sequence[FloatArray],
    rng: np.random.Generator,
    *,
    n_surrogates: int,
    transform: Callable[[Sequence[FloatArray]], SegmentSpectra],
    smooth_bins: int = 5,
) -> Chance:
    """Compare coherence with that of phase-shuffled envelopes.

    Parameters
    ----------
    stimulus, eeg : SegmentSpectra
        One envelope, and channels over the same segments.
    envelopes : sequence of array, each (n_times,)
        The envelope of each trial.
    rng : numpy.random.Generator
        Draws the phases.
    n_surrogates : int
        Number of shuffled envelopes, at least 19.
    transform : callable
        From trials, each (n_times, n_signals), to SegmentSpectra: the settings `stimulus` was made with.
    smooth_bins : int
        As `shift_chance`.

    Raises
    ------
    DataError
        If `n_surrogates` is below 19.

    References
    ----------
    Theiler et al. (1992), Physica D 58, 77-94.
    """
    check_same_segments(stimulus, eeg)
    shuffled = np.concatenate(
        [transform(batch).values for batch in _shuffled_batches(envelopes, rng, n_surrogates)], axis=1
    )  # (frequency, surrogate, segment)

    def surrogates(f: int) -> FloatArray:
        cross = eeg.values[f] @ shuffled[f].conj().T
        return _squared(cross) / np.outer(_squared(eeg.values[f]).sum(1), _squared(shuffled[f]).sum(1))

    return _chance(stimulus, eeg, surrogates, n_surrogates, smooth_bins)


def phase_shuffled(signal: FloatArray, rng: np.random.Generator, n: int = 1) -> FloatArray:
    """Return `n` signals, shape (n_times, n), with the power spectrum of `signal` and random phases."""
    spectrum = fft.rfft(np.asarray(signal, dtype=np.float64))
    turns = np.exp(2j * np.pi * rng.random((len(spectrum), n)))
    turns[0] = 1  # the mean stays
    if len(signal) % 2 == 0:
        turns[-1] = 1
    return fft.irfft(spectrum[:, None] * turns, len(signal), axis=0)


def false_discovery(p: FloatArray, usable: NDArray[np.bool_], *, dependent: bool = False) -> FloatArray:
    """Adjust p values over all channels and usable frequencies at once (Benjamini and Hochberg).

    Parameters
    ----------
    p : array, shape (..., n_frequencies)
        p values; all leading axes belong to the same family.
    usable : bool array, shape (n_frequencies,)
        Frequencies that are tested; the others get 1.
    dependent : bool
        Hold the rate under any dependence (Benjamini and Yekutieli) instead of independent or positively
        dependent tests.

    Returns
    -------
    array, shape of `p`
        q values: calling q <= .05 a response makes 5 % of such calls false, on average at most.
    """
    from scipy.stats import false_discovery_control

    q = np.ones_like(p, dtype=np.float64)
    tested = np.broadcast_to(usable, p.shape)
    if tested.any():
        q[tested] = false_discovery_control(p[tested], method="by" if dependent else "bh")
    return q


def _chance(
    stimulus: SegmentSpectra,
    eeg: SegmentSpectra,
    surrogates: Callable[[int], FloatArray],
    n_surrogates: int,
    smooth_bins: int,
) -> Chance:
    """Count and fit, frequency by frequency."""
    if n_surrogates < MIN_SURROGATES:
        raise DataError(
            f"surrogates must number at least {MIN_SURROGATES}; got {n_surrogates} from {eeg.n_segments} "
            "segments; shorten segment_s or min_shift_s, or record longer"
        )
    n_frequencies, n_channels, _ = eeg.values.shape
    coherence, mean = np.empty((2, n_channels, n_frequencies))
    counted = np.empty((n_channels, n_frequencies), dtype=np.intp)
    for f in range(n_frequencies):
        y, e = eeg.values[f], stimulus.values[f, 0]
        coherence[:, f] = _squared(y @ e.conj()) / (_squared(y).sum(1) * _squared(e).sum())
        null = surrogates(f)
        mean[:, f] = null.mean(axis=1)
        counted[:, f] = (null >= coherence[:, f, None]).sum(axis=1)
    fitted = uniform_filter1d(mean, min(smooth_bins, n_frequencies), axis=1, mode="nearest")
    shape = np.maximum(1 / np.maximum(fitted, mean) - 1, 1e-6)
    return Chance(
        p=(1 - np.minimum(coherence, 1)) ** shape,
        p_counted=(1 + counted) / (1 + n_surrogates),
        mean=mean,
        critical=1 - 0.05 ** (1 / shape),
        n_surrogates=n_surrogates,
    )


def _shuffled_batches(
    envelopes: Sequence[FloatArray], rng: np.random.Generator, n_surrogates: int, batch: int = 16
) -> Iterator[list[FloatArray]]:
    """Phase-shuffled trials, a few surrogates at a time to bound the memory."""
    for start in range(0, n_surrogates, batch):
        n = min(batch, n_surrogates - start)
        yield [phase_shuffled(envelope, rng, n) for envelope in envelopes]


def _squared(values: NDArray[np.complexfloating]) -> FloatArray:
    return values.real**2 + values.imag**2
