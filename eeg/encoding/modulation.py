"""How a front end passes modulations on: the transfer from a sound's envelope to the features of each layer.

White noise is modulated by noise that holds all modulation frequencies alike; the transfer from the envelope to every
feature is H1 over Welch segments, the very estimate that the envelope-following study makes of EEG
(`cogattn.eeg.efr.response`). A layer's gain is the root mean square over its features, each in units of its own SD,
less what noise adds: it has a shape over frequency, and no scale. Columns cannot carry more than half of their rate;
nothing is claimed above.

References
----------
Bendat and Piersol (2010), Random Data, 4th ed., chapter 6 (H1).
Chi, Ru and Shamma (2005), J. Acoust. Soc. Am. 118, 887-906 (modulation transfer of auditory models).
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from scipy.interpolate import make_interp_spline

from cogattn.eeg.efr.response import path_response
from cogattn.eeg.efr.spectra import welch_segments
from cogattn.eeg.encoding.columns import Columns
from cogattn.eeg.encoding.fronts import FrontEnd
from cogattn.eeg.encoding.plan import MODULATION
from cogattn.eeg.recordings.recording import resample
from cogattn.eeg.types import FloatArray

DEPTH = 0.3
"""SD of the modulator over the mean of the envelope."""
EDGE = 0.8
"""Share of half the columns' rate up to which a layer is measured: nearer to it columns alias."""
DROP_DB = 3.0
BAND_HZ = (1.0, 120.0)
"""Modulation frequencies that are asked about."""
SEGMENT_S, PROBE_S, PROBE_HZ = 2.0, 60.0, 16000.0
"""Length of a Welch segment, and of the modulated noise, in seconds; its rate in Hz."""
SMOOTHING_OCTAVES = 0.25
"""Half width within which power is averaged before a curve's cutoff is looked for."""


def probe(
    rng: np.random.Generator, *, duration_s: float, rate: float, high_hz: float
) -> tuple[FloatArray, FloatArray]:
    """Return white noise modulated by noise of equal power up to `high_hz`, and the envelope, both at `rate` Hz.

    The envelope has mean 1 and is never negative.
    """
    n = round(duration_s * rate)
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum[np.fft.rfftfreq(n, 1 / rate) > high_hz] = 0
    spectrum[0] = 0
    modulator = np.fft.irfft(spectrum, n)
    envelope = np.maximum(1 + DEPTH * modulator / modulator.std(), 0.0)
    return envelope * rng.standard_normal(n), envelope


def measure(front: FrontEnd, rng: np.random.Generator) -> pd.DataFrame:
    """Return the transfers of all layers of a front end that hears the probe (`layer_transfers`)."""
    sound, envelope = probe(rng, duration_s=PROBE_S, rate=PROBE_HZ, high_hz=BAND_HZ[1])
    return layer_transfers(front, sound, envelope, PROBE_HZ, band_hz=BAND_HZ, segment_s=SEGMENT_S)


def layer_transfers(
    front: FrontEnd,
    sound: FloatArray,
    envelope: FloatArray,
    rate: float,
    *,
    band_hz: tuple[float, float],
    segment_s: float,
) -> pd.DataFrame:
    """Return the transfer from envelope to features of every layer.

    Parameters
    ----------
    front : FrontEnd
        All its layers are read.
    sound, envelope : array, shape (n_samples,)
        What is heard, and how it is modulated.
    rate : float
        Of both in Hz.
    band_hz : (float, float)
        Modulation frequencies.
    segment_s : float
        Length of a Welch segment in seconds: frequencies lie its inverse apart.

    Returns
    -------
    DataFrame
        Columns of `cogattn.eeg.encoding.plan.MODULATION` but for ``observer``; a layer whose columns are too slow for
        the lowest frequency has one row, with a gain that is NaN.
    """
    found = front(sound, rate)
    parts = [
        _of_layer(found[layer], envelope, rate, band_hz, segment_s).assign(layer=layer, depth=depth)
        for depth, layer in enumerate(front.layers)
    ]
    return pd.concat(parts, ignore_index=True)[[name for name in MODULATION if name != "observer"]]


def cutoff_hz(frequencies_hz: FloatArray, gain: FloatArray) -> float:
    """Return where a curve, smoothed over half an octave, has fallen by 3 dB above its largest value.

    NaN if it never does; unknown gains (NaN) are passed over.
    """
    known = np.isfinite(gain)
    if not known.any():
        return float("nan")
    frequencies_hz = np.asarray(frequencies_hz, dtype=np.float64)[known]
    level = _smoothed_db(frequencies_hz, np.asarray(gain, dtype=np.float64)[known])
    peak = int(np.argmax(level))
    goal = level[peak] - DROP_DB
    below = np.flatnonzero(level[peak:] < goal)
    if not below.size:
        return float("nan")
    k = peak + int(below[0])
    if not np.isfinite(level[k]):
        return float(frequencies_hz[k])
    share = (level[k - 1] - goal) / (level[k - 1] - level[k])
    return float(frequencies_hz[k - 1] + share * (frequencies_hz[k] - frequencies_hz[k - 1]))


def shape_correlation(
    frequencies_hz: FloatArray,
    gain: FloatArray,
    other_hz: FloatArray,
    other_gain: FloatArray,
    *,
    fewest: int = 5,
) -> float:
    """Correlation of two curves of log gain over the frequencies of the second that the first spans.

    Returns
    -------
    float
        NaN where there are fewer than `fewest` frequencies in common, or a curve is flat.
    """
    usable = (gain > 0) & np.isfinite(gain)
    theirs = (other_gain > 0) & np.isfinite(other_gain)
    if usable.sum() < 2:
        return float("nan")
    theirs &= (other_hz >= frequencies_hz[usable].min()) & (other_hz <= frequencies_hz[usable].max())
    if theirs.sum() < fewest:
        return float("nan")
    ours = np.interp(other_hz[theirs], frequencies_hz[usable], np.log(gain[usable]))
    wanted = np.log(other_gain[theirs])
    if np.ptp(ours) == 0 or np.ptp(wanted) == 0:
        return float("nan")
    return float(np.corrcoef(ours, wanted)[0, 1])


def _of_layer(
    columns: Columns, envelope: FloatArray, rate: float, band_hz: tuple[float, float], segment_s: float
) -> pd.DataFrame:
    """Gain and coherence by frequency of one layer, on a uniform grid of its own rate."""
    times, values = columns.times_s, columns.values
    columns_hz = (len(times) - 1) / (times[-1] - times[0])
    constants = {"rate_hz": columns_hz, "past_s": columns.past_s, "future_s": columns.future_s}
    high = min(band_hz[1], EDGE * columns_hz / 2)
    if high < max(band_hz[0], 1 / segment_s) or columns_hz * segment_s < 8:
        empty = {"frequency_hz": [band_hz[0]], "gain": [np.nan], "coherence": [np.nan], "n": [0]}
        return pd.DataFrame(empty).assign(**constants)
    grid_s = np.arange(times[0], times[-1], 1 / columns_hz)
    heard = make_interp_spline(times, values, k=3)(grid_s)
    spread = heard.std(axis=0)
    heard = heard[:, spread > 1e-9 * max(float(spread.max()), np.finfo(float).tiny)]
    heard = (heard - heard.mean(axis=0)) / heard.std(axis=0)
    slow = resample(envelope, rate, _grid_rate(columns_hz))
    modulation = make_interp_spline(np.arange(len(slow)) / _grid_rate(columns_hz), slow, k=3)(grid_s)
    segments = partial(welch_segments, sfreq=columns_hz, segment_s=segment_s, band_hz=(band_hz[0], high))
    response = path_response(segments([modulation[:, None]]), eeg := segments([heard]))
    # what noise adds to |H|^2 is in the coherence, too: less its bias there is less its bias here
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.abs(response.transfer) ** 2 * response.debiased / response.coherence
    return pd.DataFrame(
        {
            "frequency_hz": response.frequencies_hz,
            "gain": np.sqrt(np.maximum(power.mean(axis=0), 0.0)),
            "coherence": response.debiased.mean(axis=0),
            "n": eeg.n_segments,
        }
    ).assign(**constants)


def _smoothed_db(frequencies_hz: FloatArray, gain: FloatArray) -> FloatArray:
    octaves = np.log2(frequencies_hz)
    near = np.abs(octaves[:, None] - octaves) <= SMOOTHING_OCTAVES
    with np.errstate(divide="ignore"):
        return 10 * np.log10((near * gain**2).sum(axis=1) / near.sum(axis=1))


def _grid_rate(columns_hz: float) -> float:
    """A whole rate at which the envelope keeps all that the columns can carry."""
    return float(max(16, int(np.ceil(2 * columns_hz))))
