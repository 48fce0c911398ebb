"""Trial tables of the study: what a cell leaves, one table for each kind of estimate, and back into arrays.

A cell of task ``following`` fills recording, spectrum, curve, band, reported, mains, smoothness, over_time and pair;
one of task ``steady_state`` recording, sweeps, detection, amplitude, growth, growth_map, lock where a rate cannot be
tested and, where F0 is tracked, pitch and pitch_score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cogattn.eeg.encoding.plan import MODULATION
from cogattn.eeg.recordings.intake import INTAKE
from cogattn.eeg.types import FloatArray
from cogattn.study import Schema

if TYPE_CHECKING:
    import pandas as pd

TABLES: Mapping[str, Schema] = {
    "recording": INTAKE,
    "modulation": MODULATION,  # of front ends
    # Channels and frequencies. Power in unit^2 / Hz; coherence is debiased; ``chance`` is what 5 % of surrogates
    # exceed and ``chance_mean`` their mean, neither debiased; n counts segments.
    "spectrum": {
        "observer": "str", "channel": "str", "frequency_hz": "float64", "usable": "bool", "power": "float64",
        "coherence": "float64", "coherence_lo": "float64", "coherence_hi": "float64", "p": "float64",
        "p_counted": "float64", "q": "float64", "chance": "float64", "chance_mean": "float64", "gain": "float64",
        "gain_lo": "float64", "gain_hi": "float64", "phase_rad": "float64", "n": "int64",
    },
    # Frequencies: ``measure`` response, transfer, csd (dB over background) or following (mean coherence).
    "curve": {
        "observer": "str", "measure": "str", "frequency_hz": "float64", "usable": "bool", "value": "float64",
        "lo": "float64", "hi": "float64", "n": "int64",
    },
    # Dominant bands of each curve; ``followed`` of their usable frequencies some channel follows the envelope.
    "band": {
        "observer": "str", "measure": "str", "low_hz": "float64", "high_hz": "float64", "peak_hz": "float64",
        "peak_lo_hz": "float64", "peak_hi_hz": "float64", "height": "float64", "height_lo": "float64",
        "height_hi": "float64", "touches_mask": "bool", "followed": "float64", "n": "int64",
    },
    # Published bands beside ours: ``measure`` is our curve, ``reported`` the published one.
    "reported": {
        "observer": "str", "measure": "str", "reported": "str", "reported_low_hz": "float64",
        "reported_high_hz": "float64", "verdict": "str", "reason": "str", "low_hz": "float64", "high_hz": "float64",
        "peak_hz": "float64", "peak_lo_hz": "float64", "peak_hi_hz": "float64", "channels_following": "float64",
        "pairs_with_lagged_coupling": "float64", "n": "int64",
    },
    # Mains of 50 and 60 Hz, harmonics too: ``kind`` line, notch or none; level relative to the surroundings.
    "mains": {
        "observer": "str", "kind": "str", "frequency_hz": "float64", "low_hz": "float64", "high_hz": "float64",
        "level_db": "float64", "masked": "bool",
    },
    # See `PathResponse.misfit`; no row where the transfer function was not smoothed.
    "smoothness": {"observer": "str", "misfit": "float64"},
    # Root mean square over channels of the gain in each stretch.
    "over_time": {
        "observer": "str", "time_s": "float64", "frequency_hz": "float64", "usable": "bool", "gain": "float64",
    },
    # Pairs of channels in each named band; q is of lagged coupling, the least within the band.
    "pair": {
        "observer": "str", "channel": "str", "other": "str", "low_hz": "float64", "high_hz": "float64",
        "coherence": "float64", "imaginary": "float64", "wpli_squared": "float64", "q": "float64", "n": "int64",
    },
    # Tests of a rate and its harmonics; q over channels and harmonics of one detector and response; n counts sweeps.
    "detection": {
        "observer": "str", "response": "str", "detector": "str", "channel": "str", "frequency_hz": "float64",
        "statistic": "float64", "p": "float64", "q": "float64", "testable": "bool", "n": "int64",
    },
    # Rates that are not testable: the line of mains that would be called a response, how much of its amplitude the
    # average keeps, and what would help.
    "lock": {
        "observer": "str", "response": "str", "rate_hz": "float64", "line_hz": "float64", "kept": "float64",
        "advice": "str",
    },
    # Sweeps used, and lost (see `Sweeps`).
    "sweeps": {
        "observer": "str", "used": "int64", "short": "int64", "bad": "int64", "rejected": "int64",
        "unpaired": "int64", "fitting_s": "float64",
    },
    # What is not a test: amplitude of the mean, its ratio to neighbouring bins, pairwise phase consistency.
    "amplitude": {
        "observer": "str", "response": "str", "channel": "str", "frequency_hz": "float64",
        "amplitude": "float64", "snr_db": "float64", "ppc": "float64", "n": "int64",
    },
    # T2circ and its signal to noise in the first n sweeps.
    "growth": {
        "observer": "str", "response": "str", "channel": "str", "frequency_hz": "float64", "n": "int64",
        "snr_db": "float64", "p": "float64",
    },
    # Signal to noise of the power over all channels at every frequency of a sweep.
    "growth_map": {
        "observer": "str", "response": "str", "frequency_hz": "float64", "n": "int64", "snr_db": "float64",
    },
    # F0 over time: ``track`` stimulus or response.
    "pitch": {
        "observer": "str", "response": "str", "track": "str", "time_s": "float64", "f0_hz": "float64",
        "strength": "float64", "n": "int64",
    },
    # ``score`` strength, error_hz or correlation; p by sign-flipped averages; n counts sweeps.
    "pitch_score": {
        "observer": "str", "response": "str", "score": "str", "value": "float64", "lo": "float64",
        "hi": "float64", "p": "float64", "n": "int64",
    },
}  # fmt: skip
"""Columns and types of every trial table."""


def typed(table: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with exactly the columns that `table` declares, in that order and of those types."""
    schema = TABLES[table]
    return rows[list(schema)].astype(dict(schema)).reset_index(drop=True)


def grid(spectrum: pd.DataFrame, column: str) -> tuple[list[str], FloatArray, FloatArray]:
    """Channels, frequencies and a (n_channels, n_frequencies) array of one listener's rows of table spectrum."""
    channels = list(dict.fromkeys(spectrum["channel"]))
    values = spectrum[column].to_numpy().reshape(len(channels), -1)
    return channels, spectrum["frequency_hz"].to_numpy()[: values.shape[1]], values
