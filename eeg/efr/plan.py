"""The cells of a run, who takes part, and which settings can change what a cell leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from cogattn.config import Settings
from cogattn.eeg.efr.config import (
    BidsInput,
    EfrConfig,
    EnvelopeSettings,
    FilesInput,
    MainsSettings,
    Played,
    SignificanceSettings,
    SimulatedInput,
    SimulatedSweepsInput,
    SpectrumSettings,
    SteadyStateSettings,
)
from cogattn.observers.observer import Observer
from cogattn.study import Cell

Task = Literal["following", "steady_state"]
Input = SimulatedInput | SimulatedSweepsInput | FilesInput | BidsInput
S = TypeVar("S", bound=Settings)
P = TypeVar("P", bound=Played)
OWN_ENVELOPES = ("kul", "dtu", "cnd")
"""Layouts whose files bring the envelopes that were heard."""


@dataclass(frozen=True, kw_only=True)
class EfrCell(Cell):
    """One analysis of one listener's recording.

    Parameters
    ----------
    task : {"following", "steady_state"}
        Which; each fills tables of its own.
    index : int
        Number of a simulated listener, from 0. A recording is found by its name alone and has 0, so that it is
        the same cell wherever it stands in the settings.
    """

    task: Task
    index: int = 0


def ours(cell: Cell) -> EfrCell:
    """Return a cell of this study as what it is; raise TypeError for another study's."""
    if not isinstance(cell, EfrCell):
        raise TypeError(f"a cell must be an EfrCell; got {type(cell).__name__}")
    return cell


def listeners(config: EfrConfig) -> list[str]:
    """Return the names of the recordings in order: stem of the file, ``sub-`` and label, ``listener`` and number."""
    source = config.input
    if isinstance(source, SimulatedInput | SimulatedSweepsInput):
        return [f"listener {i + 1}" for i in range(source.n_listeners)]
    if isinstance(source, BidsInput):
        return [f"sub-{subject}" for subject in source.subjects]
    return [path.stem for path in source.recordings]


def observers(config: EfrConfig) -> list[Observer]:
    """Return the listeners."""
    return [Observer(name, role="listener") for name in listeners(config)]


def cells(config: EfrConfig) -> list[EfrCell]:
    """Return one cell for each listener, and one more where a modulation rate is tested."""
    simulated = isinstance(config.input, SimulatedInput | SimulatedSweepsInput)
    planned = []
    for number, name in enumerate(listeners(config)):
        index = number if simulated else 0
        if config.following:
            planned.append(EfrCell(label=f"{name}, following", task="following", observer=name, index=index))
        if config.steady_state is not None:
            label = f"{name}, steady state"
            planned.append(EfrCell(label=label, task="steady_state", observer=name, index=index))
    return planned


def relevant(config: EfrConfig, cell: EfrCell) -> EfrConfig:
    """Return the settings that can change this cell's rows, all others at their defaults."""
    source = own_input(config.input, cell)
    following = cell.task == "following"
    steady = None if following or config.steady_state is None else _of_steady_state(config.steady_state)
    return EfrConfig(
        seed=config.seed,
        input=source,
        following=following,
        positions=config.positions,
        sfreq=config.sfreq,
        reference=config.reference,
        reference_channels=config.reference_channels,
        envelope=_of_envelope(config.envelope, source),
        spectrum=_of_spectrum(config.spectrum) if following else SpectrumSettings(),
        mains=_of_mains(config.mains, steady),
        significance=_of_significance(config.significance) if following else SignificanceSettings(),
        steady_state=steady,
    )


def own_input(source: Input, cell: Cell) -> Input:
    """Return the input with the cell's recording and what was heard in it alone."""
    if isinstance(source, SimulatedInput | SimulatedSweepsInput):
        return _with_defaults(source, "n_listeners")
    if isinstance(source, BidsInput):
        index = [f"sub-{subject}" for subject in source.subjects].index(cell.observer)
        return _heard_alone(source, index, subjects=(source.subjects[index],))
    index = [path.stem for path in source.recordings].index(cell.observer)
    own = _heard_alone(source, index, recordings=(source.recordings[index],))
    return own if own.layout in OWN_ENVELOPES else _with_defaults(own, "stream")


def _heard_alone(source: P, index: int, **own: object) -> P:
    stimuli = stimuli_of(source, index)
    alone = _with_defaults(source, stimuli=stimuli, **own)
    envelopes = any(path.suffix.lower() == ".npy" for path in stimuli)
    return alone if envelopes else _with_defaults(alone, "envelope_sfreq")


def stimuli_of(source: Played, index: int) -> tuple[Path, ...]:
    """What was heard in recording `index`: all stimuli where they belong to triggers, else its own or none."""
    if source.stimuli_by == "trigger" or len(source.stimuli) <= 1:
        return source.stimuli
    return (source.stimuli[index],)


def _of_envelope(envelope: EnvelopeSettings, source: Input) -> EnvelopeSettings:
    """How a sound becomes an envelope: of no account where no sound does."""
    if isinstance(source, FilesInput) and source.layout in ("dtu", "cnd"):
        return EnvelopeSettings()
    if isinstance(source, Played):
        if any(path.suffix.lower() != ".npy" for path in source.stimuli):
            return envelope
        if source.audio_channel and not source.stimuli:  # rectified and compressed, by no other method
            return EnvelopeSettings(power=envelope.power)
    return EnvelopeSettings()


def _of_spectrum(spectrum: SpectrumSettings) -> SpectrumSettings:
    unread = ["overlap"] if spectrum.estimator == "multitaper" else ["half_bandwidth_hz"]
    if not spectrum.smooths:
        unread += ["lag_low_s", "lag_high_s"]
    if spectrum.estimator == "multitaper":
        unread.append("smooth")
    return _with_defaults(spectrum, *unread)


def _of_mains(mains: MainsSettings, steady: SteadyStateSettings | None) -> MainsSettings:
    """Of a steady-state cell only the tracking of F0 asks for mains, and only at which frequency they are."""
    if steady is not None:
        return MainsSettings(mains_hz=mains.mains_hz) if steady.f0_low_hz is not None else MainsSettings()
    return mains if mains.mains_hz else MainsSettings(mains_hz=0)


def _of_significance(significance: SignificanceSettings) -> SignificanceSettings:
    unread = "n_shuffles" if significance.surrogates == "shift" else "min_shift_s"
    return _with_defaults(significance, unread)


def _of_steady_state(steady: SteadyStateSettings) -> SteadyStateSettings:
    unread = () if steady.f0_low_hz is not None else ("f0_window_s", "delay_s")
    return _with_defaults(steady, *unread)


def _with_defaults(settings: S, *names: str, **own: object) -> S:
    """Settings of which some take their defaults, and some other values."""
    fields = type(settings).model_fields
    kept = {name: getattr(settings, name) for name in fields if name not in names}
    return type(settings).model_validate({**kept, **own})
