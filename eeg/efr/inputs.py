"""One listener's EEG and what was heard, from a simulation, files or a BIDS data set, ready for analysis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.efr.config import BidsInput, EfrConfig, FilesInput, SimulatedInput
from cogattn.eeg.efr.spectra import Floats
from cogattn.eeg.recording import Recording
from cogattn.errors import ConfigError, DataError
from cogattn.seeds import Streams

if TYPE_CHECKING:
    import mne

    from cogattn.eeg.efr.simulate import AuditoryPath

STIMULUS = "stimulus"
NOT_EEG = re.compile(r"^(aux|bip|eog|veog|heog|ecg|ekg|emg|digi|status|trig|sti|exg|erg|gsr|resp|temp)", re.I)
"""Names of channels that are not EEG, whatever type a file gives them (EDF gives none)."""


def listeners(config: EfrConfig) -> list[str]:
    """Names of the recordings, unique, in order; raise ConfigError where two files share one."""
    source = config.input
    if isinstance(source, SimulatedInput):
        return [f"listener {i + 1}" for i in range(source.n_listeners)]
    if isinstance(source, BidsInput):
        return [f"sub-{subject}" for subject in source.subjects]
    names = [path.stem for path in source.recordings]
    if len(set(names)) < len(names):
        raise ConfigError(f"input.recordings must have different names; got {', '.join(names)}")
    return names


def files(config: EfrConfig) -> dict[str, Path]:
    """Every file or folder that the settings name, by setting."""
    source = config.input
    if isinstance(source, FilesInput):
        named = {f"recording {path.name}": path for path in source.recordings}
        return named | {f"stimulus {path.name}": path for path in source.stimuli}
    if isinstance(source, BidsInput):
        folders = {f"sub-{s}": source.root / f"sub-{s}" for s in source.subjects}
        return folders | {"stimulus": source.stimulus}
    return {}


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a folder's files.

    A header that keeps its samples in files beside it (BrainVision, EEGLAB) is hashed together with them.
    """
    import hashlib

    from cogattn.atomic import sha256_file

    if path.is_dir():
        members = sorted(member for member in path.rglob("*") if member.is_file())
    else:
        beside = (path.with_suffix(ending) for ending in (".eeg", ".vmrk", ".fdt", ".dat"))
        members = [path, *(other for other in beside if other != path and other.is_file())]
    if len(members) == 1:
        return sha256_file(members[0])
    lines = [f"{member.relative_to(path.parent)} {sha256_file(member)}" for member in members]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def load(config: EfrConfig, index: int, rng: Streams) -> Recording:
    """Return recording `index` with the stream ``stimulus``, picked, referenced, resampled and checked.

    Raises
    ------
    DataError
        If a file is missing, damaged, or sound and EEG cannot be aligned.
    """
    source = config.input
    if isinstance(source, SimulatedInput):
        recording = simulated(source, rng.child("listener", index))
    elif isinstance(source, BidsInput):
        recording = _bids(config, source, source.subjects[index])
    else:
        recording = _file(config, source, index)
    if config.positions:
        recording = recording.picked(config.positions)
    if config.reference == "average":
        recording = recording.referenced("average")
    if recording.sfreq > config.sfreq:
        recording = recording.resampled(config.sfreq)
    if len(recording.channels) < 2:
        raise DataError(f"a recording must have at least two EEG channels; got {recording.channels}")
    return recording.checked()


def simulated(source: SimulatedInput, rng: Streams) -> Recording:
    """Simulate one listener; the path is the same for all, noise and stimulus differ."""
    from cogattn.eeg.efr.simulate import NoiseLevels, simulate_path

    return simulate_path(
        rng.generator("simulation"),
        simulated_path(source),
        duration_s=source.duration_s,
        sfreq=source.sfreq,
        kind=source.stimulus,
        noise=NoiseLevels(mains_hz=source.mains_hz),
    )


def simulated_path(source: SimulatedInput) -> AuditoryPath:
    """The auditory path that `simulated` passes the envelope through."""
    from cogattn.eeg.efr.simulate import AuditoryPath

    path = AuditoryPath(source.n_channels)
    scaled = tuple(replace(g, gain_v=g.gain_v * source.strength) for g in path.generators)
    return replace(path, generators=scaled)


def envelope_of(path: Path, config: EfrConfig, sfreq: float, npy_sfreq: float) -> Floats:
    """Envelope at `sfreq` Hz of a sound, or of an npy file that already holds one."""
    from cogattn.eeg.envelope import Envelope, read_audio
    from cogattn.eeg.recording import resample

    if path.suffix.lower() == ".npy":
        try:
            envelope = np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DataError(f"an envelope must be a readable npy file; got {path} ({error})") from error
        if envelope.ndim != 1:
            raise DataError(f"an envelope must be one row of numbers; got shape {envelope.shape} ({path})")
        return resample(envelope.astype(np.float64), npy_sfreq, sfreq)
    sound, rate = read_audio(path)
    return Envelope(kind=config.envelope.method, sfreq=sfreq, power=config.envelope.power)(sound, rate)


def _file(config: EfrConfig, source: FilesInput, index: int) -> Recording:
    from cogattn.eeg import readers

    path = source.recordings[index]
    stimulus = source.stimuli[0 if len(source.stimuli) == 1 else index] if source.stimuli else None
    if source.layout == "continuous":
        raw = readers.read_raw(path, unit=source.unit)
        return _cut(raw, config, source, stimulus, path.stem)
    if source.layout == "dtu":
        recording = readers.read_dtu(path, unit=source.unit)
    elif source.layout == "cnd":
        if stimulus is None:
            raise ConfigError("input.stimuli must name the dataStim file when input.layout is cnd")
        recording = readers.read_cnd(path, stimulus, unit=source.unit)
    else:
        from cogattn.eeg.envelope import Envelope

        recording = readers.read_kul(path, unit=source.unit)
        if stimulus is not None:
            settings = config.envelope
            envelope = Envelope(kind=settings.method, sfreq=recording.sfreq, power=settings.power)
            recording = readers.with_audio(recording, stimulus, envelope)
    heard = recording.stream(source.stream)
    trials = tuple(
        replace(trial, streams={STIMULUS: np.asarray(stream).reshape(len(stream), -1).mean(axis=1)})
        for trial, stream in zip(recording.trials, heard, strict=True)
    )
    return replace(recording, trials=trials)


def _bids(config: EfrConfig, source: BidsInput, subject: str) -> Recording:
    from cogattn.eeg import readers

    raw = readers.read_bids(source.root, subject=subject, task=source.task)
    files_like = FilesInput(
        recordings=(source.root,),
        align="trigger" if source.triggers else "start",
        triggers=source.triggers,
        envelope_sfreq=source.envelope_sfreq,
    )
    return _cut(raw, config, files_like, source.stimulus, subject)


def _cut(
    raw: mne.io.BaseRaw, config: EfrConfig, source: FilesInput, stimulus: Path | None, subject: str
) -> Recording:
    """Cut a continuous recording at the sound's onsets, and put the envelope beside it."""
    from cogattn.eeg.alignment import trials_from_raw

    sfreq = float(raw.info["sfreq"])
    picks = _eeg_channels(raw.copy().pick("eeg").ch_names, config, source)
    if stimulus is None:
        envelope, onsets = _own_envelope(raw, config, source, subject), [0.0]
    else:
        envelope = envelope_of(stimulus, config, sfreq, source.envelope_sfreq)
        onsets = _onsets(raw, source, stimulus)
    room = min(raw.n_times - round(onset * sfreq) for onset in onsets)
    gaps = [round((b - a) * sfreq) for a, b in pairwise(onsets)]
    n_times = min([len(envelope), room, *gaps])
    recording = trials_from_raw(raw, onsets, duration_s=n_times / sfreq, subject=subject, picks=picks)
    trials = tuple(replace(trial, streams={STIMULUS: envelope[:n_times]}) for trial in recording.trials)
    return replace(recording, trials=trials, unit="arbitrary" if source.unit == "arbitrary" else "V")


def _eeg_channels(names: Sequence[str], config: EfrConfig, source: FilesInput) -> list[str]:
    """The chosen positions, or every channel that is not something else by its name."""
    if config.positions:
        missing = [name for name in config.positions if name not in names]
        if missing:
            raise DataError(f"positions must be among {', '.join(names)}; got {missing[0]!r}")
        return list(config.positions)
    return [name for name in names if name != source.audio_channel and not NOT_EEG.match(name)]


def _onsets(raw: mne.io.BaseRaw, source: FilesInput, stimulus: Path) -> list[float]:
    """Seconds at which the sound starts."""
    from cogattn.eeg.alignment import audio_onset, trigger_onsets
    from cogattn.eeg.envelope import read_audio

    if source.align == "start":
        return [0.0]
    if source.align == "trigger":
        if not source.triggers:
            raise ConfigError("input.triggers must name a code or text when input.align is trigger")
        codes = [int(t) if t.lstrip("-").isdigit() else t for t in source.triggers]
        return trigger_onsets(raw, codes)
    if source.audio_channel not in raw.ch_names:
        raise DataError(
            f"input.audio_channel must be one of {', '.join(raw.ch_names)}; got {source.audio_channel!r}"
        )
    sound, rate = read_audio(stimulus)
    recorded = np.asarray(raw.get_data(picks=source.audio_channel))[0]
    return [audio_onset(recorded, sound, sfreq=float(raw.info["sfreq"]), audio_sfreq=rate).onset_s]


def _own_envelope(raw: mne.io.BaseRaw, config: EfrConfig, source: FilesInput, subject: str) -> Floats:
    """Envelope of the sound that was recorded along with the EEG: rectified, for its rate is the EEG's."""
    if source.audio_channel not in raw.ch_names:
        raise DataError(
            f"input.stimuli or input.audio_channel must tell what was heard; got {source.audio_channel!r} "
            f"(subject {subject} has {', '.join(raw.ch_names)})"
        )
    sound = np.asarray(raw.get_data(picks=source.audio_channel))[0]
    return np.abs(sound - np.median(sound)) ** config.envelope.power
