"""Of a source's settings those that one listener's recording depends on, all others at their defaults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from cogattn.config import Settings
from cogattn.eeg.recordings.config import (
    AvGc,
    Bids,
    Cnd,
    Dtu,
    EnvelopeSettings,
    Files,
    Folder,
    Kul,
    Played,
    SimulatedPath,
    SimulatedSweeps,
    SimulatedTalkers,
    Source,
)

S = TypeVar("S", bound=Settings)
P = TypeVar("P", bound=Played)
F = TypeVar("F", bound=Folder)
K = TypeVar("K", bound=Settings)
NUMBERS = (".npy", ".mat")
"""Endings of files that hold an envelope in place of a sound."""
MATLAB = Kul | Dtu | AvGc | Cnd


def own(source: K, listener: str) -> K:
    """The source with this listener's recording, and what was heard in it, alone.

    Settings that do not matter to it, such as who else takes part, are at their defaults.
    """
    alone = source
    if isinstance(source, SimulatedTalkers | SimulatedPath | SimulatedSweeps):
        alone = with_defaults(source, "n_listeners")
    elif isinstance(source, Bids):
        index = [f"sub-{subject}" for subject in source.subjects].index(listener)
        alone = _heard_alone(source, index, subjects=(source.subjects[index],))
    elif isinstance(source, Files):
        index = [path.stem for path in source.files].index(listener)
        alone = _heard_alone(source, index, files=(source.files[index],))
        alone = alone if source.content == "averages" else with_defaults(alone, "averages_sfreq")
    elif isinstance(source, Folder):
        alone = of_folder(source, subjects=(listener,))
    return alone


def everybody(source: K) -> K:
    """The source with all its listeners, and unit told as it is by default."""
    return of_folder(source, subjects=source.subjects) if isinstance(source, Folder) else source


def of_folder(source: F, subjects: Sequence[str]) -> F:
    """A folder's settings without those that say what is taken for granted anyway."""
    unread = []
    if source.unit == ("uV" if isinstance(source, MATLAB) else "V"):
        unread.append("unit")
    if isinstance(source, Dtu | AvGc | Cnd):
        unread.append("envelope_sfreq")
    return with_defaults(source, *unread, subjects=tuple(subjects))


def stimuli_of(source: Played, index: int) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """What was attended and what ignored in recording `index`: all where they belong to triggers, else its own."""
    if source.stimuli_by == "trigger" or len(source.stimuli) <= 1:
        return source.stimuli, source.unattended
    return (source.stimuli[index],), source.unattended[index : index + 1]


def of_envelope(envelope: EnvelopeSettings, source: Source) -> EnvelopeSettings:
    """How a sound becomes an envelope: of no account where no sound does."""
    if isinstance(source, SimulatedPath | SimulatedSweeps | Dtu | AvGc | Cnd):
        return EnvelopeSettings()
    if isinstance(source, SimulatedTalkers) and source.speech is None:
        return EnvelopeSettings()
    if isinstance(source, Kul) and source.audio is None:
        return EnvelopeSettings()
    if isinstance(source, Files) and source.content == "averages":
        return EnvelopeSettings()
    if isinstance(source, Played) and not isinstance(source, Bids):
        if any(path.suffix.lower() not in NUMBERS for path in (*source.stimuli, *source.unattended)):
            return envelope
        if source.audio_channel and not source.stimuli:  # rectified and compressed, by no other method
            return EnvelopeSettings(power=envelope.power)
        return EnvelopeSettings()
    return envelope


def two_talkers(source: Source) -> bool:
    """Whether a source may tell what each of two talkers said."""
    if isinstance(source, SimulatedPath | SimulatedSweeps):
        return False
    if isinstance(source, Files) or (isinstance(source, Bids) and source.stimuli):
        return bool(source.unattended)
    return True


def with_defaults(settings: S, *names: str, **changes: object) -> S:
    """Settings of which some take their defaults, and some other values."""
    fields = type(settings).model_fields
    kept = {name: getattr(settings, name) for name in fields if name not in names}
    return type(settings).model_validate({**kept, **changes})


def _heard_alone(source: P, index: int, **changes: object) -> P:
    stimuli, ignored = stimuli_of(source, index)
    alone = with_defaults(source, stimuli=stimuli, unattended=ignored, **changes)
    numbers = any(path.suffix.lower() in NUMBERS for path in (*stimuli, *ignored))
    alone = alone if numbers or isinstance(source, Bids) else with_defaults(alone, "envelope_sfreq")
    return with_defaults(alone, "unit") if alone.unit == "V" else alone
