"""What a study is: a plan of cells, a pure function that runs one cell, and a summary of all trials.

A cell is identified by what made it. The store asks a study for the settings that can change the cell's trials
(`Study.relevant`) and for the bytes that it reads (`Study.contents`), and `run_cell` gets these settings and no
others: what is not in a cell's identity cannot reach its trials.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from typing_extensions import TypeVar

from cogattn.config import StudyConfig
from cogattn.measures import SUMMARY_COLUMNS as SUMMARY_COLUMNS
from cogattn.observers.observer import Observer
from cogattn.seeds import Streams

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from cogattn.exhibits import Shown

C = TypeVar("C", bound=StudyConfig)
Value = str | int | float | bool
Kind = Literal["behaves like", "explains people"]
Schema = Mapping[str, str]
"""Columns of a trial table and their types: ``str``, ``bool``, ``int64`` or ``float64``."""
KEPT_VALUES = 10_000_000
"""Rows times columns of trials that are kept in memory; a larger design is read cell by cell."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One piece of a study's plan: seconds to minutes of work, stored as one file.

    A study derives its own cells from this class, with one field for each thing that tells them apart.

    Parameters
    ----------
    label : str
        What a person reads in a progress line or an error ("resnet50, images 64-127"). No part of the key.
    task : str
        Name of the trial table that the cell fills.
    observer : str
        Id of the observer (or listener) whose cell it is: if one of them fails, all of that observer are withheld.
    """

    label: str
    task: str
    observer: str

    @cached_property
    def params(self) -> dict[str, Value]:
        """What tells this cell from the others: all fields but the label."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "label"}

    @cached_property
    def key(self) -> str:
        """Sixteen hex digits: the cell's place in its plan, and the root of its random streams."""
        text = json.dumps(self.params, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def streams_of(config: StudyConfig, cell: Cell) -> Streams:
    """Return the random streams of a cell: they come from the seed and what the cell is, and from nothing else."""
    return Streams(config.seed).child(cell.key)


@dataclass(frozen=True)
class Outcome:
    """What a cell leaves: trials by table, and artefacts (weights, arrays) by file name.

    Parameters
    ----------
    trials : mapping of str to DataFrame
        By table, each with the columns of `Study.tables`.
    artefacts : mapping of str to bytes
        ``weights.safetensors``: kept beside the trials, in the same file; `Run.artefacts` reads them.
    """

    trials: Mapping[str, pd.DataFrame]
    artefacts: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Cost:
    """What a cell needs, roughly: seconds of one processor, megabytes of memory, seconds of a GPU if one computes."""

    cpu_s: float
    memory_mb: float = 500.0
    gpu_s: float = 0.0


class Trials(Mapping[str, "pd.DataFrame"]):
    """All trials of a run by table, in plan order.

    A table that no cell has filled is empty, with the columns that the study declares. Cells are read one by one,
    and a table is put together when it is asked for.

    Parameters
    ----------
    tables : mapping of str to Schema
        As `Study.tables` declares them; the attribute ``schemas``.
    cells : sequence of callable returning Outcome
        Each reads one cell.
    """

    def __init__(self, tables: Mapping[str, Schema], cells: Sequence[Callable[[], Outcome]]) -> None:
        self.schemas, self._cells = dict(tables), cells
        self._kept: dict[int, Mapping[str, pd.DataFrame]] = {}
        self._room = KEPT_VALUES
        self._whole: dict[str, pd.DataFrame] = {}

    @classmethod
    def of(cls, tables: Mapping[str, Schema], outcomes: Sequence[Outcome]) -> Trials:
        """Make them of outcomes in memory, in plan order."""
        return cls(tables, [lambda outcome=outcome: outcome for outcome in outcomes])

    def __getitem__(self, table: str) -> pd.DataFrame:
        if table not in self._whole:
            import pandas as pd

            parts = list(self.parts(table))
            empty = empty_table(self.schemas[table])
            self._whole[table] = pd.concat(parts, ignore_index=True).astype(empty.dtypes) if parts else empty
        return self._whole[table]

    def __iter__(self) -> Iterator[str]:
        return iter(self.schemas)

    def __len__(self) -> int:
        return len(self.schemas)

    def parts(self, table: str) -> Iterator[pd.DataFrame]:
        """Yield each cell's rows of a table, in plan order, one cell in memory at a time."""
        if table not in self.schemas:
            raise KeyError(table)
        for index in range(len(self._cells)):
            rows = self._trials_of(index).get(table)
            if rows is not None and len(rows):
                yield rows

    def counts(self, table: str, *, by: Sequence[str], totals: Sequence[str] = ()) -> pd.DataFrame:
        """Return the number of trials, and totals of columns, by the values of others, one cell in memory at a time.

        Parameters
        ----------
        table : str
            Which.
        by : sequence of str
            Columns whose values make a row.
        totals : sequence of str
            Columns to add up (of bool: how many are true).

        Returns
        -------
        DataFrame
            Columns `by`, ``n``, `totals`; in the order in which they first appear.
        """
        import pandas as pd

        parts = [_counted(rows.assign(n=1), by, ["n", *totals]) for rows in self.parts(table)]
        if not parts:
            return empty_table(self.schemas[table]).assign(n=0)[[*by, "n", *totals]]
        return _counted(pd.concat(parts, ignore_index=True), by, ["n", *totals])

    def _trials_of(self, index: int) -> Mapping[str, pd.DataFrame]:
        """One cell's tables; small designs stay in memory, so that each cell is read once."""
        if index in self._kept:
            return self._kept[index]
        trials = self._cells[index]().trials
        size = sum(rows.size for rows in trials.values())
        if size <= self._room:
            self._room -= size
            self._kept[index] = trials
        return trials


def _counted(rows: pd.DataFrame, by: Sequence[str], totals: Sequence[str]) -> pd.DataFrame:
    return rows.groupby(list(by), sort=False, dropna=False)[list(totals)].sum().reset_index()


def empty_table(schema: Schema) -> pd.DataFrame:
    """Return a table without rows that has the columns and types of a schema."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in schema.items()})


@dataclass(frozen=True)
class Results:
    """What a run says: tables with intervals, figures, and remarks a reader must not miss.

    Parameters
    ----------
    summary : DataFrame
        One row per observer and measure, as `cogattn.measures.summary_table` makes it.
    tables : mapping of str to DataFrame
        Further tables, by file name without ending.
    figures : mapping of str to callable returning a Figure
        Drawn only when the run is written out.
    remarks : tuple of str
        Sentences printed above the table (skipped images, other stimuli than people's, unidentified fits).
    people : DataFrame, optional
        The persons that the study knows, as `cogattn.measures.people_table` makes it; None: group means only.
    """

    summary: pd.DataFrame
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    people: pd.DataFrame | None = None


K = TypeVar("K", bound=Cell, default=Cell)
"""A study's own class of cells, where it has one."""


class Study(Protocol[C, K]):
    """The protocol that the CLI, the store and the dashboard know; `cogattn.testing` checks an implementation.

    The module that defines a study imports no torch, so that ``--help`` answers at once; `run_cell` and
    `summarise` import what they need. A class that derives from this one inherits the methods that have a body.
    """

    name: ClassVar[str]
    """Registry key and CLI command."""
    version: ClassVar[int]
    """Raised when, and only when, the numbers of the demo change (tests hold them against stored tables)."""
    Config: type[C]
    """Frozen settings whose defaults are the paper's or the offline default, each field says which."""
    reference: ClassVar[str]
    """BibTeX of the paper."""
    tables: ClassVar[Mapping[str, Schema]]
    """Trial tables by name, with the columns that their rows have."""
    question: ClassVar[str] = ""
    """What the study asks, in a sentence: a report says it above the study's numbers."""
    derivatives: ClassVar[str] = ""
    """Target ``module:function`` that makes BIDS derivatives of a finished run; empty: there are none."""
    commands: ClassVar[Mapping[str, str]] = {}
    """Further commands of the study, ``cogattn STUDY WORD``, by word: ``module:function``."""
    joint: ClassVar[Sequence[str]] = ()
    """Keys of the measures by which an observer is placed among people jointly; empty: all that both have."""
    kind: ClassVar[Kind] = "behaves like"
    """How an observer's rows stand on a card: it behaves like people, or explains what is recorded from them."""
    on_card: ClassVar[Sequence[str]] = ()
    """Keys of the measures that stand on a card; empty: those of `joint`."""
    exhibits: ClassVar[Mapping[str, str]] = {}
    """What can be looked at with sliders, by title: targets ``module:attribute`` of `cogattn.exhibits.Exhibit`."""
    sittings: ClassVar[Mapping[str, str]] = {}
    """Blocks of trials that a person can sit, by word: targets ``module:attribute`` of `cogattn.sittings.Sitting`."""

    def cells(self, config: C) -> Sequence[K]:
        """Return the whole plan, before any work."""
        ...

    def run_cell(self, config: C, cell: K, rng: Streams) -> pd.DataFrame | Outcome:
        """Run one cell; pure and idempotent.

        Parameters
        ----------
        config : Config
            What `relevant` returned for this cell.
        cell : Cell
            Which.
        rng : Streams
            Its own streams.
        checkpoint : Checkpoint, optional
            Given to a study whose `run_cell` takes a keyword of this name: where a long training keeps its state.

        Returns
        -------
        DataFrame or Outcome
            Rows of the table ``cell.task``, one a trial; or an `Outcome` with several tables and artefacts.
        """
        ...

    def summarise(self, config: C, trials: Trials) -> Results:
        """Turn the trials of all observers that are whole into tables and figures."""
        ...

    def demo(self) -> C:
        """Return settings of a small offline run, half a minute at most on two cores."""
        ...

    def check(self, config: C) -> None:
        """Find everything that can be known to be wrong before the first cell.

        Raises
        ------
        ConfigError, DataError, ObserverError
            One sentence with the setting's path.
        """
        return

    def observers(self, config: C) -> Sequence[Observer]:
        """Return who takes part, in the order of the tables."""
        return ()

    def relevant(self, config: C, cell: K) -> C:
        """Return the settings that can change this cell's trials, with all others at their defaults."""
        return config

    def contents(self, config: C, cell: K) -> Mapping[str, str]:
        """Return SHA-256 by name of what the cell reads beside its settings: weights, images, recordings."""
        return self.inputs(config)

    def inputs(self, config: C) -> Mapping[str, str]:
        """Return SHA-256 by name of what the summary reads beside the trials: tables of people."""
        return {}

    def persons(self) -> pd.DataFrame | None:
        """Return the persons that the study brings along, as `Results.people`; None: group means only."""
        return None

    def published(self) -> Mapping[str, Callable[[], pd.DataFrame]]:
        """Return the published results that the study brings along, by name: tables as `Results.summary`."""
        return {}

    def carded(self, model: str) -> C | None:
        """Return the settings under which a card has the observer named `model` measured; None: does not apply.

        Raises
        ------
        ConfigError, ObserverError
            If there is no observer of that name.
        """
        return None

    def simulated(self, config: C) -> bool:
        """Return whether the persons of a run under these settings are simulated: nobody is placed among them."""
        return False

    def stimulus(self, config: C, task: str, trial: Mapping[str, object]) -> Shown | None:
        """Return what was shown in one trial of a table, made again by the run's own generator; None: cannot be."""
        return None

    def cost(self, config: C, cell: K) -> Cost:
        """Return what a cell needs, for the plan that ``--dry-run`` prints."""
        return Cost(cpu_s=float("nan"))
