"""Cells of encoding models, the tables that they leave, and which observers take part. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cogattn.eeg.encoding.config import BUILT_IN, EncodingSettings
from cogattn.observers.observer import Observer
from cogattn.study import Cell, Cost, Schema

TABLES: Mapping[str, Schema] = {
    "encoding": {
        "listener": "str",
        "model": "str",
        "trial": "str",
        "n_times": "int64",
        "envelope": "float64",  # correlations with the EEG, means over channels, see `model.Explained`
        "features": "float64",
        "both": "float64",
        "envelope_unattended": "float64",
        "features_unattended": "float64",
        "both_unattended": "float64",
        "shifted": "float64",
        "scale": "float64",  # of the features beside the envelope; 0: the envelope alone was chosen
        "n_features": "int64",  # before principal components
        "past_s": "float64",  # how far a column hears before and after its middle
        "future_s": "float64",
    },
    "encoding_channel": {
        "listener": "str",
        "model": "str",
        "channel": "str",
        "envelope": "float64",
        "features": "float64",
        "both": "float64",
    },
    "ceiling": {
        "listener": "str",
        "trial": "str",
        "r": "float64",  # EEG predicted from the mean of other listeners to the same sound
        "n_others": "int64",
    },
}
"""Trial tables of the attended-speaker study that encoding models fill."""

MODULATION: Schema = {
    "observer": "str",  # the front end
    "layer": "str",
    "depth": "int64",  # place of the layer, from 0
    "frequency_hz": "float64",
    "gain": "float64",  # from envelope to features, root mean square over features; arbitrary unit
    "coherence": "float64",  # debiased, mean over features
    "n": "int64",  # segments
    "rate_hz": "float64",  # columns a second: nothing above half of it passes
    "past_s": "float64",
    "future_s": "float64",
}
"""Trial table of the envelope-following study that front ends fill."""

MODULATION_COST = Cost(cpu_s=20.0, memory_mb=800.0)
"""Of one front end, a small network; larger ones take as much longer as they compute more."""
SOLVING_S, HEARING_S, NETWORK_S, NETWORK_MB = 0.3, 0.8, 3.0, 400.0
"""A minute of 32 channels in one of 20 trials, and a minute of two talkers, by bands and by a small network."""
UNTRAINED = "untrained"
"""The control of a network: its architecture with parameters drawn anew."""


@dataclass(frozen=True, kw_only=True)
class EncodingCell(Cell):
    """One front end set against one listener's EEG.

    Parameters
    ----------
    model : str
        The front end's name.
    untrained : bool
        Its control.
    """

    model: str
    untrained: bool

    @property
    def reader(self) -> Observer:
        """The front end as an observer."""
        return _observer(self.model, untrained=self.untrained)


@dataclass(frozen=True, kw_only=True)
class CeilingCell(Cell):
    """One listener's EEG predicted from the other listeners'."""


@dataclass(frozen=True, kw_only=True)
class ModulationCell(Cell):
    """Modulated noise heard by one front end, all its layers."""

    model: str
    untrained: bool

    @property
    def reader(self) -> Observer:
        """The front end as an observer."""
        return _observer(self.model, untrained=self.untrained)


def observers(models: Sequence[str], settings: EncodingSettings) -> list[Observer]:
    """Return the front ends, each network followed by its untrained control.

    A network of timm whose weights are random is its own control: another draw would be no other observer.
    """
    return [_observer(name, untrained=untrained) for name, untrained in _readers(models, settings)]


def encoding_cells(
    models: Sequence[str], settings: EncodingSettings, listeners: Sequence[str], *, ceiling: bool
) -> list[EncodingCell | CeilingCell]:
    """Return a cell per front end and listener and, where listeners may have heard the same, one per ceiling."""
    found: list[EncodingCell | CeilingCell] = [
        EncodingCell(
            label=f"{who}, {_observer(name, untrained=untrained).name}",
            task="encoding",
            observer=who,
            model=name,
            untrained=untrained,
        )
        for name, untrained in _readers(models, settings)
        for who in listeners
    ]
    if models and ceiling and len(listeners) > 1:
        found += [CeilingCell(label=f"{who}, ceiling", task="ceiling", observer=who) for who in listeners]
    return found


def modulation_cells(models: Sequence[str], settings: EncodingSettings) -> list[ModulationCell]:
    """Return a cell per front end."""
    cells = []
    for name, untrained in _readers(models, settings):
        who = _observer(name, untrained=untrained)
        cells.append(
            ModulationCell(
                label=f"{who.name}, modulation",
                task="modulation",
                observer=who.id,
                model=name,
                untrained=untrained,
            )
        )
    return cells


def encoding_cost(cell: EncodingCell, minutes: float, n_trials: int, *, memory_mb: float) -> Cost:
    """Estimate what a front end takes for one listener: hearing both talkers, and the fits."""
    network = cell.model not in BUILT_IN
    seconds = minutes * (SOLVING_S * (0.5 + n_trials / 40) + (NETWORK_S if network else HEARING_S))
    return Cost(cpu_s=1 + seconds, memory_mb=memory_mb + (NETWORK_MB if network else 0.0))


def has_control(name: str, settings: EncodingSettings) -> bool:
    """Tell whether a front end has an untrained control: a network whose weights were learnt or are its maker's."""
    return name not in BUILT_IN and (":" in name or settings.weights != "random")


def relevant(settings: EncodingSettings, cell: EncodingCell | ModulationCell) -> EncodingSettings:
    """Return the settings that can change what a front end makes of a sound and of EEG, others at their defaults."""
    kept: dict[str, object] = {"frame_hz": settings.frame_hz}
    if isinstance(cell, EncodingCell):
        kept |= {k: getattr(settings, k) for k in ("n_components", "tmin_s", "tmax_s", "causal")}
    if cell.model != "gammatone":
        kept |= {k: getattr(settings, k) for k in ("n_mels", "sound_hz")}
    if cell.model not in BUILT_IN:
        kept |= {k: getattr(settings, k) for k in ("layer", "image_size")}
        if ":" in cell.model:
            kept |= {k: getattr(settings, k) for k in ("hears", "window_s")}
        elif not cell.untrained:
            kept["weights"] = settings.weights
    return EncodingSettings.model_validate(kept)


def _readers(models: Sequence[str], settings: EncodingSettings) -> list[tuple[str, bool]]:
    readers = []
    for name in models:
        readers.append((name, False))
        if has_control(name, settings):
            readers.append((name, True))
    return readers


def _observer(name: str, *, untrained: bool) -> Observer:
    return Observer(name).control(UNTRAINED) if untrained else Observer(name)
