"""Runs, published results and outside scores pooled, compared and related: `cogattn.compare`, `cogattn compare`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cogattn.errors import DataError, StoreError
from cogattn.reporting.compare.differences import differences
from cogattn.reporting.compare.explain import Explained
from cogattn.reporting.compare.explain import explain as explained
from cogattn.reporting.compare.precision import precision
from cogattn.reporting.compare.selection import left_out_table, select, told
from cogattn.reporting.compare.settings import differing_settings
from cogattn.reporting.compare.sources import Input, Source, find_sources
from cogattn.reporting.compare.tags import joined
from cogattn.reporting.compare.text import comparison_text
from cogattn.reporting.compare.values import partners, pool
from cogattn.reporting.tables import WIDTH, rows_json
from cogattn.running.atomic import write_atomically
from cogattn.running.formats import csv_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUT = Path("runs")


@dataclass(frozen=True, eq=False)
class Comparison:
    """What several sources say together.

    Parameters
    ----------
    remarks : tuple of str
        What a reader must know before the numbers.
    sources : DataFrame
        source, kind, observers, measures, without_partner (observers that no other source knows), sha256.
    settings : DataFrame
        study, setting and a column per run: only those that differ.
    values : DataFrame
        source, observer, role, measure, label, unit, scale, estimate, lo, hi, n, note; the observer ``people`` is the
        mean of the people that a source brings along.
    differences : DataFrame
        measure, first, first_source, second, second_source, kind (ratio or difference), estimate, lo, hi, n, p, method.
    reliability : DataFrame
        source, measure, reliability, lo, hi, n, n_left_out, trials, trials_needed, target.
    left_out : DataFrame
        observer and reason: who does not meet a condition, or lacks a value that the relation needs.
    explained : Explained, optional
        The relation that was asked for.
    """

    remarks: tuple[str, ...]
    sources: pd.DataFrame
    settings: pd.DataFrame
    values: pd.DataFrame
    differences: pd.DataFrame
    reliability: pd.DataFrame
    left_out: pd.DataFrame
    explained: Explained | None = field(default=None, repr=False)

    @property
    def relations(self) -> pd.DataFrame:
        """Correlations and variance explained: outcome, measure, predictor, estimate, lo, hi, n, n_left_out, note.

        Raises
        ------
        DataError
            If no relation was asked for.
        """
        if self.explained is None:
            raise DataError("a relation must be asked for; got none; give explain and by")
        return self.explained.relations

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name."""
        tables = {
            "sources": self.sources,
            "settings": self.settings,
            "values": self.values,
            "differences": self.differences,
            "reliability": self.reliability,
            "left_out": self.left_out,
        }
        return tables if self.explained is None else tables | {"relations": self.relations}

    @property
    def figures(self) -> dict[str, Callable[[], Figure]]:
        """What draws each figure, by name."""
        from cogattn.reporting.compare.figures import relation_figure, values_figure

        drawn: dict[str, Callable[[], Figure]] = {"values": partial(values_figure, self.values)}
        if self.explained is not None:
            drawn["relations"] = partial(relation_figure, self.explained, self.values)
        return drawn

    def text(self, width: int = WIDTH) -> str:
        """Return it for a terminal: remarks, settings that differ, then the numbers."""
        return comparison_text(self, width=width)

    def json(self) -> str:
        """Return remarks and all tables as one JSON object; what is missing or infinite is null."""
        found: dict[str, object] = {"remarks": list(self.remarks)}
        found |= {name: json.loads(rows_json(table)) for name, table in self.tables.items()}
        return json.dumps(found, indent=1)

    def write(self, folder: str | Path) -> Path:
        """Write tables as CSV, figures as PNG and PDF, and the remarks, into a folder; return it.

        Raises
        ------
        StoreError
            If the folder cannot be made or written.
        """
        from cogattn.figures import save

        place = Path(folder)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"--to must be a writable folder; got {error.strerror} ({place})") from error
        for name, table in self.tables.items():
            write_atomically(place / f"{name}.csv", csv_bytes(table))
        write_atomically(place / "remarks.txt", "".join(f"{remark}\n" for remark in self.remarks).encode())
        for name, draw in self.figures.items():
            save(draw(), place / name)
        return place

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(self.text())}</pre>"


def compare(
    *inputs: Input,
    out: str | Path = OUT,
    against: str = "",
    explain: str = "",
    by: Sequence[str] = (),
    control: Sequence[str] = (),
    where: Sequence[str] = (),
    leave_out_families: bool = False,
    seed: int = 0,
) -> Comparison:
    """Pool stored runs, published tables and outside scores, and say who differs and what explains what.

    Parameters
    ----------
    *inputs : str, Path, Run or DataFrame
        Runs (the start of an id, ``study/id``, a folder, a `Run`), names of published tables, CSV files (a summary,
        a table of persons, or observers by columns of numbers), or summaries in memory. They join on the observer's
        name, with or without its tag, and the measure's key.
    out : str or Path
        Folder of runs.
    against : str
        The observer, or ``people``, with whom each is compared; without it, all pairs of at most four.
    explain : str
        Key of a measure to be explained over observers.
    by, control : sequence of str
        Measures that explain it, and that are held constant.
    where : sequence of str
        Who is looked at: ``"accuracy.clean>=0.5"``; the others are counted in ``left_out``.
    leave_out_families : bool
        Also predict each family of observers from the others: the column ``family`` of a table, else the letters that
        a name begins with.
    seed : int
        Of the streams for bootstrap and permutation.

    Returns
    -------
    Comparison

    Raises
    ------
    ConfigError, DataError
        If something has no such name, or a table breaks a rule (with path, line and column).

    Examples
    --------
    >>> import cogattn
    >>> found = cogattn.compare("subramanian2023-networks", against="people")
    >>> row = found.differences.query("first == 'resnet50' and measure == 'bandwidth'").iloc[0]
    >>> row["kind"], round(float(row["estimate"]), 1)
    ('ratio', 1.2)
    """
    sources, said = joined(find_sources(inputs, out=Path(out)))
    values, unasked = select(pool(sources), where)
    compared, not_compared = differences(values, against=against, seed=seed)
    related: Explained | None = None
    if explain:
        related = explained(
            values, explain, by=by, control=control, leave_out_families=leave_out_families,
            families={name: family for source in sources for name, family in source.families.items()},
            n_left_out=len(unasked), seed=seed,
        )  # fmt: skip
    elif by or control or leave_out_families:
        raise DataError("--by, --control and --leave-out-families need --explain; got none")
    settings = differing_settings(sources)
    return Comparison(
        remarks=(*_remarks(sources, settings), *said, *told(unasked), *not_compared),
        sources=partners(sources),
        settings=settings,
        values=values,
        differences=compared,
        reliability=precision(values),
        left_out=left_out_table(unasked | (related.reasons if related else {})),
        explained=related,
    )


def _remarks(sources: Sequence[Source], settings: pd.DataFrame) -> tuple[str, ...]:
    """Settings that differ come first, then what each source says of itself."""
    said = []
    studies = list(dict.fromkeys(source.run.run.study for source in sources if source.run is not None))
    if len(studies) > 1:
        said.append(f"runs are of different studies: {', '.join(studies)}")
    if len(settings):
        n = len(settings)
        said.append(
            f"runs differ in {n} setting{'s' if n > 1 else ''}, so what differs between them may be these: "
            f"{', '.join(settings['setting'].head(8))}{' ...' if n > 8 else ''}"
        )
    return (*said, *(remark for source in sources for remark in source.remarks))
