"""The front door: a study from a notebook, with the settings, the store and the errors of the command line.

import cogattn
run = cogattn.run("masking", observer=net, images={"kind": "folder", "path": "photos"})
run.summary
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.config import Settings, StudyConfig, merge, plain_values
from cogattn.errors import ConfigError, ObserverError, RunFailed
from cogattn.registry import load_study
from cogattn.reporting.progress import progress_bar
from cogattn.running.catalogue import find_run
from cogattn.running.engines import engine_of
from cogattn.running.execute import Execution, checked_shelf, loaded_study, run_study
from cogattn.running.executors import checked_workers
from cogattn.running.hardware import checked_hardware
from cogattn.running.partaking import partaking
from cogattn.running.records import CellList, ConfigRecord
from cogattn.running.store import FIGURES, PEOPLE, TABLES, TRIALS, RunFolder
from cogattn.study import Study

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd
    from distributed import Client
    from torch import nn

log = logging.getLogger(__name__)
Value = object
OUT = Path("runs")


@dataclass(frozen=True)
class Run:
    """What a run says, read from its folder and checked against its manifest each time.

    Parameters
    ----------
    store : RunFolder
        Where it is.
    study : Study, optional
        Its study; the registered one of its name where none is given.

    Examples
    --------
    >>> run = cogattn.load("171a581f")          # doctest: +SKIP
    >>> run.summary.query("measure == 'bandwidth'")     # doctest: +SKIP
    """

    store: RunFolder
    study: Study | None = None

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.store.folder

    @property
    def id(self) -> str:
        """Twelve hex digits."""
        return self.store.id

    @cached_property
    def config(self) -> StudyConfig:
        """The settings."""
        record = self.store.read(ConfigRecord)
        study = self.study or load_study(self.store.study)
        return study.Config.parse(record.config if record else {})

    @property
    def summary(self) -> pd.DataFrame:
        """One row per observer and measure: estimate, interval, n, people."""
        return self.store.summary()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader must know before the numbers."""
        return self.store.remarks()

    @property
    def people(self) -> pd.DataFrame | None:
        """The persons that the study knows (person, measure, estimate, se, n); None: group means only."""
        return self.tables.get(PEOPLE)

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Further tables by name, read when asked for."""
        return _Files(self.store, TABLES, ".csv")

    @property
    def trials(self) -> Mapping[str, pd.DataFrame]:
        """Trial tables by name, read when asked for; a study with one table has one."""
        return _Files(self.store, TRIALS, ".parquet")

    @property
    def figures(self) -> Mapping[str, Path]:
        """Paths of the figures (PNG; a PDF lies beside each) by name."""
        names = [Path(name).stem for name in self.store.listed(FIGURES) if name.endswith(".png")]
        return {name: self.folder / FIGURES / f"{name}.png" for name in names}

    def artefacts(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield (cell's label, file name, bytes) of what cells kept beside their trials: weights, arrays."""
        listed = self.store.read(CellList)
        for cell in listed.cells if listed else ():
            _, outcome, _ = self.store.cells.read(cell.name)
            for name, data in outcome.artefacts.items():
                yield cell.label, name, data

    def __repr__(self) -> str:
        return f"<Run {self.store.study}/{self.id} in {self.folder.parent.parent}>"

    def _repr_html_(self) -> str:
        from html import escape

        remarks = "".join(f"<li>{escape(remark)}</li>" for remark in self.remarks)
        return f"<p>{escape(repr(self))}</p><ul>{remarks}</ul>{self.summary.to_html(index=False)}"


class _Files(Mapping[str, "pd.DataFrame"]):
    """Tables of a run's folder by name; `summary` is `Run.summary`."""

    def __init__(self, store: RunFolder, folder: str, ending: str) -> None:
        self._store, self._folder, self._ending = store, folder, ending

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in list(self):
            raise KeyError(name)
        return self._store.table(name) if self._folder == TABLES else self._store.trials(name)

    def __iter__(self) -> Iterator[str]:
        for path in self._store.listed(self._folder):
            yield Path(path).name.removesuffix(self._ending)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<{self._folder} {', '.join(self)}>"


def run(
    study: str | Study,
    *,
    observer: nn.Module | Settings | Mapping[str, Value] | str | None = None,
    out: str | Path = OUT,
    workers: int | None = None,
    progress: bool = True,
    config: StudyConfig | str | Path | None = None,
    mix: bool = False,
    device: str | Sequence[str] = "auto",
    batch: int | None = None,
    precision: str = "fp32",
    loaders: int | None = None,
    shelf_gb: float | None = None,
    keep_going: bool = False,
    executor: Executor | Client | str | None = None,
    **settings: Value,
) -> Run:
    """Put an observer through a study, or compute what is missing of it, and return what comes out.

    Parameters
    ----------
    study : str or Study
        A registered name (``"masking"``), a target ``"module:attribute"``, or a study of your own.
    observer : torch.nn.Module, settings, mapping or str, optional
        Who is tested: a live network; settings (``TimmObserver(models=("resnet50",))`` or the same as a mapping);
        the name of a timm network; or ``"module:factory"``. Default: the study's offline default.
    out : str or Path
        Folder of runs.
    workers : int, optional
        Processes; default one a processor, or a GPU. A live network whose class a worker cannot import stays in this
        process.
    progress : bool
        Show a progress bar, if stderr is a terminal or a notebook.
    config : StudyConfig, str or Path, optional
        Settings to start from: an object, a TOML file, or a run's config.json.
    mix : bool
        Take stored cells that other library versions or hardware have made.
    device : str or sequence of str
        ``"auto"`` (a GPU where there is one), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``, or several GPUs.
    batch : int, optional
        Images that a network takes at once.
    precision : {"fp32", "tf32", "bf16", "fp16"}
        Of networks' layers.
    loaders : int, optional
        Threads that load images and make stimuli ahead of a network.
    shelf_gb : float, optional
        Most disk for stimuli that observers share, in gigabytes.
    keep_going : bool
        Leave out observers that cannot take part, and name them in the log; without it they are refused.
    executor : concurrent.futures.Executor, distributed.Client or str, optional
        Where cells run: a Dask client, an executor of your own (`workers` says how many cells it takes at once), or the
        name of one that an installed package announces. Neither is shut down. Default: processes of this machine.
    **settings
        Settings of the study by name; groups are mappings: ``noise={"n_bands": 5}``.

    Returns
    -------
    Run

    Raises
    ------
    ConfigError
        If a setting breaks its rule; the message starts with its path.
    RunFailed
        If cells failed; observers that are whole are in the run's tables (`cogattn.load` reads them).

    Examples
    --------
    >>> cogattn.run("masking", noise={"n_bands": 5}).summary        # doctest: +SKIP
    """
    loaded = loaded_study(study)
    values = merge(starting_values(config), {name: plain_values(value) for name, value in settings.items()})
    execution = execution_of(
        workers=workers,
        mix=mix,
        device=device,
        batch=batch,
        precision=precision,
        loaders=loaders,
        shelf_gb=shelf_gb,
        executor=executor,
    )
    if observer is not None:
        values = merge(values, {"observer": observer_values(observer)})
    checked = loaded.Config.parse(values)
    execution = reaching([getattr(checked, "observer", None)], execution)
    if keep_going:
        checked, left_out = partaking(loaded, checked)
        for name, why in left_out.items():
            log.warning("%s takes no part: %s", name, why)
    with progress_bar(loaded.name) if progress else nullcontext(lambda _: None) as tell:
        folder = run_study(
            loaded, checked, out=Path(out), execution=execution, argv=("cogattn.run",), on_progress=tell
        )
    return Run(folder, loaded)


def load(run: str | Path, *, out: str | Path = OUT) -> Run:
    """Return a stored run.

    Parameters
    ----------
    run : str or Path
        The start of its id, ``study/id``, or its folder.
    out : str or Path
        Folder of runs.

    Raises
    ------
    ConfigError
        If there is none, or several.
    """
    folder = Path(run)
    if (folder / ConfigRecord.file).is_file():
        return Run(RunFolder(folder.absolute().parent.parent, folder.absolute().parent.name, folder.name))
    return Run(find_run(Path(out).absolute(), str(run)))


def execution_of(
    *,
    workers: int | None,
    mix: bool,
    device: str | Sequence[str],
    batch: int | None,
    precision: str,
    loaders: int | None,
    shelf_gb: float | None,
    executor: Executor | Client | str | None = None,
) -> Execution:
    """Return the execution that keywords of `run` ask for; raise ConfigError where one breaks its rule."""
    devices = (device,) if isinstance(device, str) else tuple(device)
    elsewhere = executor is not None
    hardware = checked_hardware(
        devices, batch=batch, precision=precision, loaders=loaders, elsewhere=elsewhere
    )
    return Execution(
        engine=None if executor is None else engine_of(executor, workers),
        workers=checked_workers(workers, hardware),
        mix=mix,
        hardware=hardware,
        shelf_gb=checked_shelf(shelf_gb),
    )


def starting_values(config: StudyConfig | str | Path | None) -> dict[str, object]:
    """Return the nested settings to start from: of an object, a TOML file, or a run's config.json."""
    from cogattn.config import read_settings

    if config is None:
        return {}
    return json.loads(config.canonical()) if isinstance(config, StudyConfig) else read_settings(Path(config))


def observer_values(observer: nn.Module | Settings | Mapping[str, Value] | str) -> dict[str, object]:
    """Return an observer as settings; a live network is registered."""
    if isinstance(observer, Settings | Mapping):
        return dict(_mapping(plain_values(observer)))
    if isinstance(observer, str):
        if ":" in observer:
            return {"kind": "factory", "target": observer}
        return {"kind": "timm", "models": [observer]}
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(observer, torch.nn.Module):
        raise ConfigError(
            "observer must be a torch.nn.Module, settings, a mapping, the name of a timm network or "
            f"module:factory; got {type(observer).__name__}"
        )
    from cogattn.observers import live

    return live.register(observer).model_dump(mode="json")


def reaching(observers: Sequence[object], execution: Execution) -> Execution:
    """Tell workers how to get live networks; if one cannot travel, all stay in this process, on the first device."""
    from cogattn.observers.config import ModuleObserver

    digests = list(dict.fromkeys(one.digest for one in observers if isinstance(one, ModuleObserver)))
    if not digests:
        return execution
    from cogattn.observers import live

    travel = all(map(live.can_travel, digests))
    if execution.engine is not None:
        if not travel:
            raise ObserverError(
                "observer must be of classes in modules that an executor's workers can import; got a network that this "
                "program alone knows; leave out executor"
            )
        networks = tuple((digest, live.find(digest)) for digest in digests)
        return replace(execution, prepare=(live.receive, networks))
    if travel:
        return replace(execution, prepare=(live.restore, tuple(map(live.parcel, digests))))
    return replace(execution, workers=1, hardware=execution.hardware.of_worker(0))


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"observer must be settings or a mapping; got {type(value).__name__}")
    return value


__all__ = ["Run", "RunFailed", "load", "run"]
