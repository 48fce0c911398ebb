"""Run folders, where every number is covered by a hash.

A run is the folder ``<store>/<study>/<id>`` with config.json, provenance.json, cells/, trials.parquet,
tables/, figures/ and MANIFEST.json.

The id is a hash of study, version and settings, so the same command finds the same folder. A cell is one
file, ``cells/<key>-<SHA-256>.parquet``. The hash stands in the name because one atomic move then publishes
content and hash together: no second file can be missing, older or torn, and every reader can check it.
Files that fail the check are named in the log, moved to ``quarantine/`` and computed again; they are never
read.

Nothing here is a database and nothing needs a server. Concurrent drivers and workers are safe: the first to
publish a cell wins, and records are replaced under the run's lock, which a dying process gives up by
itself.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from filelock import FileLock
from pydantic import ValidationError

from cogattn.config import StudyConfig
from cogattn.errors import ConfigError, StoreError
from cogattn.running.atomic import (
    read_regular,
    sealed,
    sha256_hex,
    sweep_temporaries,
    unsealed,
    write_atomically,
)
from cogattn.running.formats import csv_bytes, parquet_bytes, read_csv, read_parquet
from cogattn.running.records import ConfigRecord, Manifest, Provenance, Record
from cogattn.study import Results

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)
R = TypeVar("R", bound=Record)

STUDY_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
RUN_ID = re.compile(r"[0-9a-f]{12}")
CELL_KEY = re.compile(r"[0-9a-f]{16}")
CELL_FILE = re.compile(r"([0-9a-f]{16})-([0-9a-f]{64})\.parquet")
FILE_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")

TRIALS, LOCK = "trials.parquet", ".lock"
CELLS, TABLES, FIGURES, QUARANTINE = "cells", "tables", "figures", "quarantine"


def run_id(study: str, version: int, config: StudyConfig) -> str:
    """Twelve hex digits that name a run: equal for equal study, version and settings and for nothing else."""
    return _config_record(study, version, config).run_id


def _config_record(study: str, version: int, config: StudyConfig) -> ConfigRecord:
    return ConfigRecord(study=study, version=version, config=json.loads(config.canonical()))


@dataclass(frozen=True)
class Run:
    """One run's folder. Cheap to make and to send to a worker; nothing is read until a method is called.

    Parameters
    ----------
    root : Path
        The store.
    study : str
        The study's name.
    id : str
        Twelve hex digits, see `run_id`.

    Raises
    ------
    ConfigError
        If the study's name or the id has another form, so that no path can leave the store.
    """

    root: Path
    study: str
    id: str

    def __post_init__(self) -> None:
        if not STUDY_NAME.fullmatch(self.study):
            raise ConfigError(f"study must be lower-case letters, digits, - and _; got {self.study[:80]!r}")
        if not RUN_ID.fullmatch(self.id):
            raise ConfigError(f"run id must be 12 hex digits; got {self.id[:80]!r}")

    @property
    def folder(self) -> Path:
        """Where the run's files are."""
        return self.root / self.study / self.id

    @property
    def finished(self) -> bool:
        """Whether tables, figures and manifest have been written for all cells."""
        return (self.folder / Manifest.file).is_file()

    # -- beginning -----------------------------------------------------------------------------------------

    def create(self, version: int, config: StudyConfig) -> None:
        """Make the folder and write config.json where it is missing or damaged.

        Raises
        ------
        StoreError
            If a path of the run is a symbolic link or cannot be made or written.
        """
        try:
            for name in (CELLS, TABLES, FIGURES):
                self.path(name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"run {self.id} must be writable; got {error.strerror} ({error.filename})"
            ) from error
        record = _config_record(self.study, version, config)
        with self.lock():
            for folder in (self.folder, *map(self.path, (CELLS, TABLES, FIGURES))):
                sweep_temporaries(folder)
            if self._intact_config() != record:
                self.write(record)

    @contextmanager
    def lock(self) -> Generator[None]:
        """Hold the run's lock; a process that dies gives it up."""
        lock = FileLock(self.path(LOCK))
        try:
            lock.acquire()
        except OSError as error:
            raise StoreError(
                f"run {self.id} must be writable; got {error.strerror} ({self.folder})"
            ) from error
        try:
            yield
        finally:
            lock.release()

    # -- records -------------------------------------------------------------------------------------------

    def read(self, kind: type[R]) -> R | None:
        """Return a record of the run, None where it is absent.

        Raises
        ------
        StoreError
            If the record is damaged.
        """
        path = self.path(kind.file)
        try:
            return kind.model_validate(unsealed(read_regular(path)))
        except FileNotFoundError:
            return None
        except ValidationError:
            reason = "another content than that of such a record"
        except (OSError, ValueError) as error:
            reason = cause(error)
        raise StoreError(f"{kind.file} of run {self.id} must be undamaged; got {reason} ({path})")

    def write(self, record: Record) -> None:
        """Replace a record of the run."""
        write_atomically(self.path(record.file), sealed(record.model_dump(mode="json")))

    def reopen(self) -> None:
        """Say that the run is not finished (any more): new cells are about to be computed."""
        try:
            self.path(Manifest.file).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"{Manifest.file} of run {self.id} must be a file; got {error.strerror} ({self.folder})"
            ) from error

    def _intact_config(self) -> ConfigRecord | None:
        try:
            return self.read(ConfigRecord)
        except StoreError as error:
            log.warning("%s; set aside and written again", error)
            self._quarantine(self.path(ConfigRecord.file))
            return None

    # -- cells ---------------------------------------------------------------------------------------------

    def write_cell(self, key: str, trials: pd.DataFrame) -> None:
        """Publish a cell's trials; where another worker has been faster, its file stays.

        Parameters
        ----------
        key : str
            The cell's key, 16 hex digits.
        trials : DataFrame
            One row per trial.

        Raises
        ------
        StoreError
            If the file cannot be written; no part of it is left behind.
        """
        if not CELL_KEY.fullmatch(key):
            raise StoreError(f"cell key must be 16 hex digits; got {key[:80]!r}")
        data = parquet_bytes(trials)
        with self.lock():
            if not self._cell_files([key]):
                write_atomically(self.path(CELLS, f"{key}-{sha256_hex(data)}.parquet"), data)

    def has_cell(self, key: str) -> bool:
        """Whether a file for this cell has been published (its hash is checked when it is read)."""
        return bool(self._cell_files([key]))

    def n_stored(self) -> int:
        """Return how many cells have been published."""
        names = [path.name for path in self._listing()]
        return len({match[1] for match in map(CELL_FILE.fullmatch, names) if match})

    def intact_cells(self, keys: Iterable[str]) -> set[str]:
        """Return which of `keys` are stored undamaged; set damaged files aside and name them in the log."""
        intact = set()
        for key, paths in self._cell_files(keys).items():
            for path in paths:
                if self._cell_bytes(path) is not None:
                    intact.add(key)
        return intact

    def read_trials(self, keys: Sequence[str]) -> pd.DataFrame:
        """Return the trials of these cells in this order.

        Raises
        ------
        StoreError
            If a cell is missing or damaged; a damaged one is set aside.
        """
        import pyarrow as pa

        files = self._cell_files(keys)
        tables = [self._cell_table(key, files.get(key, [])) for key in keys]
        if not tables:
            raise StoreError(f"run {self.id} must have at least one cell; got none ({self.folder})")
        return pa.concat_tables(tables, promote_options="permissive").to_pandas()

    def _cell_table(self, key: str, paths: Sequence[Path]) -> pa.Table:
        for path in paths:
            if (data := self._cell_bytes(path)) is not None:
                return read_parquet(data)
        raise StoreError(
            f"cell {key} of run {self.id} must be stored undamaged; got none; the same command computes it "
            f"again ({self.folder})"
        )

    def _cell_bytes(self, path: Path) -> bytes | None:
        """Return the file's bytes, or None after setting aside what is damaged."""
        try:
            data = read_regular(path)
            if not path.name.endswith(f"-{sha256_hex(data)}.parquet"):
                raise ValueError("its SHA-256 differs from its name")
            read_parquet(data)
        except FileNotFoundError:
            return None  # another driver has set it aside
        except OSError as error:
            raise StoreError(f"{path.name} must be readable; got {error.strerror} ({path.parent})") from error
        except ValueError as error:
            log.warning("cell file %s of run %s is damaged (%s); set aside", path.name, self.id, error)
            self._quarantine(path)
            return None
        return data

    def _cell_files(self, keys: Iterable[str]) -> dict[str, list[Path]]:
        """Published files by key, in the order in which every reader tries them."""
        wanted, found = set(keys), {}
        for path in sorted(self._listing()):
            match = CELL_FILE.fullmatch(path.name)
            if match and match[1] in wanted:
                found.setdefault(match[1], []).append(path)
        return found

    def _listing(self) -> list[Path]:
        try:
            return list(self.path(CELLS).iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(
                f"cells of run {self.id} must be readable; got {error.strerror} ({self.folder})"
            ) from error

    def _quarantine(self, path: Path) -> None:
        folder = self.path(QUARANTINE)
        try:
            folder.mkdir(exist_ok=True)
            taken = sum(1 for _ in folder.iterdir())
            path.rename(folder / f"{path.name}.{taken}")
        except FileNotFoundError:
            pass  # another driver was faster
        except OSError as error:
            raise StoreError(
                f"{path.name} must be movable to quarantine; got {error.strerror} ({path})"
            ) from error

    # -- the end -------------------------------------------------------------------------------------------

    def finish(self, results: Results, trials: pd.DataFrame) -> None:
        """Write trials, tables and figures, then MANIFEST.json with the SHA-256 of every file of the run.

        Raises
        ------
        StoreError
            If a file cannot be written; the run then counts as unfinished.
        """
        files = {TRIALS: parquet_bytes(trials)}
        for name, table in {"summary": results.summary, **results.tables}.items():
            files[f"{TABLES}/{_stem(name)}.csv"] = csv_bytes(table)
        for name, draw in results.figures.items():
            files |= _figure_files(_stem(name), draw())
        with self.lock():
            self.reopen()
            for name, data in files.items():
                write_atomically(self.path(*name.split("/")), data)
            hashes = self._hashes_so_far() | {name: sha256_hex(data) for name, data in files.items()}
            self.write(Manifest(files=dict(sorted(hashes.items())), remarks=results.remarks))

    def _hashes_so_far(self) -> dict[str, str]:
        """Hashes of the cells, as their names tell, and of the records."""
        records = [kind.file for kind in (ConfigRecord, Provenance) if self.read(kind) is not None]
        cells = {path.name: match[2] for path in self._listing() if (match := CELL_FILE.fullmatch(path.name))}
        hashes = {f"{CELLS}/{name}": digest for name, digest in cells.items()}
        return hashes | {name: sha256_hex(read_regular(self.path(name))) for name in records}

    def summary(self) -> pd.DataFrame:
        """Return the summary table as it is stored, checked against the manifest.

        Raises
        ------
        StoreError
            If the run is not finished, or the table is not the one that was written.
        """
        table = read_csv(self._read_listed(f"{TABLES}/summary.csv"))
        text = [column for column in ("observer", "measure", "unit", "note") if column in table]
        return table.astype(dict.fromkeys(text, object)).fillna(dict.fromkeys(text, ""))

    def remarks(self) -> tuple[str, ...]:
        """Sentences that belong under the summary table."""
        manifest = self.read(Manifest)
        return manifest.remarks if manifest else ()

    def _read_listed(self, name: str) -> bytes:
        manifest = self.read(Manifest)
        if manifest is None:
            raise StoreError(
                f"run {self.id} must be finished; got cells only; run the same command again ({self.folder})"
            )
        try:
            data = read_regular(self.path(*name.split("/")))
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{name} of run {self.id} must be readable; got {cause(error)} ({self.folder})"
            ) from error
        if sha256_hex(data) != manifest.files.get(name):
            raise StoreError(
                f"{name} of run {self.id} must have the SHA-256 of the manifest; got another; "
                f"the same command writes it again ({self.folder})"
            )
        return data

    def path(self, *parts: str) -> Path:
        """Return a path of the run, refused where a symbolic link on the way could lead out of the store."""
        path = self.root
        for part in (self.study, self.id, *parts):
            path = path / part
            if path.is_symlink():
                raise StoreError(
                    f"paths of a run must not be symbolic links; got {path} -> {path.readlink()}"
                )
        return path


def _figure_files(stem: str, figure: Figure) -> dict[str, bytes]:
    from cogattn.figures import render

    return {f"{FIGURES}/{stem}.pdf": render(figure, "pdf"), f"{FIGURES}/{stem}.png": render(figure, "png")}


def _stem(name: str) -> str:
    if not FILE_STEM.fullmatch(name):
        raise StoreError(f"names of tables and figures must be letters, digits, - and _; got {name[:80]!r}")
    return name


def cause(error: Exception) -> str:
    """Say in few words what went wrong with a file."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
