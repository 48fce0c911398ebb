"""From differences of correlations to the probability of who is attended: a hidden Markov model of two states.

Windows overlap, and a brain's following comes and goes for many seconds, so that the margins of successive
windows repeat each other. Their evidence is therefore not computed from mean and spread but learned: the log odds
that a margin of 1 is worth (``gain``), how much of the odds so collected is to be believed (``slope``), and how
long before its end a window tells of (``ahead_s``), since when attention may have switched. They are chosen so that
the probabilities are the likeliest on held-out trials in which attention switches at random times. Such trials are
made from real ones: talkers exchange places at each switch, EEG and reconstruction stay.

References
----------
Geirnaert et al. (2021), IEEE Signal Process. Mag. 38, 89-102; Rabiner (1989), Proc. IEEE 77, 257-286;
Gneiting and Raftery (2007), J. Am. Stat. Assoc. 102, 359-378 (logarithmic score).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

SWITCH_PER_S = 1 / 60
USUAL, USUAL_SD = np.array([-0.5, 0.5]), 0.4
"""Log of the slope, log odds of the time ahead as a share of the window, and how far listeners lie from them; ten
minutes cannot tell a listener's own well."""
N_DRAWS = 8
"""How often each held-out trial is heard again, with other switches."""


@dataclass(frozen=True)
class SwitchFilter:
    """Probability that the first of two talkers is attended, window by window.

    Parameters
    ----------
    gain : float
        Log odds per unit of margin (first correlation minus second).
    hop_s : float
        Time between windows.
    switch_per_s : float
        Rate at which attention switches (default: once in a minute).
    slope : float
        Factor of the collected log odds; 1 where windows are independent.
    ahead_s : float
        From what a window tells of to its end, which the probability is about.
    """

    gain: float
    hop_s: float
    switch_per_s: float = SWITCH_PER_S
    slope: float = 1.0
    ahead_s: float = 0.0

    def __post_init__(self) -> None:
        given = (self.gain, self.hop_s, self.switch_per_s, self.slope, self.ahead_s)
        least = (self.gain >= 0, self.hop_s > 0, self.switch_per_s > 0, self.slope > 0, self.ahead_s >= 0)
        if not all(map(math.isfinite, given)) or not all(least):
            raise DataError(
                "gain and ahead_s must be at least 0, hop_s, switch_per_s and slope above 0; "
                f"got {self.gain:g}, {self.ahead_s:g}, {self.hop_s:g}, {self.switch_per_s:g} and {self.slope:g}"
            )

    def update(self, log_odds: float, margin: float | None) -> float:
        """Return the log odds of the first talker one hop on; a `margin` of None is a hop without a window."""
        moved = float(_moved(np.array(log_odds), _odd(self.switch_per_s, self.hop_s)))
        return moved if margin is None else moved + self.gain * margin

    def probability(self, log_odds: float) -> float:
        """Return the probability that the first talker is attended now."""
        return float(_believed(np.array(log_odds), self))

    def filter(self, margins: ArrayLike) -> FloatArray:
        """Causal probabilities of margins (n_windows,), starting from 0.5; NaN is a hop without a window."""
        return _believed(_collected(np.asarray(margins, dtype=np.float64)[None], self)[0], self)


@dataclass(frozen=True)
class HeldOut:
    """A trial decoded by a decoder that has not seen it: three signals at one rate, (n_times,)."""

    reconstruction: FloatArray
    attended: FloatArray
    unattended: FloatArray


def calibrated(
    trials: Sequence[HeldOut],
    rng: np.random.Generator,
    *,
    sfreq: float,
    window_s: float,
    hop_s: float,
    switch_per_s: float = SWITCH_PER_S,
) -> SwitchFilter:
    """Learn what a window is worth from held-out trials of one listener.

    Parameters
    ----------
    trials : sequence of HeldOut
        Of the listener who will be decoded; ten minutes or more.
    rng : numpy.random.Generator
        Draws the switches.
    sfreq, window_s, hop_s, switch_per_s : float
        Rate of the signals, the windows that will be decided, and how often attention is taken to switch.

    Raises
    ------
    DataError
        If no window fits into a trial, or the decoder is at or below chance: then nothing can be said.
    """
    from scipy.optimize import minimize

    heard = [
        switching_margins(trial, rng, sfreq=sfreq, window_s=window_s, hop_s=hop_s, switch_per_s=switch_per_s)
        for trial in trials
        for _ in range(N_DRAWS)
    ]
    n = max((len(margins) for margins, _ in heard), default=0)
    if not n:
        raise DataError(f"a window must fit into a held-out trial; got {window_s:g} s in none")
    margins = np.stack([np.pad(m, (0, n - len(m)), constant_values=np.nan) for m, _ in heard])
    sides = np.stack([np.pad(side, (0, n - len(side))) for _, side in heard])
    spread = float(np.nanstd(margins))

    def of(logs: FloatArray) -> SwitchFilter:
        gain, slope, ahead = np.exp(np.clip(logs, -6, 6))
        ahead_s = window_s * float(ahead / (1 + ahead))
        return SwitchFilter(float(gain) / spread, hop_s, switch_per_s, float(slope), ahead_s)

    def loss(logs: FloatArray) -> float:
        model = of(logs)
        p = _believed(_collected(margins, model), model)
        return -float(np.mean(np.log(np.where(sides > 0, p, 1 - p))[sides != 0]))

    n_windows = sum(len(trial.reconstruction) for trial in trials) / sfreq / window_s

    def penalised(logs: FloatArray) -> float:
        return loss(logs) + float(np.sum(((logs[1:] - USUAL) / USUAL_SD) ** 2)) / 2 / n_windows

    found = minimize(
        penalised, np.array([0.0, *USUAL]), method="Nelder-Mead", options={"xatol": 0.01, "fatol": 1e-6}
    )
    if not loss(found.x) < math.log(2) - 1e-3:
        raise DataError(
            "held-out trials must be decoded above chance for probabilities to be learned; "
            f"those of {len(trials)} trials were not"
        )
    return of(found.x)


def switching_margins(
    trial: HeldOut,
    rng: np.random.Generator,
    *,
    sfreq: float,
    window_s: float,
    hop_s: float,
    switch_per_s: float = SWITCH_PER_S,
) -> tuple[FloatArray, FloatArray]:
    """Let the talkers of a trial change places at random times; return margins and who is attended (1 or -1).

    The start is random too. Truth is that of each window's last sample, which is what a live probability is about.
    """
    n = len(trial.reconstruction)
    flips = rng.random(n) < 0.5 * (1 - math.exp(-2 * switch_per_s / sfreq))
    side = np.where((np.cumsum(flips) + rng.integers(2)) % 2 == 0, 1.0, -1.0)
    first = np.where(side > 0, trial.attended, trial.unattended)
    second = np.where(side > 0, trial.unattended, trial.attended)
    length, hop = round(window_s * sfreq), round(hop_s * sfreq)
    ends = np.arange(length, n + 1, hop)
    r = window_correlations(trial.reconstruction, np.stack([first, second], axis=1), ends, length)
    return r[:, 0] - r[:, 1], side[ends - 1]


def window_correlations(x: FloatArray, y: FloatArray, ends: ArrayLike, length: int) -> FloatArray:
    """Correlation of (n_times,) with each column of (n_times, n_columns) in the windows that end before `ends`.

    Return (n_windows, n_columns); 0 where something does not vary.
    """
    rows = np.asarray(ends)[:, None] - length + np.arange(length)
    a, b = x[rows], y[rows]  # (n_windows, length), (n_windows, length, n_columns)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    shared = np.einsum("wl,wlc->wc", a, b)
    scale = np.sqrt(np.einsum("wl,wl->w", a, a)[:, None] * np.einsum("wlc,wlc->wc", b, b))
    return np.divide(shared, scale, out=np.zeros_like(shared), where=scale > 0)


def switch_delay(times_s: Sequence[float], probabilities: ArrayLike, *, switch_s: float) -> float:
    """Seconds from a switch towards the first talker until its probability, (n_times,), exceeds 0.5; inf if never."""
    times, values = np.asarray(times_s, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    hits = np.flatnonzero((times > switch_s) & (values > 0.5))
    return float(times[hits[0]] - switch_s) if hits.size else math.inf


def _odd(switch_per_s: float, duration_s: float) -> float:
    """Probability of an odd number of switches."""
    return 0.5 * (1 - math.exp(-2 * switch_per_s * duration_s))


def _moved(log_odds: FloatArray, switch: float) -> FloatArray:
    """Log odds after a time in which attention switches with probability `switch`."""
    x = np.clip(log_odds, -30, 30)
    return np.log((1 - switch) * np.exp(x) + switch) - np.log((1 - switch) + switch * np.exp(x))


def _collected(margins: FloatArray, model: SwitchFilter) -> FloatArray:
    """Log odds after each window of many sequences, (n_sequences, n_windows)."""
    switch, current = _odd(model.switch_per_s, model.hop_s), np.zeros(len(margins))
    out = np.empty_like(margins)
    for i, column in enumerate(margins.T):
        current = _moved(current, switch) + model.gain * np.nan_to_num(column)
        out[:, i] = current
    return out


def _believed(log_odds: FloatArray, model: SwitchFilter) -> FloatArray:
    """Probability of the first talker at the windows' ends."""
    p = 1 / (1 + np.exp(-np.clip(model.slope * log_odds, -30, 30)))
    switch = _odd(model.switch_per_s, model.ahead_s)
    return p * (1 - switch) + (1 - p) * switch
