"""Decoding while the sound plays: chunks in, decisions with a probability out, memory bounded.

`StreamingDecoder` applies a fitted linear decoder to EEG as it arrives. The decoder looks tmax seconds ahead,
so its output trails the EEG by tmax; its numbers are those of offline decoding of the same samples.
`SwitchFilter` is a two-state hidden Markov model over the windows' correlation differences: causal
probabilities while streaming, forward-backward smoothing afterwards.

The EEG must be high-pass filtered (causally) before it comes in: no mean is subtracted here.

References
----------
Geirnaert et al. (2021), IEEE Signal Process. Mag. 38, 89-102; Rabiner (1989), Proc. IEEE 77, 257-286.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cogattn.eeg.aad.lagged import Lags
from cogattn.eeg.aad.metrics import correlation
from cogattn.eeg.aad.ridge import RidgeDecoder
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError


@dataclass(frozen=True)
class Decision:
    """State of the decision at one hop.

    Parameters
    ----------
    time_s : float
        End of the window in the stimulus, seconds from the first sample.
    r_first, r_second : float
        Correlation of the reconstruction with either talker in the window.
    probability : float
        Of attending the first talker, given everything so far.
    latency_s : float
        Computing time of the chunk that brought the decision.
    """

    time_s: float
    r_first: float
    r_second: float
    probability: float
    latency_s: float


@dataclass(frozen=True)
class SwitchFilter:
    """Hidden Markov model of attention: talker first or second, evidence normal around +mean or -mean.

    Parameters
    ----------
    mean, sd : float
        Of the windows' margins while the first talker is attended.
    switch_per_s : float
        Rate at which attention switches (default: once in a minute).
    hop_s, window_s : float
        Time between windows and their length; overlapping windows count hop / window of their evidence.
    """

    mean: float
    sd: float
    hop_s: float
    window_s: float
    switch_per_s: float = 1 / 60

    @classmethod
    def fit(
        cls, margins: ArrayLike, *, hop_s: float, window_s: float, switch_per_s: float = 1 / 60
    ) -> SwitchFilter:
        """Learn mean and spread from margins of held-out windows in which the first talker was attended."""
        values = np.asarray(margins, dtype=np.float64)
        if values.size < 2 or not np.isfinite(values).all() or not np.ptp(values) > 0:
            raise DataError(f"margins must be at least two finite, differing values; got {values.size}")
        return cls(float(values.mean()), float(values.std(ddof=1)), hop_s, window_s, switch_per_s)

    def evidence(self, margin: ArrayLike) -> FloatArray:
        """Log likelihood ratio of first over second."""
        worth = min(self.hop_s / self.window_s, 1.0)
        return worth * 2 * self.mean * np.asarray(margin, dtype=np.float64) / self.sd**2

    def update(self, probability: float, margin: float) -> float:
        """Return the probability of the first talker after one more window."""
        odds = self._predicted(probability)
        return _logistic(math.log(odds / (1 - odds)) + float(self.evidence(margin)))

    def filter(self, margins: ArrayLike) -> FloatArray:
        """Causal probabilities of a sequence of windows, starting from 0.5."""
        probabilities, current = [], 0.5
        for margin in np.asarray(margins, dtype=np.float64):
            current = self.update(current, float(margin))
            probabilities.append(current)
        return np.array(probabilities)

    def smooth(self, margins: ArrayLike) -> FloatArray:
        """Probabilities given the whole sequence (forward-backward)."""
        values = np.asarray(margins, dtype=np.float64)
        forward = self.filter(values)
        backward = np.ones((len(values), 2))
        stay = 1 - self._switch
        for i in range(len(values) - 2, -1, -1):
            first = _logistic(float(self.evidence(values[i + 1])))
            ahead = backward[i + 1] * (first, 1 - first)
            backward[i] = stay * ahead + self._switch * ahead[::-1]
            backward[i] /= backward[i].sum()
        joint = np.stack([forward, 1 - forward], axis=1) * backward
        return joint[:, 0] / joint.sum(axis=1)

    @property
    def _switch(self) -> float:
        """Probability of an odd number of switches within a hop."""
        return 0.5 * (1 - math.exp(-2 * self.switch_per_s * self.hop_s))

    def _predicted(self, probability: float) -> float:
        moved = probability * (1 - self._switch) + (1 - probability) * self._switch
        return min(max(moved, 1e-12), 1 - 1e-12)


class StreamingDecoder:
    """Decode chunk by chunk.

    Parameters
    ----------
    decoder : RidgeDecoder
        Fitted, tmin at least 0.
    window_s, hop_s : float
        Length of the correlation window and time between decisions in seconds.
    switches : SwitchFilter, optional
        Turns margins into probabilities; None reports 0, 0.5 or 1 by the sign of the margin.

    Examples
    --------
    >>> first, second = np.random.default_rng(0).random((2, 640))
    >>> eeg = np.stack([first, -first], axis=1) + 0.1 * second[:, None]  # follows the first talker
    >>> live = StreamingDecoder(RidgeDecoder(sfreq=64.0).fit([eeg, -eeg], [first, -first]), hop_s=2.0)
    >>> for chunk in np.split(np.arange(640), 10):
    ...     for decision in live.push(eeg[chunk], first[chunk], second[chunk]):
    ...         print(decision.time_s, decision.probability)
    5.0 1.0
    7.0 1.0
    9.0 1.0
    """

    def __init__(
        self,
        decoder: RidgeDecoder,
        *,
        window_s: float = 5.0,
        hop_s: float = 1.0,
        switches: SwitchFilter | None = None,
    ) -> None:
        if not hasattr(decoder, "coef_"):
            raise DataError("a decoder must be fitted before it streams; call fit first")
        self._lags = Lags.backward(decoder.tmin, decoder.tmax, decoder.sfreq)
        if self._lags.first < 0:
            raise DataError(f"tmin must be at least 0 for streaming; got {decoder.tmin:g} s")
        self._sfreq, self._switches = decoder.sfreq, switches
        self._weights = decoder.coef_
        self._window, self._hop = round(window_s * decoder.sfreq), round(hop_s * decoder.sfreq)
        if self._window < 2 or self._hop < 1:
            raise DataError(f"window_s and hop_s must hold samples; got {window_s:g} s and {hop_s:g} s")
        n_channels = self._weights.shape[1]
        self._eeg = np.zeros((0, n_channels))  # from the first sample the next output needs
        self._sounds = np.zeros((0, 2))  # waiting for their EEG
        self._skip = self._lags.first
        self._history = np.zeros((0, 3))  # reconstruction, first, second: at most a window
        self._done, self._next, self._probability = 0, self._window, 0.5

    @property
    def memory_bytes(self) -> int:
        """Bytes held between chunks."""
        return self._eeg.nbytes + self._sounds.nbytes + self._history.nbytes

    def push(self, eeg: FloatArray, first: FloatArray, second: FloatArray) -> list[Decision]:
        """Take a chunk, eeg (n_times, n_channels), sounds (n_times,); return the decisions now due."""
        start = time.perf_counter()
        chunk = np.asarray(eeg, dtype=np.float64)
        sounds = np.stack([np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)], axis=1)
        if chunk.ndim != 2 or chunk.shape[1] != self._weights.shape[1] or len(chunk) != len(sounds):
            raise DataError(
                f"a chunk must be (n_times, {self._weights.shape[1]}) EEG with equally long envelopes; "
                f"got {chunk.shape} and {sounds.shape[0]}"
            )
        if not (np.isfinite(chunk).all() and np.isfinite(sounds).all()):
            raise DataError("a chunk must be finite; got NaN or infinity")
        skipped = min(self._skip, len(chunk))
        self._skip -= skipped
        self._eeg = np.concatenate([self._eeg, chunk[skipped:]])
        self._sounds = np.concatenate([self._sounds, sounds])
        n_ready = max(0, self._eeg.shape[0] - self._lags.n + 1)
        rows, decisions = self._reconstructed(n_ready), []
        while len(rows):
            taken = rows[: self._next - self._done]
            rows = rows[len(taken) :]
            self._history = np.concatenate([self._history, taken])[-self._window :]
            self._done += len(taken)
            if self._done == self._next:
                decisions.append(self._decide())
                self._next += self._hop
        latency = time.perf_counter() - start
        return [Decision(*values, latency) for values in decisions]

    def flush(self) -> list[Decision]:
        """Finish as offline decoding does, with zeros for the EEG that never came."""
        n_channels = self._weights.shape[1]
        missing = np.zeros((self._lags.last - self._skip, n_channels))
        self._eeg, self._skip = np.concatenate([self._eeg, missing]), 0
        return self.push(np.zeros((0, n_channels)), np.zeros(0), np.zeros(0))

    def _reconstructed(self, n_ready: int) -> FloatArray:
        """Rows (reconstruction, first, second) of the samples whose EEG is complete; forget what is used."""
        decoded = np.zeros(n_ready)
        for i, weights in enumerate(self._weights):
            decoded += self._eeg[i : i + n_ready] @ weights
        rows = np.column_stack([decoded, self._sounds[:n_ready]])
        self._eeg, self._sounds = self._eeg[n_ready:], self._sounds[n_ready:]
        return rows

    def _decide(self) -> tuple[float, float, float, float]:
        decoded, first, second = self._history.T
        r_first, r_second = float(correlation(decoded, first)), float(correlation(decoded, second))
        margin = r_first - r_second
        if self._switches is None:
            self._probability = 0.5 + 0.5 * float(np.sign(margin))
        else:
            self._probability = self._switches.update(self._probability, margin)
        return self._done / self._sfreq, r_first, r_second, self._probability


def switch_delay(times_s: Sequence[float], probabilities: ArrayLike, *, switch_s: float) -> float:
    """Seconds from a switch towards the first talker until its probability exceeds 0.5; infinite if never."""
    times, values = np.asarray(times_s, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    hits = np.flatnonzero((times > switch_s) & (values > 0.5))
    return float(times[hits[0]] - switch_s) if hits.size else math.inf


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
