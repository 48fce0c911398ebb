"""Where trials lie in a continuous recording, and what was heard in each: known from settings, a table or events.

A trial begins at an onset (a second, a trigger, an event, the recording's start) or where its sound is found in the
recorded audio. Its length is told, or it lasts as long as its sound, at most to the next onset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.recordings.clock import Clock, find_sound
from cogattn.eeg.recordings.config import Played
from cogattn.eeg.recordings.heard import played_together, seconds_of
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

STIMULUS, ATTENDED, UNATTENDED = "stimulus", "attended", "unattended"
"""Streams: the envelope of what was heard, or those of two talkers."""
ROLES = (ATTENDED, UNATTENDED)
CONDITION = "condition"
"""Label that holds the trigger at which a trial began."""
NOT_ONSETS = re.compile(r"^(bad|edge|boundary|new segment|comment|recording)", re.I)
"""Annotations that amplifiers, editors and mne write themselves."""
Onset = tuple[float, str]


@dataclass(frozen=True)
class Place:
    """Where a trial lies, as far as settings, events or a table tell.

    Parameters
    ----------
    name : str
        Of the trial.
    onset_s : float or None
        From the recording's first sample; None where the sound must be found in `audio_channel`.
    stop_s : float
        The next onset or the recording's end.
    sounds : mapping of str to Path
        File of each stream.
    labels : mapping of str to str
        Of the trial.
    wanted_s : float or None
        Length; None as long as its sound, or to `stop_s`.
    exact : bool
        The length is told, not a limit: recording and sound must have it.
    audio_channel : str
        Where the sound was recorded along.
    taped : bool
        That channel's own envelope is the stimulus.
    """

    name: str
    onset_s: float | None
    stop_s: float
    sounds: Mapping[str, Path] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    wanted_s: float | None = None
    exact: bool = False
    audio_channel: str = ""
    taped: bool = False


@dataclass(frozen=True)
class Places:
    """The trials of one recording.

    Parameters
    ----------
    how : str
        ``start``, ``trigger``, ``audio``, ``events`` or ``table``.
    events, ignored : str
        Kinds of events at which trials begin, and that are left out of account, separated by commas.
    trials : tuple of Place
        Rising where their onsets are known.
    """

    how: str
    events: str
    ignored: str
    trials: tuple[Place, ...]


def places_of(raw: mne.io.BaseRaw, source: Played, subject: str) -> Places:
    """Where trials lie by the settings; reads no sample but those of a trigger channel.

    Raises
    ------
    DataError
        If a channel is missing, no trigger occurs, or the recording's events are of several kinds and none is named.
    """
    check_audio_channel(raw, source.audio_channel, subject)
    onsets, found = _onsets(raw, source, subject)
    end_s = raw.n_times / float(raw.info["sfreq"])
    stops = [*(onset_s for onset_s, _ in onsets[1:]), end_s]
    taped = bool(source.audio_channel and not source.stimuli)
    trials = []
    for i, ((onset_s, code), stop_s) in enumerate(zip(onsets, stops, strict=True)):
        sounds = sounds_at(source, code)
        labels = {f"{role}_audio": str(path) for role, path in sounds.items()}
        place = Place(f"trial {i + 1}", onset_s, stop_s, sounds, labels, source.trial_s)
        sought = replace(place, onset_s=None) if found.how == "audio" else place
        labelled = replace(sought, labels={**labels, CONDITION: code}) if code else sought
        trials.append(replace(labelled, audio_channel=source.audio_channel, taped=taped))
    return replace(found, trials=tuple(trials))


def sounds_at(source: Played, code: str) -> dict[str, Path]:
    """What was heard from a trigger on, by stream; nothing where no sound belongs to it."""
    if not source.stimuli:
        return {}
    if source.stimuli_by == "trigger":
        if code not in source.triggers:
            return {}
        index = source.triggers.index(code)
    else:
        index = 0
    if not source.unattended:
        return {STIMULUS: source.stimuli[index]}
    return {ATTENDED: source.stimuli[index], UNATTENDED: source.unattended[index]}


def check_audio_channel(raw: mne.io.BaseRaw | mne.BaseEpochs, channel: str, subject: str) -> None:
    """Raise DataError where an audio channel is named that the recording does not have."""
    if channel and channel not in raw.ch_names:
        raise DataError(
            f"recordings.audio_channel must be one of the recording's channels; got {channel!r} "
            f"({subject} has {', '.join(raw.ch_names)})"
        )


def event_kinds(raw: mne.io.BaseRaw) -> tuple[str, ...]:
    """Kinds of events in a recording, in order: its annotations or, without any, codes of its trigger channel."""
    import mne

    texts = [str(text) for text in raw.annotations.description if not NOT_ONSETS.match(str(text))]
    if texts or "stim" not in raw:
        return tuple(dict.fromkeys(texts))
    events = mne.find_events(raw, shortest_event=1, verbose="error")
    return tuple(dict.fromkeys(str(value) for value in events[:, 2]))


def clock_of(
    raw: mne.io.BaseRaw, place: Place, envelope_sfreq: float, where: str, known: dict[str, np.ndarray]
) -> Clock:
    """When a trial's sound was heard: at its onset or, where none is told, where the audio channel has it.

    `known` remembers audio channels.
    """
    if place.onset_s is not None:
        return Clock(place.onset_s)
    sfreq = float(raw.info["sfreq"])
    if place.audio_channel not in known:
        known[place.audio_channel] = np.asarray(raw.get_data(picks=place.audio_channel))[0]
    sound, rate = played_together(list(place.sounds.values()), envelope_sfreq)
    if place.wanted_s is not None:
        sound = sound[: round(place.wanted_s * rate)]
    try:
        return find_sound(known[place.audio_channel], sound, sfreq=sfreq, audio_sfreq=rate)
    except DataError as error:
        raise DataError(f"{error} ({where})") from error


def span_of(
    raw: mne.io.BaseRaw, place: Place, clock: Clock, envelope_sfreq: float, where: str
) -> tuple[int, int]:
    """First sample of a trial, and how many it has.

    Raises
    ------
    DataError
        If it reaches beyond the recording, its sound is shorter, or there is no room for it.
    """
    sfreq = float(raw.info["sfreq"])
    start = round(clock.onset_s * sfreq)
    lasting = {
        path: clock.recorded_length_s(seconds_of(path, envelope_sfreq)) for path in place.sounds.values()
    }
    if place.exact and place.wanted_s is not None:
        n_times = round(place.wanted_s * sfreq)
        if start < 0 or start + n_times > raw.n_times:
            raise DataError(
                f"every trial must lie within the recording; got {clock.onset_s:g} s + {place.wanted_s:g} s in "
                f"{raw.n_times / sfreq:g} s ({where})"
            )
        for path, seconds in lasting.items():
            if seconds * sfreq < n_times - 1 - 0.001 * n_times * (place.onset_s is None):
                raise DataError(
                    f"a sound must last as long as its EEG; got {seconds:g} s for {n_times / sfreq:g} s "
                    f"({where}, {path.name})"
                )
        return start, n_times
    room = round(min(place.stop_s * sfreq, raw.n_times)) - start
    wanted = min([room, *(round(seconds * sfreq) for seconds in lasting.values())])
    asked = min((round(seconds * sfreq) for seconds in lasting.values()), default=room)
    if place.wanted_s is not None:
        wanted, asked = min(round(place.wanted_s * sfreq), wanted), min(round(place.wanted_s * sfreq), asked)
    if start < 0 or room < max(2, 0.5 * asked):
        raise DataError(
            f"recordings.stimuli must have room before the next onset or the recording's end; got "
            f"{room / sfreq:.3g} s for {asked / sfreq:.3g} s ({where}); check recordings.triggers and "
            "recordings.align, or set recordings.trial_s"
        )
    return start, wanted


def check_apart(spans: Sequence[tuple[float, float, str]], sfreq: float, where: str) -> None:
    """Raise DataError where two trials, (start_s, stop_s, name), overlap: the same EEG would be learned and tested."""
    for (_, stop_s, name), (start_s, _, other) in pairwise(sorted(spans)):
        if start_s < stop_s - 0.5 / sfreq:
            raise DataError(f"trials must not overlap; got {name} and {other} ({where})")


def triggered(raw: mne.io.BaseRaw, triggers: Sequence[str], subject: str) -> list[Onset]:
    """Seconds and trigger of each occurrence of any of these, rising.

    Raises
    ------
    DataError
        If none occurs.
    """
    from cogattn.eeg.recordings.alignment import trigger_events

    named = {int(text) if text.lstrip("-").isdigit() else text: text for text in triggers}
    try:
        return [(onset_s, named[code]) for onset_s, code in trigger_events(raw, list(named))]
    except DataError as error:
        raise DataError(f"recordings.triggers must occur in {subject}: {error}") from error


def _onsets(raw: mne.io.BaseRaw, source: Played, subject: str) -> tuple[list[Onset], Places]:
    """When sounds start, and what tells it; where the sound must be sought the onset is 0."""
    if source.told_by == "trigger":
        onsets = triggered(raw, source.triggers, subject)
        return onsets, Places("trigger", _listed(onsets), "", ())
    kinds = event_kinds(raw)
    if source.told_by == "audio":
        return [(0.0, "")], Places("audio", "", ", ".join(kinds), ())
    if source.told_by == "events" and len(kinds) > 1:
        raise DataError(
            f"recordings.triggers must name the events at which sounds start; got none, while {subject} has "
            f"{', '.join(kinds[:12])}; or set recordings.align to start if sound and recording begin together"
        )
    if source.told_by == "events" and kinds:
        onsets = triggered(raw, kinds, subject)
        return [(onset_s, "") for onset_s, _ in onsets], Places("trigger", _listed(onsets), "", ())
    taped = source.audio_channel and not source.stimuli  # what was recorded along with the EEG needs no event
    return [(0.0, "")], Places("start", "", "" if taped else ", ".join(kinds), ())


def _listed(onsets: Sequence[Onset]) -> str:
    return ", ".join(dict.fromkeys(code for _, code in onsets))
