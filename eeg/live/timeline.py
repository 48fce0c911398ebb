"""When the samples of a stream were taken, and where it breaks off.

Timestamps come late, early and in lumps; clocks run fast or slow. `Timeline` follows them with a line per half
second whose place and slope are corrected from the stamps of the half seconds before (a second-order loop), so
that jitter averages out and a drift of any usual size is followed with no lasting error. It is causal, and depends
on the samples and their stamps alone, not on chunks. A stamp further than ``gap_s`` from the line, and samples
that are not finite, end a stretch; the next one starts anew, and says why.

References
----------
Adriaensen (2005), "Using a DLL to filter time", Proc. Linux Audio Conf. (the loop).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cogattn.eeg.types import FloatArray
from cogattn.errors import ConfigError, DataError

GAP_S = 0.05
BLOCK_S = 0.5
PLACE, SLOPE = 0.1, 0.0025
"""Shares of a block's error that correct the line: critically damped, time constant ten seconds."""


@dataclass(frozen=True)
class Stretch:
    """Samples without a break.

    Parameters
    ----------
    rows : array, shape (n_times, n_columns)
        Finite samples.
    times_s : array, shape (n_times,)
        When they were taken, smoothed, on the stamps' clock.
    fresh : bool
        The first samples after a break (or at all): filters start anew.
    reason : str
        Why the stretch before ended; empty at the stream's start.
    """

    rows: FloatArray
    times_s: FloatArray
    fresh: bool
    reason: str = ""


class Timeline:
    """Cut a stream into stretches and time its samples.

    Parameters
    ----------
    sfreq : float
        Nominal rate in Hz.
    name : str
        Begins the reasons, such as "EEG".
    gap_s : float
        Stamps that differ from the expected by more are a gap; what is less is taken for jitter.
    """

    def __init__(self, sfreq: float, name: str, *, gap_s: float = GAP_S) -> None:
        if not sfreq > 0 or not gap_s > 0:
            raise ConfigError(f"{name}: rate and gap_s must be above 0; got {sfreq:g} Hz and {gap_s:g} s")
        self._name, self._gap_s = name, gap_s
        self._nominal = 1 / sfreq
        self._n_block = max(1, round(BLOCK_S * sfreq))
        self._n_seen = 0
        self._n_columns: int | None = None
        self._period = self._nominal
        self._broken, self._jump_s, self._n_lost = True, 0.0, 0
        self._start(0.0)
        self._broken = True

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the stream's samples come, in parts per million of the stamps' clock."""
        return (self._nominal / self._period - 1) * 1e6

    def push(self, rows: FloatArray, stamps_s: FloatArray | None = None) -> list[Stretch]:
        """Take (n_times, n_columns) and stamps (n_times,), nominal ones if None; return what is whole of it."""
        rows = np.asarray(rows)
        if rows.ndim != 2 or (self._n_columns is not None and rows.shape[1] != self._n_columns):
            want = "n_columns" if self._n_columns is None else self._n_columns
            raise DataError(f"{self._name} chunks must be of shape (n_times, {want}); got {rows.shape}")
        self._n_columns = rows.shape[1]
        if stamps_s is None:
            stamps = (self._n_seen + np.arange(len(rows))) * self._nominal
        else:
            stamps = np.asarray(stamps_s, dtype=np.float64)
        if stamps.shape != (len(rows),):
            raise DataError(f"{self._name} needs a stamp a sample; got {stamps.shape} for {len(rows)}")
        self._n_seen += len(rows)
        good = np.isfinite(rows).all(axis=1) & np.isfinite(stamps)
        edges = np.flatnonzero(np.diff(good)) + 1
        stretches: list[Stretch] = []
        for part in np.split(np.arange(len(rows)), edges) if len(rows) else ():
            if good[part[0]]:
                stretches += self._timed(rows[part], stamps[part])
            else:
                self._n_lost, self._broken = self._n_lost + part.size, True
        return stretches

    def _timed(self, rows: FloatArray, stamps: FloatArray) -> list[Stretch]:
        """Place finite samples on the line, block by block; start anew where a stamp is far from it."""
        stretches: list[Stretch] = []
        while len(rows):
            fresh, reason = self._broken, ""
            if fresh:
                reason = self._why()
                self._start(float(stamps[0]))
            n = min(self._n_block - self._in_block, len(rows))
            expected = self._anchor + (self._in_block + np.arange(n)) * self._step
            far = np.flatnonzero(np.abs(stamps[:n] - expected) > self._gap_s)
            if far.size:
                n = int(far[0])
                self._broken, self._jump_s = True, float(stamps[n] - expected[n])
            if n:
                stretches.append(Stretch(rows[:n], expected[:n], fresh, reason))
                self._took(stamps[:n] - expected[:n])
            rows, stamps = rows[n:], stamps[n:]
        return stretches

    def _start(self, stamp_s: float) -> None:
        """Begin a line at this stamp; what is known of the clock's rate stays."""
        self._anchor, self._step = stamp_s, self._period  # time of the block's first sample
        self._in_block, self._errors = 0, np.zeros(0)
        self._broken, self._jump_s, self._n_lost = False, 0.0, 0

    def _took(self, errors: FloatArray) -> None:
        self._in_block += errors.size
        self._errors = np.concatenate([self._errors, errors])
        if self._in_block < self._n_block:
            return
        error = float(np.median(self._errors))
        self._anchor += self._n_block * self._step
        self._period += SLOPE * error / self._n_block
        self._step = self._period + PLACE * error / self._n_block  # slewed, so that time never jumps
        self._in_block, self._errors = 0, np.zeros(0)

    def _why(self) -> str:
        if self._n_lost:
            return f"{self._n_lost} samples of the {self._name} were not finite"
        if self._jump_s > 0:
            return f"the {self._name} lost {self._jump_s:.3g} s"
        return f"the {self._name}'s clock went back {-self._jump_s:.3g} s" if self._jump_s < 0 else ""
