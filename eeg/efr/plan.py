"""The cells of a run, who takes part, and which settings can change what a cell leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
        return type(source)(**_without(source, "n_listeners"))
    own: dict[str, object]
    if isinstance(source, BidsInput):
        names = [f"sub-{subject}" for subject in source.subjects]
        index = names.index(cell.observer)
        own = {"subjects": (source.subjects[index],)}
        unread: tuple[str, ...] = ()
    else:
        index = [path.stem for path in source.recordings].index(cell.observer)
        own = {"recordings": (source.recordings[index],)}
        unread = () if source.layout in OWN_ENVELOPES else ("stream",)
    own["stimuli"] = stimuli = stimuli_of(source, index)
    if not any(path.suffix.lower() == ".npy" for path in stimuli):
        unread = (*unread, "envelope_sfreq")
    return type(source)(**{**_without(source, *unread), **own})


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
    return SpectrumSettings(**_without(spectrum, *unread))


def _of_mains(mains: MainsSettings, steady: SteadyStateSettings | None) -> MainsSettings:
    """Of a steady-state cell only the tracking of F0 asks for mains, and only at which frequency they are."""
    if steady is not None:
        return MainsSettings(mains_hz=mains.mains_hz) if steady.f0_low_hz is not None else MainsSettings()
    return mains if mains.mains_hz else MainsSettings(mains_hz=0)


def _of_significance(significance: SignificanceSettings) -> SignificanceSettings:
    unread = "n_shuffles" if significance.surrogates == "shift" else "min_shift_s"
    return SignificanceSettings(**_without(significance, unread))


def _of_steady_state(steady: SteadyStateSettings) -> SteadyStateSettings:
    unread = () if steady.f0_low_hz is not None else ("f0_window_s", "delay_s")
    return SteadyStateSettings(**_without(steady, *unread))


def _without(settings: object, *names: str) -> dict[str, object]:
    """Fields of a group of settings by name, less some that then take their defaults."""
    fields = type(settings).model_fields  # type: ignore[attr-defined]
    return {name: getattr(settings, name) for name in fields if name not in names}
