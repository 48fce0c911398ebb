"""How well, how surely and how fast attention is decoded.

The minimal expected switch duration
(MESD) turns an accuracy curve into one number, the time a hearing device needs to follow a switch; it is
written from the paper's equations. Rules that papers leave open: windows do not overlap, never span trials
and start at each trial's first sample; a window in which both streams correlate equally, or in which nothing
varies, counts as half correct.

References
----------
Geirnaert, Francart and Bertrand (2020), IEEE Trans. Neural Syst. Rehabil. Eng. 28, 307-317 (MESD).
Wolpaw and Ramoser (1998), IEEE Trans. Rehabil. Eng. 6, 326-333 (information transfer rate).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

Trials = Sequence[FloatArray] | FloatArray
"""One-dimensional trials in a list, or one trial as an array."""

_CONSTANT = 1e-24
"""Share of the squares about the mean below which a signal is constant but for rounding."""


def window_accuracy(
    reconstruction: Trials,
    attended: Trials,
    unattended: Trials,
    *,
    sfreq: float,
    windows_s: Sequence[float],
) -> FloatArray:
    """Share of windows in which the reconstruction correlates more with the attended envelope.

    Parameters
    ----------
    reconstruction, attended, unattended : array of shape (n_times,), or a list of such, one per trial
        Decoded and played envelopes, sample by sample.
    sfreq : float
        Their rate in Hz.
    windows_s : sequence of float
        Window lengths in seconds.

    Returns
    -------
    array, shape (n_windows_s,)
        Accuracy between 0 and 1 for each length, over all windows of all trials.

    Raises
    ------
    DataError
        If lengths differ, a value is not finite, or a window fits into no trial.

    Examples
    --------
    >>> attended, unattended, noise = np.random.default_rng(0).standard_normal((3, 20 * 3840))
    >>> decoded = attended / 20 + noise
    >>> window_accuracy(decoded, attended, unattended, sfreq=64.0, windows_s=[1, 10, 60]).round(2)
    array([0.61, 0.82, 0.85])
    """
    margins = window_margins(reconstruction, attended, unattended, sfreq=sfreq, windows_s=windows_s)
    return np.array([accuracy(np.concatenate(per_trial)) for per_trial in margins])


def accuracy(margins: ArrayLike) -> float:
    """Share of positive margins; a margin of exactly 0 counts half."""
    values = np.asarray(margins, dtype=np.float64)
    return float(np.mean((values > 0) + 0.5 * (values == 0)))


def window_margins(
    reconstruction: Trials,
    attended: Trials,
    unattended: Trials,
    *,
    sfreq: float,
    windows_s: Sequence[float],
) -> list[list[FloatArray]]:
    """Correlation with the attended minus that with the unattended envelope, for each window.

    Parameters and errors are those of `window_accuracy`.

    Returns
    -------
    list of list of array
        ``margins[i][k]`` holds one value per window of length ``windows_s[i]`` in trial k, in order.
    """
    trials = _matched(reconstruction, attended, unattended)
    per_trial = []
    for decoded, first, second in trials:
        lengths = [_samples(window_s, sfreq) for window_s in windows_s]
        per_trial.append(
            [
                window_correlation(decoded, first, length=n) - window_correlation(decoded, second, length=n)
                for n in lengths
            ]
        )
    margins = [[trial[i] for trial in per_trial] for i in range(len(windows_s))]
    for window_s, values in zip(windows_s, margins, strict=True):
        if not any(v.size for v in values):
            longest = max(decoded.size for decoded, _, _ in trials) / sfreq
            raise DataError(f"windows_s must fit into a trial; got {window_s:g} s in {longest:g} s")
    return margins


def correlation(x: ArrayLike, y: ArrayLike) -> FloatArray:
    """Pearson correlation along the first axis of (n_times, ...); 0 where one of the two does not vary."""
    a, b = (np.asarray(v, dtype=np.float64) for v in (x, y))
    squares = [(v * v).sum(axis=0) for v in (a, b)]
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    own = [(v * v).sum(axis=0) for v in (a, b)]
    # what rounding leaves of a constant is no variation
    varies = (own[0] > _CONSTANT * squares[0]) & (own[1] > _CONSTANT * squares[1])
    scale = np.sqrt(own[0] * own[1])
    return np.divide((a * b).sum(axis=0), scale, out=np.zeros(np.shape(scale)), where=varies)


def window_correlation(x: FloatArray, y: FloatArray, *, length: int) -> FloatArray:
    """Correlation of (n_times,) or (n_times, n_columns) in windows of `length` samples, (n_windows, ...)."""
    n_windows = x.shape[0] // length
    cut = (v[: n_windows * length].reshape(n_windows, length, *v.shape[1:]).swapaxes(0, 1) for v in (x, y))
    return correlation(*cut)


def mesd(
    windows_s: ArrayLike,
    accuracies: ArrayLike,
    *,
    p0: float = 0.8,
    c: float = 0.65,
    n_min: int = 5,
    n_points: int = 1000,
) -> float:
    """Minimal expected switch duration in seconds.

    A device steps along a chain of gain states after each decision. For every window length the shortest
    chain that stays above the share `c` of the gain range with probability `p0` is found; the expected time
    from its lowest state to the target state, minimised over window lengths, is the MESD.

    Parameters
    ----------
    windows_s : array-like, shape (n,)
        Window lengths in seconds.
    accuracies : array-like, shape (n,)
        Accuracy at each length; values of at most 0.5 are dropped, 1 is taken as 1 - 1e-9.
    p0 : float
        Probability of the steady-state comfort interval (paper: 0.8).
    c : float
        Lower edge of that interval, between 0 and 1 (paper: 0.65).
    n_min : int
        Fewest states of the chain (paper: 5).
    n_points : int
        Window lengths at which the accuracy curve is linearly interpolated (toolbox: 1000).

    Returns
    -------
    float
        Seconds; infinite where no accuracy exceeds 0.5.

    Notes
    -----
    The MESD of a mean accuracy curve is not the mean of the subjects' MESDs; report both.

    Examples
    --------
    >>> round(mesd([1, 5, 10, 20, 30, 60], [0.53, 0.61, 0.69, 0.76, 0.84, 0.9]), 6)
    49.528608
    """
    times, values = _usable_points(windows_s, accuracies)
    if not 0 < p0 < 1 or not 0 < c < 1 or n_min < 2 or n_points < 1:
        raise DataError(
            "p0 must lie in (0, 1), c in (0, 1), n_min above 1, n_points above 0; "
            f"got {p0}, {c}, {n_min}, {n_points}"
        )
    if not times.size:
        return math.inf
    grid = np.linspace(times[0], times[-1], n_points) if times.size > 1 else times
    curve = np.interp(grid, times, values)
    return float(np.min(_switch_durations(grid, curve, p0=p0, c=c, n_min=n_min)))


def information_rate(accuracy: ArrayLike, window_s: ArrayLike, *, n_speakers: int = 2) -> FloatArray:
    """Wolpaw information transfer rate in bits per minute; 0 at or below chance.

    Parameters
    ----------
    accuracy : array-like, any shape
        Share of correct decisions.
    window_s : array-like, of a shape that goes with it
        Seconds per decision.
    n_speakers : int
        Talkers to choose from.
    """
    p = np.clip(np.asarray(accuracy, dtype=np.float64), 1 / n_speakers, 1.0)
    right = p * np.log2(p)
    wrong = np.where(p < 1, (1 - p) * np.log2(np.maximum(1 - p, 1e-300) / max(n_speakers - 1, 1)), 0.0)
    return 60 / np.asarray(window_s, dtype=np.float64) * (np.log2(n_speakers) + right + wrong)


def attention_index(r_attended: ArrayLike, r_unattended: ArrayLike) -> float:
    """d': difference of the mean correlations, (n_windows,) each, over the root mean of their variances (n - 1)."""
    a, u = (np.asarray(v, dtype=np.float64) for v in (r_attended, r_unattended))
    if a.size < 2 or u.size < 2:
        raise DataError(f"d' needs at least two trials; got {a.size} and {u.size}")
    spread = math.sqrt((a.var(ddof=1) + u.var(ddof=1)) / 2)
    return (
        float((a.mean() - u.mean()) / spread) if spread > 0 else math.copysign(math.inf, a.mean() - u.mean())
    )


def _usable_points(windows_s: ArrayLike, accuracies: ArrayLike) -> tuple[FloatArray, FloatArray]:
    times, values = (np.asarray(v, dtype=np.float64) for v in (windows_s, accuracies))
    if times.ndim != 1 or times.shape != values.shape or not times.size:
        raise DataError(f"windows_s and accuracies must be equally long; got {times.shape}, {values.shape}")
    if not np.isfinite(times).all() or not np.all(times > 0) or len(set(times.tolist())) < times.size:
        raise DataError(f"windows_s must be positive and differ; got {times.tolist()}")
    if not np.all((values >= 0) & (values <= 1)):
        raise DataError(f"accuracies must lie between 0 and 1; got {values.tolist()}")
    order = np.argsort(times)
    times, values = times[order], np.minimum(values[order], 1 - 1e-9)
    return times[values > 0.5], values[values > 0.5]


def _switch_durations(window_s: FloatArray, p: FloatArray, *, p0: float, c: float, n_min: int) -> FloatArray:
    """Expected switch duration of each point: its shortest chain, then its hitting time (eqs. 8-15)."""
    r = p / (1 - p)
    n = np.full(p.shape, n_min)
    short = np.ones(p.shape, dtype=bool)
    while short.any():
        short = (_comfort_state(n, r, p0) - 1) / (n - 1) < c
        n = n + short
    target = np.ceil(c * (n - 1) + 1)
    start = np.arange(1, int(target.max()))[:, None]
    above = r ** -start.astype(float)
    steps = (target - start) / (2 * p - 1) + p * (r**-target - above) / (2 * p - 1) ** 2
    total = np.sum(np.where(start < target, above * steps, 0.0), axis=0)
    return window_s * (r - 1) / (1 - r ** (1 - target)) * total


def _comfort_state(n: NDArray[np.integer], r: FloatArray, p0: float) -> FloatArray:
    """Lowest state of the steady-state interval that holds probability `p0` (eq. 8)."""
    log_r = np.log(r)
    return np.floor(np.logaddexp(n * log_r + math.log(1 - p0), math.log(p0)) / log_r + 1)


def _samples(window_s: float, sfreq: float) -> int:
    length = round(window_s * sfreq)
    if length < 2:
        raise DataError(f"windows_s must hold at least 2 samples; got {window_s:g} s at {sfreq:g} Hz")
    return length


def _matched(*groups: Trials) -> list[tuple[FloatArray, ...]]:
    """Trials of all arguments side by side, checked for equal length and finite values."""
    lists = [[g] if isinstance(g, np.ndarray) and g.ndim == 1 else list(g) for g in groups]
    if not lists[0] or len({len(trials) for trials in lists}) != 1:
        raise DataError(f"every argument must hold the same trials; got {[len(t) for t in lists]}")
    matched = []
    for i, trial in enumerate(zip(*lists, strict=True)):
        arrays = tuple(np.asarray(values, dtype=np.float64) for values in trial)
        if any(a.ndim != 1 or a.shape != arrays[0].shape for a in arrays):
            raise DataError(
                f"envelopes of a trial must be equally long; got {[a.shape for a in arrays]} (trial {i + 1})"
            )
        if not all(np.isfinite(a).all() for a in arrays):
            raise DataError(f"envelopes must be finite; got NaN or infinity (trial {i + 1})")
        matched.append(arrays)
    return matched
