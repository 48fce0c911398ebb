"""The performance curve: one number that says a listener's accuracy at every window length, with its interval.

Correlations become normal by Fisher's z, and the variance of their difference between the two talkers falls as one
over the window's length while its mean stays. Accuracy at a window of tau seconds is then Phi(k sqrt(tau)), and the
slope k is the evidence per root second. Each window length gives an estimate of k, mean over standard deviation over
root tau; their weighted mean is the slope, so that no window is chosen by what was decoded with it.

Departures from the paper, which extrapolates from one window length: all tested lengths share one slope, and its error
is a jackknife over trials, the units that are independent by design. In leave-one-out trials teach each other's
decoders: the mean of n margins, of which each pair correlates by 1 / (2 (n - 1)) in pure noise, has 3/2 times the
variance that independent ones would have (`LEAVE_ONE_OUT_INFLATION`).

References
----------
Geirnaert, Yao, Francart and Bertrand (2025), arXiv 2503.09349.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cogattn.eeg.aad.metrics import mesd
from cogattn.eeg.aad.splits import By
from cogattn.eeg.types import FloatArray
from cogattn.measures import Estimate
from cogattn.statistics.stats import wilson_interval

LEAVE_ONE_OUT_INFLATION = 1.5
"""Variance of a listener's mean margin in pure noise, over that of independent trials."""
LEAST_WINDOWS = 4
"""Fewest windows of a length from which a slope is taken."""
NEAREST_CHANCE = 0.501
"""Accuracies below are taken for chance: a chain of gain states grows without bound towards one half."""
N_POINTS = 1000
"""Window lengths at which the curve is searched for the shortest switch duration (MESD toolbox: 1000)."""


@dataclass(frozen=True)
class PerformanceCurve:
    """Accuracy of one listener as a function of the window.

    Parameters
    ----------
    slope, lo, hi : float
        Evidence per root second and the ends of its interval; NaN where trials are too few to tell.
    """

    slope: float
    lo: float
    hi: float

    def accuracy(self, window_s: float) -> Estimate:
        """Share of right decisions at a window of this many seconds, of one listener."""
        ends = (_normal_share(k, window_s) for k in (self.slope, self.lo, self.hi))
        return Estimate(*ends, 1)

    def switch_duration(
        self, shortest_s: float, longest_s: float, *, p0: float, c: float, n_min: int
    ) -> Estimate:
        """MESD of the curve between two window lengths, in seconds; infinite where it is at chance.

        Parameters
        ----------
        shortest_s, longest_s : float
            Windows among which the best is sought.
        p0, c, n_min
            As in `cogattn.eeg.aad.metrics.mesd`.
        """
        grid = np.linspace(shortest_s, longest_s, N_POINTS if longest_s > shortest_s else 1)

        def duration(slope: float) -> float:
            if math.isnan(slope):
                return math.nan
            values = np.array([_normal_share(slope, w) for w in grid])
            values = np.where(values < NEAREST_CHANCE, 0.5, values)
            return mesd(grid, values, p0=p0, c=c, n_min=n_min, n_points=grid.size)

        return Estimate(
            duration(self.slope), duration(self.hi), duration(self.lo), 1
        )  # it falls with the slope


def fit_curve(sums: pd.DataFrame, *, validation: By, confidence: float = 0.95) -> PerformanceCurve:
    """Fit the curve to the margins of one listener's windows of all lengths.

    Parameters
    ----------
    sums : DataFrame
        A row per window length and trial: ``window_s``, ``trial``, ``n`` (windows), ``margin`` (their sum) and
        ``square`` (sum of the margins' squares), margins being differences of Fisher's z or any normal score.
    validation : str
        How trials were left out; where decoders come from other subjects trials do not teach each other.
    confidence : float
        Level of the interval.

    Returns
    -------
    PerformanceCurve
        Slope NaN where no window length has four windows, ends NaN with fewer than three trials.

    Notes
    -----
    Of 2,000 simulated listeners of 20 trials of a minute the 95 % interval held .95-.96 at slopes from 0 to .4; of
    5 trials .94-.95. Of 500 listeners decoded by leave-one-out it held the truth for .96 in pure noise, .95-.97
    where there is a response and .98 where both talkers are answered alike.
    """
    from scipy.stats import t

    parts, windows_s = _by_window_and_trial(sums)  # (3, lengths, trials)
    whole = parts.sum(axis=2, keepdims=True)
    slope = float(_slopes(whole, windows_s)[0])
    n_trials = parts.shape[2]
    without = _slopes(whole - parts, windows_s) if n_trials > 2 else np.array([math.nan])
    if math.isnan(slope) or np.isnan(without).any():
        return PerformanceCurve(slope, math.nan, math.nan)
    variance = (n_trials - 1) / n_trials * np.sum((without - without.mean()) ** 2)
    inflation = 1.0 if validation == "subject" else LEAVE_ONE_OUT_INFLATION
    half = t.ppf((1 + confidence) / 2, n_trials - 1) * math.sqrt(inflation * variance)
    return PerformanceCurve(slope, slope - half, slope + half)


def listeners_share(
    right: FloatArray, n_decisions: FloatArray, *, dispersion: float, confidence: float = 0.95
) -> Estimate:
    """One listener's share of right decisions, with an interval over trials.

    Wilson's interval, the decisions being as many as would scatter independently: their number is divided by what
    trials add to a binomial's variance, but never multiplied, and by `dispersion`. Its normal quantile is Student's.

    Parameters
    ----------
    right, n_decisions : array, shape (n_trials,)
        Right decisions of each trial, and all; a tie is half right.
    dispersion : float
        Variance of their number over a binomial's (`cogattn.eeg.aad.significance.dispersion_of`).
    confidence : float
        Level.

    Returns
    -------
    Estimate
        Of one listener; ends NaN with a single trial.

    Notes
    -----
    Of 1,000 simulated listeners each the 95 % interval held the truth for .93-1.00 at shares of .5 to .95, with 2 to 20
    trials of 1, 12 or 60 decisions, trials alike or differing by 10 points (SD).
    """
    correct, total = (np.asarray(v, dtype=np.float64) for v in (right, n_decisions))
    keep = total > 0
    correct, total = correct[keep], total[keep]
    n, m = total.sum(), total.size
    share = float(correct.sum() / n)
    if m < 2:
        return Estimate(share, math.nan, math.nan, 1)
    scatter = m / (m - 1) * np.sum((correct - share * total) ** 2) / n**2
    binomial = (share * (1 - share)) / n
    effect = max(1.0, scatter / binomial) if binomial > 0 else 1.0
    effective = n / (effect * dispersion)
    ends = wilson_interval(share * effective, effective, confidence=confidence, df=m - 1)
    lo, hi = (float(end) for end in ends)
    return Estimate(share, min(lo, share), max(hi, share), 1)


def _by_window_and_trial(sums: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Numbers, sums and sums of squares, (3, n_window_lengths, n_trials), and the lengths in seconds."""
    windows_s, row = np.unique(sums["window_s"].to_numpy(float), return_inverse=True)
    column, trials = pd.factorize(sums["trial"])
    parts = np.zeros((3, windows_s.size, len(trials)))
    for part, name in zip(parts, ("n", "margin", "square"), strict=True):
        np.add.at(part, (row, column), sums[name].to_numpy(float))
    return parts, windows_s


def _slopes(parts: FloatArray, windows_s: FloatArray) -> FloatArray:
    """Weighted means over window lengths of mean / SD / root tau, (n_sets,); NaN without a length of enough windows.

    `parts` is (3, n_window_lengths, n_sets). An estimate of k from windows of tau seconds has a variance of
    (1 + k**2 tau / 2) over the time in all; its mean over standard deviation is too large by 3 / (4 n - 5) of itself.
    """
    n, total, squares = parts
    tau, enough = windows_s[:, None], n >= LEAST_WINDOWS
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (squares - total**2 / n) / (n - 1)
        each = np.where(enough, total / n / np.sqrt(variance * tau) * (1 - 3 / (4 * n - 5)), 0.0)
        slope = each.sum(axis=0) / enough.sum(axis=0)
        for _ in range(2):  # the weights depend on the slope, but hardly
            weights = enough / (1 + slope**2 * tau / 2)
            slope = (each * weights).sum(axis=0) / weights.sum(axis=0)
    return np.where(np.isfinite(slope), slope, math.nan)


def _normal_share(slope: float, window_s: float) -> float:
    """Phi(k sqrt(tau))."""
    return 0.5 * math.erfc(-slope * math.sqrt(window_s) / math.sqrt(2))
