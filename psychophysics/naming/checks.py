"""Everything that can be known to be wrong with a run before its first cell: settings, files, tables, networks.

Torch and timm are loaded only where an observer needs them to be known.
"""

from __future__ import annotations

from collections.abc import Mapping

from cogattn.errors import ConfigError, DataError
from cogattn.observers.answers import check_answers, some
from cogattn.observers.check import check as check_observer
from cogattn.observers.config import NetworkObserver, ReadoutObserver
from cogattn.people.tables import HUMANS, holds_persons, read_persons
from cogattn.psychophysics.naming import material, persons
from cogattn.psychophysics.naming.config import (
    Attacked,
    Conflicts,
    HumanObserver,
    ImageSet,
    MadeSet,
    NamingConfig,
)
from cogattn.psychophysics.naming.measures import ALL
from cogattn.psychophysics.naming.sets import material as set_material
from cogattn.psychophysics.naming.sets.published import conditions_of
from cogattn.vision.images.categories import CATEGORIES


def check(config: NamingConfig) -> None:
    """Raise the first error of a run that can be known before its first cell.

    Raises
    ------
    ConfigError, DataError, ObserverError
        One sentence that begins with the setting's path.
    """
    material.forget()
    set_material.forget()
    if isinstance(config.observer, HumanObserver):
        persons.names(config)
        persons.read_people(config)
        _check_conditions(config)
        return
    _check_people(config)
    match config.shown:
        case Conflicts():
            _check_conflicts(config, config.observer)
        case ImageSet():
            _check_set(config, config.observer)
        case Attacked() | MadeSet():
            _check_conditions(config)
            check_observer(config.observer, seed=config.seed)
            training = material.training(config)
            categories = material.whole_images(config).categories if training is None else training.categories
            check_answers(config.observer, categories, seed=config.seed)


def _check_people(config: NamingConfig) -> None:
    given, setting = persons.named(config)
    if setting == HUMANS and given and holds_persons(given):
        read_persons(given, known=ALL)
    elif given and isinstance(config.shown, Attacked):
        raise ConfigError(
            f"humans must be a table of persons, or empty, with shown.kind = attacked, since nobody named attacked "
            f"images; got {given}"
        )


def _check_conflicts(config: NamingConfig, observer: NetworkObserver) -> None:
    images = material.conflict_images(config)
    _refuse_damaged(images.damaged())
    persons.read_people(config)
    _check_network(config, observer, images.categories)


def _check_set(config: NamingConfig, observer: NetworkObserver) -> None:
    images = set_material.set_images(config)
    _refuse_damaged(images.damaged())
    _check_conditions(config)
    _check_network(config, observer, CATEGORIES)


def _check_network(config: NamingConfig, observer: NetworkObserver, categories: tuple[str, ...]) -> None:
    """It is there, and answers with the categories of images that are named as they are."""
    check_observer(observer, seed=config.seed)
    check_answers(observer, categories, seed=config.seed, setting="shown")
    if isinstance(observer, ReadoutObserver):
        _check_training(config, categories)


def _check_conditions(config: NamingConfig) -> None:
    """People's conditions are those of the set."""
    if isinstance(config.shown, ImageSet | MadeSet):
        answers = set_material.answers(config)
        if answers is not None:
            conditions_of(config.shown.name, answers)


def _refuse_damaged(damaged: Mapping[str, str]) -> None:
    if damaged:
        name, reason = next(iter(damaged.items()))
        raise DataError(
            f"shown.path must hold readable images; got {len(damaged)} damaged, the first {name} ({reason})"
        )


def _check_training(config: NamingConfig, categories: tuple[str, ...]) -> None:
    """A readout answers with the categories of the images that train it, so these must be the ones shown."""
    training = material.training(config)
    trained = () if training is None else training.categories
    if trained != categories:
        raise ConfigError(
            f"images must show the {len(categories)} categories of the images that are named, {some(categories)}, to "
            f"train a readout; got {some(trained)}; give images.path"
        )
