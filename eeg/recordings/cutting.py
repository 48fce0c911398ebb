"""From a continuous recording to trials: which channels, when each sound began, and what it was.

A trial begins at an onset (a trigger, an event, where the sound is found in the recorded audio, or the recording's
start) and lasts as long as its sound, or as long as the settings say, at most to the next onset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.recordings.config import Cleaning, EnvelopeSettings, Played
from cogattn.eeg.recordings.damage import reading
from cogattn.eeg.recordings.readers import open_epochs, scalp_channels
from cogattn.eeg.recordings.recording import Recording, Trial, resample
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

STIMULUS = "stimulus"
"""Stream that holds the envelope of what was heard."""
CONDITION = "condition"
"""Label that holds the trigger at which a trial began."""
NOT_ONSETS = re.compile(r"^(bad|edge|boundary|new segment|comment|recording)", re.I)
"""Annotations that amplifiers, editors and mne write themselves."""
NOTHING_HEARD = "recordings.stimuli or recordings.audio_channel must tell what was heard"


@dataclass(frozen=True)
class Alignment:
    """How the trials of a recording were found.

    Parameters
    ----------
    how : str
        ``start`` (of the recording), ``trigger``, ``audio``, ``epochs``, ``layout`` or ``simulation``.
    events : str
        Kinds of events at which trials begin, separated by commas.
    ignored : str
        Kinds of events that the recording holds and that were left out of account.
    """

    how: str
    events: str = ""
    ignored: str = ""


@dataclass(frozen=True)
class Ways:
    """How a recording is cleaned, and how a sound becomes an envelope."""

    cleaning: Cleaning
    envelope: EnvelopeSettings


@dataclass(frozen=True)
class Cuts:
    """Where the trials of a recording lie; known from its header and its events.

    Parameters
    ----------
    sfreq : float
        Sampling rate in Hz.
    channels : tuple of str
        Those that are read: positions and reference.
    starts, lengths : tuple of int
        In samples, for each trial.
    codes : tuple of str
        Trigger of each trial, "" where none is told.
    """

    sfreq: float
    channels: tuple[str, ...]
    starts: tuple[int, ...]
    lengths: tuple[int, ...]
    codes: tuple[str, ...]


def cut(
    raw: mne.io.BaseRaw, config: Ways, source: Played, stimuli: Sequence[Path], subject: str
) -> tuple[Recording, Alignment]:
    """Cut a continuous recording at the sounds' onsets, and put the envelopes beside it.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        In volts, loaded.
    config, source : Ways, Played
        Settings of the study and of what was played.
    stimuli : sequence of Path
        None, one, or one for each of the source's triggers.
    subject : str
        Named in errors.

    Returns
    -------
    recording : Recording
        Trials in order of time, labelled with their trigger, with the stream ``stimulus`` where there is one.
    alignment : Alignment
        How they were found.

    Raises
    ------
    DataError
        If a channel, a trigger or the sound is not found, or a sound does not fit.
    """
    sfreq = float(raw.info["sfreq"])
    check_audio_channel(raw, source, subject)
    onsets, alignment = onsets_of(raw, source, subject)
    if alignment.how == "audio":
        onsets = [(_found_in_audio(raw, source, stimuli[0]), "")]
    sounds = {
        code: envelope_of(path, config, sfreq, source.envelope_sfreq)
        for code, path in named_stimuli(source, stimuli)
    }
    recorded = None
    if not sounds and (source.audio_channel):
        recorded = _recorded_envelope(raw, config, source, subject)
    lengths = {code: len(sound) for code, sound in sounds.items()}
    cuts = cuts_of(raw, config, source, onsets, lengths, subject)
    data = np.asarray(raw.get_data(picks=np.array(cuts.channels)))
    trials = []
    for i, (code, start, n_times) in enumerate(zip(cuts.codes, cuts.starts, cuts.lengths, strict=True)):
        heard = sounds.get(code, sounds.get("")) if recorded is None else recorded[start:]
        streams = {} if heard is None else {STIMULUS: heard[:n_times]}
        labels = {CONDITION: code} if code else {}
        eeg, onset_s = data[:, start : start + n_times].T, start / sfreq
        trials.append(Trial(eeg, f"trial {i + 1}", streams, labels, onset_s=onset_s))
    unit = "arbitrary" if source.unit == "arbitrary" else "V"
    return Recording(subject, sfreq, cuts.channels, tuple(trials), unit), alignment


def cuts_of(
    raw: mne.io.BaseRaw,
    config: Ways,
    source: Played,
    onsets: Sequence[tuple[float, str]],
    lengths: Mapping[str, int],
    subject: str,
) -> Cuts:
    """Find where trials lie; reads no EEG.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        Need not be loaded.
    config, source, subject
        As `cut`.
    onsets : sequence of (float, str)
        Seconds and trigger of each, rising.
    lengths : mapping of str to int
        Samples of the sound of each trigger, at the recording's rate; "" where all trials hear the same.

    Raises
    ------
    DataError
        If a channel is missing, or a sound does not fit.
    """
    sfreq = float(raw.info["sfreq"])
    codes = [code for _, code in onsets]
    starts = [round(onset_s * sfreq) for onset_s, _ in onsets]
    rooms = np.diff([*starts, raw.n_times]).tolist()
    samples = [
        _length(source, sfreq, lengths.get(code, lengths.get("")), room, f"{subject}, trial {i + 1}")
        for i, (code, room) in enumerate(zip(codes, rooms, strict=True))
    ]
    channels = eeg_channels(raw, config, source, subject)
    return Cuts(sfreq, tuple(channels), tuple(starts), tuple(samples), tuple(codes))


def onsets_of(raw: mne.io.BaseRaw, source: Played, subject: str) -> tuple[list[tuple[float, str]], Alignment]:
    """Seconds at which each sound starts, in order, with the trigger that says so, and how they are told.

    Where the sound must be found in the audio channel, the onset is 0 until it is sought.

    Raises
    ------
    DataError
        If no trigger occurs, or the recording's events are of several kinds and none is named.
    """
    if source.told_by == "trigger":
        return _triggered(raw, source.triggers, subject)
    if source.told_by == "audio":
        return [(0.0, "")], Alignment("audio")
    kinds = event_kinds(raw)
    if source.told_by == "events" and len(kinds) > 1:
        raise DataError(
            f"recordings.triggers must name the events at which sounds start; got none, while {subject} has "
            f"{', '.join(kinds[:12])}; or set recordings.align to start if sound and recording begin together"
        )
    if source.told_by == "events" and kinds:
        onsets, alignment = _triggered(raw, kinds, subject)
        return [(onset_s, "") for onset_s, _ in onsets], alignment
    taped = source.audio_channel and not source.stimuli  # what was recorded along with the EEG needs no event
    return [(0.0, "")], Alignment("start", ignored="" if taped else ", ".join(kinds))


def event_kinds(raw: mne.io.BaseRaw) -> tuple[str, ...]:
    """Kinds of events in a recording, in order: its annotations or, without any, codes of its trigger channel."""
    import mne

    texts = [str(text) for text in raw.annotations.description if not NOT_ONSETS.match(str(text))]
    if texts or "stim" not in raw:
        return tuple(dict.fromkeys(texts))
    events = mne.find_events(raw, shortest_event=1, verbose="error")
    return tuple(dict.fromkeys(str(value) for value in events[:, 2]))


def from_epochs(path: Path, config: Ways, source: Played, stimuli: Sequence[Path]) -> Recording:
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
    from cogattn.eeg.recordings.alignment import trials_from_epochs

    epochs = open_epochs(path)
    with reading(path, "recordings.files must be readable files of epochs"):
        epochs = epochs.load_data().crop(tmin=max(0.0, epochs.tmin))
    picks = eeg_channels(epochs, config, source, path.stem)
    recording = trials_from_epochs(epochs, subject=path.stem, picks=picks)
    sounds = {
        code: envelope_of(sound, config, recording.sfreq, source.envelope_sfreq)
        for code, sound in named_stimuli(source, stimuli)
    }
    trials = []
    for trial in recording.trials:
        heard = sounds.get(trial.labels[CONDITION], sounds.get(""))
        length, where = None if heard is None else len(heard), f"{path.stem}, {trial.name}"
        n_times = _length(source, recording.sfreq, length, len(trial.eeg), where)
        streams = {} if heard is None else {STIMULUS: heard[:n_times]}
        trials.append(replace(trial, eeg=trial.eeg[:n_times], streams=streams))
    return replace(recording, trials=tuple(trials))


def cuts_of_epochs(
    epochs: mne.BaseEpochs, config: Ways, source: Played, lengths: Mapping[str, int], subject: str
) -> Cuts:
    """As `cuts_of`, for epochs."""
    sfreq = float(epochs.info["sfreq"])
    room = len(epochs.times) - int(np.searchsorted(epochs.times, -0.5 / sfreq))
    names = {code: name for name, code in epochs.event_id.items()}
    codes = tuple(names[code] for code in epochs.events[:, 2])
    samples = [
        _length(source, sfreq, lengths.get(code, lengths.get("")), room, f"{subject}, trial {i + 1}")
        for i, code in enumerate(codes)
    ]
    channels = eeg_channels(epochs, config, source, subject)
    return Cuts(sfreq, tuple(channels), (0,) * len(codes), tuple(samples), codes)


def envelope_of(path: Path, config: Ways, sfreq: float, npy_sfreq: float) -> FloatArray:
    """Envelope at `sfreq` Hz of a sound, or of an npy file that already holds one."""
    from cogattn.eeg.recordings.envelope import Envelope, read_audio

    if path.suffix.lower() == ".npy":
        return resample(_read_npy(path), npy_sfreq, sfreq)
    sound, rate = read_audio(path)
    return Envelope(kind=config.envelope.method, sfreq=sfreq, power=config.envelope.power)(sound, rate)


def sound_seconds(path: Path, npy_sfreq: float) -> float:
    """Duration of a sound or of an npy envelope, in seconds, from its header.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    from cogattn.eeg.recordings.envelope import audio_header

    if path.suffix.lower() == ".npy":
        return len(_mapped_npy(path)) / npy_sfreq
    n_samples, sfreq = audio_header(path)
    return n_samples / sfreq


def _read_npy(path: Path) -> FloatArray:
    return np.array(_mapped_npy(path), dtype=np.float64)


def _mapped_npy(path: Path) -> FloatArray:
    with reading(path, "an envelope must be a readable npy file"):
        envelope = np.load(path, mmap_mode="r", allow_pickle=False)
    if envelope.ndim != 1 or not envelope.size or envelope.dtype.kind not in "fiu":
        raise DataError(
            f"an envelope must be one row of numbers; got {envelope.dtype} of shape {envelope.shape} ({path})"
        )
    return envelope


def eeg_channels(
    raw: mne.io.BaseRaw | mne.BaseEpochs, config: Ways, source: Played, subject: str
) -> list[str]:
    """The chosen and reference channels; every EEG channel where all are chosen or make the reference.

    Raises
    ------
    DataError
        If the recording lacks one.
    """
    for setting in ("channels", "reference_channels"):
        missing = [name for name in getattr(config.cleaning, setting) if name not in raw.ch_names]
        if missing:
            known = ", ".join(raw.ch_names)
            raise DataError(
                f"cleaning.{setting} must be among the recording's channels; got {missing[0]!r} ({subject} has {known})"
            )
    asked = (*config.cleaning.channels, *config.cleaning.reference_channels)
    if config.cleaning.channels and config.cleaning.reference != "average":
        return list(dict.fromkeys(asked))
    scalp = [name for name in scalp_channels(raw) if name != source.audio_channel]
    return [*scalp, *(name for name in dict.fromkeys(asked) if name not in scalp)]


def check_audio_channel(raw: mne.io.BaseRaw, source: Played, subject: str) -> None:
    """Raise DataError where an audio channel is named that the recording does not have."""
    if source.audio_channel and source.audio_channel not in raw.ch_names:
        raise DataError(
            f"recordings.audio_channel must be one of the recording's channels; got {source.audio_channel!r} "
            f"({subject} has {', '.join(raw.ch_names)})"
        )


def named_stimuli(source: Played, stimuli: Sequence[Path]) -> list[tuple[str, Path]]:
    """Each sound and its trigger, "" where all trials hear the same."""
    return list(zip(source.triggers if source.stimuli_by == "trigger" else [""], stimuli, strict=False))


def _length(source: Played, sfreq: float, sound: int | None, room: int, where: str) -> int:
    """Samples of a trial: as set or as long as its sound, within the room there is."""
    wanted = room if sound is None else sound
    if source.trial_s is not None:
        wanted = min(round(source.trial_s * sfreq), wanted)
    if room < max(2, 0.5 * wanted):
        raise DataError(
            f"recordings.stimuli must have room before the next onset or the recording's end; got "
            f"{room / sfreq:.3g} s for {wanted / sfreq:.3g} s ({where}); check recordings.triggers and recordings.align, or "
            "set recordings.trial_s"
        )
    return min(wanted, room)


def _recorded_envelope(raw: mne.io.BaseRaw, config: Ways, source: Played, subject: str) -> FloatArray:
    """Envelope of the sound that was recorded along with the EEG: rectified, for its rate is the EEG's."""
    if not source.audio_channel:
        raise DataError(f"{NOTHING_HEARD}; got neither ({subject})")
    sound = np.asarray(raw.get_data(picks=source.audio_channel))[0]
    return np.abs(sound - np.median(sound)) ** config.envelope.power


def _triggered(
    raw: mne.io.BaseRaw, triggers: Sequence[str], subject: str
) -> tuple[list[tuple[float, str]], Alignment]:
    from cogattn.eeg.recordings.alignment import trigger_events

    named = {int(text) if text.lstrip("-").isdigit() else text: text for text in triggers}
    try:
        found = [(onset_s, named[code]) for onset_s, code in trigger_events(raw, list(named))]
    except DataError as error:
        raise DataError(f"recordings.triggers must occur in {subject}: {error}") from error
    return found, Alignment("trigger", ", ".join(dict.fromkeys(code for _, code in found)))


def _found_in_audio(raw: mne.io.BaseRaw, source: Played, stimulus: Path) -> float:
    """Seconds at which the sound, or a sound of the given envelope, starts in the audio channel."""
    from cogattn.eeg.recordings.alignment import audio_onset
    from cogattn.eeg.recordings.envelope import read_audio

    sfreq = float(raw.info["sfreq"])
    recorded = np.asarray(raw.get_data(picks=source.audio_channel))[0]
    if stimulus.suffix.lower() == ".npy":
        envelope = resample(_read_npy(stimulus), source.envelope_sfreq, sfreq)
        carrier = np.where(np.arange(len(envelope)) % 2, -1.0, 1.0)  # what is compared is its magnitude
        return audio_onset(recorded, envelope * carrier, sfreq=sfreq, audio_sfreq=sfreq).onset_s
    sound, rate = read_audio(stimulus)
    return audio_onset(recorded, sound, sfreq=sfreq, audio_sfreq=rate).onset_s
