"""Where the study's recordings come from: simulated listeners, or a folder with a file per subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.aad.config import AadConfig, FolderSession, SimulatedSession
from cogattn.eeg.aad.trial_table import TABLE, read_rows, read_session
from cogattn.eeg.recordings.envelope import Envelope, read_audio
from cogattn.eeg.recordings.montage import front_to_back, standard_channels
from cogattn.eeg.recordings.readers import fingerprint, read_cnd, read_dtu, read_kul, with_audio
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.recordings.simulate import draw_listener, simulate_recording
from cogattn.errors import ConfigError, DataError
from cogattn.seeds import Streams

FloatArray = NDArray[np.floating]
SIMULATION_SFREQ = 64.0
_PATTERNS = {"kul": "S*.mat", "dtu": "S*_data_preproc.mat", "cnd": "dataSub*.mat"}


def subjects_of(source: SimulatedSession | FolderSession) -> list[str]:
    """Names of all subjects; DataError where a folder holds none."""
    if isinstance(source, SimulatedSession):
        return [f"listener {i + 1}" for i in range(source.n_subjects)]
    found = list(subject_files(source))
    if not found:
        raise DataError(f"recordings.path must hold {source.layout} files; got {source.path}")
    return found


def load(config: AadConfig, subject: str) -> Recording:
    """Read or simulate one subject's recording, with the streams ``attended`` and ``unattended``."""
    source = config.recordings
    if isinstance(source, SimulatedSession):
        return _simulated(source, subject, Streams(config.seed).child("aad", subject))
    file = subject_files(source)[subject]
    unit = source.unit or ("V" if source.layout == "table" else "uV")
    if source.layout == "table":
        return read_session(file, subject, unit=unit)
    if source.layout == "dtu":
        return read_dtu(file, unit=unit)
    if source.layout == "cnd":
        streams = {"attended": source.attended, "unattended": source.unattended}
        return read_cnd(file, source.path / "dataStim.mat", streams=streams, unit=unit)
    recording = read_kul(file, unit=unit)
    if source.audio is None:
        return recording
    return with_audio(recording, source.audio, Envelope(sfreq=recording.sfreq))


def subject_files(recordings: FolderSession) -> dict[str, Path]:
    """Recording of each subject, by name."""
    if not recordings.path.is_dir():
        raise ConfigError(f"recordings.path must be a folder; got {recordings.path}")
    if recordings.layout == "table":
        rows = read_rows(recordings.path / TABLE)
        return {row["subject"]: recordings.path / TABLE for row in rows}
    files = sorted(recordings.path.glob(_PATTERNS[recordings.layout]))
    return {file.stem.removesuffix("_data_preproc"): file for file in files}


def fingerprints(source: SimulatedSession | FolderSession) -> dict[str, str]:
    """SHA-256 of every file that the study reads."""
    if isinstance(source, SimulatedSession):
        files = {f"speech/{p.name}": p for p in source.speech or ()}
    elif source.layout == "table":
        named = ("recording", "attended", "unattended")
        rows = read_rows(source.path / TABLE)
        files = {row[column]: source.path / row[column] for row in rows for column in named}
        files[TABLE] = source.path / TABLE
    else:
        files = dict(subject_files(source))
        if source.layout == "cnd":
            files["stimulus"] = source.path / "dataStim.mat"
        if source.audio is not None:
            files |= {f"audio/{p.name}": p for p in sorted(source.audio.iterdir()) if p.is_file()}
    try:
        return {name: fingerprint(path) for name, path in files.items()}
    except OSError as error:
        raise DataError(f"recordings must be readable; got {error.filename} ({error.strerror})") from error


def _simulated(source: SimulatedSession, subject: str, rng: Streams) -> Recording:
    channels = standard_channels(source.n_channels)
    listener = draw_listener(
        rng.generator("listener"),
        name=subject,
        n_channels=source.n_channels,
        sfreq=SIMULATION_SFREQ,
        snr_db=source.snr_db,
        unattended_gain=source.unattended_gain,
        position=front_to_back(channels),
    )
    return simulate_recording(
        rng.generator("session"),
        listener,
        n_trials=source.n_trials,
        duration_s=source.trial_s,
        sfreq=SIMULATION_SFREQ,
        stories=None if source.speech is None else [_story(path) for path in source.speech],
        channels=channels,
    )


def _story(path: Path) -> FloatArray:
    return Envelope(sfreq=SIMULATION_SFREQ)(*read_audio(path))
