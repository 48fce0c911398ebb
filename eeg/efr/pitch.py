"""Does the average response follow the pitch of its sound? F0 tracks of both, compared, with an interval.

The response is the mean of the sweeps between (odd ones), through a spatial filter fitted on the others; the
sound is its envelope, whose period is the pitch. Correlation, error and strength come with an interval of what so many
sweeps give, for noise makes all of them worse, and with a p from averages in which half of the sweeps are turned upside
down, so that only noise is left.

The interval is Student's, from averages that lack a tenth of the sweeps in turn (jackknife), on Fisher's z, or the
logarithm of the error. A bootstrap fails here: an average of resampled sweeps has twice the noise, which harms the
scores once more, and its percentiles held the expected score in .00 to .15 of simulated recordings. This one held the
median score in .95 to 1.00 of 60 each with 20 and 75 sweeps at three levels of noise; its standard error is 1.2 to 1.6
times the true one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import signal, stats

from cogattn.eeg.efr.config import SteadyStateSettings
from cogattn.eeg.efr.locking import without_lines
from cogattn.eeg.efr.spatial import dss, held_out
from cogattn.eeg.efr.sweeps import PitchTrack, TrackingScore, compare_tracks, track_f0
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError
from cogattn.measures import Scale
from cogattn.statistics.scales import from_scale, to_scale

N_DRAWS = 199
"""Sign-flipped averages."""
N_GROUPS = 10
"""Of sweeps, each left out once."""
SCALES: Mapping[str, Scale] = {"strength": "correlation", "correlation": "correlation", "error_hz": "log"}
"""On which a score is about linear in the sweeps."""


def pitch_tables(
    sweeps: FloatArray,
    heard: FloatArray,
    settings: SteadyStateSettings,
    *,
    sfreq: float,
    lines_hz: FloatArray,
    testable: bool,
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:
    """Tracks and scores as rows.

    Parameters
    ----------
    sweeps : array, shape (n_sweeps, n_channels, n_times)
        Responses to one sound.
    heard : array, shape (n_times,)
        Its envelope.
    settings : SteadyStateSettings
        With the range of F0.
    sfreq : float
        Of both, in Hz.
    lines_hz : array, shape (n_lines,)
        Lines of mains that repeat from sweep to sweep as a response does: they are taken out, but for one within a
        bin of the rate.
    testable : bool
        Whether the rate can be told from mains; else no p is given.
    rng : numpy.random.Generator
        Draws signs.

    Returns
    -------
    dict of str to DataFrame
        Tables ``pitch`` and ``pitch_score`` (``strength``, ``error_hz``, and ``correlation`` where the pitch moves).
    """
    low_hz, high_hz = settings.f0_low_hz, settings.f0_high_hz
    if low_hz is None or high_hz is None:
        raise DataError("f0_low_hz and f0_high_hz must be given to track F0")
    shaped = signal.butter(2, 0.7 * low_hz, "highpass", fs=sfreq, output="sos")

    def track(wave: FloatArray) -> PitchTrack:
        return track_f0(
            signal.sosfiltfilt(shaped, wave),
            sfreq=sfreq,
            f0_range_hz=(low_hz, high_hz),
            window_s=settings.f0_window_s,
        )

    def score(weights: FloatArray) -> TrackingScore:
        return compare_tracks(stimulus, track(weights @ activity / n), lag_s=settings.delay_s)

    apart = np.abs(lines_hz - settings.modulation_hz) * sweeps.shape[-1] / sfreq >= 1 - 1e-9
    clean = without_lines(sweeps, lines_hz[apart], sfreq=sfreq)
    activity, _ = held_out(clean, lambda own: dss(signal.sosfiltfilt(shaped, own, axis=-1)))
    n = len(activity)
    stimulus, response = track(heard), track(activity.mean(axis=0))
    signs = np.where(np.arange(n) < n // 2, -1.0, 1.0)
    observed = score(np.ones(n))
    group = np.arange(n) % N_GROUPS
    lacking = [score((group != one) * (n / np.sum(group != one))) for one in np.unique(group)]
    chance = [score(rng.permutation(signs)) for _ in range(N_DRAWS)]
    tracks = [
        pd.DataFrame({"track": name, "time_s": t.time_s, "f0_hz": t.f0_hz, "strength": t.strength, "n": n})
        for name, t in (("stimulus", stimulus), ("response", response))
    ]
    moves = np.ptp(stimulus.f0_hz) > 0.02 * stimulus.f0_hz.mean()
    names = ("strength", "error_hz", "correlation") if moves else ("strength", "error_hz")
    scores = [_score_row(name, observed, lacking, chance, n, testable) for name in names]
    return {"pitch": pd.concat(tracks, ignore_index=True), "pitch_score": pd.DataFrame(scores)}


def _score_row(
    name: str,
    observed: TrackingScore,
    lacking: list[TrackingScore],
    chance: list[TrackingScore],
    n: int,
    testable: bool,
) -> dict[str, object]:
    """Estimate, interval, and p: how often noise alone does as well (small errors, else large values)."""
    value = getattr(observed, name)
    without, noise = (np.array([getattr(score, name) for score in scores]) for scores in (lacking, chance))
    lo, hi = _interval(value, without, SCALES[name])
    as_good = noise <= value if name == "error_hz" else noise >= value
    p = (1 + np.count_nonzero(as_good)) / (1 + len(noise)) if testable and np.isfinite(value) else np.nan
    return {"score": name, "value": value, "lo": lo, "hi": hi, "p": p, "n": n}


def _interval(value: float, without: FloatArray, scale: Scale) -> tuple[float, float]:
    """Student's 95 % interval from the values without each group of sweeps, (n_groups,); NaN at a scale's limit."""
    scaled, n = to_scale(without, scale), len(without)
    if not np.isfinite(scaled).all():
        return np.nan, np.nan
    half = stats.t.ppf(0.975, n - 1) * np.sqrt((n - 1) * np.var(scaled))
    lo, hi = from_scale(to_scale(value, scale) + half * np.array([-1, 1]), scale).tolist()
    return lo, hi
