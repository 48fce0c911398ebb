"""Everything that can be known to be wrong with a run before its first cell: settings, files, tables, networks.

Torch and timm are loaded only where an observer needs them to be known.
"""

from __future__ import annotations

from cogattn.observers.answers import check_answers
from cogattn.observers.check import check as check_observer
from cogattn.people.tables import holds_persons, read_persons
from cogattn.psychophysics.masking.config import HumanObserver, MaskingConfig, TemplateObserver
from cogattn.psychophysics.masking.counts import HUMANS, check_bands, check_noise, content, read_counts
from cogattn.psychophysics.masking.material import forget, training_images, trial_images
from cogattn.psychophysics.masking.measures import ALL
from cogattn.psychophysics.masking.stimuli.noise import spectra


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
        content(config.humans)
        return
    _check_people(config.humans, HUMANS, config)
    spectra(config.noise, config.images.size)
    categories = _shown_categories(config)
    match config.observer:
        case TemplateObserver():
            _check_template(config.observer, config.images.size)
        case network:
            check_observer(network, seed=config.seed)
            check_answers(network, categories, seed=config.seed)


def _check_people(table: str, setting: str, config: MaskingConfig) -> None:
    if setting == HUMANS and holds_persons(table):
        read_persons(table, known=ALL)
        return
    counts = read_counts(table, setting=setting)
    check_bands(counts, config.noise.n_bands, table, setting=setting)
    check_noise(counts, table, setting=setting)


def _shown_categories(config: MaskingConfig) -> tuple[str, ...]:
    """Names of the images' categories, after all images were found, and enough of them."""
    training_images(config)
    return trial_images(config).categories


def _check_template(settings: TemplateObserver, size: int) -> None:
    from cogattn.psychophysics.masking.ideal_observer import check_channel

    check_channel(settings, size)
