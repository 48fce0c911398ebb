"""What a cell runs: one recording loaded, analysed, and every estimate as rows of the study's trial tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.eeg.efr import inputs, steady
from cogattn.eeg.efr.analysis import Analysis, analyse
from cogattn.eeg.efr.bands import REPORTED, compare_reported, followed_share
from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.plan import EfrCell
from cogattn.eeg.efr.tables import TABLES, typed
from cogattn.eeg.recordings.intake import intake_rows
from cogattn.eeg.recordings.places import STIMULUS
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.types import FloatArray
from cogattn.seeds import Streams
from cogattn.study import Outcome

COMPARED: tuple[tuple[str, Literal["response", "csd"]], ...] = (
    ("response", "response"),
    ("transfer", "response"),
    ("csd", "csd"),
)
"""Our curve, and the published measure it is compared with."""
PEAK = ("low_hz", "high_hz", "peak_hz", "peak_lo_hz", "peak_hi_hz")


def run_cell(config: EfrConfig, cell: EfrCell, rng: Streams) -> Outcome:
    """Analyse one listener's recording; all tables that the cell's task fills (see `tables`)."""
    recording = loaded(config, cell)
    run = steady_state if cell.task == "steady_state" else following
    tables = run(recording, config, rng)
    tables["recording"] = intake_rows(recording, cell.task)
    filled = {name: rows.assign(observer=cell.observer) for name, rows in tables.items() if len(rows)}
    return Outcome({name: typed(name, rows) for name, rows in filled.items()})


def loaded(config: EfrConfig, cell: EfrCell) -> Recording:
    """Return the recording that a cell analyses; sweeps are rejected later, one by one."""
    later = cell.task == "steady_state"
    return inputs.load(_rejecting_later(config) if later else config, cell.observer)


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
    return tables_of(analysis, recording.channels, alpha=config.significance.alpha)


def steady_state(recording: Recording, config: EfrConfig, rng: Streams) -> dict[str, pd.DataFrame]:
    """Detections of a rate, their growth with sweeps and, where asked for, the tracking of F0."""
    if config.steady_state is None:
        raise ValueError("a cell of task steady_state needs the settings steady_state")
    return steady.tables_of(
        recording,
        config.steady_state,
        rng.generator("resampling"),
        reject_uv=config.cleaning.reject_uv,
        flat_uv=config.cleaning.flat_uv,
    )


def _rejecting_later(config: EfrConfig) -> EfrConfig:
    """The settings without peak-to-peak bounds: sweeps are rejected one by one, once they are cut."""
    cleaning = config.cleaning.model_copy(update={"reject_uv": None, "flat_uv": None})
    return config.model_copy(update={"cleaning": cleaning})


def tables_of(analysis: Analysis, channels: Sequence[str], *, alpha: float = 0.05) -> dict[str, pd.DataFrame]:
    """Every estimate of one analysis as rows, but for the observer's name."""
    smoothed = np.isfinite(analysis.response.misfit)
    return {
        "spectrum": _spectrum(analysis, channels),
        "curve": _curves(analysis),
        "band": _bands(analysis),
        "reported": _reported(analysis, alpha),
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
    low, high = analysis.resampled.coherence_interval(response)
    gain_low, gain_high = analysis.resampled.gain_interval(response)
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
        {
            **asdict(band),
            "measure": name,
            "touches_mask": band.at_mask,
            "followed": followed_share(band.low_hz, band.high_hz, *_shown(analysis)),
            "n": analysis.n_segments,
        }
        for name, curve in analysis.curves.items()
        for band in curve.bands
    ]
    return pd.DataFrame(rows, columns=list(TABLES["band"]))


def _shown(analysis: Analysis) -> tuple[FloatArray, NDArray[np.bool_], NDArray[np.bool_]]:
    """Frequencies, which of them are not masked, and at which some channel follows the envelope."""
    return analysis.response.frequencies_hz, analysis.usable, np.asarray(analysis.followed.any(axis=0))


def _reported(analysis: Analysis, alpha: float) -> pd.DataFrame:
    """Published bands, ours, and what speaks for or against them."""
    f, usable, followed = _shown(analysis)
    pairs = np.triu_indices(analysis.q_lagged.shape[1], 1)
    rows = []
    for ours, theirs in COMPARED:
        for verdict in compare_reported(theirs, analysis.curves[ours].bands, f, usable, followed):
            low, high = verdict.reported.low_hz, verdict.reported.high_hz
            inside = usable & (f >= low) & (f <= high)
            q_lagged = analysis.q_lagged[inside][:, *pairs].min(axis=0, initial=np.inf)
            rows.append(
                {
                    "measure": ours,
                    "reported": theirs,
                    "reported_low_hz": low,
                    "reported_high_hz": high,
                    "verdict": verdict.verdict,
                    "reason": verdict.reason,
                    **{name: getattr(verdict.band, name, np.nan) for name in PEAK},
                    "channels_following": analysis.followed[:, inside].any(axis=1).mean()
                    if inside.any()
                    else np.nan,
                    "pairs_with_lagged_coupling": (q_lagged <= alpha).mean() if inside.any() else np.nan,
                    "n": analysis.n_segments,
                }
            )
    return pd.DataFrame(rows)


def _mains(analysis: Analysis) -> pd.DataFrame:
    rows = [
        {
            "kind": line.kind,
            "frequency_hz": line.center_hz,
            "low_hz": line.low_hz,
            "high_hz": line.high_hz,
            "level_db": line.line_db,
            "masked": line.masked,
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
