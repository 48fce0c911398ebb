"""Everything that can be known to be wrong with a run before its first cell: settings, files, tables, networks.

Torch and timm are loaded only where an observer needs them to be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from cogattn.errors import ConfigError, DataError, ObserverError
from cogattn.observers.check import check as check_observer
from cogattn.observers.config import NetworkObserver, ReadoutObserver, TimmObserver
from cogattn.observers.roster import observers_of, only
from cogattn.observers.wheels import wheel_of
from cogattn.people.tables import holds_persons, read_persons
from cogattn.psychophysics.masking.config import HumanObserver, MaskingConfig, TemplateObserver
from cogattn.psychophysics.masking.counts import HUMANS, check_bands, read_counts
from cogattn.psychophysics.masking.material import conflict_images, forget, training_images, trial_images
from cogattn.psychophysics.masking.measures import ALL
from cogattn.psychophysics.masking.stimuli.noise import spectra
from cogattn.vision.images.categories import CATEGORIES, N_CLASSES

SHOWN = 20
"""Names of a long list that an error tells."""


def check(config: MaskingConfig) -> None:
    """Raise the first error of a run that can be known before its first cell.

    Raises
    ------
    ConfigError, DataError, ObserverError
        One sentence that begins with the setting's path.
    """
    forget()
    if isinstance(config.observer, HumanObserver):
        _check_people(config.observer.table, "observer.table", config)
        return
    _check_people(config.humans, HUMANS, config)
    spectra(config.noise, config.images.size)
    categories = _shown_categories(config)
    if config.shape_bias is not None:
        _check_conflicts(config, categories)
    match config.observer:
        case TemplateObserver():
            _check_template(config.observer, config.images.size)
        case network:
            check_observer(network, seed=config.seed)
            _check_classes(network, categories, config.seed)


def answers_imagenet(name: str, n_classes: int, categories: Sequence[str]) -> bool:
    """Tell whether the observer `name` answers with ImageNet's classes; if not, it must answer with `categories`.

    Raises
    ------
    ConfigError
        If it does, and `categories` are not the 16 that these classes make up.
    ObserverError
        If it answers with another number of classes.
    """
    if n_classes == N_CLASSES:
        if tuple(categories) != CATEGORIES:
            raise ConfigError(
                f"images must show the 16 categories of Geirhos et al. (2018) to {name}, which answers with ImageNet's "
                f"classes; got {_some(categories)}; give images.path, or use observer.kind = readout"
            )
        return True
    if n_classes != len(categories):
        raise ObserverError(
            f"observer {name} must answer with {N_CLASSES} ImageNet classes or the {len(categories)} categories of the "
            f"images; got {n_classes} classes"
        )
    return False


def _check_people(table: str, setting: str, config: MaskingConfig) -> None:
    if setting == HUMANS and holds_persons(table):
        read_persons(table, known=ALL)
        return
    check_bands(read_counts(table, setting=setting), config.noise.n_bands, table, setting=setting)


def _shown_categories(config: MaskingConfig) -> tuple[str, ...]:
    """Names of the images' categories, after all images were found, and enough of them."""
    training_images(config)
    return trial_images(config).categories


def _check_conflicts(config: MaskingConfig, categories: Sequence[str]) -> None:
    """Answers to cue conflicts are among the 16 categories, so these must be the ones that are answered with."""
    from cogattn.psychophysics.masking.naming import read_naming

    if tuple(categories) != CATEGORIES:
        raise ConfigError(
            f"shape_bias needs images of the 16 categories of Geirhos et al. (2018); got {_some(categories)}; give "
            "images.path"
        )
    images = conflict_images(config)
    read_naming(config)
    damaged = images.damaged()
    if damaged:
        name, reason = next(iter(damaged.items()))
        raise DataError(
            f"shape_bias.path must hold readable images; got {len(damaged)} damaged, the first {name} ({reason})"
        )


def _check_template(settings: TemplateObserver, size: int) -> None:
    from cogattn.psychophysics.masking.ideal_observer import check_channel

    check_channel(settings, size)


def _check_classes(settings: NetworkObserver, categories: Sequence[str], seed: int) -> None:
    """A readout makes its own answers; the others' must fit the images."""
    if isinstance(settings, ReadoutObserver):
        return
    for observer in observers_of(settings):
        answers_imagenet(observer.id, _n_classes(settings, observer.id, seed), categories)


def _n_classes(settings: NetworkObserver, name: str, seed: int) -> int:
    if not isinstance(settings, TimmObserver):
        from cogattn.observers.build import build_network

        return build_network(only(settings, name), name, seed=seed).n_classes
    if wheel_of(name) is not None:
        return N_CLASSES  # known without timm, which is slow to load
    import timm

    known = timm.get_pretrained_cfg(name)
    return N_CLASSES if known is None else known.num_classes


def _some(names: Sequence[str]) -> str:
    return ", ".join(islice(names, SHOWN)) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
