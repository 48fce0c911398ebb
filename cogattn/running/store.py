"""Run folders: a question asked of cells, its answer, and a record of both, where every number is covered by a hash.

A run is the folder ``<store>/<study>/<id>`` with config.json, provenance.json, cells.json (the list of its cells),
trials/, tables/, figures/ and MANIFEST.json. The cells themselves are in ``<store>/cells`` and shared by all runs
(`cogattn.running.cells`).

The id is a hash of study and settings, so the same command finds the same folder. MANIFEST.json is written last and
checked first: a file that is not as it was written is named, moved to ``quarantine/`` and written again, never read.
Nothing here is a database and nothing needs a server.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from cogattn.config import StudyConfig
from cogattn.errors import ConfigError, StoreError
from cogattn.running.atomic import (
    is_temporary,
    read_regular,
    sealed,
    sha256_hex,
    sweep_temporaries,
    unsealed,
    write_atomically,
)
from cogattn.running.cells import CELLS, QUARANTINE, CellStore
from cogattn.running.checkpoints import CHECKPOINTS
from cogattn.running.formats import csv_bytes, read_csv, read_parquet
from cogattn.running.leases import LEASES
from cogattn.running.lock import LOCK, claimed, claims, held
from cogattn.running.records import CRATE, CellList, ConfigRecord, Manifest, Record
from cogattn.running.shelf import SHELF

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from cogattn.study import Results

log = logging.getLogger(__name__)
R = TypeVar("R", bound=Record)

STUDY_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
RUN_ID = re.compile(r"[0-9a-f]{12}")
FILE_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
JOBS = "jobs"
"""Folder of what the dashboard has started."""
SITTINGS = "sittings"
"""Folder of the blocks that persons sat (`cogattn.running.sessions`)."""
RESERVED = (CELLS, QUARANTINE, CHECKPOINTS, LEASES, SHELF, JOBS, SITTINGS)
"""Folders of a store that hold no runs, so that no study may have these names."""

TRIALS, TABLES, FIGURES = "trials", "tables", "figures"
FOLDERS = (TRIALS, TABLES, FIGURES)
MAX_RECORD_BYTES = 1 << 28
PEOPLE = "people"
"""Name of the table of persons."""
PLACE = "place"
"""Name of the table that says where observers lie among them."""


def run_id(study: str, config: StudyConfig) -> str:
    """Twelve hex digits that name a run: equal for equal study and settings and for nothing else."""
    return config_record(study, config).run_id


def config_record(study: str, config: StudyConfig) -> ConfigRecord:
    """Return the record of a run's settings."""
    return ConfigRecord(study=study, config=json.loads(config.canonical()))


@dataclass(frozen=True)
class RunFolder:
    """One run's folder. Cheap to make; nothing is read until a method is called.

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
        if not STUDY_NAME.fullmatch(self.study) or self.study in RESERVED:
            raise ConfigError(
                f"study must be lower-case letters, digits, - and _, and none of {', '.join(RESERVED)}; "
                f"got {self.study[:80]!r}"
            )
        if not RUN_ID.fullmatch(self.id):
            raise ConfigError(f"run id must be 12 hex digits; got {self.id[:80]!r}")

    @property
    def folder(self) -> Path:
        """Where the run's files are."""
        return self.root / self.study / self.id

    @property
    def cells(self) -> CellStore:
        """The store's cells of this study."""
        return CellStore(self.root, self.study)

    @property
    def finished(self) -> bool:
        """Whether tables, figures and manifest have been written for the cells that its list names."""
        return (self.folder / Manifest.file).is_file()

    # -- beginning -----------------------------------------------------------------------------------------

    def create(self, config: StudyConfig) -> None:
        """Make the folder and write config.json where it is missing or damaged.

        Raises
        ------
        StoreError
            If a path of the run is a symbolic link or cannot be made or written.
        """
        try:
            for name in FOLDERS:
                self.path(name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"--out must be a writable folder; got {error.strerror} ({self.root})"
            ) from error
        record = config_record(self.study, config)
        with self.lock():
            for folder in (self.folder, *map(self.path, FOLDERS)):
                sweep_temporaries(folder)
            if self.read_or_set_aside(ConfigRecord) != record:
                self.write(record)

    @contextmanager
    def lock(self) -> Generator[None]:
        """Hold the run's lock; a process that dies gives it up."""
        with held(self.path(LOCK), of=f"run {self.id}"):
            yield

    @contextmanager
    def at_work(self, config: StudyConfig) -> Generator[None]:
        """Make the folder as `create` does, and claim the run for as long as the block runs: nobody deletes it then."""
        with ExitStack() as stack:
            with self.cells.lock():
                self.create(config)
                self.workers()  # sweeps what dead ones have left
                stack.enter_context(claimed(self.folder, of=f"run {self.id}"))
            yield

    def workers(self) -> list[str]:
        """Return who is at work on the run: host, process, since when; hold `CellStore.lock` where it must stay so."""
        return claims(self.path())

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
            return kind.model_validate(unsealed(read_regular(path, limit=MAX_RECORD_BYTES)))
        except FileNotFoundError:
            return None
        except ValidationError:
            reason = "another content than that of such a record"
        except (OSError, ValueError) as error:
            reason = cause(error)
        raise StoreError(f"{kind.file} of run {self.id} must be undamaged; got {reason} ({path})")

    def read_or_set_aside(self, kind: type[R]) -> R | None:
        """Return a record of the run; a damaged one is named in the log, set aside, and counts as absent."""
        try:
            return self.read(kind)
        except StoreError as error:
            log.warning("%s; set aside", error)
            self.set_aside(self.path(kind.file))
            return None

    def write(self, record: Record) -> None:
        """Replace a record of the run."""
        write_atomically(self.path(record.file), sealed(record.model_dump(mode="json")))

    def reopen(self) -> None:
        """Say that the run is not finished (any more): something is about to be computed."""
        try:
            for name in (Manifest.file, CRATE):
                self.path(name).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"{Manifest.file} and {CRATE} of run {self.id} must be files; got {error.strerror} ({self.folder})"
            ) from error

    def inspect(self) -> Manifest | None:
        """Check every file against the manifest before anything is rewritten; set aside what is not as it was.

        Returns
        -------
        Manifest or None
            None where there is none, or something had to be set aside: tables and figures must be made again.
        """
        manifest = self.read_or_set_aside(Manifest)
        if manifest is None:
            return None
        whole = True
        for name, digest in manifest.files.items():
            path = self.inside(name)
            if path is None or (problem := damage(path, digest)) is None:
                whole = whole and path is not None
                continue
            whole = False
            log.warning("%s of run %s %s; set aside", name, self.id, problem)
            self.set_aside(path)
        return manifest if whole else None

    # -- the end -------------------------------------------------------------------------------------------

    def finish(
        self,
        results: Results,
        *,
        trials: Mapping[str, bytes],
        cells: CellList,
        question: str,
        withheld: Mapping[str, str],
    ) -> None:
        """Write trials, tables, figures and the list of cells, then MANIFEST.json with the SHA-256 of every file.

        Parameters
        ----------
        results : Results
            Tables, figures, remarks, people.
        trials : mapping of str to bytes
            Trial tables as Parquet.
        cells : CellList
            The run's cells with their hashes.
        question : str
            Digest of all that the results follow from.
        withheld : mapping of str to str
            What the tables and figures leave out, and why.

        Raises
        ------
        StoreError
            If a file cannot be written; the run then counts as unfinished.
        """
        files = {f"{TRIALS}/{stem(name)}.parquet": data for name, data in trials.items()}
        tables = {"summary": results.summary, **results.tables}
        if results.people is not None:
            tables[PEOPLE] = results.people
        for name, table in tables.items():
            files[f"{TABLES}/{stem(name)}.csv"] = csv_bytes(table)
        for name, draw in results.figures.items():
            files |= _figure_files(stem(name), draw())
        with self.lock():
            self.reopen()
            self._remove_all_but(files)
            for name, data in files.items():
                write_atomically(self.path(*name.split("/")), data)
            self.write(cells)
            hashes = {name: sha256_hex(data) for name, data in files.items()} | self._record_hashes()
            self.write(
                Manifest(
                    files=dict(sorted(hashes.items())),
                    question=question,
                    remarks=results.remarks,
                    withheld=dict(withheld),
                )
            )

    def _record_hashes(self) -> dict[str, str]:
        names = [kind.file for kind in (ConfigRecord, CellList)]
        return {name: sha256_hex(read_regular(self.path(name))) for name in names}

    def _remove_all_but(self, files: Mapping[str, bytes]) -> None:
        """Drop tables and figures of an earlier question that this one no longer has."""
        for folder in FOLDERS:
            for path in self.path(folder).iterdir():
                if f"{folder}/{path.name}" not in files and path.is_file() and not is_temporary(path.name):
                    path.unlink(missing_ok=True)

    # -- reading -------------------------------------------------------------------------------------------

    def summary(self) -> pd.DataFrame:
        """Return the summary table as it is stored, checked against the manifest.

        Raises
        ------
        StoreError
            If the run is not finished, or the table is not the one that was written.
        """
        table = self.table("summary")
        text = [
            name
            for name in ("observer", "role", "measure", "label", "unit", "scale", "note")
            if name in table
        ]
        return table.astype(dict.fromkeys(text, object)).fillna(dict.fromkeys(text, ""))

    def table(self, name: str) -> pd.DataFrame:
        """Return a table as it is stored; raise StoreError as `summary` does."""
        return read_csv(self.listed_bytes(f"{TABLES}/{stem(name)}.csv"))

    def place(self) -> pd.DataFrame | None:
        """Return where observers lie among people, None where that is not known; raise StoreError as `summary` does."""
        if f"{TABLES}/{PLACE}.csv" not in self.listed(TABLES):
            return None
        table = self.table(PLACE)
        text = ["observer", "role", "measures", "note"]
        return table.astype(dict.fromkeys(text, object)).fillna(dict.fromkeys(text, ""))

    def trials(self, name: str) -> pd.DataFrame:
        """Return a trial table as it is stored; raise StoreError as `summary` does."""
        return read_parquet(self.listed_bytes(f"{TRIALS}/{stem(name)}.parquet")).to_pandas()

    def listed(self, folder: str) -> Iterator[str]:
        """Names of the files in one of the run's folders, as the manifest lists them."""
        for name in self.manifest().files:
            if name.startswith(f"{folder}/"):
                yield name

    def manifest(self) -> Manifest:
        """Return the manifest; raise StoreError where the run is not finished."""
        manifest = self.read(Manifest)
        if manifest is None:
            raise StoreError(
                f"run {self.id} must be finished; got no tables; run the same command again ({self.folder})"
            )
        return manifest

    def remarks(self) -> tuple[str, ...]:
        """Sentences that a reader must not miss."""
        manifest = self.read(Manifest)
        return manifest.remarks if manifest else ()

    def listed_bytes(self, name: str) -> bytes:
        """Return a file of the run, checked against the manifest; raise StoreError as `summary` does."""
        expected = self.manifest().files.get(name)
        if expected is None:
            raise StoreError(f"run {self.id} must hold {name}; got no such file ({self.folder})")
        try:
            data = read_regular(self.path(*name.split("/")))
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{name} of run {self.id} must be readable; got {cause(error)} ({self.folder})"
            ) from error
        if sha256_hex(data) != expected:
            raise StoreError(
                f"{name} of run {self.id} must have the SHA-256 of the manifest; got another; "
                f"the same command writes it again ({self.folder})"
            )
        return data

    # -- paths ---------------------------------------------------------------------------------------------

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

    def set_aside(self, path: Path) -> None:
        """Move a file to quarantine."""
        folder = self.path(QUARANTINE)
        try:
            folder.mkdir(exist_ok=True)
            path.rename(folder / f"{path.name}.{sum(1 for _ in folder.iterdir())}")
        except FileNotFoundError:
            pass  # another driver was faster
        except OSError as error:
            raise StoreError(
                f"{path.name} must be movable to quarantine; got {error.strerror} ({path})"
            ) from error

    def inside(self, name: str) -> Path | None:
        """The file that a manifest's entry means; None, with a word in the log, for one that is none of ours."""
        folder, _, rest = name.rpartition("/")
        if (
            folder in ("", *FOLDERS)
            and rest not in ("", ".", "..")
            and "\x00" not in rest
            and "\\" not in rest
        ):
            return self.path(*filter(None, (folder, rest)))
        log.warning("%s of run %s lists %r, which is no file of a run", Manifest.file, self.id, name[:80])
        return None


def damage(path: Path, digest: str) -> str | None:
    """Say what is wrong with a file that must have this SHA-256; None where nothing is."""
    try:
        data = read_regular(path)
    except FileNotFoundError:
        return "is missing"
    except (OSError, ValueError) as error:
        return f"is not a readable file ({cause(error)})"
    return None if sha256_hex(data) == digest else f"is damaged: its SHA-256 differs from {Manifest.file}"


def _figure_files(stem: str, figure: Figure) -> dict[str, bytes]:
    from cogattn.figures import render

    return {f"{FIGURES}/{stem}.pdf": render(figure, "pdf"), f"{FIGURES}/{stem}.png": render(figure, "png")}


def stem(name: str) -> str:
    """Return the name of a table or figure if it does as a file name; raise StoreError otherwise."""
    if not FILE_STEM.fullmatch(name):
        raise StoreError(f"names of tables and figures must be letters, digits, - and _; got {name[:80]!r}")
    return name


def cause(error: Exception) -> str:
    """Say in few words what went wrong with a file."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
