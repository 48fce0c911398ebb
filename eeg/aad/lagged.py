"""Second moments of time-lagged data without the lagged matrix.

A model with the lags l = first, ..., first + n - 1 (in samples) predicts y(t) from the row
[x(t + first), ..., x(t + first + n - 1)], zeros beyond the trial's ends, t = 0 ... n_times - 1. Positive lags
look into the predictor's future (backward model: EEG after the sound), negative ones into its past (forward
model: sound before the EEG). Columns are ordered lag by lag, channels within a lag.

Taken over all rows, also those that reach into the trial from before or after it, the Gram matrix is block
Toeplitz: block (i, j) is R(j - i) with R(d) = sum_s x(s) x(s + d)'. The rows outside 0 ... n_times - 1 are
few (``outside``), so exactly

    G = Toeplitz(R) - outside' outside.

R comes from short Fourier transforms, is tiny to store, adds over trials, and multiplies a vector in the
Fourier domain of the lags, so that leave-one-out never forms a trial's G. All of it is float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from cogattn.eeg.types import FloatArray

_BLOCK = 4096
"""Samples to which weights are applied at a time."""
_FEW_CHANNELS = 8
"""Up to so many channels the lagged matrix is small enough to be multiplied as it is."""


@dataclass(frozen=True)
class Lags:
    """The lags first, first + 1, ..., first + n - 1 in samples."""

    first: int
    n: int

    @classmethod
    def backward(cls, tmin: float, tmax: float, sfreq: float) -> Lags:
        """Lags at which the predictor (EEG) follows the target by tmin ... tmax seconds, both included."""
        first, last = round(tmin * sfreq), round(tmax * sfreq)
        return cls(first, last - first + 1)

    @classmethod
    def forward(cls, tmin: float, tmax: float, sfreq: float) -> Lags:
        """Lags at which the predictor (sound) precedes the target by tmin ... tmax seconds, both included."""
        first, last = round(tmin * sfreq), round(tmax * sfreq)
        return cls(-last, last - first + 1)

    @property
    def last(self) -> int:
        """The largest lag."""
        return self.first + self.n - 1


@dataclass(frozen=True)
class Moments:
    """Second moments of one or several trials.

    Parameters
    ----------
    r : array, shape (n_lags, n_channels, n_channels)
        R(d) for d = 0 ... n_lags - 1.
    outside : array, shape (n_rows, n_lags * n_channels)
        The lagged rows that do not belong to a trial.
    cross : array, shape (n_lags * n_channels, n_targets)
        X'Y.
    power : array, shape (n_targets,)
        Sum of squares of each target.
    n_times : int
        Samples in all.
    """

    r: FloatArray
    outside: FloatArray
    cross: FloatArray
    power: FloatArray
    n_times: int

    @classmethod
    def of(cls, x: FloatArray, y: FloatArray, lags: Lags) -> Moments:
        """Moments of one trial: x of shape (n_times, n_channels), y of shape (n_times, n_targets), centred."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        return cls(
            _correlations(x, lags.n),
            _outside_rows(x, lags),
            cross_moments(x, y, lags),
            np.einsum("tk,tk->k", y, y),
            x.shape[0],
        )

    @classmethod
    def total(cls, parts: Sequence[Moments]) -> Moments:
        """Moments of several trials together."""
        first = parts[0]
        if len(parts) == 1:
            return first
        r, cross, power = first.r.copy(), first.cross.copy(), first.power.copy()
        for part in parts[1:]:
            r += part.r
            cross += part.cross
            power += part.power
        return cls(r, np.concatenate([p.outside for p in parts]), cross, power, sum(p.n_times for p in parts))

    def toward(self, cross: FloatArray, power: FloatArray) -> Moments:
        """The same predictors with other targets: cross (n_lags * n_channels, n_targets), power (n_targets,)."""
        return replace(self, cross=cross, power=power)

    def scaled(self, scale: FloatArray) -> Moments:
        """The same with every predictor channel multiplied by its entry of `scale`, (n_channels,)."""
        columns = np.tile(scale, self.r.shape[0])  # channels within a lag
        return replace(
            self,
            r=self.r * np.outer(scale, scale),
            outside=self.outside * columns,
            cross=self.cross * columns[:, None],
        )

    def emptied(self) -> Moments:
        """Moments of no trial at all."""
        zeros = np.zeros_like
        return Moments(zeros(self.r), self.outside[:0], zeros(self.cross), zeros(self.power), 0)

    @property
    def column_sums(self) -> FloatArray:
        """Sums of the lagged matrix's columns; x has no mean, so they are what the outside rows lack."""
        return -self.outside.sum(axis=0)

    @property
    def trace(self) -> float:
        """Trace of the Gram matrix."""
        toeplitz = self.r.shape[0] * float(np.trace(self.r[0]))
        return toeplitz - float(np.einsum("ij,ij->", self.outside, self.outside))

    def gram(self) -> FloatArray:
        """The Gram matrix X'X, shape (n_lags * n_channels, n_lags * n_channels)."""
        n_lags, n_channels, _ = self.r.shape
        both = _two_sided(self.r)  # block k is R(k - n_lags + 1)
        gram = np.empty((n_lags, n_channels, n_lags, n_channels))
        for i in range(n_lags):
            gram[i] = both[n_lags - 1 - i : 2 * n_lags - 1 - i].transpose(1, 0, 2)
        gram = gram.reshape(n_lags * n_channels, n_lags * n_channels)
        gram -= self.outside.T @ self.outside
        return gram

    def gram_times(self, weights: FloatArray) -> FloatArray:
        """X'X @ weights for weights of shape (n_lags * n_channels, n_columns), X'X not formed."""
        return self.gram_operator()(weights)

    def gram_operator(self) -> Callable[[FloatArray], FloatArray]:
        """`gram_times` that remembers its Fourier transform, for repeated use."""
        n_lags, n_channels, _ = self.r.shape
        size = next_fast_len(2 * n_lags - 1, real=True)
        half = rfft(self.r, size, axis=0)
        spectrum = half.conj()  # becomes sum_d R(d) exp(i w d) over d = -(n_lags - 1) ... n_lags - 1
        spectrum += half.transpose(0, 2, 1)
        spectrum -= self.r[0]

        def times(weights: FloatArray) -> FloatArray:
            moved = rfft(weights.reshape(n_lags, n_channels, -1), size, axis=0)
            out = irfft(spectrum @ moved, size, axis=0)[:n_lags].reshape(weights.shape)
            out -= self.outside.T @ (self.outside @ weights)
            return out

        return times


def lagged(x: FloatArray, lags: Lags) -> FloatArray:
    """The lagged matrix of one trial, (n_times, n_lags * n_channels), for few channels."""
    n_times, n_channels = x.shape
    rows = np.zeros((n_times, lags.n, n_channels))
    for i in range(lags.n):
        to, source = _overlap(lags.first + i, n_times)
        rows[to, i] = x[source]
    return rows.reshape(n_times, -1)


def predict(x: FloatArray, weights: FloatArray, lags: Lags) -> FloatArray:
    """Apply weights of shape (n_lags * n_channels, n_columns) to x; return (n_times, n_columns)."""
    n_times = x.shape[0]
    if n_times <= _BLOCK:
        return _predict(x, weights, lags)
    out = np.empty((n_times, weights.shape[1]), dtype=np.result_type(x, weights))
    for start in range(0, n_times, _BLOCK):  # what a block needs stays in the cache
        stop = min(start + _BLOCK, n_times)
        first, last = max(start + min(lags.first, 0), 0), min(stop + max(lags.last, 0), n_times)
        out[start:stop] = _predict(x[first:last], weights, lags)[start - first : stop - first]
    return out


def _predict(x: FloatArray, weights: FloatArray, lags: Lags) -> FloatArray:
    n_times, n_channels = x.shape
    n_columns = weights.shape[1]
    if n_channels <= _FEW_CHANNELS:
        return lagged(x, lags) @ weights
    stacked = weights.reshape(lags.n, n_channels, n_columns).transpose(1, 0, 2).reshape(n_channels, -1)
    parts = (x @ stacked).reshape(n_times, lags.n, n_columns)
    out = np.zeros((n_times, n_columns), dtype=parts.dtype)
    for i in range(lags.n):
        to, source = _overlap(lags.first + i, n_times)
        out[to] += parts[source, i]
    return out


def _correlations(x: FloatArray, n: int) -> FloatArray:
    """R(d) for d = 0 ... n - 1, from Fourier transforms of blocks: one small product per frequency."""
    n_times, n_channels = x.shape
    size = next_fast_len(max(3 * n, 64), real=True)
    block = size - n + 1  # within a transform, x(s + d) with s in the block does not wrap around
    n_blocks = -(-n_times // block)
    padded = np.zeros((n_blocks * block + n - 1, n_channels))
    padded[:n_times] = x
    blocks = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)[::block]
    ahead = np.array(blocks.transpose(2, 1, 0), order="C")  # (size, channels, blocks)
    spectrum = rfft(ahead, axis=0)
    ahead[block:] = 0
    own = rfft(ahead, axis=0, overwrite_x=True)
    cross = np.conj(own, out=own) @ spectrum.transpose(0, 2, 1)  # (frequencies, channels, channels)
    return irfft(cross, size, axis=0, overwrite_x=True)[:n].copy()


def _two_sided(r: FloatArray) -> FloatArray:
    """R(d) for d = -(n - 1) ... n - 1, from R(-d) = R(d)'."""
    return np.concatenate([r[:0:-1].transpose(0, 2, 1), r])


def _overlap(lag: int, n_times: int) -> tuple[slice, slice]:
    """Slices (t, t + lag) that lie within a trial."""
    start, stop = max(0, -lag), max(max(0, -lag), min(n_times, n_times - lag))
    return slice(start, stop), slice(start + lag, stop + lag)


def cross_moments(x: FloatArray, y: FloatArray, lags: Lags) -> FloatArray:
    """X'Y of one centred trial, shape (n_lags * n_channels, n_targets)."""
    n_times, n_targets = y.shape
    pairs = [_overlap(lags.first + i, n_times) for i in range(lags.n)]
    if n_targets > 1:
        return np.concatenate([x[source].T @ y[target] for target, source in pairs])
    shifted = np.zeros((n_times, lags.n))  # y(s - lag): one product instead of many small ones
    for i, (target, source) in enumerate(pairs):
        shifted[source, i] = y[target, 0]
    return (x.T @ shifted).T.reshape(-1, 1)


def _outside_rows(x: FloatArray, lags: Lags) -> FloatArray:
    """Lagged rows for t < 0 and t >= n_times that still reach into the trial."""
    n_times, n_channels = x.shape
    before, after = range(-max(lags.last, 0), 0), range(n_times, n_times + max(-lags.first, 0))
    rows = np.zeros((len(before) + len(after), lags.n, n_channels), dtype=x.dtype)
    for row, t in zip(rows, (*before, *after), strict=True):
        first, last = max(t + lags.first, 0), min(t + lags.last, n_times - 1)
        if last >= first:
            row[first - t - lags.first : last - t - lags.first + 1] = x[first : last + 1]
    return rows.reshape(rows.shape[0], lags.n * n_channels)
