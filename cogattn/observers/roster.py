"""Which observers a group of settings names: one list for plans, tables and figures. Imports no torch."""

from __future__ import annotations

import glob
from collections.abc import Container, Sequence
from pathlib import Path

from cogattn.errors import ConfigError, ObserverError
from cogattn.observers.config import FactoryObserver, ModuleObserver, NetworkObserver
from cogattn.observers.observer import Observer


def observers_of(settings: NetworkObserver) -> tuple[Observer, ...]:
    """Return the networks that `settings` name, in order.

    Raises
    ------
    ConfigError
        If a pattern of ``observer.checkpoints`` fits no file, or there are several factories to load them.
    """
    return tuple(map(Observer, observer_names(settings)))


def observer_names(settings: NetworkObserver) -> tuple[str, ...]:
    """Return their ids: the model, the target, the checkpoint's file without ending, or the module's name.

    Where two checkpoints have one file name, as much of their folders is put before it as tells them apart.
    """
    match settings:
        case FactoryObserver(checkpoints=()):
            return settings.target
        case FactoryObserver():
            return tuple(checkpoints_of(settings))
        case ModuleObserver():
            return (settings.name,)
        case _:
            return settings.models


def only(settings: NetworkObserver, name: str) -> NetworkObserver:
    """Return the settings of one observer and no other: what can change its answers.

    Raises
    ------
    ObserverError
        If `settings` do not name it.
    """
    match settings:
        case FactoryObserver(checkpoints=()):
            return settings.model_copy(
                update={"target": (_member(name, settings.target, "observer.target"),)}
            )
        case FactoryObserver():
            path = checkpoint_of(settings, name)
            return settings.model_copy(update={"checkpoints": (glob.escape(str(path)),)})
        case ModuleObserver():
            _member(name, (settings.name,), "observer.name")
            return settings
        case _:
            return settings.model_copy(
                update={"models": (_member(name, settings.models, "observer.models"),)}
            )


def without(settings: NetworkObserver, names: Container[str]) -> NetworkObserver:
    """Return the settings without some of their observers; raise ObserverError where none is left."""
    kept = [name for name in observer_names(settings) if name not in names]
    if not kept:
        raise ObserverError("observer must name a network that can take part; got none")
    match settings:
        case FactoryObserver(checkpoints=()):
            return settings.model_copy(update={"target": tuple(kept)})
        case FactoryObserver():
            paths = checkpoints_of(settings)
            return settings.model_copy(
                update={"checkpoints": tuple(glob.escape(str(paths[name])) for name in kept)}
            )
        case ModuleObserver():
            return settings
        case _:
            return settings.model_copy(update={"models": tuple(kept)})


def checkpoints_of(settings: FactoryObserver) -> dict[str, Path]:
    """Return the checkpoint files by the observer's name, in the order of the patterns and then of the names.

    Raises
    ------
    ConfigError
        If a pattern fits no file, or there are several factories to load them.
    """
    if len(settings.target) > 1:
        raise ConfigError(
            f"observer.target must be one factory where observer.checkpoints are given; got {len(settings.target)}"
        )
    paths: list[Path] = []
    for pattern in settings.checkpoints:
        found = sorted(Path(path) for path in glob.glob(pattern, recursive=True) if Path(path).is_file())
        if not found:
            raise ConfigError(f"observer.checkpoints must name existing files; got {pattern} ({Path.cwd()})")
        paths += [path for path in found if path not in paths]
    return dict(zip(_short_names(paths), paths, strict=True))


def checkpoint_of(settings: FactoryObserver, name: str) -> Path:
    """Return the checkpoint of the observer `name`, also where the name was made beside others of its kind.

    Raises
    ------
    ObserverError
        If no checkpoint, or more than one, has this name.
    """
    files = checkpoints_of(settings)
    fitting = [path for short, path in files.items() if short == name or _ends_with(path, name)]
    if name not in files and len(fitting) != 1:
        raise ObserverError(f"observer.checkpoints must hold one {name}; got {_some(tuple(files))}")
    return files.get(name, fitting[0])


def _ends_with(path: Path, name: str) -> bool:
    return any(f"/{whole.as_posix()}".endswith(f"/{name}") for whole in (path, path.with_suffix("")))


def _short_names(paths: Sequence[Path]) -> list[str]:
    """As many last parts of each path as tell it from the others; its ending only where nothing else does."""
    bare = [path.with_suffix("") for path in paths]
    whole = [path if bare.count(stem) > 1 else stem for path, stem in zip(paths, bare, strict=True)]
    return [_shortest(path.parts, [other.parts for other in whole if other != path]) for path in whole]


def _shortest(parts: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> str:
    lengths = (n for n in range(1, len(parts)) if not any(other[-n:] == parts[-n:] for other in others))
    return Path(*parts[-next(lengths, len(parts)) :]).as_posix()


def _member(name: str, names: tuple[str, ...], setting: str) -> str:
    if name not in names:
        raise ObserverError(f"{setting} must hold {name}; got {_some(names)}")
    return name


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
