"""What a cell runs: one recording loaded, analysed, and every estimate as rows of the study's trial tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.eeg.efr import inputs, steady
from cogattn.eeg.efr.analysis import Analysis, analyse
from cogattn.eeg.efr.bands import REPORTED
from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.plan import EfrCell
from cogattn.eeg.efr.tables import TABLES, typed
from cogattn.eeg.recordings.cutting import STIMULUS
from cogattn.eeg.recordings.intake import intake_rows
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.types import FloatArray
from cogattn.seeds import Streams
from cogattn.study import Outcome


def run_cell(config: EfrConfig, cell: EfrCell, rng: Streams) -> Outcome:
    """Analyse one listener's recording; all tables that the cell's task fills (see `tables`)."""
    recording = inputs.load(config, cell.observer)
    run = steady_state if cell.task == "steady_state" else following
    tables = run(recording, config, rng)
    tables["recording"] = intake_rows(recording, cell.task)
    named = {name: typed(name, rows.assign(observer=cell.observer)) for name, rows in tables.items()}
    return Outcome({name: rows for name, rows in named.items() if len(rows)})


def following(recording: Recording, config: EfrConfig, rng: Streams) -> dict[str, pd.DataFrame]:
    """Spectra, transfer function, coherence and coupling of one recording."""
    analysis = analyse(
        recording.eeg,
        recording.stream(STIMULUS),
        sfreq=recording.sfreq,
        rng=rng.generator("resampling"),
        spectrum=config.spectrum,
        mains=config.mains,
        significance=config.significance,
    )
    return tables_of(analysis, recording.channels)


def steady_state(recording: Recording, config: EfrConfig, rng: Streams) -> dict[str, pd.DataFrame]:
    """Detections of a rate, their growth with sweeps and, where asked for, the tracking of F0."""
    if config.steady_state is None:
        raise ValueError("a cell of task steady_state needs the settings steady_state")
    return steady.tables_of(
        recording,
        config.steady_state,
        rng.generator("resampling"),
        mains_hz=config.mains.mains_hz,
    )


def tables_of(analysis: Analysis, channels: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Every estimate of one analysis as rows, but for the observer's name."""
    smoothed = np.isfinite(analysis.response.misfit)
    return {
        "spectrum": _spectrum(analysis, channels),
        "curve": _curves(analysis),
        "band": _bands(analysis),
        "mains": _mains(analysis),
        "smoothness": pd.DataFrame({"misfit": [analysis.response.misfit] if smoothed else []}),
        "over_time": _over_time(analysis),
        "pair": _pairs(analysis, channels),
    }


def named_bands(analysis: Analysis) -> list[tuple[float, float]]:
    """Reported bands and the dominant ones of every curve, within the analysed frequencies."""
    f = analysis.response.frequencies_hz
    bands = {(band.low_hz, band.high_hz) for band in REPORTED}
    for curve in analysis.curves.values():
        bands |= {(round(band.low_hz, 2), round(band.high_hz, 2)) for band in curve.bands}
    return sorted(b for b in bands if (analysis.usable & (f >= b[0]) & (f <= b[1])).any())


def _spectrum(analysis: Analysis, channels: Sequence[str]) -> pd.DataFrame:
    response, chance = analysis.response, analysis.chance
    n_channels, n_frequencies = response.coherence.shape
    low, high = analysis.resampled.interval("debiased", 0.95)
    gain_low, gain_high = analysis.resampled.interval("gain", 0.95)
    values = {
        "power": analysis.power,
        "coherence": response.debiased,
        "coherence_lo": low,
        "coherence_hi": high,
        "p": chance.p,
        "p_counted": chance.p_counted,
        "q": np.where(analysis.followed, analysis.q, np.maximum(analysis.q, chance.p_counted)),
        "chance": chance.critical,
        "chance_mean": chance.mean,
        "gain": np.abs(response.transfer),
        "gain_lo": gain_low,
        "gain_hi": gain_high,
        "phase_rad": np.angle(response.transfer),
    }  # each (channel, frequency)
    places: Mapping[str, object] = {
        "channel": np.repeat(list(channels), n_frequencies),
        "frequency_hz": np.tile(response.frequencies_hz, n_channels),
        "usable": np.tile(analysis.usable, n_channels),
    }
    return pd.DataFrame({**places, **{name: v.ravel() for name, v in values.items()}}).assign(
        n=analysis.n_segments
    )


def _curves(analysis: Analysis) -> pd.DataFrame:
    frames = [
        pd.DataFrame(
            {
                "measure": name,
                "frequency_hz": analysis.response.frequencies_hz,
                "usable": analysis.usable,
                "value": curve.value,
                "lo": curve.lo,
                "hi": curve.hi,
                "n": analysis.n_segments,
            }
        )
        for name, curve in analysis.curves.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _bands(analysis: Analysis) -> pd.DataFrame:
    rows = [
        {**asdict(band), "measure": name, "touches_mask": band.at_mask, "n": analysis.n_segments}
        for name, curve in analysis.curves.items()
        for band in curve.bands
    ]
    return pd.DataFrame(rows, columns=list(TABLES["band"]))


def _mains(analysis: Analysis) -> pd.DataFrame:
    rows = [
        {
            "kind": "notch" if line.notched else "line",
            "frequency_hz": line.center_hz,
            "low_hz": line.low_hz,
            "high_hz": line.high_hz,
            "level_db": line.line_db,
        }
        for line in analysis.lines
    ]
    return pd.DataFrame(rows, columns=list(TABLES["mains"]))


def _over_time(analysis: Analysis) -> pd.DataFrame:
    start_s, transfer = analysis.over_time
    gain = np.sqrt((np.abs(transfer) ** 2).mean(axis=1))  # (stretch, frequency)
    return pd.DataFrame(
        {
            "time_s": np.repeat(start_s, gain.shape[1]),
            "frequency_hz": np.tile(analysis.response.frequencies_hz, len(start_s)),
            "usable": np.tile(analysis.usable, len(start_s)),
            "gain": gain.ravel(),
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

        def within(values: FloatArray, inside: NDArray[np.bool_] = inside) -> FloatArray:
            return values[inside][:, one, other]  # (frequency, pair)

        frames.append(
            pd.DataFrame(
                {
                    "channel": names[one],
                    "other": names[other],
                    "low_hz": low_hz,
                    "high_hz": high_hz,
                    "coherence": within(coupling.coherence).mean(axis=0),
                    "imaginary": within(coupling.imaginary).mean(axis=0),
                    "wpli_squared": within(coupling.debiased_wpli).mean(axis=0),
                    "q": within(analysis.q_lagged).min(axis=0),
                    "n": analysis.n_segments,
                }
            )
        )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(TABLES["pair"]))
