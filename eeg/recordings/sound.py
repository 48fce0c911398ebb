"""The sound itself of a trial, as it stands beside the EEG: for listening, for enhancement, for models of hearing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cogattn.eeg.recordings.clock import Clock
from cogattn.eeg.recordings.config import (
    Bids,
    Files,
    Folder,
    Kul,
    Simulated,
    SimulatedTalkers,
    Source,
    Table,
)
from cogattn.eeg.recordings.heard import holds_envelope
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError
from cogattn.seeds import Streams

CARRIER_SFREQ = 16000.0
"""Rate in Hz of the sounds of simulated listeners."""


def sound(
    source: Source, recording: Recording, trial: Trial, role: str, *, seed: int
) -> tuple[FloatArray, float]:
    """The sound of a trial's piece, from its first EEG sample to its last, by the recorder's clock.

    Parameters
    ----------
    source : Source
        Where the recording comes from.
    recording, trial : Recording, Trial
        As `load` returns them, filtered or not; the trial is one of the recording's.
    role : str
        ``attended``, ``unattended`` or ``stimulus``.
    seed : int
        Of a simulation, whose sounds are noise with the stream for its envelope unless it was told speech.

    Returns
    -------
    samples : array, shape (n,)
        Full scale 1.
    sfreq : float
        Their rate in Hz.

    Raises
    ------
    DataError
        Where only envelopes are known, or the trial has no such sound.
    """
    seconds = len(trial.eeg) / recording.sfreq
    where = f"subject {recording.subject}, {trial.name}"
    if isinstance(source, SimulatedTalkers) and source.speech is not None:
        return _spoken(source, trial, role, seconds)
    if isinstance(source, Simulated):
        return _carrier(recording, trial, role, seed, where), CARRIER_SFREQ
    path = sound_file(source, trial, role, where)
    from cogattn.eeg.recordings.envelope import read_audio

    samples, rate = read_audio(path)
    clock = Clock(0.0, recording.intake.drift_ppm)
    n = round(seconds * rate)
    at = clock.sound_s(trial.start_s + np.arange(n) / rate) * rate
    if clock.rate == 1.0:
        first = round(trial.start_s * rate)
        cut = samples[first : first + n]
        return np.pad(cut, (0, n - len(cut))), rate
    from scipy.ndimage import map_coordinates

    return map_coordinates(samples, at[None], order=3, mode="constant"), rate


def sound_file(source: Source, trial: Trial, role: str, where: str = "") -> Path:
    """The file of a trial's sound; DataError where there is none or it holds an envelope only."""
    name = trial.labels.get(f"{role}_audio", "")
    if not name:
        raise DataError(f"a trial must name its {role} sound; got none ({where})")
    path = _found(source, name)
    if holds_envelope(path):
        raise DataError(f"the {role} sound itself must be known; got an envelope, {path} ({where})")
    return path


def _found(source: Source, name: str) -> Path:
    from cogattn.eeg.recordings.files import table_of
    from cogattn.eeg.recordings.readers import audio_file

    if isinstance(source, Bids):
        from cogattn.eeg.recordings.bids_events import sound_path

        return Path(name) if Path(name).is_file() else sound_path(source.root, name)
    if isinstance(source, Files):
        return Path(name)
    if isinstance(source, Table):
        return audio_file(table_of(source).parent, name)
    if isinstance(source, Kul) and source.audio is not None:
        return audio_file(source.audio, name)
    if isinstance(source, Folder):
        raise DataError(f"{source.kind} holds envelopes only; got no folder of sounds for {name}")
    raise TypeError(f"source must be one of the kinds of recordings; got {source}")


def _spoken(source: SimulatedTalkers, trial: Trial, role: str, seconds: float) -> tuple[FloatArray, float]:
    """A simulated listener's piece of the speech that the settings name: trials take successive parts."""
    from cogattn.eeg.recordings.envelope import read_audio

    attended = "AB".index(trial.labels["speaker"])
    files = source.speech or ()
    samples, rate = read_audio(files[attended if role == "attended" else 1 - attended])
    part = int(trial.labels["story"].removeprefix("part ")) - 1
    start = round((part * source.trial_s + trial.start_s) * rate)
    return samples[start : start + round(seconds * rate)], rate


def _carrier(recording: Recording, trial: Trial, role: str, seed: int, where: str) -> FloatArray:
    """Noise with the trial's stream for its envelope, peak 1; equal for all pieces of equal place."""
    if role not in trial.streams:
        raise DataError(f"a trial must hold the stream {role!r}; got {sorted(trial.streams)} ({where})")
    stream = np.asarray(trial.streams[role], dtype=np.float64).reshape(len(trial.eeg), -1).mean(axis=1)
    stream = np.maximum(stream, 0.0) if stream.min() > -0.1 * stream.max() else stream - stream.min()
    n = round(len(stream) / recording.sfreq * CARRIER_SFREQ)
    fine = np.interp(np.arange(n) / CARRIER_SFREQ, np.arange(len(stream)) / recording.sfreq, stream)
    rng = Streams(seed).child("sound", recording.subject, trial.name, role).generator("carrier")
    before = round(trial.start_s * CARRIER_SFREQ)
    noise = rng.standard_normal(before + n)[before:]
    samples = fine * noise
    return samples / max(float(np.abs(samples).max()), np.finfo(float).tiny)
