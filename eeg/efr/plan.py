"""The cells of a run, who takes part, and which settings can change what a cell leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cogattn.eeg.efr.config import (
    EfrConfig,
    MainsSettings,
    SignificanceSettings,
    SpectrumSettings,
    SteadyStateSettings,
)
from cogattn.eeg.recordings.config import Simulated
from cogattn.eeg.recordings.files import listeners as listeners_of
from cogattn.eeg.recordings.relevant import of_envelope, own, two_talkers, with_defaults
from cogattn.observers.observer import Observer
from cogattn.study import Cell

Task = Literal["following", "steady_state"]


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
    return listeners_of(config.recordings)


def observers(config: EfrConfig) -> list[Observer]:
    """Return the listeners."""
    return [Observer(name, role="listener") for name in listeners(config)]


def cells(config: EfrConfig) -> list[EfrCell]:
    """Return one cell for each listener, and one more where a modulation rate is tested."""
    simulated = isinstance(config.recordings, Simulated)
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
    source = own(config.recordings, cell.observer)
    following = cell.task == "following"
    steady = None if following or config.steady_state is None else _of_steady_state(config.steady_state)
    return EfrConfig(
        seed=config.seed,
        recordings=source,
        talker=config.talker if two_talkers(source) else "attended",
        cleaning=config.cleaning,
        envelope=of_envelope(config.envelope, source),
        following=following,
        sfreq=config.sfreq,
        spectrum=_of_spectrum(config.spectrum) if following else SpectrumSettings(),
        mains=_of_mains(config.mains) if following else MainsSettings(),
        significance=_of_significance(config.significance) if following else SignificanceSettings(),
        steady_state=steady,
    )


def _of_spectrum(spectrum: SpectrumSettings) -> SpectrumSettings:
    unread = ["overlap"] if spectrum.estimator == "multitaper" else ["half_bandwidth_hz"]
    if not spectrum.smooths:
        unread += ["lag_low_s", "lag_high_s"]
    if spectrum.estimator == "multitaper":
        unread.append("smooth")
    return with_defaults(spectrum, *unread)


def _of_mains(mains: MainsSettings) -> MainsSettings:
    return mains if mains.mains_hz else MainsSettings(mains_hz=0)


def _of_significance(significance: SignificanceSettings) -> SignificanceSettings:
    unread = "n_shuffles" if significance.surrogates == "shift" else "min_shift_s"
    return with_defaults(significance, unread)


def _of_steady_state(steady: SteadyStateSettings) -> SteadyStateSettings:
    unread = () if steady.f0_low_hz is not None else ("f0_window_s", "delay_s")
    return with_defaults(steady, *unread)
