"""The plan of a run: its cells, the trial tables that they fill, and what can change the trials of each.

A cell gets the settings that concern it and no others (`relevant`), and is known by them and by the bytes that it
reads (`contents`); so another criterion, another table of people or a seventy-seventh network leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cogattn.observers.config import (
    FactoryObserver,
    ModuleObserver,
    ReadoutObserver,
    TimmObserver,
)
from cogattn.observers.observer import Observer
from cogattn.observers.roster import observers_of, only
from cogattn.psychophysics.masking.config import (
    AdaptiveDesign,
    ChannelSettings,
    CrossedDesign,
    HumanObserver,
    MaskingConfig,
    NoiseSettings,
    RobustnessSettings,
    ShapeBiasSettings,
    StimulusSettings,
    TemplateObserver,
)
from cogattn.study import Cell, Cost, Schema
from cogattn.vision.images.categories import CATEGORIES
from cogattn.vision.images.config import ProceduralImages

TRIALS_PER_CELL = 256
"""About ten seconds of a small network on one core: what a killed run loses at most, per worker."""
NETWORKS = (ReadoutObserver, TimmObserver, FactoryObserver, ModuleObserver)

SCORES = tuple(f"score_{category}" for category in CATEGORIES)
"""Columns with the score that an observer gives each category, a logarithm of probability up to a constant."""
TABLES: Mapping[str, Schema] = {
    "masking": {
        "observer": "str",
        "image": "str",
        "category": "str",
        "response": "str",
        "correct": "bool",
        "n_alternatives": "int64",
        "band": "int64",
        "noise_sd": "float64",
        "n_clipped": "int64",
    },
    "people": {"observer": "str", "noise_sd": "float64", "band": "int64", "correct": "bool"},
    "shape_bias": {
        "observer": "str",
        "image": "str",
        "category": "str",
        "texture": "str",
        "response": "str",
        "correct": "bool",
        **dict.fromkeys(SCORES, "float64"),
    },
    "robustness": {
        "observer": "str",
        "image": "str",
        "category": "str",
        "response": "str",
        "correct": "bool",
        "epsilon": "float64",
    },
}
"""Trial tables: noise in one band (``band`` is -1 where there is none); the same from a table of people; cue-conflict
images, whose ``category`` is that of the shape; attacked images, ``epsilon`` 0 being those as they are."""


@dataclass(frozen=True, kw_only=True)
class MaskingCell(Cell):
    """Images `start` to `stop` (not included) in the paper's or the crossed design."""

    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class AdaptiveCell(Cell):
    """One session of the adaptive design, whose trials depend on the answers before."""


@dataclass(frozen=True, kw_only=True)
class PersonCell(Cell):
    """The trials of one person of a table."""

    person: str


@dataclass(frozen=True, kw_only=True)
class ShapeBiasCell(Cell):
    """Cue-conflict images `start` to `stop` (not included)."""

    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class RobustnessCell(Cell):
    """Images `start` to `stop` (not included) of those that are attacked."""

    start: int
    stop: int


def observers(config: MaskingConfig) -> tuple[Observer, ...]:
    """Return who takes part, in the order of all tables: networks, an ideal observer, or the people of a table."""
    settings = config.observer
    if isinstance(settings, HumanObserver):
        return tuple(_people(settings).values())
    if isinstance(settings, TemplateObserver):
        name = f"template {settings.bandwidth_octaves:g} octaves at {settings.center_cpi:g} c/image"
        return (Observer(name, role="control", variant="ideal observer"),)
    return observers_of(settings)


def cells(config: MaskingConfig) -> list[Cell]:
    """Return the cells of all observers: a few hundred trials each, but for adaptive sessions, which are one."""
    if isinstance(config.observer, HumanObserver):
        return _person_cells(config.observer)
    found: list[Cell] = []
    for observer in observers(config):
        found += _masking_cells(config, observer)
        found += _shape_bias_cells(config, observer)
        found += _robustness_cells(config, observer)
    return found


def relevant(config: MaskingConfig, cell: Cell) -> MaskingConfig:
    """Return the settings that can change the trials of `cell`; all others are at their defaults."""
    match cell:
        case PersonCell():
            kept: dict[str, object] = {"observer": config.observer}
        case ShapeBiasCell():
            kept = _answering(config, cell) | {"shape_bias": _shown(config.shape_bias)}
        case RobustnessCell():
            kept = _answering(config, cell)
            kept |= {"images": config.images, "noise": _fewest_bands(), "robustness": config.robustness}
        case _:
            kept = _answering(config, cell) | _masking(config)
    return MaskingConfig.model_validate(kept)


def contents(config: MaskingConfig, cell: Cell) -> dict[str, str]:
    """Return SHA-256 by name of the bytes that `cell` reads beside its settings."""
    from cogattn.psychophysics.masking import counts, material

    if isinstance(config.observer, HumanObserver):
        return {"observer.table": counts.content(config.observer.table, setting="observer.table")}
    found: dict[str, str] = {}
    if isinstance(config.observer, NETWORKS):
        from cogattn.observers.content import content_of

        found |= content_of(config.observer, cell.observer, seed=config.seed)
    if isinstance(cell, ShapeBiasCell):
        found["shape_bias.path"] = material.conflicts_content(config)
    if not isinstance(config.images, ProceduralImages) and _sees_images(config, cell):
        found["images"] = material.images_content(config)
    return found


NETWORK_S, STIMULUS_S, PERSON_S = 0.025, 0.002, 0.05
"""Seconds of one processor: EfficientNet-lite0 names an image, a stimulus is made, the table of people is read."""
BACKWARD = 3
"""A step of an attack costs this many times an answer."""
HALF_OCTAVE_TRIALS = 600
"""What an adaptive session takes until its interval is half an octave wide."""
NETWORK_MB, BARE_MB = 1100.0, 400.0


def cost(config: MaskingConfig, cell: Cell) -> Cost:
    """Return what a cell needs if its network is as small as EfficientNet-lite0."""
    if isinstance(cell, PersonCell):
        return Cost(cpu_s=PERSON_S, memory_mb=BARE_MB)
    if not isinstance(config.observer, NETWORKS):
        return Cost(cpu_s=_n_answers(config, cell) * 2 * STIMULUS_S, memory_mb=BARE_MB)
    n = _n_answers(config, cell)
    if isinstance(config.observer, ReadoutObserver) and getattr(cell, "start", 0) == 0:
        n += 16 * config.observer.train_per_category  # a worker trains the readout once
    return Cost(cpu_s=n * (NETWORK_S + STIMULUS_S), memory_mb=NETWORK_MB)


def _n_answers(config: MaskingConfig, cell: Cell) -> float:
    match cell:
        case MaskingCell():
            return (cell.stop - cell.start) * _trials_per_image(config)
        case RobustnessCell() if config.robustness is not None:
            return (cell.stop - cell.start) * _answers_per_attack(config.robustness)
        case ShapeBiasCell():
            return cell.stop - cell.start
    if isinstance(config.design, AdaptiveDesign):
        return min(config.design.max_trials, HALF_OCTAVE_TRIALS * (0.5 / config.design.interval_octaves) ** 2)
    return 0


def _answering(config: MaskingConfig, cell: Cell) -> dict[str, object]:
    """What changes an observer's answers, whatever it is shown."""
    settings = config.observer
    if not isinstance(settings, NETWORKS):
        return {"seed": config.seed, "observer": settings}
    kept: dict[str, object] = {"seed": config.seed, "observer": only(settings, cell.observer)}
    if isinstance(settings, ReadoutObserver):  # trained on grey images of low contrast
        contrast, mean_luminance = config.stimulus.contrast, config.stimulus.mean_luminance
        return kept | {
            "images": config.images,
            "stimulus": StimulusSettings(contrast=contrast, mean_luminance=mean_luminance),
            "noise": _fewest_bands(),
        }
    return kept | {"decision": config.decision}


def _masking(config: MaskingConfig) -> dict[str, object]:
    """What else changes the answers to images in noise."""
    unused: dict[str, object] = {}
    if config.noise.bands == "pyramid":
        unused["lowest_cpi"] = NoiseSettings().lowest_cpi
    if isinstance(config.design, AdaptiveDesign):
        unused["sds"] = NoiseSettings().sds
    kept = {
        "images": config.images,
        "stimulus": config.stimulus.model_copy(update={"strict": StimulusSettings().strict}),
        "noise": config.noise.model_copy(update=unused),
        "design": config.design,
    }
    if isinstance(config.design, AdaptiveDesign):  # goes on until an interval of this level is narrow
        kept["channel"] = ChannelSettings(confidence=config.channel.confidence)
    return kept


def _shown(settings: ShapeBiasSettings | None) -> ShapeBiasSettings | None:
    """Cue-conflict images without the people who are compared."""
    return None if settings is None else ShapeBiasSettings(path=settings.path)


def _fewest_bands() -> NoiseSettings:
    """Noise of a cell that shows none: bands that fit into any image."""
    return NoiseSettings(n_bands=3)


def _sees_images(config: MaskingConfig, cell: Cell) -> bool:
    return not isinstance(cell, ShapeBiasCell) or isinstance(config.observer, ReadoutObserver)


def _people(settings: HumanObserver) -> dict[str, Observer]:
    """The people of a table by their names there."""
    from cogattn.psychophysics.masking.counts import read_counts
    from cogattn.psychophysics.masking.people import person_observer

    names = read_counts(settings.table, setting="observer.table").observers
    return {name: person_observer(name) for name in names}


def _person_cells(settings: HumanObserver) -> list[Cell]:
    return [
        PersonCell(label=f"{settings.table}, {person.name}", task="people", observer=person.id, person=name)
        for name, person in _people(settings).items()
    ]


def _masking_cells(config: MaskingConfig, observer: Observer) -> Iterator[Cell]:
    from cogattn.psychophysics.masking.material import trial_images

    listed = trial_images(config)
    if isinstance(config.design, AdaptiveDesign):
        yield AdaptiveCell(label=f"{observer.name}, adaptive session", task="masking", observer=observer.id)
        return
    for start, stop in _chunks(len(listed), max(1, TRIALS_PER_CELL // _trials_per_image(config))):
        label = f"{observer.name}, images {start}-{stop - 1}"
        yield MaskingCell(label=label, task="masking", observer=observer.id, start=start, stop=stop)


def _shape_bias_cells(config: MaskingConfig, observer: Observer) -> Iterator[Cell]:
    if config.shape_bias is None:
        return
    from cogattn.psychophysics.masking.material import conflict_images

    for start, stop in _chunks(len(conflict_images(config).ids), TRIALS_PER_CELL):
        label = f"{observer.name}, cue-conflict images {start}-{stop - 1}"
        yield ShapeBiasCell(label=label, task="shape_bias", observer=observer.id, start=start, stop=stop)


def _robustness_cells(config: MaskingConfig, observer: Observer) -> Iterator[Cell]:
    if config.robustness is None:
        return
    from cogattn.psychophysics.masking.material import trial_images

    n = min(len(trial_images(config)), config.robustness.max_images)
    for start, stop in _chunks(n, max(4, TRIALS_PER_CELL * 4 // _answers_per_attack(config.robustness))):
        label = f"{observer.name}, attacked images {start}-{stop - 1}"
        yield RobustnessCell(label=label, task="robustness", observer=observer.id, start=start, stop=stop)


def _chunks(n: int, size: int) -> Sequence[tuple[int, int]]:
    return [(start, min(start + size, n)) for start in range(0, n, size)]


def _trials_per_image(config: MaskingConfig) -> int:
    if isinstance(config.design, CrossedDesign):
        return 1 + config.noise.n_bands * (len(config.noise.sds) - 1)
    return 1


def _answers_per_attack(settings: RobustnessSettings) -> int:
    return 1 + BACKWARD * settings.n_steps * len(settings.epsilons)
