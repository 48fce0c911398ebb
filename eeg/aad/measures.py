"""What the attended-speaker study measures, and intervals over listeners.

Listeners are the units: what they have in common is claimed of the population that they come from. A mean has
Student's interval, cut to the range that its measure can take, a median that between order statistics, which needs six
listeners (`cogattn.statistics.intervals`). A share of decisions comes near 1, where three or
eight listeners may differ too little to tell how much others do; its interval is never narrower than Wilson's of all
decisions.

References
----------
Wilson (1927), J. Am. Stat. Assoc. 22, 209-212.
"""

from __future__ import annotations

import math

import numpy as np

from cogattn.eeg.encoding.measures import ENCODING
from cogattn.eeg.types import FloatArray
from cogattn.measures import Estimate, Measure
from cogattn.statistics.intervals import mean_interval
from cogattn.statistics.stats import wilson_interval

ACCURACY = Measure("accuracy", "share", "accuracy", scale="share")
"""Share of decision windows in which the attended talker wins; by window, see `accuracy_at`."""
SWITCH_DURATION = Measure("mesd", "s", "switch duration", scale="log")
"""Minimal expected switch duration of the listeners' mean curve."""
MEDIAN_SWITCH_DURATION = Measure("mesd.median", "s", "switch duration, median", scale="log")
"""Median of the listeners' own durations."""
INFORMATION = Measure("bits_per_minute", "bits/min", "bits per minute", limits=(0.0, math.inf))
"""Information transfer rate of the accuracy at a window; see `information_at`."""
D_PRIME = Measure("d_prime", "SD", "d'")
"""Distance between the two talkers' scores."""
RANK = Measure("foreign_rank", "share", "rank among foreign sounds", scale="share")
"""Share of foreign sounds that match worse than the attended one."""

ALL = (ACCURACY, SWITCH_DURATION, MEDIAN_SWITCH_DURATION, INFORMATION, D_PRIME, RANK, *ENCODING)
"""What listeners may have been measured by, each as it is or under parameters."""


def accuracy_at(window_s: float) -> Measure:
    """Return accuracy in windows of this many seconds."""
    return ACCURACY.at(f"{window_s:g}s", label=f"accuracy at {window_s:g} s")


def information_at(window_s: float) -> Measure:
    """Return bits per minute in windows of this many seconds."""
    return INFORMATION.at(f"{window_s:g}s", label=f"bits per minute at {window_s:g} s")


def share_interval(right: FloatArray, n_decisions: FloatArray, *, confidence: float = 0.95) -> Estimate:
    """Mean over listeners of their shares of right decisions, with its interval.

    Parameters
    ----------
    right, n_decisions : array, shape (n_listeners,)
        Right decisions of each, and all; a tie is half right.
    confidence : float
        Level.

    Returns
    -------
    Estimate
        Student's interval within [0, 1], as far down and up at least as Wilson's of all decisions; none for one
        listener.
    """
    correct, total = (np.asarray(v, dtype=np.float64) for v in (right, n_decisions))
    found = mean_interval(correct / total, lowest=0.0, highest=1.0, confidence=confidence)
    if found.n < 2:
        return found
    lo, hi = (float(end) for end in wilson_interval(correct.sum(), total.sum(), confidence=confidence))
    return Estimate(found.estimate, np.fmin(found.lo, lo), np.fmax(found.hi, hi), found.n)


def share_error(right: float, n_decisions: int, *, dispersion: float) -> float:
    """Standard error of one listener's share of right decisions.

    Parameters
    ----------
    right : float
        Right decisions; half a one is added to either side, so that none wrong is not taken for certainty.
    n_decisions : int
        All.
    dispersion : float
        Variance of their number over a binomial's (`cogattn.eeg.aad.significance`).
    """
    share = (right + 0.5) / (n_decisions + 1)
    return math.sqrt(dispersion * share * (1 - share) / n_decisions)
