"""Models that a run has fitted, as it left them: one safetensors file for each observer and split. Imports no torch.

A file's metadata say who it is, what it was fitted on and which network told it what objects look like, so that it can
be tested on other data. Arrays and text alone: nothing of a file is executed.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import JsonValue, TypeAdapter

from cogattn.errors import CogattnError, ConfigError, DataError
from cogattn.observers import alone
from cogattn.observers.observer import Observer
from cogattn.running.records import CellList, ConfigRecord

if TYPE_CHECKING:
    import numpy as np

ARTEFACT = "model.safetensors"
STORE = Path("runs")
"""Where a run's id is looked for that is no path."""
MAX_HEADER = 1 << 24


@dataclass(frozen=True)
class Sight:
    """The network that told a model what objects look like.

    Parameters
    ----------
    settings : TimmObserver, FactoryObserver or ModuleObserver
        Of that network alone.
    name : str
        As they name it.
    seed : int
        The run's.
    contents : mapping of str to str
        Digests of its weights and code.
    """

    settings: alone.Backbones
    name: str
    seed: int
    contents: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model as a run left it.

    Parameters
    ----------
    data : bytes
        Safetensors.
    file : Path
        Where they are: a safetensors file, or a cell's file in a run's store.
    label : str
        What errors call it; the file where nothing is given.
    """

    data: bytes
    file: Path
    label: str = ""

    @property
    def where(self) -> str:
        """What errors call it."""
        return self.label or str(self.file)

    @cached_property
    def sha256(self) -> str:
        """Of its bytes."""
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def about(self) -> Mapping[str, object]:
        """What the file says of itself; raise DataError where it is none of ours."""
        length = int.from_bytes(self.data[:8], "little")
        try:
            if not 0 < length <= min(MAX_HEADER, len(self.data) - 8):
                raise ValueError("no header")
            header = json.loads(self.data[8 : 8 + length])
            about = json.loads(header["__metadata__"]["about"])
            if not {"observer", "split", "longest"} <= set(about["fitted"]):
                raise ValueError("nobody's")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                f"weights must be safetensors files that a run of scanpath left; got another ({self.where})"
            ) from error
        return about

    @property
    def is_network(self) -> bool:
        """Whether it is a trained network, and no baseline."""
        return "network" in self.about

    @property
    def has_crops(self) -> bool:
        """Whether it is told pixels of objects."""
        return bool(self.about.get("crops"))

    @property
    def _fitted(self) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self.about["fitted"])

    @cached_property
    def observer(self) -> Observer:
        """Who it is."""
        return Observer(**self._fitted["observer"])

    @property
    def split(self) -> int:
        """Number of the split that it was fitted on."""
        return int(self._fitted["split"])

    @property
    def trained_on(self) -> Mapping[str, str]:
        """Marks of the layouts that it was fitted on, validation included, by name."""
        return cast(Mapping[str, str], self.about.get("trained_on", {}))

    @property
    def longest(self) -> int:
        """Fixations of the longest scanpath that it was fitted on."""
        return int(self._fitted["longest"])

    @cached_property
    def sight(self) -> Sight | None:
        """The network that told it what objects look like; None where none did."""
        told = self._fitted.get("sight")
        if told is None:
            return None
        settings = TypeAdapter(alone.Backbones).validate_python(told["settings"])
        return Sight(settings, told["name"], told["seed"], told["contents"])

    def network_contents(self) -> Mapping[str, str]:
        """Return the digests of the network here that its features come from.

        Raises
        ------
        ConfigError
            If that network has other weights or code here than where the model was fitted.
        """
        if self.sight is None:
            return {}
        sight = self.sight
        found = alone.network_contents(sight.settings, sight.name, self.observer, seed=sight.seed)
        if dict(found) != dict(sight.contents):
            raise ConfigError(
                f"weights must have been fitted on features of the same network as is here; got another {sight.name} "
                f"({self.where})"
            )
        return found

    def arrays(self) -> Mapping[str, np.ndarray]:
        """Return its arrays by name."""
        from safetensors.numpy import load

        return load(self.data)


def described(
    observer: Observer, split: int, *, longest: int, sight: Sight | None = None
) -> dict[str, JsonValue]:
    """Return what a model's file says of it: whose it is, of which split, and the network that it sees by."""
    told: JsonValue = None
    if sight is not None:
        told = {
            "settings": sight.settings.model_dump(mode="json"),
            "name": sight.name,
            "seed": sight.seed,
            "contents": dict(sight.contents),
        }
    return {"observer": asdict(observer), "split": split, "longest": longest, "sight": told}


def pack(
    arrays: Mapping[str, np.ndarray], fitted: Mapping[str, JsonValue], *, trained_on: Mapping[str, str]
) -> bytes:
    """Return the arrays of a baseline as safetensors bytes, equal for equal content."""
    import numpy as np
    from safetensors.numpy import save

    about = json.dumps({"fitted": fitted, "trained_on": dict(trained_on)}, sort_keys=True)
    # a single key: the format gives several in no order, and equal models must have equal bytes
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, {"about": about})


def fitted_in(path: Path) -> tuple[Fitted, ...]:
    """Return the models that are at a path.

    Parameters
    ----------
    path : Path
        A run's folder or the start of its id in ``runs``, a safetensors file, or a folder of such files.

    Raises
    ------
    ConfigError
        If there is nothing, or no model in it, or two of one observer and split.
    DataError
        If a file is not what a run of this study left.
    """
    return _fitted_in(path.absolute(), _signature(path))


@lru_cache(maxsize=4)
def _fitted_in(path: Path, signature: object) -> tuple[Fitted, ...]:
    found = tuple(_files(path)) if path.exists() and not _is_run(path) else tuple(_of_run(path))
    if not found:
        raise ConfigError(f"weights must hold a fitted model; got none ({path})")
    names = [(fitted.observer.id, fitted.split) for fitted in found]
    if len(set(names)) < len(names):
        name, split = next(one for one in names if names.count(one) > 1)
        raise ConfigError(
            f"weights must hold one model for each observer and split; got several of {name}, split {split} ({path})"
        )
    return found


def _is_run(path: Path) -> bool:
    return (path / ConfigRecord.file).is_file()


def _signature(path: Path) -> object:
    """Names, times and sizes of what is read: other files, another signature."""
    marks = [path, path / CellList.file, *(sorted(path.glob("*.safetensors")) if path.is_dir() else [])]
    return tuple((str(one), one.stat().st_mtime_ns, one.stat().st_size) for one in marks if one.exists())


def _files(path: Path) -> Iterator[Fitted]:
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    return (read_file(file) for file in files)


def read_file(file: Path) -> Fitted:
    """Return the model of one file: safetensors, or a cell of a run's store.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    try:
        if file.suffix != ".zip":
            return Fitted(file.read_bytes(), file)
        with zipfile.ZipFile(file) as cell:
            return Fitted(cell.read(f"artefacts/{ARTEFACT}"), file)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"weights must be readable; got {reason} ({file})") from error


def _of_run(path: Path) -> Iterator[Fitted]:
    from cogattn.running.catalogue import find_run
    from cogattn.running.store import RunFolder

    if _is_run(path):
        run = RunFolder(path.parent.parent, path.parent.name, path.name)
    else:
        try:
            run = find_run(STORE.absolute(), path.name)
        except CogattnError as error:
            raise ConfigError(
                f"weights must be a run's folder or id, a safetensors file or a folder of them; got {path}"
            ) from error
    if run.study != "scanpath":
        raise ConfigError(f"weights must be those of a run of scanpath; got one of {run.study} ({path})")
    listed = run.read(CellList)
    for cell in listed.cells if listed else ():
        if run.cells.has(cell.name):
            _, outcome, _ = run.cells.read(cell.name)
            if ARTEFACT in outcome.artefacts:
                label = f"cell {cell.label!r} of run {run.id}"
                yield Fitted(outcome.artefacts[ARTEFACT], run.cells.path(cell.name), label)
