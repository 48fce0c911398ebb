"""Where the study's recordings come from: simulated listeners, or a folder with a file per subject."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from cogattn.eeg.aad.config import AadConfig, FolderSession, SimulatedSession
from cogattn.eeg.recordings.envelope import Envelope, read_audio
from cogattn.eeg.recordings.montage import front_to_back, standard_channels
from cogattn.eeg.recordings.readers import audio_file, fingerprint, read_cnd, read_dtu, read_kul, with_audio
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording
from cogattn.eeg.recordings.trial_table import ROLES, TABLE, Row, read_rows, read_session
from cogattn.eeg.types import FloatArray
from cogattn.errors import ConfigError, DataError
from cogattn.running.atomic import sha256_hex
from cogattn.running.digests import YOUNG_NS, file_digest
from cogattn.seeds import Streams

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
    recording = read_recording(source, subject)
    if source.layout != "kul" or source.audio is None:
        return recording
    return with_audio(recording, source.audio, Envelope(sfreq=recording.sfreq))


def read_recording(source: FolderSession, subject: str) -> Recording:
    """Read one subject's files; the sounds that a KU Leuven file only names stay names."""
    file = subject_files(source)[subject]
    unit = source.unit or source.usual_unit
    if source.layout == "table":
        return read_session(file, subject, unit=unit)
    if source.layout == "dtu":
        return read_dtu(file, unit=unit)
    if source.layout == "kul":
        return read_kul(file, unit=unit)
    streams = {"attended": source.attended, "unattended": source.unattended}
    return read_cnd(file, source.path / "dataStim.mat", streams=streams, unit=unit)


def subject_files(recordings: FolderSession) -> dict[str, Path]:
    """Recording of each subject, by name."""
    if not recordings.path.is_dir():
        raise ConfigError(f"recordings.path must be a folder; got {recordings.path}")
    if recordings.layout == "table":
        table = recordings.path / TABLE
        return {row["subject"]: table for row in table_rows(recordings)}
    files = _listed(recordings.path, _PATTERNS[recordings.layout], file_state(recordings.path))
    return {file.stem.removesuffix("_data_preproc"): file for file in files}


def table_rows(recordings: FolderSession) -> tuple[Row, ...]:
    """Rows of the folder's table of trials."""
    table = recordings.path / TABLE
    return _rows(table, file_state(table))


def digests(source: SimulatedSession | FolderSession, subjects: Sequence[str]) -> dict[str, str]:
    """SHA-256 of what is read for these subjects: recordings, sounds, and their rows of a table.

    Raises
    ------
    DataError
        If a file is missing or unreadable.
    """
    if isinstance(source, SimulatedSession):
        return {f"speech {i + 1}/{p.name}": file_digest(p) for i, p in enumerate(source.speech or ())}
    if source.layout == "table":
        rows = [row for row in table_rows(source) if row["subject"] in subjects]
        files = {row["recording"]: source.path / row["recording"] for row in rows}
        files |= {row[role]: audio_file(source.path, row[role]) for row in rows for role in ROLES}
        read = {name: fingerprint(path) for name, path in files.items()}
        return {**read, f"rows of {TABLE}": sha256_hex(json.dumps(rows).encode())}
    everybody = subject_files(source)
    read = {name: fingerprint(everybody[name]) for name in subjects}
    if source.layout == "cnd":
        read["stimulus"] = fingerprint(source.path / "dataStim.mat")
    if source.layout == "kul" and source.audio is not None:
        read["audio"] = fingerprint(source.audio)
    return read


def size_of(source: FolderSession, subject: str) -> int:
    """Bytes of a subject's recordings; those that are missing count as none."""
    files = {subject_files(source)[subject]}
    if source.layout == "table":
        files = {source.path / row["recording"] for row in table_rows(source) if row["subject"] == subject}
    return sum(file.stat().st_size for file in files if file.is_file())


def file_state(path: Path) -> tuple[int, ...]:
    """What differs after a file or folder was changed; always something new while its times cannot tell yet."""
    try:
        found = path.stat()
    except OSError:
        return ()
    now_ns, changed_ns = time.time_ns(), max(found.st_mtime_ns, found.st_ctime_ns)
    young = (now_ns,) if now_ns - changed_ns < YOUNG_NS else ()
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, *young)


@lru_cache(maxsize=64)
def _rows(table: Path, state: tuple[int, ...]) -> tuple[Row, ...]:
    return tuple(read_rows(table))


@lru_cache(maxsize=64)
def _listed(folder: Path, pattern: str, state: tuple[int, ...]) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob(pattern)))


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
