"""What a study is: a plan of cells, a pure function that runs one cell, and a summary of all trials."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from cogattn.config import StudyConfig
from cogattn.seeds import Streams

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Value = str | int | float | bool
C = TypeVar("C", bound=StudyConfig)

SUMMARY_COLUMNS = (
    "observer", "measure", "unit", "estimate", "lo", "hi", "n",
    "human", "human_lo", "human_hi", "human_n", "note",
)  # fmt: skip
"""Columns of every study's summary table; lo and hi bound the 95 % interval unless the note says otherwise."""


@dataclass(frozen=True)
class Cell:
    """One piece of a study's plan: seconds to minutes of work, stored as one file.

    Parameters
    ----------
    label : str
        What a person reads in a progress line or an error ("resnet50, images 64-127").
    params : tuple of (str, str | int | float | bool)
        What tells this cell from the others; ``cell["name"]`` reads one. Label and key derive from nothing else.
    """

    label: str
    params: tuple[tuple[str, Value], ...]

    @classmethod
    def of(cls, label: str, **params: Value) -> Cell:
        """Build a cell from keyword parameters."""
        return cls(label, tuple(sorted(params.items())))

    def __getitem__(self, name: str) -> Value:
        return dict(self.params)[name]

    @property
    def key(self) -> str:
        """Sixteen hex digits: the name of the cell's file, and the root of its random streams."""
        text = json.dumps(dict(self.params), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Results:
    """What a run says: tables with intervals, figures, and remarks a reader must not miss.

    Parameters
    ----------
    summary : DataFrame
        One row per observer and measure, columns `SUMMARY_COLUMNS`.
    tables : mapping of str to DataFrame
        Further tables, by file name without ending.
    figures : mapping of str to callable returning a Figure
        Drawn only when the run is written out.
    remarks : tuple of str
        Sentences printed below the table (skipped images, clipped pixels, unidentified fits).
    """

    summary: pd.DataFrame
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


class Study(Protocol[C]):
    """The protocol that the CLI, the store and the dashboard know; `cogattn.testing` checks an implementation.

    The module that defines a study imports no torch, so that ``--help`` answers at once; `run_cell` and
    `summarise` import what they need.
    """

    name: ClassVar[str]
    """Registry key and CLI command."""
    version: ClassVar[int]
    """Raised when, and only when, the numbers change."""
    Config: type[C]
    """Frozen settings whose defaults are the paper's or the offline default, each field says which."""
    reference: ClassVar[str]
    """BibTeX of the paper."""

    def cells(self, config: C) -> Sequence[Cell]:
        """Return the whole plan, before any work. Raise ConfigError or DataError for bad input, here and not later."""
        ...

    def run_cell(self, config: C, cell: Cell, rng: Streams) -> pd.DataFrame:
        """Run one cell; pure and idempotent. Return tidy trials, one row per trial."""
        ...

    def summarise(self, config: C, trials: pd.DataFrame) -> Results:
        """Turn all trials, in plan order, into tables and figures."""
        ...

    def inputs(self, config: C) -> Mapping[str, str]:
        """Fingerprints of data outside the run (name -> SHA-256); a run is not resumed over changed inputs."""
        ...

    def demo(self) -> C:
        """Return settings of a small offline run, half a minute at most on two cores."""
        ...
