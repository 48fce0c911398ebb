"""Prints of signals, by which a stretch of EEG or sound is known again wherever and however it turns up.

Two kinds, of every trial's EEG and sounds, both made in one pass and small:

- *runs*: hashes of 32 successive samples of all channels or more (half a second at 64 Hz). Of any that begin within
  a quarter of a second the least is kept, so that a copy keeps the same ones whatever its lag. Equal runs are equal
  bit for bit. Runs that hardly change from sample to sample (a gap filled with zeros, a clipped amplifier) tell
  nothing and are left out.
- *marks*: moments of most power between 2 and 8 Hz within half a second, about one a second, each with the phases
  from 1.5 to 8.5 Hz around it in up to eight channels. Phases do not know of gain, unit, filter or rate, and every
  frequency has one vote, so that mains, alpha or drift cannot outvote the others. Marks are made of channels as they
  are (a copy may have other gains in each) and of differences of neighbours (it may have another reference).

References
----------
Wang (2003), Proc. ISMIR, 7-13 (marks); Knapp and Carter (1976), IEEE Trans. Acoust. Speech Signal Process. 24,
320-327 (phase transform); Schleimer, Wilkerson and Aiken (2003), Proc. SIGMOD, 76-85 (which runs are kept).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.recordings.recording import resample
from cogattn.eeg.types import FloatArray

RUN_SAMPLES = {1: 128, 4: 32}
"""Fewest samples of a run, by the fewest channels."""
LEAST_RUN_S = 0.05
"""Shortest run."""
CHOSEN_FROM_S = 0.25
"""Of any runs that begin within this, the one whose hash is the least is kept."""
RATE_HZ = 64.0
"""Rate at which marks are made."""
BAND_HZ = (1.5, 8.5)
"""Phases that describe a mark."""
WINDOW_S = 2.0
"""Stretch around a mark that they describe."""
APART_S = 0.5
"""Marks are the strongest moments within this on either side."""
MOST_COLUMNS = 8
"""Channels that are looked at."""
FEATURES = 30
"""Cosines and sines of one channel at one mark."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_TINY = float(np.finfo(float).tiny)

IntArray = NDArray[np.integer]


@dataclass(frozen=True)
class Marks:
    """Moments of a signal, in order of time.

    Parameters
    ----------
    at_s : array, shape (n_marks,)
        When, from the signal's start.
    strength : array, shape (n_marks,)
        Power against that of the whole signal.
    phases : array of int8, shape (n_marks, n_features)
        127 times the cosines and sines around it; 0 where there is no power.
    """

    at_s: FloatArray
    strength: FloatArray
    phases: NDArray[np.int8]


@dataclass(frozen=True)
class Print:
    """What a signal is known by.

    Parameters
    ----------
    digest : str
        Of all samples.
    n_columns : int
        Channels.
    duration_s, run_s : float
        Length of the signal and of a run.
    runs : array of uint64, shape (n_runs,)
        Hashes.
    runs_at_s : array, shape (n_runs,)
        Where each begins.
    marks : tuple of Marks
        Of the signal as it is and, where it has several channels, of differences of neighbours; empty for signals
        shorter than three seconds.
    """

    digest: str
    n_columns: int
    duration_s: float
    run_s: float
    runs: NDArray[np.uint64]
    runs_at_s: FloatArray
    marks: tuple[Marks, ...]


def print_of(signal: FloatArray, sfreq: float, *, alike: bool = True) -> Print:
    """Make the print of a signal.

    Parameters
    ----------
    signal : array, shape (n_times,) or (n_times, n_columns)
        Any unit.
    sfreq : float
        Rate in Hz.
    alike : bool
        Also make marks, by which it is known again when it was changed.
    """
    data = np.ascontiguousarray(signal.reshape(len(signal), -1), dtype=np.float64) + 0.0  # no negative zero
    rows = _hashed(data)
    runs, at_s = _runs(rows, data.shape[1], sfreq)
    long_enough = alike and len(data) >= (WINDOW_S + 2 * APART_S) * sfreq
    marks = tuple(_marks(view, sfreq) for view in _views(data)) if long_enough else ()
    run_s = run_length(data.shape[1], sfreq) / sfreq
    digest = hashlib.sha256(rows.tobytes()).hexdigest()
    return Print(digest, data.shape[1], len(data) / sfreq, run_s, runs, at_s, marks)


def run_length(n_columns: int, sfreq: float) -> int:
    """Return the samples of a run, a power of two."""
    fewest = min(n for columns, n in RUN_SAMPLES.items() if columns <= n_columns)
    return 2 ** math.ceil(math.log2(max(fewest, LEAST_RUN_S * sfreq)))


def _hashed(data: FloatArray) -> NDArray[np.uint64]:
    """A hash of each sample, (n_times,)."""
    weights = _scrambled(np.arange(data.shape[1], dtype=np.uint64)) | np.uint64(1)
    return _scrambled(np.einsum("tc,c->t", data.view(np.uint64), weights))


def _runs(rows: NDArray[np.uint64], n_columns: int, sfreq: float) -> tuple[NDArray[np.uint64], FloatArray]:
    """Hashes of the kept runs, and where each begins in seconds."""
    from scipy.ndimage import grey_opening

    length = run_length(n_columns, sfreq)
    if len(rows) < length:
        return np.empty(0, dtype=np.uint64), np.empty(0)
    changes = np.concatenate([[0], np.cumsum(rows[1:] != rows[:-1])])
    lively = changes[length - 1 :] - changes[: 1 - length] >= length // 2
    step = 1
    while step < length:
        rows = _scrambled(rows[:-step] * _ODD + rows[step:])
        step *= 2
    order = np.where(lively, (rows >> np.uint64(12)).astype(np.float64), np.inf)
    beside = 2 * round(CHOSEN_FROM_S * sfreq / 2) + 1
    kept = np.flatnonzero(lively & (order == grey_opening(order, beside, mode="nearest")))
    return rows[kept], kept / sfreq


def _scrambled(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of 64-bit numbers (the finaliser of SplitMix64)."""
    x = values + _ODD
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _views(data: FloatArray) -> Iterator[FloatArray]:
    """Columns as they are, and differences of neighbours; few and spread, (n_times, n_columns)."""
    n_columns = data.shape[1]
    yield data[:, _spread(n_columns)]
    if n_columns > 1:
        at = _spread(n_columns - 1)
        yield data[:, at] - data[:, at + 1]


def _spread(n: int) -> IntArray:
    return np.unique(np.linspace(0, n - 1, min(n, MOST_COLUMNS)).round().astype(int))


def _marks(view: FloatArray, sfreq: float) -> Marks:
    """Moments of most power, and the phases around them."""
    from scipy.ndimage import maximum_filter1d
    from scipy.signal import firwin, oaconvolve

    whole = np.where(np.isfinite(view).all(axis=0), view, 0.0)
    slow = resample(whole - whole.mean(axis=0), sfreq, RATE_HZ)
    taps = firwin(round(RATE_HZ) + 1, (2.0, 8.0), pass_zero=False, fs=RATE_HZ)
    band = oaconvolve(slow, taps[:, None], mode="same", axes=0)
    power = ((band / np.maximum(band.std(axis=0), _TINY)) ** 2).mean(axis=1)
    half, apart = round(WINDOW_S * RATE_HZ / 2), round(APART_S * RATE_HZ)
    is_peak = power == maximum_filter1d(power, 2 * apart + 1)
    is_peak[: half + 1] = is_peak[len(power) - half - 1 :] = False
    at = np.flatnonzero(is_peak)
    before, here, after = power[at - 1], power[at], power[at + 1]
    bend = np.minimum(before - 2 * here + after, -_TINY)
    offset = np.clip(0.5 * (before - after) / bend, -0.5, 0.5)  # top of the parabola, in samples
    return Marks((at + offset) / RATE_HZ, here, _phases(slow, at, offset, half))


def _phases(slow: FloatArray, at: IntArray, offset: FloatArray, half: int) -> NDArray[np.int8]:
    """Cosines and sines of the phases around each mark, relative to the mark itself."""
    windows = slow[at[:, None] + np.arange(-half, half)]  # (marks, times, columns)
    taper = np.hanning(2 * half + 1)[:-1]
    windows = (windows - windows.mean(axis=1, keepdims=True)) * taper[:, None]
    frequency = np.fft.rfftfreq(2 * half, 1 / RATE_HZ)
    inside = (frequency >= BAND_HZ[0]) & (frequency <= BAND_HZ[1])
    turns = np.exp(2j * np.pi * frequency[inside] * (offset / RATE_HZ)[:, None])
    spectrum = np.fft.rfft(windows, axis=1)[:, inside] * turns[:, :, None]
    size = np.abs(spectrum)
    audible = size > 1e-3 * size.max(axis=1, keepdims=True, initial=0.0)
    unit = np.where(audible, spectrum / np.maximum(size, _TINY), 0.0).reshape(len(at), -1)
    return np.rint(127 * np.concatenate([unit.real, unit.imag], axis=1)).astype(np.int8)
