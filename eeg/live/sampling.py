"""A stream's values between its samples, as soon as the samples around them have come.

`Sampler` holds the last samples of a stream and gives its band-limited value at any position by a windowed sinc
(Kaiser), which also keeps out what would alias at the new rate. It is symmetric, so that it delays nothing but
must see ``lookahead_s`` ahead. Weights sum to one at every position: a constant stays constant to rounding.
`Resampler` asks at the positions of a new rate, any rational ratio; whatever the chunks, the same samples meet
the same weights.

References
----------
Kaiser (1974), Proc. IEEE Int. Symp. Circuits Syst., 20-23 (window); Smith and Gossett (1984), Proc. ICASSP,
112-115 (sinc interpolation at any position).
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from cogattn.eeg.types import FloatArray
from cogattn.errors import ConfigError, DataError

ATTENUATION_DB = 60.0
"""What aliases into the band is weaker by this."""
LARGEST_TERM = 100_000
SINGLE = 2.0**-24
"""Relative rounding of a number in single precision."""
_PHASES = 2.0**20  # positions within a sample that are told apart
_AT_ONCE = 256  # positions computed together: bounds the memory of a long chunk


class Sampler:
    """Band-limited values of a stream at positions counted in its own samples from its start.

    Parameters
    ----------
    sfreq, new_sfreq : float
        Rate of the stream and density of the positions in Hz.
    band_hz : float
        Highest frequency that must be kept; below half of either rate.
    """

    def __init__(self, sfreq: float, new_sfreq: float, band_hz: float) -> None:
        rate = min(sfreq, new_sfreq)
        if not 0 < band_hz < rate / 2:
            raise ConfigError(
                f"the highest frequency must lie below half the lower rate; got {band_hz:g} Hz with rates of "
                f"{sfreq:g} and {new_sfreq:g} Hz"
            )
        self._cycles = rate / sfreq  # zero crossings of the sinc per sample
        half_s = (ATTENUATION_DB - 7.95) / 14.36 / (rate - 2 * band_hz) / 2
        self.half = max(2, math.ceil(half_s * sfreq))
        self._beta = 0.1102 * (ATTENUATION_DB - 8.7)
        self._sfreq = sfreq
        self._columns: FloatArray | None = None  # (n_columns, n_times): windows lie together in memory
        self._first = 0  # position of the first sample held
        self._tables: dict[float, FloatArray] = {}

    @property
    def lookahead_s(self) -> float:
        """Seconds of the stream after a position that its value needs."""
        return self.half / self._sfreq

    @property
    def n_pushed(self) -> int:
        """Samples that have come."""
        return 0 if self._columns is None else self._first + self._columns.shape[1]

    @property
    def ready(self) -> int:
        """Positions up to and including this one can be asked for; negative while there is none."""
        return self.n_pushed - 1 - self.half

    @property
    def memory_bytes(self) -> int:
        """Bytes held between chunks."""
        return 0 if self._columns is None else self._columns.nbytes

    def push(self, rows: FloatArray) -> None:
        """Take a chunk of shape (n_times, n_columns); before its start the stream is taken to be constant."""
        if not len(rows):
            return
        if self._columns is None:
            self._columns, self._first = np.repeat(rows[:1].T, self.half, axis=1), -self.half
        self._columns = np.concatenate([self._columns, rows.T], axis=1)

    def at(self, positions: FloatArray) -> FloatArray:
        """Values at these positions, (n_positions, n_columns); none may lie beyond `ready` or before 0."""
        parts = [self._at(positions[i : i + _AT_ONCE]) for i in range(0, len(positions), _AT_ONCE)]
        n_columns = 0 if self._columns is None else len(self._columns)
        return np.concatenate(parts) if parts else np.zeros((0, n_columns))

    def forget(self, position: float) -> None:
        """Drop what no position from `position` on needs."""
        drop = math.floor(position) - self.half - self._first
        if self._columns is not None and drop > 0:
            drop = min(drop, self._columns.shape[1])
            self._columns, self._first = self._columns[:, drop:].copy(), self._first + drop

    def _at(self, positions: FloatArray) -> FloatArray:
        if self._columns is None:
            raise DataError("a stream must have samples before it is asked for values; got none")
        whole = np.floor(positions).astype(int)
        fractions, which = np.unique(np.round((positions - whole) * _PHASES) / _PHASES, return_inverse=True)
        weights = np.stack([self._weights(fraction) for fraction in fractions.tolist()])[which]
        windows = np.lib.stride_tricks.sliding_window_view(self._columns, 2 * self.half, axis=1)
        near = windows[:, whole - self.half + 1 - self._first]  # (n_columns, n_positions, taps)
        return np.einsum("pk,cpk->pc", weights, near)

    def _weights(self, fraction: float) -> FloatArray:
        """Weights of the samples -half + 1 ... half around a position with this fraction."""
        found = self._tables.get(fraction)
        if found is None:
            offset = np.arange(-self.half + 1, self.half + 1) - fraction
            window = np.i0(self._beta * np.sqrt(np.maximum(1 - (offset / self.half) ** 2, 0.0)))
            found = np.sinc(self._cycles * offset) * window
            found /= found.sum()
            if len(self._tables) < 4096:
                self._tables[fraction] = found
        return found


def ratio_of(sfreq: float, new_sfreq: float) -> Fraction:
    """The ratio of two rates, each taken for the simplest number that single precision (FIF's) cannot tell from it.

    Raises
    ------
    ConfigError
        If its terms are above `LARGEST_TERM`.
    """
    ratio = _simplest(sfreq) / _simplest(new_sfreq)
    if max(ratio.numerator, ratio.denominator) > LARGEST_TERM:
        raise ConfigError(f"rates must have a simple ratio; got {sfreq:.10g} and {new_sfreq:.10g} Hz")
    return ratio


class Resampler:
    """From one rate to another, chunk by chunk; sample j of the output stands at ``j / new_sfreq`` exactly.

    Parameters
    ----------
    sfreq, new_sfreq : float
        Rates in Hz; equal ones change nothing.
    band_hz : float
        Highest frequency that must be kept.

    Examples
    --------
    >>> resampler = Resampler(512.0, 64.0, band_hz=9.0)
    >>> len(resampler.push(np.zeros((1024, 2)))), round(resampler.lookahead_s, 3)
    (126, 0.041)
    """

    def __init__(self, sfreq: float, new_sfreq: float, band_hz: float) -> None:
        self._ratio = ratio_of(sfreq, new_sfreq)
        self._sampler = None if self._ratio == 1 else Sampler(sfreq, new_sfreq, band_hz)
        self._done = 0

    @property
    def lookahead_s(self) -> float:
        """Seconds by which the output trails the input."""
        return 0.0 if self._sampler is None else self._sampler.lookahead_s

    @property
    def memory_bytes(self) -> int:
        """Bytes held between chunks."""
        return 0 if self._sampler is None else self._sampler.memory_bytes

    def positions(self, first: int, n: int) -> FloatArray:
        """Where the output samples first ... first + n - 1 stand, in input samples."""
        steps = np.arange(first, first + n) * self._ratio.numerator
        return steps // self._ratio.denominator + steps % self._ratio.denominator / self._ratio.denominator

    def push(self, rows: FloatArray) -> FloatArray:
        """Take (n_times, n_columns); return the output samples that are now complete."""
        if self._sampler is None:
            self._done += len(rows)
            return rows
        self._sampler.push(rows)
        up, down = self._ratio.denominator, self._ratio.numerator
        n = max(self._sampler.ready * up // down + 1 - self._done, 0)
        out = self._sampler.at(self.positions(self._done, n)) if n else np.zeros((0, rows.shape[1]))
        self._done += n
        self._sampler.forget(self._done * down // up)
        return out


def _simplest(rate: float) -> Fraction:
    given = Fraction(rate)
    tried = (given.limit_denominator(10**digits) for digits in range(7))
    return next((near for near in tried if abs(near - given) <= SINGLE * given), given)
