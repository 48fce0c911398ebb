"""From a continuous recording to trials: which channels, when each sound began, and what it was.

A trial begins at an onset (the recording's start, a trigger, or where the sound is found in the recorded audio)
and lasts as long as its sound, or as long as the settings say, at most to the next onset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.efr.config import EfrConfig, Played
from cogattn.eeg.efr.spectra import Floats
from cogattn.eeg.recordings.readers import scalp_channels
from cogattn.eeg.recordings.recording import Recording, Trial, resample
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

STIMULUS = "stimulus"
"""Stream that holds the envelope of what was heard."""
CONDITION = "condition"
"""Label that holds the trigger at which a trial began."""


def cut(
    raw: mne.io.BaseRaw, config: EfrConfig, source: Played, stimuli: Sequence[Path], subject: str
) -> Recording:
    """Cut a continuous recording at the sounds' onsets, and put the envelopes beside it.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        In volts, loaded.
    config, source : EfrConfig, Played
        Settings of the study and of what was played.
    stimuli : sequence of Path
        None, one, or one for each of the source's triggers.
    subject : str
        Named in errors.

    Returns
    -------
    Recording
        Trials in order of time, labelled with their trigger, with the stream ``stimulus`` where there is one.

    Raises
    ------
    DataError
        If a channel, a trigger or the sound is not found, or a sound does not fit.
    """
    sfreq = float(raw.info["sfreq"])
    onsets = _onsets(raw, source, stimuli)
    sounds = {
        code: envelope_of(path, config, sfreq, source.envelope_sfreq)
        for code, path in _named(source, stimuli)
    }
    recorded = None
    if not sounds and (config.following or source.audio_channel):
        recorded = _recorded_envelope(raw, config, source, subject)
    picks = _eeg_channels(raw, config, source)
    data = np.asarray(raw.get_data(picks=np.array(picks)))
    starts = [round(onset_s * sfreq) for onset_s, _ in onsets]
    trials = []
    for i, ((_, code), start, end) in enumerate(zip(onsets, starts, [*starts[1:], raw.n_times], strict=True)):
        heard = sounds.get(code, sounds.get("")) if recorded is None else recorded[start:end]
        n_times = _length(source, sfreq, heard, end - start, f"subject {subject}, trial {i + 1}")
        streams = {} if heard is None else {STIMULUS: heard[:n_times]}
        labels = {CONDITION: code} if code else {}
        trials.append(Trial(data[:, start : start + n_times].T, f"trial {i + 1}", streams, labels))
    unit = "arbitrary" if source.unit == "arbitrary" else "V"
    return Recording(subject, sfreq, tuple(picks), tuple(trials), unit)


def from_epochs(path: Path, config: EfrConfig, source: Played, stimuli: Sequence[Path]) -> Recording:
    """Read a file of epochs (FIF or EEGLAB) as trials from time 0 on, labelled with their event's name.

    Parameters
    ----------
    path, config, source, stimuli
        As `cut`; with ``stimuli_by`` trigger, the triggers are names of events.

    Raises
    ------
    DataError
        If the file cannot be read, or holds no EEG.
    """
    import mne

    from cogattn.eeg.recordings.alignment import trials_from_epochs

    read = mne.read_epochs_eeglab if path.suffix.lower() == ".set" else mne.read_epochs
    try:
        epochs = read(path, verbose="error").load_data()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise DataError(f"path must be a readable file of epochs; got {path} ({error})") from error
    epochs = epochs.crop(tmin=max(0.0, epochs.tmin))
    recording = trials_from_epochs(epochs, subject=path.stem, picks=_eeg_channels(epochs, config, source))
    sounds = {
        code: envelope_of(sound, config, recording.sfreq, source.envelope_sfreq)
        for code, sound in _named(source, stimuli)
    }
    if config.following and not sounds:
        raise DataError(f"input.stimuli must tell what was heard in epochs; got none ({path.name})")
    trials = []
    for trial in recording.trials:
        heard = sounds.get(trial.labels[CONDITION], sounds.get(""))
        room, where = len(trial.eeg), f"subject {path.stem}, {trial.name}"
        n_times = _length(source, recording.sfreq, heard, room, where)
        streams = {} if heard is None else {STIMULUS: heard[:n_times]}
        trials.append(replace(trial, eeg=trial.eeg[:n_times], streams=streams))
    return replace(recording, trials=tuple(trials))


def envelope_of(path: Path, config: EfrConfig, sfreq: float, npy_sfreq: float) -> Floats:
    """Envelope at `sfreq` Hz of a sound, or of an npy file that already holds one."""
    from cogattn.eeg.recordings.envelope import Envelope, read_audio

    if path.suffix.lower() == ".npy":
        return resample(_read_npy(path), npy_sfreq, sfreq)
    sound, rate = read_audio(path)
    return Envelope(kind=config.envelope.method, sfreq=sfreq, power=config.envelope.power)(sound, rate)


def _read_npy(path: Path) -> Floats:
    try:
        envelope = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"an envelope must be a readable npy file; got {path} ({error})") from error
    if envelope.ndim != 1 or not envelope.size:
        raise DataError(f"an envelope must be one row of numbers; got shape {envelope.shape} ({path})")
    return envelope.astype(np.float64)


def _length(source: Played, sfreq: float, envelope: Floats | None, room: int, where: str) -> int:
    """Samples of a trial: as set or as long as its sound, within the room there is."""
    wanted = room if envelope is None else len(envelope)
    if source.trial_s is not None:
        wanted = min(round(source.trial_s * sfreq), wanted)
    if room < max(2, 0.5 * wanted):
        raise DataError(
            f"a sound must have room before the next onset or the recording's end; got {room / sfreq:.3g} s for "
            f"{wanted / sfreq:.3g} s ({where}); check triggers, or set trial_s"
        )
    return min(wanted, room)


def _eeg_channels(raw: mne.io.BaseRaw | mne.BaseEpochs, config: EfrConfig, source: Played) -> list[str]:
    """The chosen and reference channels; every EEG channel where all are chosen or make the reference."""
    asked = (*config.positions, *config.reference_channels)
    missing = [name for name in asked if name not in raw.ch_names]
    if missing:
        raise DataError(
            f"positions and reference_channels must be among {', '.join(raw.ch_names)}; got {missing[0]!r}"
        )
    if config.positions and config.reference != "average":
        return list(dict.fromkeys(asked))
    scalp = [name for name in scalp_channels(raw) if name != source.audio_channel]
    return [*scalp, *(name for name in dict.fromkeys(asked) if name not in scalp)]


def _named(source: Played, stimuli: Sequence[Path]) -> list[tuple[str, Path]]:
    """Each sound and its trigger, "" where all trials hear the same."""
    return list(zip(source.triggers if source.stimuli_by == "trigger" else [""], stimuli, strict=False))


def _recorded_envelope(raw: mne.io.BaseRaw, config: EfrConfig, source: Played, subject: str) -> Floats:
    """Envelope of the sound that was recorded along with the EEG: rectified, for its rate is the EEG's."""
    if source.audio_channel not in raw.ch_names:
        raise DataError(
            f"input.stimuli or input.audio_channel must tell what was heard; got {source.audio_channel!r} "
            f"(subject {subject} has {', '.join(raw.ch_names)})"
        )
    sound = np.asarray(raw.get_data(picks=source.audio_channel))[0]
    return np.abs(sound - np.median(sound)) ** config.envelope.power


def _onsets(raw: mne.io.BaseRaw, source: Played, stimuli: Sequence[Path]) -> list[tuple[float, str]]:
    """Seconds at which each sound starts, in order, and the trigger that says so."""
    from cogattn.eeg.recordings.alignment import trigger_events

    if source.align == "start":
        return [(0.0, "")]
    if source.align == "audio":
        return [(_found_in_audio(raw, source, stimuli[0]), "")]
    named = {int(text) if text.lstrip("-").isdigit() else text: text for text in source.triggers}
    return [(onset_s, named[code]) for onset_s, code in trigger_events(raw, list(named))]


def _found_in_audio(raw: mne.io.BaseRaw, source: Played, stimulus: Path) -> float:
    """Seconds at which the sound, or a sound of the given envelope, starts in the audio channel."""
    from cogattn.eeg.recordings.alignment import audio_onset
    from cogattn.eeg.recordings.envelope import read_audio

    if source.audio_channel not in raw.ch_names:
        raise DataError(
            f"input.audio_channel must be one of {', '.join(raw.ch_names)}; got {source.audio_channel!r}"
        )
    sfreq = float(raw.info["sfreq"])
    recorded = np.asarray(raw.get_data(picks=source.audio_channel))[0]
    if stimulus.suffix.lower() == ".npy":
        envelope = resample(_read_npy(stimulus), source.envelope_sfreq, sfreq)
        carrier = np.where(np.arange(len(envelope)) % 2, -1.0, 1.0)  # what is compared is its magnitude
        return audio_onset(recorded, envelope * carrier, sfreq=sfreq, audio_sfreq=sfreq).onset_s
    sound, rate = read_audio(stimulus)
    return audio_onset(recorded, sound, sfreq=sfreq, audio_sfreq=rate).onset_s
