"""What a store holds, and whether it is as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cogattn.errors import ConfigError, StoreError
from cogattn.running.atomic import is_temporary, read_regular, sha256_hex
from cogattn.running.records import ConfigRecord, Manifest, Provenance
from cogattn.running.store import (
    CELL_FILE,
    CELLS,
    FIGURES,
    LOCK,
    QUARANTINE,
    RUN_ID,
    STUDY_NAME,
    TABLES,
    R,
    Run,
    cause,
)


def list_runs(root: Path) -> list[Run]:
    """Return the runs of a store by study and id; folders of another form are not runs."""
    if not root.is_dir():
        return []
    folders = [
        run
        for study in sorted(root.iterdir())
        if STUDY_NAME.fullmatch(study.name) and study.is_dir() and not study.is_symlink()
        for run in sorted(study.iterdir())
        if RUN_ID.fullmatch(run.name) and run.is_dir() and not run.is_symlink()
    ]
    return [Run(root, folder.parent.name, folder.name) for folder in folders]


def find_run(root: Path, name: str) -> Run:
    """Return the one run whose id, or ``study/id``, starts with `name`.

    Raises
    ------
    ConfigError
        If none or several match.
    """
    study, _, prefix = name.rpartition("/")
    runs = [
        run for run in list_runs(root) if prefix and run.id.startswith(prefix) and study in ("", run.study)
    ]
    if len(runs) == 1:
        return runs[0]
    several = f"several: {', '.join(run.id for run in runs[:5])}" if runs else "none"
    raise ConfigError(
        f"run must be the start of one stored id; got {name[:80]!r}, which fits {several} ({root})"
    )


def verify(run: Run) -> list[str]:
    """Re-hash every file of `run`; return one sentence for each that is not as it was written."""
    problems: list[str] = []
    config = _record(run, ConfigRecord, problems)
    if config is not None and (config.study, config.run_id) != (run.study, run.id):
        problems.append(f"{ConfigRecord.file} belongs to another run than {run.study}/{run.id}")
    _record(run, Provenance, problems)
    manifest = _record(run, Manifest, problems)
    listed = manifest.files if manifest else {}
    found = dict(_hashes(run, problems))
    for name, digest in found.items():
        cell = CELL_FILE.fullmatch(name.removeprefix(f"{CELLS}/"))
        if cell and cell[2] != digest:
            problems.append(f"{name} is damaged: its SHA-256 differs from its name")
        elif listed and name not in listed:
            problems.append(f"{name} is not in {Manifest.file}")
        elif listed and listed[name] != digest:
            problems.append(f"{name} is damaged: its SHA-256 differs from {Manifest.file}")
    known = found.keys() | {ConfigRecord.file, Provenance.file}
    return problems + [f"{name} is missing" for name in listed if name not in known]


def _record(run: Run, kind: type[R], problems: list[str]) -> R | None:
    try:
        record = run.read(kind)
    except StoreError as error:
        problems.append(str(error))
        return None
    if record is None and kind is not Manifest:
        problems.append(f"{kind.file} is missing")
    return record


def _hashes(run: Run, problems: list[str]) -> Iterator[tuple[str, str]]:
    """SHA-256 by relative path of all but the records that carry their own; tell what is no readable file."""
    for path in sorted(run.folder.rglob("*")):
        name = path.relative_to(run.folder).as_posix()
        if name.split("/")[0] in (QUARANTINE, Manifest.file, LOCK) or is_temporary(path.name):
            continue
        if name in (CELLS, TABLES, FIGURES) and path.is_dir() and not path.is_symlink():
            continue
        try:
            yield name, sha256_hex(read_regular(path))
        except (OSError, ValueError) as error:
            problems.append(f"{name} is not a readable file ({cause(error)})")
