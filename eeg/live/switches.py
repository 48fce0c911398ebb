"""From differences of correlations to the probability of who is attended: a hidden Markov model of two states.

Windows overlap, and a brain's following comes and goes for many seconds, so that the margins of successive
windows repeat each other. Their evidence is therefore not computed from mean and spread but learned: one number,
the log odds that a window's margin of 1 is worth (``gain``), chosen so that the filter's own probabilities are the
likeliest on held-out trials in which attention switches at random times. Such trials are made from real ones:
talkers exchange places at each switch, EEG and reconstruction stay.

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
    """

    gain: float
    hop_s: float
    switch_per_s: float = SWITCH_PER_S

    def __post_init__(self) -> None:
        if not (math.isfinite(self.gain) and self.gain >= 0 and self.hop_s > 0 and self.switch_per_s > 0):
            raise DataError(
                "gain must be finite and at least 0, hop_s and switch_per_s above 0; "
                f"got {self.gain:g}, {self.hop_s:g} and {self.switch_per_s:g}"
            )

    def update(self, probability: float, margin: float | None) -> float:
        """Return the probability of the first talker one hop on; a `margin` of None is a hop without a window."""
        moved = probability * (1 - self._switch) + (1 - probability) * self._switch
        moved = min(max(moved, 1e-12), 1 - 1e-12)
        return moved if margin is None else _logistic(math.log(moved / (1 - moved)) + self.gain * margin)

    def filter(self, margins: ArrayLike) -> FloatArray:
        """Causal probabilities of a sequence of windows, starting from 0.5; NaN is a hop without a window."""
        probabilities, current = [], 0.5
        for margin in np.asarray(margins, dtype=np.float64):
            current = self.update(current, None if np.isnan(margin) else float(margin))
            probabilities.append(current)
        return np.array(probabilities)

    @property
    def _switch(self) -> float:
        """Probability of an odd number of switches within a hop."""
        return 0.5 * (1 - math.exp(-2 * self.switch_per_s * self.hop_s))


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
    from scipy.optimize import minimize_scalar

    margins, truths = [], []
    for trial in trials:
        for _ in range(N_DRAWS):
            m, truth = switching_margins(
                trial, rng, sfreq=sfreq, window_s=window_s, hop_s=hop_s, switch_per_s=switch_per_s
            )
            margins.append(m)
            truths.append(truth)
    n = max((len(m) for m in margins), default=0)
    if not n:
        raise DataError(f"a window must fit into a held-out trial; got {window_s:g} s in none")
    padded = np.stack([np.pad(m, (0, n - len(m)), constant_values=np.nan) for m in margins])
    signs = np.stack([np.pad(t, (0, n - len(t))) for t in truths])
    scale = 1 / float(np.nanstd(padded))

    def loss(log_gain: float) -> float:
        p = _filtered(padded, math.exp(log_gain) * scale, hop_s, switch_per_s)
        return -float(np.sum(np.log(np.where(signs > 0, p, 1 - p))[signs != 0]))

    found = minimize_scalar(loss, bounds=(math.log(1e-3), math.log(1e2)), method="bounded")
    n_said = int(np.sum(signs != 0))
    if not found.fun < n_said * math.log(2):
        raise DataError(
            "held-out trials must be decoded above chance for probabilities to be learned; "
            f"got none of {len(trials)} trials' windows to be worth anything"
        )
    return SwitchFilter(math.exp(float(found.x)) * scale, hop_s, switch_per_s)


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
    """Seconds from a switch towards the first talker until its probability exceeds 0.5; infinite if never."""
    times, values = np.asarray(times_s, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    hits = np.flatnonzero((times > switch_s) & (values > 0.5))
    return float(times[hits[0]] - switch_s) if hits.size else math.inf


def _filtered(margins: FloatArray, gain: float, hop_s: float, switch_per_s: float) -> FloatArray:
    """`SwitchFilter.filter` of many sequences side by side, (n_sequences, n_windows)."""
    switch = 0.5 * (1 - math.exp(-2 * switch_per_s * hop_s))
    current = np.full(len(margins), 0.5)
    out = np.empty_like(margins)
    for i in range(margins.shape[1]):
        moved = np.clip(current * (1 - switch) + (1 - current) * switch, 1e-12, 1 - 1e-12)
        logit = np.log(moved / (1 - moved)) + gain * np.nan_to_num(margins[:, i])
        current = 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
        out[:, i] = np.clip(current, 1e-12, 1 - 1e-12)
    return out


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
