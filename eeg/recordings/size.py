"""How large a listener's recording is, from settings and sizes of files alone."""

from __future__ import annotations

from dataclasses import dataclass

from cogattn.eeg.recordings.config import (
    AvGc,
    Cnd,
    Dtu,
    Files,
    Kul,
    SimulatedPath,
    SimulatedSweeps,
    SimulatedTalkers,
    Source,
)
from cogattn.eeg.recordings.files import size_of

SIMULATION_SFREQ = 64.0
"""Rate in Hz of simulated listeners to two talkers."""
BYTES_PER_SAMPLE = 3
"""Of BDF; between EDF's 2 and MATLAB's 8."""
MATLAB_BYTES_PER_SAMPLE = 8
USUAL_SFREQ, USUAL_CHANNELS, USUAL_TRIALS = 512.0, 64, 20
"""Of files, whose headers are not asked here."""


@dataclass(frozen=True)
class Size:
    """What is known or taken to be usual: samples of all channels, trials, seconds."""

    n_samples: float
    n_trials: int
    duration_s: float
    n_channels: int


def size(source: Source, listener: str) -> Size:
    """Size of a listener's recording."""
    if isinstance(source, SimulatedTalkers):
        return _of(source.n_trials, source.n_trials * source.trial_s, source.n_channels, SIMULATION_SFREQ)
    if isinstance(source, SimulatedPath):
        return _of(1, source.duration_s, source.n_channels, source.sfreq)
    if isinstance(source, SimulatedSweeps):
        return _of(source.n_sweeps, source.n_sweeps * source.sweep_s, source.n_channels, source.sfreq)
    matlab = isinstance(source, Kul | Dtu | AvGc | Cnd) or (
        isinstance(source, Files) and source.content != "continuous"
    )
    n_samples = size_of(source, listener) / (MATLAB_BYTES_PER_SAMPLE if matlab else BYTES_PER_SAMPLE)
    sfreq = (
        64.0 if isinstance(source, Dtu) else 128.0 if isinstance(source, Kul | AvGc | Cnd) else USUAL_SFREQ
    )
    return Size(n_samples, USUAL_TRIALS, n_samples / USUAL_CHANNELS / sfreq, USUAL_CHANNELS)


def _of(n_trials: int, duration_s: float, n_channels: int, sfreq: float) -> Size:
    return Size(duration_s * sfreq * n_channels, n_trials, duration_s, n_channels)
