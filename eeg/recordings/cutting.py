"""From continuous recordings to one `Recording`: channels, trials, what was heard in them, BAD spans."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from cogattn.eeg.recordings.bad_spans import Span, annotated_spans, edits, union, within
from cogattn.eeg.recordings.cleaning import needed_channels
from cogattn.eeg.recordings.clock import Clock, heard
from cogattn.eeg.recordings.config import Cleaning, EnvelopeSettings
from cogattn.eeg.recordings.heard import envelope_of
from cogattn.eeg.recordings.intake import Intake
from cogattn.eeg.recordings.places import (
    ROLES,
    STIMULUS,
    Place,
    Places,
    check_apart,
    check_audio_channel,
    clock_of,
    span_of,
)
from cogattn.eeg.recordings.readers import Unit, audio_file, eeg_names
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.recordings.trial_table import check_alike
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne


@dataclass(frozen=True)
class Heard:
    """How what was heard becomes streams.

    Parameters
    ----------
    envelope : EnvelopeSettings
        Sound to envelope.
    envelope_sfreq : float
        Rate in Hz of envelopes in files.
    """

    envelope: EnvelopeSettings
    envelope_sfreq: float = 512.0


@dataclass(frozen=True)
class Part:
    """A recording that is not clean yet, and what cleaning must know of it.

    Parameters
    ----------
    recording : Recording
        Its trials whole.
    bad : list of list of (int, int)
        BAD spans of each trial, in samples from its first one.
    marked : tuple of str
        Channels that the file marks as bad.
    info : mne.Info or None
        Where the electrodes are.
    """

    recording: Recording
    bad: list[list[Span]]
    marked: tuple[str, ...] = ()
    info: mne.Info | None = None


def cut(
    raw: mne.io.BaseRaw,
    found: Places,
    *,
    how: Heard,
    cleaning: Cleaning,
    unit: Unit,
    subject: str,
    remarks: Sequence[str] = (),
) -> Part:
    """Cut a continuous recording at its trials' places, and put the envelopes beside them by the recorder's clock.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        In volts, loaded.
    found : Places
        Where trials lie.
    how : Heard
        How what was heard becomes streams.
    cleaning : Cleaning
        Which channels are read, and whether BAD annotations count.
    unit : {"V", "uV", "arbitrary"}
        As given to the reader.
    subject : str
        Named in errors.
    remarks : sequence of str
        What the reader has to say.

    Raises
    ------
    DataError
        If a channel is missing, or a sound is not found or does not fit.
    """
    sfreq = float(raw.info["sfreq"])
    channels = read_channels(raw, found.trials, cleaning, subject)
    spans = annotated_spans(raw, channels) if cleaning.reject_annotations else []
    known: dict[str, np.ndarray] = {}
    envelopes: dict[Path, FloatArray] = {}
    cuts = edits(raw)
    trials, bad, clocks, taken, said = [], [], [], [], []
    for place in found.trials:
        where = f"subject {subject}, {place.name}"
        clock = clock_of(raw, place, how.envelope_sfreq, where, known)
        start, n_times = span_of(raw, place, clock, how.envelope_sfreq, where)
        streams = _streams(raw, place, clock, start, n_times, how, envelopes, where)
        data = np.asarray(raw.get_data(picks=np.array(channels), start=start, stop=start + n_times))
        onset_s = start / sfreq
        trials.append(Trial(data.T, place.name, streams, place.labels, onset_s=onset_s))
        jumps = [
            (
                round((j.start_s + clock.onset_s) * sfreq) - start,
                round((j.stop_s + clock.onset_s) * sfreq) - start,
            )
            for j in clock.jumps
        ]
        own = [*within((start, start + n_times), spans), *within((0, n_times), jumps)]
        edited = [] if place.audio_channel else [e - start for e in cuts if 0 < e - start < n_times]
        if edited:  # the sound went on while samples were taken out
            own.append((edited[0], n_times))
            lost = f"the recording was edited {edited[0] / sfreq:g} s into {place.name}"
            said.append(f"{lost}: what follows is at an unknown time in its sound and was left out")
        bad.append(union(own))
        clocks.append((clock, n_times / sfreq))
        taken.append((onset_s, onset_s + n_times / sfreq, place.name))
    if any(place.exact for place in found.trials):
        check_apart(taken, sfreq, f"subject {subject}")
    intake = Intake(
        found.how,
        found.events,
        found.ignored,
        n_trials=len(trials),
        duration_s=sum(len(trial.eeg) for trial in trials) / sfreq,
        drift_ppm=_drift(clocks),
        remarks=(*remarks, *_of_clocks(clocks, found.trials), *said),
    )
    volts: Literal["V", "arbitrary"] = "arbitrary" if unit == "arbitrary" else "V"
    recording = Recording(subject, sfreq, tuple(channels), tuple(trials), volts, intake)
    return Part(recording, bad, tuple(raw.info["bads"]), raw.info)


def read_channels(
    raw: mne.io.BaseRaw | mne.BaseEpochs, places: Sequence[Place], cleaning: Cleaning, subject: str
) -> list[str]:
    """The EEG channels that are analysed and those that cleaning needs; not those that recorded the sound.

    Raises
    ------
    DataError
        If the recording lacks one that is named.
    """
    for channel in dict.fromkeys(place.audio_channel for place in places):
        check_audio_channel(raw, channel, subject)
    taped = {place.audio_channel for place in places}
    scalp = [name for name in eeg_names(raw) if name not in taped]
    return needed_channels(raw.ch_names, scalp, cleaning, subject=subject)


def joined(parts: Sequence[Part], subject: str) -> Part:
    """Several recordings of one subject as one, its trials in the order of their names' numbers.

    Raises
    ------
    DataError
        If rates or channels differ.
    """
    if len(parts) == 1:
        return parts[0]
    check_alike([(part.recording.sfreq, part.recording.channels) for part in parts], subject)
    intakes = [part.recording.intake for part in parts]
    remarks = tuple(dict.fromkeys(remark for one in intakes for remark in one.remarks))
    drifts = [one.drift_ppm for one in intakes if math.isfinite(one.drift_ppm)]
    intake = replace(
        intakes[0],
        n_trials=sum(one.n_trials for one in intakes),
        duration_s=sum(one.duration_s for one in intakes),
        drift_ppm=float(np.median(drifts)) if drifts else math.nan,
        remarks=remarks,
    )
    trials = tuple(trial for part in parts for trial in part.recording.trials)
    recording = replace(parts[0].recording, trials=trials, intake=intake)
    marked = tuple(dict.fromkeys(name for part in parts for name in part.marked))
    return Part(recording, [spans for part in parts for spans in part.bad], marked, parts[0].info)


def with_sounds(recording: Recording, folder: Path, how: Heard) -> Recording:
    """Add the streams ``attended`` and ``unattended``: envelopes of the sounds that the labels name.

    Parameters
    ----------
    recording : Recording
        With the labels ``attended_audio`` and ``unattended_audio``.
    folder : Path
        Holds the files; the clean ``..._dry.wav`` is used where the label names a ``..._hrtf.wav``.
    how : Heard
        How what was heard becomes streams.

    Raises
    ------
    DataError
        If a file is missing, or ends before its trial does.
    """
    known: dict[str, FloatArray] = {}

    def stream(name: str, n_times: int, where: str) -> FloatArray:
        if name not in known:
            path = audio_file(Path(folder), name)
            known[name] = envelope_of(path, how.envelope, recording.sfreq, how.envelope_sfreq, where=where)
        if known[name].shape[0] < n_times:
            raise DataError(
                f"a sound must last as long as its EEG; got {known[name].shape[0] / recording.sfreq:g} s for "
                f"{n_times / recording.sfreq:g} s ({where}, {name})"
            )
        return known[name][:n_times]

    trials = []
    for trial in recording.trials:
        where, n_times = f"subject {recording.subject}, {trial.name}", trial.eeg.shape[0]
        played = {role: stream(trial.labels[f"{role}_audio"], n_times, where) for role in ROLES}
        trials.append(replace(trial, streams={**trial.streams, **played}))
    return replace(recording, trials=tuple(trials))


def _streams(
    raw: mne.io.BaseRaw,
    place: Place,
    clock: Clock,
    start: int,
    n_times: int,
    how: Heard,
    known: dict[Path, FloatArray],
    where: str,
) -> Mapping[str, FloatArray]:
    """Envelopes of a trial, sample by sample with its EEG."""
    sfreq = float(raw.info["sfreq"])
    if place.taped:
        sound = np.asarray(raw.get_data(picks=place.audio_channel, start=start, stop=start + n_times))[0]
        return {STIMULUS: np.abs(sound - np.median(sound)) ** how.envelope.power}
    streams = {}
    for role, path in place.sounds.items():
        if path not in known:
            known[path] = envelope_of(path, how.envelope, sfreq, how.envelope_sfreq, where=where)
        streams[role] = heard(known[path], sfreq, clock, start, n_times)
    return streams


def _drift(clocks: Sequence[tuple[Clock, float]]) -> float:
    """Of the trials that tell one, the median."""
    told = [clock.drift_ppm for clock, _ in clocks if math.isfinite(clock.drift_ppm)]
    return float(np.median(told)) if told else math.nan


def _of_clocks(clocks: Sequence[tuple[Clock, float]], places: Sequence[Place]) -> tuple[str, ...]:
    """What must be said of the recorder's clock."""
    said = []
    for (clock, _), place in zip(clocks, places, strict=True):
        for jump in clock.jumps:
            done = "dropped" if jump.size_s > 0 else "doubled"
            said.append(
                f"the recorder {done} {1e3 * abs(jump.size_s):.0f} ms about {0.5 * (jump.start_s + jump.stop_s):.0f} s "
                f"into {place.name}; sound and EEG are aligned on both sides, and the seconds about it left out"
            )
    return tuple(said)


def check_some_eeg(channels: Sequence[str], subject: str) -> None:
    """Raise DataError where no channel is left."""
    if not channels:
        raise DataError(f"a recording must have EEG channels; got none ({subject})")
