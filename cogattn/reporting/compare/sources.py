"""What a user names, found: a stored run, a published table, a CSV file, or a table in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from cogattn.api import Run, load
from cogattn.errors import CogattnError, ConfigError, DataError
from cogattn.registry import load_study, study_entry_points
from cogattn.reporting.compare.reading import read_table
from cogattn.reporting.compare.values import Source, values_of_summary
from cogattn.running.atomic import sha256_hex
from cogattn.running.listing import survey
from cogattn.running.records import ConfigRecord
from cogattn.running.store import TABLES

Input = str | Path | Run | pd.DataFrame
MAX_SOURCES = 200


def find_sources(inputs: Sequence[Input], *, out: Path) -> list[Source]:
    """Return the sources that `inputs` name, in their order.

    Parameters
    ----------
    inputs : sequence
        Each a run (the start of its id, ``study/id``, its folder, or a `Run`), the name of a published table, a CSV
        file, or a DataFrame in the form of a summary.
    out : Path
        Folder of runs.

    Raises
    ------
    ConfigError
        If there is none, or nothing has a name that is given.
    DataError
        If one is given twice, or a table breaks a rule.
    """
    if not inputs or len(inputs) > MAX_SOURCES:
        raise ConfigError(
            f"compare needs 1 to {MAX_SOURCES} runs, published tables or CSV files; got {len(inputs)}"
        )
    found: list[Source] = []
    for number, given in enumerate(inputs, start=1):
        source = _source(given, number, out)
        if source.name in [other.name for other in found]:
            raise DataError(f"each source must be given once; got {source.name} twice")
        found.append(source)
    return found


def published() -> dict[str, Callable[[], pd.DataFrame]]:
    """Return the published tables of all registered studies by name; a study that does not import has none."""
    tables: dict[str, Callable[[], pd.DataFrame]] = {}
    for name in study_entry_points():
        try:
            study = load_study(name)
        except CogattnError:
            continue
        tables |= getattr(study, "published", dict)()
    return tables


def _source(given: Input, number: int, out: Path) -> Source:
    if isinstance(given, Run):
        return _of_run(given)
    if isinstance(given, pd.DataFrame):
        return _of_frame(given, f"table {number}")
    path = Path(given)
    if (path / ConfigRecord.file).is_file():
        return _of_run(load(path))
    if path.is_file() or path.suffix.lower() == ".csv":
        return read_table(path)
    tables = published()
    if str(given) in tables:
        values, remarks = values_of_summary(tables[str(given)](), source=str(given))
        return Source(name=str(given), kind="published", values=values, remarks=remarks)
    return _of_run(_stored(str(given), out, tables))


def _stored(name: str, out: Path, tables: Mapping[str, object]) -> Run:
    try:
        return load(name, out=out)
    except ConfigError as error:
        if "several" in str(error):
            raise
        raise ConfigError(
            f"each of what is compared must be the start of a run's id, a published table ({', '.join(tables)}) or a "
            f"CSV file; got {name[:80]!r}, and no such run in {out}"
        ) from None


def _of_run(run: Run) -> Source:
    name = f"{run.store.study}/{run.id}"
    values, notes = values_of_summary(run.summary, source=name)
    return Source(
        name=name,
        kind="run",
        values=values,
        remarks=(*(f"{name}: {remark}" for remark in run.remarks), *notes),
        run=survey(run.store),
        sha256=sha256_hex(run.store.listed_bytes(f"{TABLES}/summary.csv")),
    )


def _of_frame(table: pd.DataFrame, name: str) -> Source:
    missing = [column for column in ("observer", "measure", "estimate") if column not in table]
    if missing:
        raise DataError(f"{name} must have the columns observer, measure, estimate; got no {missing[0]}")
    values, remarks = values_of_summary(table, source=name)
    return Source(name=name, kind="table", values=values, remarks=remarks)
