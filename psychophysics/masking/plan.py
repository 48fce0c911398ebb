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
    StimulusSettings,
    TemplateObserver,
)
from cogattn.running.hardware import current
from cogattn.study import Cell, Cost, Schema
from cogattn.vision.images.config import ProceduralImages

TRIALS_PER_CELL = 256
"""About ten seconds of a small network on one core: what a killed run loses at most, per worker."""
CELLS_PER_OBSERVER = 1000
"""Cells of longer runs are larger, so that an observer has about so many, and what a cell costs beside its trials
stays small where a GPU names 256 images in the tenth of a second."""
NETWORKS = (ReadoutObserver, TimmObserver, FactoryObserver, ModuleObserver)

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
}
"""Trial tables: noise in one band (``band`` is -1 where there is none); the same from a table of people."""


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
    return [cell for observer in observers(config) for cell in _masking_cells(config, observer)]


def relevant(config: MaskingConfig, cell: Cell) -> MaskingConfig:
    """Return the settings that can change the trials of `cell`; all others are at their defaults."""
    if isinstance(cell, PersonCell):
        return MaskingConfig(observer=config.observer)
    return MaskingConfig.model_validate(_answering(config, cell) | _shown(config))


def contents(config: MaskingConfig, cell: Cell) -> dict[str, str]:
    """Return SHA-256 by name of the bytes that `cell` reads beside its settings."""
    from cogattn.psychophysics.masking import counts, material

    if isinstance(config.observer, HumanObserver):
        return {"observer.table": counts.content(config.observer.table, setting="observer.table")}
    found: dict[str, str] = {}
    if isinstance(config.observer, NETWORKS):
        from cogattn.observers.content import content_of

        found |= content_of(config.observer, cell.observer, seed=config.seed)
    if not isinstance(config.images, ProceduralImages):
        found["images"] = material.images_content(config)
    return found


NETWORK_S, STIMULUS_S, PERSON_S = 0.025, 0.002, 0.05
"""Seconds of one processor: EfficientNet-lite0 names an image, a stimulus is made, the table of people is read."""
HALF_OCTAVE_TRIALS = 830
"""What an adaptive session takes until its interval is half an octave wide."""
NETWORK_MB, BARE_MB = 1100.0, 400.0


def cost(config: MaskingConfig, cell: Cell) -> Cost:
    """Return what a cell needs if its network is as small as EfficientNet-lite0; on a GPU, by its layers' work."""
    if isinstance(cell, PersonCell):
        return Cost(cpu_s=PERSON_S, memory_mb=BARE_MB)
    if not isinstance(config.observer, NETWORKS):
        return Cost(cpu_s=_n_answers(config, cell) * 2 * STIMULUS_S, memory_mb=BARE_MB)
    n = _n_answers(config, cell)
    if isinstance(config.observer, ReadoutObserver) and getattr(cell, "start", 0) == 0:
        n += 16 * config.observer.train_per_category  # a worker trains the readout once
    if current().device_type == "cpu":
        return Cost(cpu_s=n * (NETWORK_S + STIMULUS_S), memory_mb=NETWORK_MB)
    from cogattn.observers.rates import gpu_seconds

    gpu_s = n * gpu_seconds(config.observer, cell.observer)
    return Cost(cpu_s=n * STIMULUS_S, memory_mb=NETWORK_MB, gpu_s=gpu_s)


def _n_answers(config: MaskingConfig, cell: Cell) -> float:
    if isinstance(cell, MaskingCell):
        return (cell.stop - cell.start) * _trials_per_image(config)
    if isinstance(config.design, AdaptiveDesign):
        return min(config.design.max_trials, HALF_OCTAVE_TRIALS * (0.5 / config.design.interval_octaves) ** 2)
    return 0


def _answering(config: MaskingConfig, cell: Cell) -> dict[str, object]:
    """What changes an observer's answers beside what it is shown."""
    settings = config.observer
    if not isinstance(settings, NETWORKS):
        return {"seed": config.seed, "observer": settings}
    kept: dict[str, object] = {"seed": config.seed, "observer": only(settings, cell.observer)}
    return kept if isinstance(settings, ReadoutObserver) else kept | {"decision": config.decision}


def _shown(config: MaskingConfig) -> dict[str, object]:
    """What changes the images in noise, those that train a readout too."""
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


def _people(settings: HumanObserver) -> dict[str, Observer]:
    """The people of a table by their names there."""
    from cogattn.psychophysics.masking.counts import read_counts

    names = read_counts(settings.table, setting="observer.table").observers
    return {name: Observer.person(name) for name in names}


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
    per_image = _trials_per_image(config)
    n_trials = max(TRIALS_PER_CELL, len(listed) * per_image // CELLS_PER_OBSERVER)
    for start, stop in _chunks(len(listed), max(1, n_trials // per_image)):
        label = f"{observer.name}, images {start}-{stop - 1}"
        yield MaskingCell(label=label, task="masking", observer=observer.id, start=start, stop=stop)


def _chunks(n: int, size: int) -> Sequence[tuple[int, int]]:
    return [(start, min(start + size, n)) for start in range(0, n, size)]


def _trials_per_image(config: MaskingConfig) -> int:
    if isinstance(config.design, CrossedDesign):
        return 1 + config.noise.n_bands * (len(config.noise.sds) - 1)
    return 1
