"""Envelopes and EEG of a stretch of a trial as lines: what exhibits and trials that are looked at have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cogattn.exhibits import Series

if TYPE_CHECKING:
    from cogattn.eeg.aad.config import Preprocessing
    from cogattn.eeg.recordings.recording import Recording
    from cogattn.eeg.types import FloatArray

N_ELECTRODES = 3
"""Of which EEG is drawn."""
MICROVOLTS = 1e6


def envelope_lines(lines: Mapping[str, FloatArray], times_s: FloatArray, *, caption: str) -> Series:
    """Return signals over their own SD (see `standard`), each (n_times,), over seconds, (n_times,)."""
    return Series(x=times_s, lines=lines, x_label="time (s)", y_label="envelope (SD)", caption=caption)


def eeg_lines(
    eeg: FloatArray, times_s: FloatArray, recording: Recording, preprocessing: Preprocessing
) -> Series:
    """Return EEG at electrodes from the first to the last, which is front to back in most montages.

    Parameters
    ----------
    eeg : array, shape (n_times, n_channels)
        Volts, unless the recording says otherwise.
    times_s : array, shape (n_times,)
        Seconds.
    recording : Recording
        Names the channels and the unit.
    preprocessing : Preprocessing
        Its pass band is named.
    """
    columns = np.unique(np.linspace(0, len(recording.channels) - 1, N_ELECTRODES).round().astype(int))
    in_volts = recording.unit == "V"
    scale = MICROVOLTS if in_volts else 1.0
    band = f"{preprocessing.low_hz:g} to {preprocessing.high_hz:g} Hz"
    return Series(
        x=times_s,
        lines={recording.channels[column]: scale * eeg[:, column] for column in columns},
        x_label="time (s)",
        y_label="EEG (µV)" if in_volts else "EEG (arbitrary unit)",
        caption=f"The listener's EEG from {band} at electrodes from the first to the last.",
    )


def standard(signal: FloatArray) -> FloatArray:
    """Return a signal, (n_times,), less its mean, over its SD where it varies."""
    return (signal - signal.mean()) / (signal.std() or 1.0)
