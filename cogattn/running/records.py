"""The JSON records of a store: what a cell is, a run's settings, its cells, where its numbers come from, its files."""

from __future__ import annotations

import json
from functools import cached_property
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, JsonValue

from cogattn.running.atomic import sha256_hex

CRATE = "ro-crate-metadata.json"
"""What describes a finished run to other tools (`cogattn.reporting.crate`); the manifest does not list it."""


class Record(BaseModel):
    """A record of known shape; anything else in its file is damage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: ClassVar[str]
    """Name of the record's file in the run's folder."""


class CellRecord(Record):
    """What made a cell: carried inside its file, and what the file is named by.

    Two digests make the name. The first says *what* was asked (study, the cell's place in the plan, the settings and
    bytes that can change its trials), the second *how* it was answered (code, library versions, kind of device).
    """

    file: ClassVar[str] = "cell.json"

    study: str
    cell: dict[str, JsonValue]
    settings: dict[str, JsonValue]
    contents: dict[str, str]
    code: str
    libraries: dict[str, str]
    device: str
    cpu: str
    """Name of the processor, and of GPUs that were used: recorded, and no part of the name."""

    @cached_property
    def what(self) -> str:
        """Thirty-two hex digits of what was asked."""
        return digest([self.study, self.cell, self.settings, self.contents])[:32]

    @cached_property
    def how(self) -> str:
        """Sixteen hex digits of how it was answered."""
        return digest([self.code, self.libraries, self.device])[:16]

    @property
    def name(self) -> str:
        """Stem of the cell's file."""
        return f"{self.what}-{self.how}"


class ConfigRecord(Record):
    """Which study, which settings: what the run's id is made of."""

    file: ClassVar[str] = "config.json"

    study: str
    config: dict[str, JsonValue]

    @property
    def run_id(self) -> str:
        """The id of the run that this record belongs to."""
        return digest([self.study, self.config])[:12]


class ListedCell(Record):
    """A cell in a run's list: its name in the store, and the SHA-256 of its file once the run is written out."""

    name: str
    label: str
    observer: str
    code: str
    sha256: str | None = None


class CellList(Record):
    """The run's cells in plan order."""

    file: ClassVar[str] = "cells.json"

    cells: tuple[ListedCell, ...]


class Session(Record):
    """One start of the run that computed something; see `cogattn.running.provenance.collect`."""

    started: str
    argv: tuple[str, ...]
    n_cells: int
    n_missing: int
    workers: int
    threads_per_worker: int
    code: str
    """Digest of the code that cells of this session reach."""
    summary_code: str
    """Digest of the code that tables and figures of this session reach."""
    versions: dict[str, str | None]
    git: str | None
    platform: str
    cpu: str
    gpus: tuple[str, ...]
    inputs: dict[str, str]
    devices: tuple[str, ...] = ()
    precision: str = "fp32"
    batch: int | None = None
    loaders: int | None = None


class Provenance(Record):
    """All sessions, in the order of their starts."""

    file: ClassVar[str] = "provenance.json"

    sessions: tuple[Session, ...] = ()


class Manifest(Record):
    """SHA-256 of every file by relative path, what was asked of the cells, and what the tables leave out."""

    file: ClassVar[str] = "MANIFEST.json"

    files: dict[str, str]
    question: str
    """Digest of the cells, settings, code and data that the tables were made of."""
    remarks: tuple[str, ...]
    withheld: dict[str, str] = {}
    """Observers that are not in the tables, and why."""


def digest(value: object) -> str:
    """SHA-256 of a value's canonical JSON, 64 hex digits."""
    return sha256_hex(json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())
