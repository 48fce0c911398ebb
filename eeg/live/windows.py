"""Correlations in windows that end at every hop, and the probability of who is attended."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cogattn.eeg.live.model import LiveDecoder
from cogattn.eeg.live.switches import window_correlations
from cogattn.eeg.types import FloatArray


@dataclass(frozen=True)
class Decision:
    """State of the decision at one hop.

    Parameters
    ----------
    time_s : float
        End of the window in the stimulus, seconds from the first sample that EEG and sounds share.
    r_first, r_second : float
        Correlation of the reconstruction with either talker in the window; NaN where nothing was decided.
    probability : float
        Of attending the first talker, given everything so far; NaN where nothing was decided.
    stamp_s : float
        The same end on the clock of the stamps.
    reason : str
        Why nothing was decided; empty where something was.
    """

    time_s: float
    r_first: float
    r_second: float
    probability: float
    stamp_s: float
    reason: str = ""

    @property
    def decided(self) -> bool:
        """Whether the window was whole."""
        return not self.reason


class Windows:
    """Take decoded rows without a gap, or a restart behind one; give the decisions that are due."""

    def __init__(self, decoder: LiveDecoder) -> None:
        self._decoder = decoder
        sfreq, n_hop = decoder.preprocessing.sfreq, decoder.n_hop
        self._n_settling = math.ceil(decoder.preprocessing.band_pass().settling_s * sfreq)
        self._rows = np.zeros((0, 4))  # reconstruction, first, second, stamp
        self._first = 0  # the grid's number of the first row held
        self._settling = self._n_settling
        self._next_end = decoder.n_window + math.ceil(self._n_settling / n_hop) * n_hop
        self._log_odds, self._reason = 0.0, ""
        self._skipped = 0

    @property
    def nbytes(self) -> int:
        """Bytes held between chunks."""
        return self._rows.nbytes

    def restart(self, row: int, stamp_s: float, reason: str) -> list[Decision]:
        """Go on at the grid's `row` after a break."""
        self._reason = reason or "the streams began"
        out = []
        while self._next_end <= row:
            end = self._next_end
            out.append(self._undecided(stamp_s - (row - end) / self._decoder.preprocessing.sfreq))
        self._rows, self._first, self._settling = self._rows[:0], row, self._n_settling
        return out

    def push(self, rows: FloatArray) -> list[Decision]:
        """Take (n_times, 4): reconstruction, first and second envelope, stamp."""
        n = min(self._settling, len(rows))
        self._settling, self._first = self._settling - n, self._first + n
        settling, rows = rows[:n], rows[n:]
        out = []
        while self._next_end <= self._first:
            out.append(self._undecided(float(settling[self._next_end - self._first - 1 + n, 3])))
        self._rows = np.concatenate([self._rows, rows])
        while self._next_end <= self._first + len(self._rows):
            stop = self._next_end - self._first
            if stop >= self._decoder.n_window:
                out.append(self._decide(self._rows[stop - self._decoder.n_window : stop]))
            else:
                out.append(self._undecided(float(self._rows[stop - 1, 3])))
        drop = self._next_end - self._decoder.n_window - self._first
        if drop > 0:
            self._rows, self._first = self._rows[drop:].copy(), self._first + min(drop, len(self._rows))
        return out

    def _time_s(self) -> float:
        return self._next_end / self._decoder.preprocessing.sfreq

    def _undecided(self, stamp_s: float) -> Decision:
        time_s = self._time_s()
        self._next_end += self._decoder.n_hop
        if self._decoder.switches is not None:
            self._log_odds = self._decoder.switches.update(self._log_odds, None)
        return Decision(time_s, math.nan, math.nan, math.nan, stamp_s, self._reason)

    def _decide(self, rows: FloatArray) -> Decision:
        time_s = self._time_s()
        self._next_end += self._decoder.n_hop
        ((first, second),) = window_correlations(rows[:, 0], rows[:, 1:3], [len(rows)], len(rows))
        margin = float(first - second)
        probability = 0.5 + 0.5 * float(np.sign(margin))
        if self._decoder.switches is not None:
            self._log_odds = self._decoder.switches.update(self._log_odds, margin)
            probability = self._decoder.switches.probability(self._log_odds)
        return Decision(time_s, float(first), float(second), probability, float(rows[-1, 3]))
