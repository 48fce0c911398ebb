"""Whether the answers of networks fit the categories of the images that they are to name; imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from cogattn.errors import ConfigError, ObserverError
from cogattn.observers.check import check_each
from cogattn.observers.config import NetworkObserver, ReadoutObserver, TimmObserver
from cogattn.observers.roster import only
from cogattn.observers.wheels import wheel_of
from cogattn.vision.images.categories import CATEGORIES, N_CLASSES

SHOWN = 20
"""Names of a long list that an error tells."""


def answers_imagenet(
    name: str, n_classes: int, categories: Sequence[str], *, setting: str = "images"
) -> bool:
    """Tell whether the observer `name` answers with ImageNet's classes; if not, it must answer with `categories`.

    Parameters
    ----------
    name : str
        The observer's id.
    n_classes : int
        Number of its scores.
    categories : sequence of str
        Those of the images.
    setting : str
        What chose the images, for the start of an error.

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
                f"{setting} must show the 16 categories of Geirhos et al. (2018) to {name}, which answers with "
                f"ImageNet's classes; got {some(categories)}; give {setting}.path, or use observer.kind = readout"
            )
        return True
    if n_classes != len(categories):
        raise ObserverError(
            f"observer {name} must answer with {N_CLASSES} ImageNet classes or the {len(categories)} categories of the "
            f"images; got {n_classes} classes"
        )
    return False


def check_answers(
    settings: NetworkObserver, categories: Sequence[str], *, seed: int = 0, setting: str = "images"
) -> None:
    """Find what the answers of any of the networks of `settings` do not fit; a readout makes its own answers.

    Raises
    ------
    ConfigError, ObserverError
        As `answers_imagenet`; ObserversRefused where some of several networks answer with something else.
    """
    if isinstance(settings, ReadoutObserver):
        return

    def examine(name: str) -> None:
        answers_imagenet(name, _n_classes(settings, name, seed), categories, setting=setting)

    check_each(settings, examine)


def some(names: Sequence[str]) -> str:
    """Return the first names of a list, and how many more there are."""
    return ", ".join(islice(names, SHOWN)) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _n_classes(settings: NetworkObserver, name: str, seed: int) -> int:
    if not isinstance(settings, TimmObserver):
        from cogattn.observers.build import build_network

        return build_network(only(settings, name), name, seed=seed).n_classes
    if wheel_of(name) is not None:
        return N_CLASSES  # known without timm, which is slow to load
    import timm

    known = timm.get_pretrained_cfg(name)
    return N_CLASSES if known is None else known.num_classes
