"""The plan of a run: its cells, the trial tables that they fill, and what can change the trials of each.

A cell gets the settings that concern it and no others (`relevant`), and is known by them and by the bytes that it
reads (`contents`); so another table of people or a seventy-seventh network leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cogattn.observers.config import ReadoutObserver
from cogattn.observers.observer import Observer
from cogattn.observers.roster import observers_of, only
from cogattn.psychophysics.naming.config import (
    Attacked,
    Conflicts,
    HumanObserver,
    ImageSet,
    MadeSet,
    NamingConfig,
)
from cogattn.running.hardware import current
from cogattn.study import Cell, Cost, Schema
from cogattn.vision.images.config import ProceduralImages

IMAGES_PER_CELL = 256
"""About ten seconds of a small network on one core: what a killed run loses at most, per worker."""
ATTACKS_PER_CELL = 96
"""Images times radii, attacked together where the network is on a GPU."""
N_CATEGORIES = 16

SCORES = tuple(f"score_{k}" for k in range(N_CATEGORIES))
"""Columns with the score that an observer gives each category, in the alphabetical order of their names: a logarithm
of probability up to a constant."""
_NAMED: Schema = {
    "observer": "str", "image": "str", "category": "str", "response": "str", "correct": "bool",
}  # fmt: skip
TABLES: Mapping[str, Schema] = {
    "conflicts": {**_NAMED, "texture": "str", **dict.fromkeys(SCORES, "float64")},
    "attacked": {**_NAMED, "epsilon": "float64"},
    "set": {**_NAMED, "condition": "str", **dict.fromkeys(SCORES, "float64")},
    "people": {**_NAMED, "texture": "str", "condition": "str"},
}
"""Trial tables: cue-conflict images, whose ``category`` is that of the shape; attacked images, ``epsilon`` 0 being
those as they are; images of a set, or made like one, by condition; answers of people, ``texture`` empty where it is not
known (``response`` is where none was given)."""


@dataclass(frozen=True, kw_only=True)
class ConflictCell(Cell):
    """Cue-conflict images `start` to `stop` (not included)."""

    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class AttackCell(Cell):
    """Images `start` to `stop` (not included) of those that are attacked."""

    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class SetCell(Cell):
    """Images `start` to `stop` (not included) of a set, or of those that are made like one."""

    start: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class PersonCell(Cell):
    """The answers of one person of a table."""

    person: str


def observers(config: NamingConfig) -> tuple[Observer, ...]:
    """Return who takes part, in the order of all tables: networks, or the people of a table."""
    if isinstance(config.observer, HumanObserver):
        return tuple(map(Observer.person, _people(config)))
    return observers_of(config.observer)


def cells(config: NamingConfig) -> list[Cell]:
    """Return the cells of all observers: a few hundred images each, or a person."""
    if isinstance(config.observer, HumanObserver):
        return list(_person_cells(config))
    return [cell for observer in observers(config) for cell in _network_cells(config, observer)]


def relevant(config: NamingConfig, cell: Cell) -> NamingConfig:
    """Return the settings that can change the trials of `cell`; all others are at their defaults."""
    if isinstance(config.observer, HumanObserver):
        return NamingConfig(observer=config.observer, shown=_of_people(config))
    kept: dict[str, object] = {"seed": config.seed, "observer": only(config.observer, cell.observer)}
    kept["shown"] = _shown(config)
    if isinstance(config.shown, ImageSet):  # people's trials tell categories and conditions
        kept["humans"] = config.humans
    trained = isinstance(config.observer, ReadoutObserver)
    if not trained:
        kept["decision"] = config.decision
    if isinstance(cell, AttackCell) or isinstance(config.shown, MadeSet):
        kept["images"] = config.images
    elif trained:
        kept["images"] = _training(config)
    return NamingConfig.model_validate(kept)


def contents(config: NamingConfig, cell: Cell) -> dict[str, str]:
    """Return SHA-256 by name of the bytes that `cell` reads beside its settings."""
    from cogattn.psychophysics.naming import material, persons
    from cogattn.psychophysics.naming.sets import material as set_material

    if isinstance(config.observer, HumanObserver):
        return persons.inputs(config)
    from cogattn.observers.content import content_of

    found = dict(content_of(config.observer, cell.observer, seed=config.seed))
    if isinstance(cell, ConflictCell) and _conflicts(config).path is not None:
        found["shown.path"] = material.conflicts_content(config)
    if isinstance(config.shown, ImageSet):
        found["shown.path"] = set_material.content(config)
    sees_images = isinstance(config.shown, Attacked | MadeSet) or isinstance(config.observer, ReadoutObserver)
    if sees_images and not isinstance(config.images, ProceduralImages):
        found["images"] = material.images_content(config)
    return found


NETWORK_S, IMAGE_S, PERSON_S = 0.025, 0.006, 0.1
"""Seconds of one processor: EfficientNet-lite0 names an image, an image is read or drawn, a set of people is read."""
BACKWARD = 3
"""A step of an attack costs this many times an answer."""
NETWORK_MB, BARE_MB = 1100.0, 400.0


def cost(config: NamingConfig, cell: Cell) -> Cost:
    """Return what a cell needs if its network is as small as EfficientNet-lite0; on a GPU, by its layers' work."""
    if isinstance(cell, PersonCell):
        return Cost(cpu_s=PERSON_S, memory_mb=BARE_MB)
    start, stop = getattr(cell, "start", 0), getattr(cell, "stop", 0)
    n_images, n_answers = stop - start, stop - start
    if isinstance(config.shown, Attacked):
        n_answers *= 1 + BACKWARD * config.shown.n_steps * len(config.shown.epsilons)
    if isinstance(config.observer, ReadoutObserver) and start == 0:  # a worker trains the readout once
        n_images += N_CATEGORIES * config.observer.train_per_category
        n_answers += N_CATEGORIES * config.observer.train_per_category
    if current().device_type == "cpu":
        return Cost(cpu_s=n_answers * NETWORK_S + n_images * IMAGE_S, memory_mb=NETWORK_MB)
    from cogattn.observers.rates import gpu_seconds

    gpu_s = n_answers * gpu_seconds(config.observer, cell.observer)
    return Cost(cpu_s=n_images * IMAGE_S, memory_mb=NETWORK_MB, gpu_s=gpu_s)


def _conflicts(config: NamingConfig) -> Conflicts:
    if not isinstance(config.shown, Conflicts):
        raise TypeError(f"shown.kind must be conflicts; got {config.shown.kind}")
    return config.shown


def _shown(config: NamingConfig) -> object:
    """What is shown, without the settings of images that are not drawn."""
    if isinstance(config.shown, Conflicts) and config.shown.path is not None:
        return Conflicts(path=config.shown.path)
    return config.shown


def _training(config: NamingConfig) -> object:
    """Images of which those that train a readout matter alone: drawn ones are drawn anew, however many there are."""
    images = config.images
    return ProceduralImages(size=images.size) if isinstance(images, ProceduralImages) else images


def _of_people(config: NamingConfig) -> Conflicts | Attacked | ImageSet | MadeSet:
    """Of what is shown, that which tells whose answers are meant."""
    match config.shown:
        case Conflicts():
            return Conflicts()
        case ImageSet(name=name):
            return ImageSet(name=name)
    return config.shown


def _people(config: NamingConfig) -> Sequence[str]:
    from cogattn.psychophysics.naming import persons

    return persons.names(config)


def _person_cells(config: NamingConfig) -> Iterator[Cell]:
    for name in _people(config):
        observer = Observer.person(name)
        yield PersonCell(label=observer.name, task="people", observer=observer.id, person=name)


def _network_cells(config: NamingConfig, observer: Observer) -> Iterator[Cell]:
    from cogattn.psychophysics.naming import material
    from cogattn.psychophysics.naming.sets import material as set_material

    match config.shown:
        case Conflicts():
            for start, stop in chunks(len(material.conflict_images(config).ids), IMAGES_PER_CELL):
                label = f"{observer.name}, cue-conflict images {start}-{stop - 1}"
                yield ConflictCell(
                    label=label, task="conflicts", observer=observer.id, start=start, stop=stop
                )
        case Attacked():
            n = min(len(material.whole_images(config)), config.shown.max_images)
            for start, stop in chunks(n, max(1, ATTACKS_PER_CELL // len(config.shown.epsilons))):
                label = f"{observer.name}, attacked images {start}-{stop - 1}"
                yield AttackCell(label=label, task="attacked", observer=observer.id, start=start, stop=stop)
        case ImageSet(name=name) | MadeSet(name=name):
            for start, stop in chunks(len(set_material.set_images(config)), IMAGES_PER_CELL):
                label = f"{observer.name}, {name}, images {start}-{stop - 1}"
                yield SetCell(label=label, task="set", observer=observer.id, start=start, stop=stop)


def chunks(n: int, size: int) -> Sequence[tuple[int, int]]:
    """Return the beginnings and ends of stretches of at most `size` out of `n`."""
    return [(start, min(start + size, n)) for start in range(0, n, size)]
