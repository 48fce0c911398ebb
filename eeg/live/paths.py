"""The ways of EEG and sound to one common clock and rate: timed, cut at gaps, resampled, side by side.

The EEG's samples at the decoder's rate are the grid. Every sound is sampled at the grid's own times, by the
clock that stamped both, so that neither start, rate nor drift of a sound's clock matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cogattn.eeg.live.follower import EnvelopeFollower
from cogattn.eeg.live.model import Preprocessing
from cogattn.eeg.live.sampling import Resampler, Sampler
from cogattn.eeg.live.stages import Picked
from cogattn.eeg.live.timeline import GAP_S, Stretch, Timeline
from cogattn.eeg.recordings.envelope import BANK_SFREQ
from cogattn.eeg.types import FloatArray

SoundKind = Literal["sound", "envelope"]
_SNAP = 1024.0  # positions are rounded to this part of a sample: clocks that agree but for rounding are equal
_ROUNDING_S = 1e-7


@dataclass(frozen=True)
class Joined:
    """EEG and envelopes at the decoder's rate, without a break.

    Parameters
    ----------
    rows : array, shape (n_times, n_channels + 2)
        Re-referenced EEG, then the first and the second talker's envelope; not filtered yet.
    times_s : array, shape (n_times,)
        On the stamps' clock.
    fresh : bool
        The first rows after a break, or at all.
    reason : str
        Why there was a break.
    """

    rows: FloatArray
    times_s: FloatArray
    fresh: bool
    reason: str


@dataclass(frozen=True)
class Presence:
    """Whether a sound's envelope at some time is here, until when that holds, and why it is missing."""

    is_: Literal["here", "later", "never"]
    until_s: float
    reason: str = ""


class EegPath:
    """EEG to the decoder's rate: timed, picked by name, re-referenced, resampled.

    Parameters
    ----------
    sfreq : float
        Rate of the stream in Hz.
    channels : sequence of str
        The stream's channels in column order.
    preprocessing : Preprocessing
        What the decoder wants.
    gap_s : float
        See `Timeline`.
    """

    def __init__(
        self, sfreq: float, channels: Sequence[str], preprocessing: Preprocessing, *, gap_s: float = GAP_S
    ) -> None:
        self.timeline = Timeline(sfreq, "EEG", gap_s=gap_s)
        self._picked = Picked(channels, preprocessing.channels, preprocessing.reference)
        self._sfreq, self._pre = sfreq, preprocessing
        self._start()

    def _start(self) -> None:
        self._resampler = Resampler(self._sfreq, self._pre.sfreq, self._pre.high_hz)
        self._times, self._first, self._done = np.zeros(0), 0, 0

    @property
    def lookahead_s(self) -> float:
        """Seconds of EEG after a sample that its value needs."""
        return self._resampler.lookahead_s

    @property
    def memory_bytes(self) -> int:
        """Bytes held between chunks."""
        return self._resampler.memory_bytes + self._times.nbytes

    def push(self, rows: FloatArray, stamps_s: FloatArray | None) -> list[Stretch]:
        """Take a chunk; return resampled stretches."""
        return [self._resampled(stretch) for stretch in self.timeline.push(rows, stamps_s)]

    def _resampled(self, stretch: Stretch) -> Stretch:
        if stretch.fresh:
            self._start()
        self._times = np.concatenate([self._times, stretch.times_s])
        out = self._resampler.push(self._picked(stretch.rows))
        positions = self._resampler.positions(self._done, len(out))
        times = _interpolated(positions, self._times, self._first)
        self._done += len(out)
        keep = int(self._resampler.positions(self._done, 1)[0]) - 1 - self._first
        if keep > 0:
            self._times, self._first = self._times[keep:], self._first + min(keep, len(self._times))
        return Stretch(out, times, stretch.fresh, stretch.reason)


class SoundPath:
    """Envelopes of a stream of sounds or envelopes, sampled at given times.

    Parameters
    ----------
    sfreq : float
        Rate of the stream in Hz.
    kind : {"sound", "envelope"}
        What its samples are.
    preprocessing : Preprocessing
        What the decoder wants.
    name : str
        Begins what is said of its gaps.
    gap_s : float
        See `Timeline`.
    """

    def __init__(
        self,
        sfreq: float,
        kind: SoundKind,
        preprocessing: Preprocessing,
        *,
        name: str = "sound",
        gap_s: float = GAP_S,
    ) -> None:
        self.timeline = Timeline(sfreq, name, gap_s=gap_s)
        self._make = lambda: _Piece(sfreq, kind, preprocessing)
        self._pieces: list[_Piece] = []
        self._edge_s = 0.5 / preprocessing.sfreq  # so much before its start a sound is taken to be there
        self._begins_late = f"the {name} had not begun"
        self.lookahead_s = self._make().lookahead_s

    @property
    def memory_bytes(self) -> int:
        """Bytes held between chunks."""
        return sum(piece.memory_bytes for piece in self._pieces)

    def push(self, rows: FloatArray, stamps_s: FloatArray | None) -> None:
        """Take a chunk of shape (n_times, n_sounds)."""
        for stretch in self.timeline.push(rows, stamps_s):
            if stretch.fresh:
                self._pieces.append(self._make())
                self._pieces[-1].reason = stretch.reason
            self._pieces[-1].push(stretch)

    def state_at(self, time_s: float) -> Presence:
        """Say whether the envelope at this time is here, will come, or never will, and until when that holds."""
        for piece in self._pieces:
            if time_s < piece.first_s - self._edge_s:
                return Presence("never", piece.first_s - self._edge_s, piece.reason or self._begins_late)
            if time_s <= piece.last_s + _ROUNDING_S:
                return Presence("here", piece.last_s + _ROUNDING_S)
        return Presence("later", np.inf)

    def at(self, times_s: FloatArray) -> FloatArray:
        """Envelopes at these times of one piece, (n_times, n_sounds)."""
        piece = next(p for p in self._pieces if times_s[-1] <= p.last_s + _ROUNDING_S)
        return piece.at(times_s)

    def forget(self, time_s: float) -> None:
        """Drop what is not needed from `time_s` on."""
        while len(self._pieces) > 1 and self._pieces[0].last_s < time_s:
            self._pieces.pop(0)
        if self._pieces:
            self._pieces[0].forget(time_s)


class _Piece:
    """A stretch of sound without a break: follower, sampler, times."""

    def __init__(self, sfreq: float, kind: SoundKind, preprocessing: Preprocessing) -> None:
        self._follower = EnvelopeFollower(sfreq, power=preprocessing.power) if kind == "sound" else None
        rate = sfreq if self._follower is None else BANK_SFREQ
        self._sampler = Sampler(rate, preprocessing.sfreq, preprocessing.high_hz)
        self._times, self._first = np.zeros(0), 0
        self._in_times, self._in_first, self._done = np.zeros(0), 0, 0
        self.first_s, self.reason = np.inf, ""

    @property
    def lookahead_s(self) -> float:
        return self._sampler.lookahead_s + (0.0 if self._follower is None else self._follower.lookahead_s)

    @property
    def memory_bytes(self) -> int:
        return self._sampler.memory_bytes + self._times.nbytes + self._in_times.nbytes

    @property
    def last_s(self) -> float:
        """The latest time whose value is complete."""
        ready = self._sampler.ready - self._first
        return float(self._times[ready]) if 0 <= ready < len(self._times) else -np.inf

    def push(self, stretch: Stretch) -> None:
        rows = np.asarray(stretch.rows, dtype=np.float64)
        self.first_s = min(self.first_s, float(stretch.times_s[0]))
        if self._follower is None:
            self._sampler.push(rows)
            self._times = np.concatenate([self._times, stretch.times_s])
            return
        self._in_times = np.concatenate([self._in_times, stretch.times_s])
        envelopes = self._follower.push(rows)
        positions = self._follower.positions(self._done, len(envelopes))
        times = _interpolated(positions, self._in_times, self._in_first)
        self._done += len(envelopes)
        self._sampler.push(envelopes)
        self._times = np.concatenate([self._times, times])
        keep = int(self._follower.positions(self._done, 1)[0]) - 1 - self._in_first
        if keep > 0:
            self._in_first += min(keep, len(self._in_times))
            self._in_times = self._in_times[keep:]

    def at(self, times_s: FloatArray) -> FloatArray:
        positions = np.interp(times_s, self._times, self._first + np.arange(len(self._times)))
        return self._sampler.at(np.round(positions * _SNAP) / _SNAP)

    def forget(self, time_s: float) -> None:
        drop = int(np.searchsorted(self._times, time_s)) - 2
        if drop > 0:
            self._sampler.forget(self._first + drop)
            self._times, self._first = self._times[drop:], self._first + drop


def _interpolated(positions: FloatArray, times_s: FloatArray, first: int) -> FloatArray:
    """Times at positions, `times_s` being those of the samples first, first + 1, ..."""
    return np.interp(positions, first + np.arange(len(times_s)), times_s) if len(positions) else np.zeros(0)
