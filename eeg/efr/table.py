"""An analysis as a tidy table, one row for each estimate, and back into arrays for the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from cogattn.eeg.efr.analysis import Analysis
from cogattn.eeg.efr.bands import REPORTED
from cogattn.eeg.efr.spectra import Floats

COLUMNS = {
    "observer": str,
    "part": str,
    "measure": str,
    "channel": str,
    "other": str,
    "response": str,
    "frequency_hz": float,
    "low_hz": float,
    "high_hz": float,
    "time_s": float,
    "value": float,
    "lo": float,
    "hi": float,
    "p": float,
    "q": float,
    "n": float,
    "usable": bool,
}
"""Columns of the study's trials; a number that a part does not have is NaN, a text empty."""


def rows_of(analysis: Analysis, observer: str, channels: Sequence[str]) -> pd.DataFrame:
    """Every estimate of one analysis.

    Parts: ``spectrum`` (channel and frequency: power, coherence, gain, phase), ``curve`` (frequency:
    response, transfer, following, csd), ``band`` (dominant bands of each curve), ``mains`` (lines and
    notches), ``smoothness`` (see `PathResponse.misfit`), ``over_time`` (gain in each stretch, mean over
    channels), ``pair`` (pairs of channels in each named band: coherence, imaginary coherency, phase-lag index).
    """
    parts = [
        _spectrum(analysis, channels),
        _curves(analysis),
        _bands(analysis),
        _mains(analysis),
        pd.DataFrame([{"part": "smoothness", "measure": "misfit", "value": analysis.response.misfit}]),
        _over_time(analysis),
        _pairs(analysis, channels),
    ]
    return tidy(pd.concat([part for part in parts if len(part)], ignore_index=True).assign(observer=observer))


def tidy(rows: pd.DataFrame) -> pd.DataFrame:
    """Give a table all `COLUMNS`, in order and with their types."""
    missing = {str: "", float: np.nan, bool: True}
    table = pd.DataFrame(index=rows.index)
    for name, kind in COLUMNS.items():
        if name in rows:
            table[name] = rows[name].fillna(missing[kind]).astype(kind)
        else:
            table[name] = pd.Series(missing[kind], index=rows.index, dtype=kind)
    return table


def named_bands(analysis: Analysis) -> list[tuple[float, float]]:
    """Reported bands and the dominant ones of every curve, within the analysed frequencies."""
    f = analysis.response.frequencies_hz
    bands = {(band.low_hz, band.high_hz) for band in REPORTED}
    for curve in analysis.curves.values():
        bands |= {(round(band.low_hz, 2), round(band.high_hz, 2)) for band in curve.bands}
    return sorted(b for b in bands if (analysis.usable & (f >= b[0]) & (f <= b[1])).any())


def grid(trials: pd.DataFrame, measure: str, column: str = "value") -> tuple[list[str], Floats, Floats]:
    """Channels, frequencies and a (n_channels, n_frequencies) array of one measure of part ``spectrum``."""
    rows = trials[(trials["part"] == "spectrum") & (trials["measure"] == measure)]
    channels = list(dict.fromkeys(rows["channel"]))
    values = rows[column].to_numpy().reshape(len(channels), -1)
    return channels, rows["frequency_hz"].to_numpy()[: values.shape[1]], values


def _spectrum(analysis: Analysis, channels: Sequence[str]) -> pd.DataFrame:
    response, chance = analysis.response, analysis.chance
    n_channels, n_frequencies = response.coherence.shape
    shared = {
        "part": "spectrum",
        "channel": np.repeat(list(channels), n_frequencies),
        "frequency_hz": np.tile(response.frequencies_hz, n_channels),
        "n": analysis.n_segments,
        "usable": np.tile(analysis.usable, n_channels),
    }
    low, high = analysis.resampled.interval("debiased", 0.95)
    gain_low, gain_high = analysis.resampled.interval("gain", 0.95)
    called = np.where(analysis.followed, analysis.q, np.maximum(analysis.q, chance.p_counted))
    measures = {
        "power": (analysis.power, {}),
        "coherence": (response.debiased, {"lo": low, "hi": high, "p": chance.p, "q": called}),
        "chance": (chance.critical, {"lo": chance.mean, "p": chance.p_counted}),
        "gain": (np.abs(response.transfer), {"lo": gain_low, "hi": gain_high}),
        "phase": (np.angle(response.transfer), {}),
    }
    frames = [
        pd.DataFrame(
            {**shared, "measure": name, "value": value.ravel()} | {k: v.ravel() for k, v in more.items()}
        )
        for name, (value, more) in measures.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _curves(analysis: Analysis) -> pd.DataFrame:
    frames = [
        pd.DataFrame(
            {
                "part": "curve",
                "measure": name,
                "frequency_hz": analysis.response.frequencies_hz,
                "value": curve.value,
                "lo": curve.lo,
                "hi": curve.hi,
                "n": analysis.n_segments,
                "usable": analysis.usable,
            }
        )
        for name, curve in analysis.curves.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _bands(analysis: Analysis) -> pd.DataFrame:
    """Value, lo and hi are the height; ``part`` band_peak holds the peak's frequency and interval."""
    rows = []
    for name, curve in analysis.curves.items():
        for band in curve.bands:
            b = asdict(band)
            shared = {
                "measure": name,
                "frequency_hz": b["peak_hz"],
                "low_hz": b["low_hz"],
                "high_hz": b["high_hz"],
                "n": analysis.n_segments,
                "usable": not b["at_mask"],
            }
            for part, key in (("band", "height"), ("band_peak", "peak")):
                unit = "_hz" if key == "peak" else ""
                ends = {"lo": b[f"{key}_lo{unit}"], "hi": b[f"{key}_hi{unit}"]}
                rows.append({"part": part, "value": b[f"{key}{unit}"], **ends, **shared})
    return pd.DataFrame(rows)


def _mains(analysis: Analysis) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "part": "mains",
                "measure": "notch" if line.notched else "line",
                "frequency_hz": line.center_hz,
                "low_hz": line.low_hz,
                "high_hz": line.high_hz,
                "value": line.line_db,
                "usable": False,
            }
            for line in analysis.lines
        ]
    )


def _over_time(analysis: Analysis) -> pd.DataFrame:
    start_s, transfer = analysis.over_time
    gain = np.sqrt((np.abs(transfer) ** 2).mean(axis=1))  # (stretch, frequency)
    return pd.DataFrame(
        {
            "part": "over_time",
            "measure": "gain",
            "frequency_hz": np.tile(analysis.response.frequencies_hz, len(start_s)),
            "time_s": np.repeat(start_s, gain.shape[1]),
            "value": gain.ravel(),
            "usable": np.tile(analysis.usable, len(start_s)),
        }
    )


def _pairs(analysis: Analysis, channels: Sequence[str]) -> pd.DataFrame:
    coupling = analysis.coupling
    f = coupling.frequencies_hz
    one, other = np.triu_indices(len(channels), 1)
    names = np.asarray(channels, dtype=object)
    frames = []
    for low_hz, high_hz in named_bands(analysis):
        inside = analysis.usable & (f >= low_hz) & (f <= high_hz)
        measures = {
            "coherence": (coupling.coherence, None),
            "imaginary": (coupling.imaginary, analysis.q_lagged),
            "wpli_squared": (coupling.debiased_wpli, analysis.q_lagged),
        }
        for name, (value, q) in measures.items():
            frames.append(
                pd.DataFrame(
                    {
                        "part": "pair",
                        "measure": name,
                        "channel": names[one],
                        "other": names[other],
                        "low_hz": low_hz,
                        "high_hz": high_hz,
                        "value": value[inside][:, one, other].mean(axis=0),
                        "q": np.nan if q is None else q[inside][:, one, other].min(axis=0),
                        "n": analysis.n_segments,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
